"""Which options are listed, how they are quoted, and how that moves with a crash."""

from collections import defaultdict
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from vollib.black import black

from bot.sandbox.engine.options.contracts import (
    expiry_after,
    name,
    next_hour_of_expiry,
    plain_step,
    strikes_between,
)
from bot.sandbox.engine.options.settings import DAY_MS, CoinOptions, OptionSettings
from bot.sandbox.engine.types import EngineRefusal, Reason, Side
from tests.sandbox.engine.options.support import PUT, SOON, ask, bid, open_options
from tests.sandbox.engine.support import START_MS, dec, open_desk, refused


def at(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def test_names_are_the_venues() -> None:
    expiry = at("2025-12-26T08:00")
    assert name("BTC", "USDT", Decimal(80_000), expiry, is_call=False) == "BTC-26DEC25-80000-P-USDT"
    assert name("ETH", "USDC", Decimal("2.5E+3"), at("2025-12-05T08:00"), is_call=True) == "ETH-5DEC25-2500-C"


def test_expiries_are_days_at_eight_and_fridays_from_a_week_on() -> None:
    thursday = at("2025-11-20T07:59")
    assert expiry_after(thursday, 0) == at("2025-11-20T08:00")
    assert expiry_after(thursday, DAY_MS) == at("2025-11-21T08:00")
    assert expiry_after(thursday, 7 * DAY_MS) == at("2025-11-28T08:00")
    assert expiry_after(at("2025-11-21T08:00"), 7 * DAY_MS) == at("2025-11-28T08:00")
    assert next_hour_of_expiry(at("2025-11-21T08:00")) == at("2025-11-22T08:00")


@pytest.mark.parametrize(
    ("rough", "plain"), [(2_000, "2E+3"), (2_400, "2.5E+3"), (70, "5E+1"), (80, "1E+2"), (0.03, "0.025")]
)
def test_strikes_stand_on_plain_numbers(rough: float, plain: str) -> None:
    assert plain_step(rough) == dec(plain)


def test_strikes_never_reach_zero() -> None:
    assert strikes_between(0.0, 5.0, Decimal(2)) == [2, 4]


def test_every_expiry_has_puts_and_calls_around_the_index_in_both_coins() -> None:
    by_expiry = defaultdict(set)
    for one in open_options().engine.options.listed():
        by_expiry[one.expiry_ms].add((one.settle, one.is_call, one.strike))
    assert sorted(by_expiry) == [at("2025-11-15T08:00"), at("2025-11-21T08:00"), at("2025-11-28T08:00")]
    strikes = {dec(66_000 + 2_000 * number) for number in range(35)}
    everything = {
        (settle, is_call, strike)
        for settle in ("USDT", "USDC")
        for is_call in (True, False)
        for strike in strikes
    }
    assert all(found == everything for found in by_expiry.values())


def test_strikes_follow_the_index_and_stay_once_listed() -> None:
    desk = open_options()
    before = {one.symbol for one in desk.engine.options.listed()}
    assert not desk.engine.options.knows("BTC-28NOV25-50000-P-USDT")
    desk.price("BTCUSDT", 75_000)
    desk.run(60)
    after = {one.symbol for one in desk.engine.options.listed()}
    assert before < after
    assert desk.engine.options.quote("BTC-28NOV25-50000-P-USDT").ask is not None


def test_new_expiries_are_listed_as_weeks_pass() -> None:
    desk = open_options(market_step_ms=3_600_000)
    desk.run(8 * 86_400)
    expiries = {one.expiry_ms for one in desk.engine.options.listed()}
    assert min(expiries) > desk.engine.market_ms
    assert max(expiries) == at("2025-12-05T08:00")


def test_a_mark_is_black_76_at_its_volatility_on_the_forward() -> None:
    desk = open_options(carry=0.1)
    quote = desk.engine.options.quote(PUT)
    years = (quote.contract.expiry_ms - START_MS) / (365 * DAY_MS)
    assert float(quote.forward) == pytest.approx(100_000 * (1 + 0.1 * years))
    worth = black("p", float(quote.forward), 90_000, years, 0.0, quote.mark_volatility)
    assert float(quote.mark) == pytest.approx(worth, abs=1e-4)
    for price, volatility in ((quote.bid, quote.bid_volatility), (quote.ask, quote.ask_volatility)):
        assert price is not None
        worth = black("p", float(quote.forward), 90_000, years, 0.0, volatility)
        assert float(price) == pytest.approx(worth, abs=1e-3)


def test_puts_and_calls_of_one_strike_agree_with_the_forward() -> None:
    options = open_options().engine.options
    for strike in (80_000, 100_000, 120_000):
        put = options.quote(f"BTC-28NOV25-{strike}-P-USDT")
        call = options.quote(f"BTC-28NOV25-{strike}-C-USDT")
        assert abs(call.mark - put.mark - (put.forward - strike)) < dec("0.0001")


def test_quotes_stand_on_ticks_around_the_mark_and_never_cross() -> None:
    options = open_options().engine.options
    for one in options.listed():
        quote = options.quote(one.symbol)
        assert quote.ask is not None
        assert quote.ask % one.tick == 0
        assert quote.ask >= quote.mark
        if quote.bid is not None:
            assert quote.bid % one.tick == 0
            assert quote.bid <= quote.mark
            assert quote.bid < quote.ask


def test_a_put_costs_more_the_higher_its_strike_and_the_later_its_end() -> None:
    options = open_options().engine.options
    row = [options.quote(f"BTC-28NOV25-{strike}-P-USDT").mark for strike in range(66_000, 136_000, 2_000)]
    assert row == sorted(row)
    assert options.quote(SOON.replace("110000", "90000")).mark < options.quote(PUT).mark


def test_volatility_rises_and_spreads_widen_as_the_price_falls_and_calm_down_after() -> None:
    desk = open_options()
    calm = desk.engine.options.quote("BTC-28NOV25-100000-P-USDT")
    desk.price("BTCUSDT", 80_000)
    wild = desk.engine.options.quote("BTC-28NOV25-80000-P-USDT")
    assert wild.mark_volatility > calm.mark_volatility + 0.15
    assert wild.ask is not None
    assert wild.bid is not None
    assert wild.ask - wild.bid > ask(desk, "BTC-28NOV25-80000-C-USDT") / 20
    assert wild.ask_qty < calm.ask_qty / 2
    desk.run(6 * 3_600)
    later = desk.engine.options.quote("BTC-28NOV25-80000-P-USDT")
    assert calm.mark_volatility < later.mark_volatility < wild.mark_volatility


def test_a_rise_does_not_lift_volatility() -> None:
    desk = open_options(skew=0.0, curve=0.0)
    before = desk.engine.options.quote("BTC-28NOV25-110000-C-USDT").mark_volatility
    desk.price("BTCUSDT", 110_000)
    assert desk.engine.options.quote("BTC-28NOV25-110000-C-USDT").mark_volatility == before


def test_the_book_is_a_ladder_that_what_is_taken_leaves_and_time_fills() -> None:
    desk = open_options(deposit=1_000_000)
    book = desk.engine.options.depth(PUT, 25)
    assert [level.price for level in book.asks] == sorted({level.price for level in book.asks})
    assert [level.price for level in book.bids] == sorted({one.price for one in book.bids}, reverse=True)
    assert len(book.asks) == 5
    first = book.asks[0].qty
    assert first == 3
    chains = desk.engine._core.chains
    chains.eat(chains.contract(PUT), Side.BUY, first + 1)
    eaten = desk.engine.options.depth(PUT, 25)
    assert eaten.asks[0] == type(book.asks[0])(book.asks[1].price, book.asks[1].qty - 1)
    assert eaten.bids == book.bids
    desk.run(600)
    assert desk.engine.options.depth(PUT, 25).asks[0].qty == first


def test_the_same_path_gives_the_same_quotes() -> None:
    def played() -> list[object]:
        desk = open_options()
        for price in (97_000, 88_000, 91_000):
            desk.price("BTCUSDT", price)
            desk.run(1_800)
        return [desk.engine.options.quote(one.symbol) for one in desk.engine.options.listed()]

    assert played() == played()


def test_an_exchange_without_options_knows_none() -> None:
    options = open_desk().engine.options
    assert not options.any_listed
    assert options.listed() == []
    assert not options.knows(PUT)
    with refused(Reason.UNKNOWN_SYMBOL):
        options.quote(PUT)


def test_options_need_a_perpetual_of_their_coin() -> None:
    desk = open_desk()
    with pytest.raises(ValueError, match="MOON"):
        desk.engine._core.list_options(OptionSettings(coins={"MOON": CoinOptions()}))


def test_what_was_never_listed_is_refused() -> None:
    desk = open_options()
    with pytest.raises(EngineRefusal):
        desk.engine.options.contract("BTC-28NOV25-90001-P-USDT")
    assert bid(desk) > 0
