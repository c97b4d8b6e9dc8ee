"""Contracts that will do, and why the others are set aside."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from bot.model import OptionMarket, OptionQuote, Right, Unknown
from bot.planning.options.screening import DEAREST, Fit, screen
from bot.risk import black76
from tests.planning.build import NOW
from tests.planning.options.build import SPOT, VOL, chain, contract, quote, wanted, worth


def only(market: OptionMarket, given: OptionQuote) -> Fit | str:
    found = screen(chain(market, quotes={market.symbol: given}), wanted(market.right))
    return found.fits[0] if found.fits else found.aside[market.symbol]


def test_a_live_contract_fits_with_its_figures() -> None:
    market = contract(45_000)
    fit = only(market, quote(market))
    assert isinstance(fit, Fit)
    assert fit.worth == pytest.approx(worth(market))
    ask = quote(market).ask
    assert isinstance(ask, Decimal)
    assert fit.price == 5 * int(float(ask) * 1.02 / 5)
    assert fit.half_spread == pytest.approx(0.02 * worth(market), abs=0.01)
    assert fit.fee == pytest.approx(0.0003 * SPOT)
    assert fit.cost == pytest.approx(float(fit.price) - fit.worth + fit.fee)
    assert fit.premium == pytest.approx(float(fit.price) + fit.fee)
    assert (fit.most, fit.coins) == (50, 1.0)
    assert fit.value(0.0) == pytest.approx(fit.worth)
    assert fit.value(-0.2) > fit.worth > fit.value(0.2)
    assert fit.value(-2.0) == pytest.approx(45_000)
    a_day = -black76.theta(Right.PUT, SPOT, 45_000.0, market.years_left(NOW), VOL)
    assert fit.decay(1.0) == pytest.approx(a_day, rel=0.05)
    assert fit.decay(100.0) == pytest.approx(fit.worth)


def test_an_order_reaches_above_the_ask_but_not_above_the_cap() -> None:
    market = replace(contract(45_000), price_step=Decimal("0.01"))
    given, cap = quote(market), worth(market) * DEAREST
    near = replace(given, bid=Decimal(f"{cap * 0.98:.2f}"), ask=Decimal(f"{cap * 0.99:.2f}"))
    fit = only(market, near)
    assert isinstance(fit, Fit)
    assert isinstance(near.ask, Decimal)
    assert near.ask < fit.price < Decimal(f"{float(near.ask) * 1.02:.2f}")
    assert fit.price == pytest.approx(Decimal(repr(cap)), abs=Decimal("0.01"))
    assert float(fit.price) <= cap
    above = replace(near, ask=Decimal(f"{cap * 1.001:.2f}"))
    assert str(only(market, above)).endswith(f"is above what it is worth by Black-76, {worth(market):g}")


def test_a_fee_is_never_more_than_its_share_of_the_premium() -> None:
    market = contract(41_000, 14.0)
    cheap = replace(market, fee_cap=Decimal("0.01"), price_step=Decimal("0.1"))
    fit = only(cheap, quote(cheap))
    assert isinstance(fit, Fit)
    assert fit.fee == pytest.approx(0.01 * float(fit.price))


def test_only_the_right_kind_is_looked_at() -> None:
    markets = (
        contract(45_000, symbol="a", base="ETH"),
        contract(45_000, symbol="b", settle="USDC"),
        contract(55_000, symbol="c", right=Right.CALL),
        contract(45_000, symbol="d"),
    )
    found = screen(chain(*markets), wanted())
    assert [fit.market.symbol for fit in found.fits] == ["d"]
    assert found.aside == {}
    assert [fit.market.symbol for fit in screen(chain(*markets), wanted(Right.CALL)).fits] == ["c"]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"contract_size": Decimal(0)}, "its contract size is unclear: 0"),
        ({"contract_size": Decimal("NaN")}, "its contract size is unclear: NaN"),
        ({"active": False}, "it is not traded"),
        ({"expiry": NOW}, "it expired at 2025-11-21 07:30 UTC"),
        ({"expiry": NOW + timedelta(days=13)}, "13.0 days are left of it, wanted are 14 to 42"),
        ({"expiry": NOW + timedelta(days=43)}, "43.0 days are left of it, wanted are 14 to 42"),
        ({"strike": Decimal(39_999)}, "its strike 39999 protects only beyond 40000"),
        ({"amount_min": Decimal(51)}, "50 contracts are offered, the smallest order is 51"),
    ],
)
def test_a_contract_that_will_not_do(changes: dict[str, Any], reason: str) -> None:
    market = contract(45_000)
    assert only(replace(market, **changes), quote(market)) == reason


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"at": NOW - timedelta(seconds=61)}, "its quotes are 61.0 s old, the limit is 60 s"),
        (
            {"at": NOW + timedelta(seconds=9)},
            "its quotes are stamped 9.0 s in the future, so their age is not known",
        ),
        ({"underlying": Unknown("none")}, "the price of its underlying is not known"),
        ({"underlying": Decimal(0)}, "the price of its underlying is not known"),
        ({"iv": Decimal(0)}, "its implied volatility is 0"),
        ({"iv": Decimal(11)}, "its implied volatility is 11"),
        ({"iv": Unknown("none")}, "its implied volatility is not known"),
        ({"iv": Decimal("NaN")}, "its implied volatility is not known"),
        ({"bid": Unknown("none")}, "bid or ask is missing"),
        ({"bid": Decimal(0)}, "bid or ask is missing"),
        ({"ask": Unknown("none")}, "bid or ask is missing"),
        ({"ask": Decimal(0)}, "bid or ask is missing"),
        ({"bid": Decimal(900), "ask": Decimal(800)}, "its quotes are crossed: bid 900, ask 800"),
        (
            {"bid": Decimal(700), "ask": Decimal(830)},
            "its spread is 17% of the middle, at most 15% will do",
        ),
        ({"ask_size": Unknown("none")}, "0 contracts are offered, the smallest order is 0.01"),
        ({"ask_size": Decimal("0.009")}, "0 contracts are offered, the smallest order is 0.01"),
    ],
)
def test_a_quote_that_will_not_do(changes: dict[str, Any], reason: str) -> None:
    market = contract(45_000)
    assert only(market, replace(quote(market), **changes)) == reason


def test_a_contract_without_a_quote_is_set_aside() -> None:
    market = contract(45_000)
    found = screen(replace(chain(market), quotes={}), wanted())
    assert found.aside == {market.symbol: "it is not quoted"}


def test_a_price_above_the_worth_is_not_paid_however_narrow_the_quotes() -> None:
    market = contract(45_000)
    price = worth(market)
    dear = {"bid": Decimal(repr(round(price * 1.2, 1))), "ask": Decimal(repr(round(price * 1.21, 1)))}
    reason = only(market, replace(quote(market), **dear))
    assert isinstance(reason, str)
    assert reason.startswith("its ask")
    assert reason.endswith(f"by Black-76, {price:g}")


def test_a_price_that_the_step_swallows_is_none() -> None:
    market = contract(45_000, price_step=Decimal(5_000))
    assert isinstance(only(market, quote(market)), str)


def test_a_call_protects_from_above() -> None:
    assert only(contract(60_001, right=Right.CALL), quote(contract(60_001, right=Right.CALL))) == (
        "its strike 60001 protects only beyond 60000"
    )
    assert isinstance(
        only(contract(60_000, right=Right.CALL), quote(contract(60_000, right=Right.CALL))), Fit
    )
