"""From snapshots to portfolios: the worse of both figures, and gaps instead of zeros."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from bot.errors import MisuseError
from bot.model import Beta, Figure, MarginMode, MarketStats, Position, Side, Snapshot, Unknown
from bot.risk.assemble import DEFAULT_HALF_SPREAD, build_portfolio, half_spread_of
from bot.risk.figures import number_of, price_of
from bot.risk.margin import DISTANCE_BOUND
from bot.risk.metrics import METRICS, Scope, measure
from bot.risk.portfolio import Portfolio
from bot.risk.shock import shocked
from bot.risk.terms import venue_terms
from tests.risk.build import (
    AT,
    NOTHING,
    TERMS,
    TIERS,
    balance,
    context,
    holding,
    known,
    mark,
    market,
    position,
    snapshot,
    stats,
    symbol_of,
)

LONG, SHORT = "BTC/USDT:USDT#long", "BTC/USDT:USDT#short"


def build(shown: Snapshot) -> Portfolio:
    return build_portfolio(shown, stats(), TERMS, 0.0005)


def test_a_whole_position_in_cross_margin() -> None:
    book = {symbol_of("BTC"): mark("BTC", Decimal(110), Decimal("109.9"), Decimal("110.1"))}
    account = build(snapshot(position(contracts="200", contract_size="0.1"), marks=book))
    (held,) = account.holdings
    assert (held.key, held.base, held.size, held.price, held.notional) == (LONG, "BTC", 20.0, 110.0, 2200.0)
    assert held.isolated_equity is None
    assert held.maintenance == pytest.approx(2200 * 0.0056)
    assert held.maintenance_excess == held.liquidation_excess == 0.0
    assert held.liquidation_price == pytest.approx(110 - (1000 - 2200 * 0.0056) / (20 * (1 - 0.0056)))
    assert held.trade_cost == pytest.approx(0.1 / 110 + 0.0006 + 0.0005)
    assert (held.beta, held.residual, held.releases_margin) == (1.0, 0.0, True)
    assert (account.account, account.at, account.reference) == ("main", AT, "BTC")
    assert (account.equity, account.margin_balance, account.maintenance_excess) == (1000.0, 1000.0, 0.0)
    assert (account.gaps, account.missing, account.reference_price) == ((), {}, 110.0)


def test_the_fee_to_close_is_left_out_where_the_venue_does_not_count_it() -> None:
    terms = replace(TERMS, close_fee_in_maintenance=False, releases_isolated_margin=False)
    (held,) = build_portfolio(snapshot(position()), stats(), terms, 0.0).holdings
    assert held.maintenance == pytest.approx(0.5)
    assert held.releases_margin is False


def test_isolated_equity_is_margin_plus_pnl_at_the_mark_in_use() -> None:
    held = position(isolated=Decimal(30), mode=MarginMode.ISOLATED, entry=Decimal(90), side=Side.SHORT)
    account = build(snapshot(held, marks={symbol_of("BTC"): mark("BTC", Decimal(95))}))
    assert account.holdings[0].isolated_equity == pytest.approx(25.0)
    assert account.margin_balance == pytest.approx(975.0)
    told = position(isolated=Decimal(30), mode=MarginMode.ISOLATED, profit=Decimal(-4))
    assert build(snapshot(told)).holdings[0].isolated_equity == pytest.approx(26.0)
    apart = replace(TERMS, balance_includes_isolated=False)
    assert build_portfolio(snapshot(told), stats(), apart, 0.0).margin_balance == 1000.0


def test_the_larger_maintenance_margin_is_used_and_its_excess_kept() -> None:
    (held,) = build(snapshot(position(maintenance=Decimal(3)))).holdings
    assert (held.maintenance, held.maintenance_excess) == (pytest.approx(3.0), pytest.approx(3 - 0.56))
    (lower,) = build(snapshot(position(maintenance=Decimal("0.1")))).holdings
    assert (lower.maintenance, lower.maintenance_excess) == (pytest.approx(0.56), 0.0)


def test_what_the_account_asks_above_its_positions_is_kept() -> None:
    cross = position("BTC")
    alone = position("ETH", isolated=Decimal(50), mode=MarginMode.ISOLATED, profit=Decimal(0))
    shown = snapshot(cross, alone, money=balance(maintenance=Decimal(5)))
    assert build(shown).maintenance_excess == pytest.approx(5 - 2 * 0.56)
    apart = replace(TERMS, balance_includes_isolated=False)
    assert build_portfolio(shown, stats(), apart, 0.0).maintenance_excess == pytest.approx(5 - 0.56)
    less = snapshot(cross, money=balance(maintenance=Decimal("0.1")))
    assert build(less).maintenance_excess == 0.0


def test_the_nearer_liquidation_price_is_used_and_keeps_its_lead_under_shocks() -> None:
    money = balance(margin=Decimal(50))
    ours = 100 - (50 - 0.56) / (1 - 0.0056)
    further = build(snapshot(position(liquidation=Decimal(20)), money=money)).holdings[0]
    assert further.liquidation_price == pytest.approx(ours)
    assert further.liquidation_excess == 0.0
    account = build(snapshot(position(liquidation=Decimal(70)), money=money))
    (nearer,) = account.holdings
    assert nearer.liquidation_price == 70.0
    assert nearer.liquidation_excess == pytest.approx(50 - 30 - 70 * 0.0056)
    moved = shocked(account, {"BTC": -0.1}).holdings[0]
    assert known(moved.liquidation_price) == pytest.approx(70.0)


def test_a_liquidation_price_past_mark_is_believed_and_fires() -> None:
    account = build(snapshot(position(liquidation=Decimal(105))))
    distance = measure("position.liquidation_distance", account, context(), LONG)
    assert distance == pytest.approx(-0.05)


def test_the_venues_price_stands_alone_where_ours_is_unknown() -> None:
    money = balance(margin=Unknown("empty"))
    told = build(snapshot(position(liquidation=Decimal(60)), money=money)).holdings[0]
    assert told.liquidation_price == 60.0
    silent = build(snapshot(position(), money=money)).holdings[0]
    assert silent.liquidation_price == Unknown("empty")


def test_a_venues_price_far_above_a_short_is_cut_to_the_bound() -> None:
    shown = snapshot(position(side=Side.SHORT, liquidation=Decimal(16_900_000)), money=balance())
    assert known(build(shown).holdings[0].liquidation_price) <= 100 * (1 + DISTANCE_BOUND)


def test_the_one_price_of_two_legs_belongs_to_the_leg_that_loses() -> None:
    legs = (
        position(side=Side.LONG, contracts="20", liquidation=Decimal(60)),
        position(side=Side.SHORT, contracts="5", liquidation=Decimal(60)),
    )
    account = build(snapshot(*legs))
    long, short = account.holding(LONG), account.holding(SHORT)
    assert long is not None
    assert short is not None
    assert known(long.liquidation_price) == 60.0
    assert known(short.liquidation_price) == pytest.approx(1100.0)


@pytest.mark.parametrize("figure", [NOTHING, Decimal("NaN"), Decimal("Infinity"), Decimal(0), Decimal(-1)])
def test_what_is_no_price_is_unknown(figure: Figure) -> None:
    assert isinstance(price_of(figure, "the price"), Unknown)


def test_what_is_no_number_is_unknown_and_a_number_is_a_float() -> None:
    assert number_of(Decimal("NaN"), "equity") == Unknown("equity came as NaN")
    assert number_of(Decimal(-2), "equity") == -2.0
    assert price_of(Decimal("2.5"), "mark") == 2.5


@dataclass
class Gap:
    """A snapshot in which one thing about one position is not known."""

    says: str
    held: Position = field(default_factory=position)
    more: dict[str, Any] = field(default_factory=dict)


ISOLATED = MarginMode.ISOLATED
GAPS = {
    "mark": Gap("mark price", position(price=NOTHING)),
    "mark of 0": Gap("no price", position(price=Decimal(0))),
    "marks and position": Gap(
        "mark price", position(price=Decimal("NaN")), {"marks": {symbol_of("BTC"): mark("BTC", NOTHING)}}
    ),
    "market": Gap("the market", more={"markets": {}}),
    "kind": Gap("disagree whether", more={"markets": {symbol_of("BTC"): market(linear=False)}}),
    "isolated inverse": Gap(
        "inverse contracts in isolated margin",
        replace(position(mode=ISOLATED, isolated=Decimal(5)), inverse=True),
        {"markets": {symbol_of("BTC"): market(linear=False)}},
    ),
    "tiers": Gap("tiers", more={"tiers": {}}),
    "no tiers": Gap("tiers", more={"tiers": {symbol_of("BTC"): ()}}),
    "empty tiers": Gap(
        "tiers", more={"tiers": {symbol_of("BTC"): (replace(TIERS[0], maintenance_rate=Decimal("NaN")),)}}
    ),
    "size": Gap("size", position(contracts="NaN")),
    "negative size": Gap("size", position(contracts="-1")),
    "isolated margin": Gap("no margin", position(mode=ISOLATED)),
    "isolated margin unknown": Gap("isolated margin", position(mode=ISOLATED, isolated=NOTHING)),
    "isolated pnl": Gap("unrealised PnL", position(mode=ISOLATED, isolated=Decimal(5))),
}


@pytest.mark.parametrize("name", GAPS)
def test_a_gap_is_told_and_makes_what_needs_it_unknown(name: str) -> None:
    gap = GAPS[name]
    other = position("ETH")
    more = dict(gap.more)
    for part, value in (("markets", market("ETH")), ("tiers", TIERS)):
        if part in more:
            more[part] = {**more[part], symbol_of("ETH"): value}
    account = build(snapshot(gap.held, other, **more))
    assert list(account.missing) == [LONG]
    assert gap.says in account.missing[LONG]
    assert account.gaps == (account.missing[LONG],)
    assert [held.base for held in account.holdings] == ["ETH"]
    assert isinstance(account.margin_balance, Unknown)
    numbers = context(numbers=stats(atr={symbol_of("ETH"): 0.01}))
    for metric, definition in METRICS.items():
        if definition.scope is Scope.POSITION:
            assert measure(metric, account, numbers, LONG) == Unknown(account.missing[LONG])
    for metric in ("leverage", "net_leverage", "margin_ratio", "joint_distance", "concentration"):
        assert measure(f"account.{metric}", account, numbers) == Unknown(account.gaps[0])
    eth = account.holdings[0].key
    assert measure("position.equity_share", account, numbers, eth) == pytest.approx(0.1)
    assert isinstance(measure("position.gross_share", account, numbers, eth), Unknown)
    assert isinstance(measure("position.liquidation_distance", account, numbers, eth), Unknown)


def test_a_position_of_no_size_is_none() -> None:
    account = build(snapshot(position(contracts="0")))
    assert (account.holdings, account.gaps) == ((), ())


def test_equity_that_is_no_number_is_unknown() -> None:
    account = build(snapshot(money=balance(equity=Decimal("NaN"))))
    assert isinstance(account.equity, Unknown)


def test_betas_of_candles_go_before_fallbacks() -> None:
    numbers = MarketStats("BTC", {symbol_of("SOL"): Beta(1.7, 0.4, "300 returns")}, {}, {}, AT)
    account = build_portfolio(snapshot(position("SOL"), position("ETH")), numbers, TERMS, 0.0)
    assert [(held.beta, held.residual) for held in account.holdings] == [(1.7, 0.4), (1.4, 0.3)]


@pytest.mark.parametrize(
    ("bid", "ask", "half"),
    [
        (Decimal(99), Decimal(101), 0.01),
        (NOTHING, Decimal(101), DEFAULT_HALF_SPREAD),
        (Decimal(99), NOTHING, DEFAULT_HALF_SPREAD),
        (Decimal(101), Decimal(99), DEFAULT_HALF_SPREAD),
        (Decimal(0), Decimal(99), DEFAULT_HALF_SPREAD),
        (Decimal("NaN"), Decimal(99), DEFAULT_HALF_SPREAD),
    ],
)
def test_half_spread(bid: Figure, ask: Figure, half: float) -> None:
    assert half_spread_of(mark("BTC", Decimal(100), bid, ask)) == pytest.approx(half)
    assert half_spread_of(None) == DEFAULT_HALF_SPREAD


def test_the_reference_price_is_that_of_a_linear_market_with_a_mark() -> None:
    marks = {
        "BTC/USD:BTC": mark("BTC", Decimal(1)),
        "BTC/USDC:USDC": mark("BTC", NOTHING),
        symbol_of("BTC"): mark("BTC", Decimal(100)),
        symbol_of("ETH"): mark("ETH", Decimal(5)),
        symbol_of("SOL"): mark("SOL", Decimal(6)),
    }
    markets = {
        "BTC/USD:BTC": market("BTC", linear=False),
        "BTC/USDC:USDC": market("BTC"),
        symbol_of("BTC"): market("BTC"),
        symbol_of("ETH"): market("ETH"),
    }
    assert build(snapshot(marks=marks, markets=markets)).reference_price == 100.0
    for symbol in ("BTC/USDC:USDC", symbol_of("BTC")):
        del marks[symbol]
    assert build(snapshot(marks=marks, markets=markets)).reference_price == 1.0
    assert build(snapshot()).reference_price is None


def test_terms_of_venues() -> None:
    assert venue_terms("bybit").close_fee_in_maintenance
    with pytest.raises(MisuseError, match="known: bybit"):
        venue_terms("mtgox")


def test_holdings_are_found_by_key() -> None:
    account = build(snapshot(position()))
    assert account.holding(LONG) is account.holdings[0]
    assert account.holding(SHORT) is None
    assert account.holding(LONG) is not None
    assert holding(side=Side.SHORT).sign == -1
