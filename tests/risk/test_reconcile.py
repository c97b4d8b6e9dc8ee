"""Our figures beside the venue's."""

from decimal import Decimal

import pytest
from msgspec.structs import replace

from bot.model import MarginMode, Target, Unknown
from bot.risk.assemble import build_portfolio
from bot.risk.reconcile import TOLERANCE, comparisons, differences
from bot.risk.terms import VENUE_TERMS
from tests.risk.build import TERMS, balance, mark, position, row, snapshot, stats, symbol_of

LIQUIDATION = 100 - (50 - 0.56) / (1 - 0.0056)


def test_figures_that_agree_are_no_difference() -> None:
    shown = snapshot(
        position(maintenance=Decimal("0.56"), liquidation=Decimal(str(LIQUIDATION))),
        money=balance(margin=Decimal(50), maintenance=Decimal("0.56")),
    )
    account = build_portfolio(shown, stats(), TERMS, 0.0)
    assert differences(shown, account) == ()
    assert [(one.target.text, one.figure) for one in comparisons(shown, account)] == [
        ("main BTC/USDT:USDT long", "mark_price"),
        ("main BTC/USDT:USDT long", "maintenance_margin"),
        ("main BTC/USDT:USDT long", "liquidation_price"),
        ("main", "maintenance_margin"),
    ]


def test_each_figure_that_is_more_than_one_percent_off_is_a_difference() -> None:
    shown = snapshot(
        position(price=Decimal(98), maintenance=Decimal(2), liquidation=Decimal(60)),
        money=balance(margin=Decimal(50), maintenance=Decimal(9)),
        marks={symbol_of("BTC"): mark("BTC", Decimal(100))},
    )
    account = build_portfolio(shown, stats(), TERMS, 0.0)
    found = {(one.target.symbol, one.figure): one for one in differences(shown, account)}
    assert len(found) == 4
    assert found[symbol_of("BTC"), "mark_price"].share == pytest.approx(0.02)
    asked = found[symbol_of("BTC"), "maintenance_margin"]
    assert (asked.ours, asked.venue, asked.share) == (pytest.approx(0.56), 2.0, pytest.approx(0.0144))
    whole = found["", "maintenance_margin"]
    assert (whole.target, whole.ours, whole.venue) == (Target("main"), pytest.approx(0.56), 9.0)
    price = found[symbol_of("BTC"), "liquidation_price"]
    assert price.venue == 60.0
    # Ours counts what the venue asks (9 in all), but not the venue's own liquidation price.
    assert price.ours == pytest.approx(100 - (50 - 0.56 - 8.44) / (1 - 0.0056))
    assert price.share > TOLERANCE


def test_an_unknown_figure_is_no_difference_but_stays_visible() -> None:
    shown = snapshot(position(), money=balance(margin=Unknown("empty")))
    account = build_portfolio(shown, stats(), TERMS, 0.0)
    assert differences(shown, account) == ()
    found = {(one.target.symbol, one.figure): one for one in comparisons(shown, account)}
    price = found[symbol_of("BTC"), "liquidation_price"]
    assert isinstance(price.ours, Unknown)
    assert isinstance(price.venue, Unknown)
    assert price.share == 0.0


def test_gaps_are_left_out_and_make_the_accounts_own_figure_unknown() -> None:
    missing = position("ETH", price=Unknown("none"))
    shown = snapshot(missing, position(), money=balance(maintenance=Decimal(900)))
    found = comparisons(shown, build_portfolio(shown, stats(), TERMS, 0.0))
    assert {one.target.symbol for one in found} == {symbol_of("BTC"), ""}
    assert isinstance(found[-1].ours, Unknown)
    alone = snapshot(missing)
    assert comparisons(alone, build_portfolio(alone, stats(), TERMS, 0.0)) == ()


def test_isolated_positions_are_compared_too(monkeypatch: pytest.MonkeyPatch) -> None:
    held = position(
        mode=MarginMode.ISOLATED, isolated=Decimal(20), profit=Decimal(0), liquidation=Decimal(70)
    )
    shown = snapshot(held, money=balance(maintenance=Decimal("0.56")))
    (only,) = differences(shown, build_portfolio(shown, stats(), TERMS, 0.0))
    assert (only.figure, only.venue) == ("liquidation_price", 70.0)
    assert only.ours == pytest.approx(100 - (20 - 0.56) / (1 - 0.0056))
    monkeypatch.setitem(VENUE_TERMS, "bybit", replace(TERMS, balance_includes_isolated=False))
    whole = comparisons(shown, build_portfolio(shown, stats(), TERMS, 0.0))[-1]
    assert row(whole.ours, whole.venue) == (0.0, 0.56)
