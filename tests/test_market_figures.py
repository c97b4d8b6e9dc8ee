"""The keeper of market figures: schedules, failures and ages, on a reader that the test moves."""

import asyncio
import math
import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from msgspec.structs import replace

from bot.exchange.errors import GatewayError
from bot.exchange.protocol import MarketReader
from bot.market_figures import EVERY, FORGOTTEN_AFTER, MarketKeeper, Part
from bot.model import BookLevel, Candle, Figure, Mark, Number, OrderBook, PriceTerms, Unknown, Verdict
from bot.risk.candle_levels import FIVE_MINUTES, HOUR, TIMEFRAMES
from bot.risk.market_definitions import MARKET_METRICS
from bot.sandbox.engine.clocks import RealClock
from tests.exchange.test_sandbox import onto
from tests.sandbox.support import make_engine, serving

D = Decimal
NOON = datetime(2026, 1, 31, 12, 2, tzinfo=UTC)
STEPS = {name: step for step, (name, _) in TIMEFRAMES.items()}


class Reader:
    """A venue of one market whose price is told; the clocks agree unless told."""

    venue = "bybit"

    def __init__(self) -> None:
        self.now = NOON
        self.clock_offset = timedelta(0)
        self.price = D(90_000)
        self.index: Figure | None = None
        self.listed = {"BTC"}
        self.broken = ""
        self.hangs = False
        self.calls: list[str] = []
        self.candles_until: datetime | None = None

    async def perpetual(self, base: str) -> str | None:
        await self._answer("")
        return f"{base}/USDT:USDT" if base in self.listed else None

    async def ticker(self, symbol: str) -> Mark:
        await self._answer("ticker")
        index = self.price if self.index is None else self.index
        return Mark(symbol, self.price, index, index, index, index, D("0.0001"), self._venue_now)

    async def order_book(self, symbol: str) -> OrderBook:
        await self._answer("book")
        level = (BookLevel(self.price, D(2)),)
        return OrderBook(symbol, level, level, self._venue_now)

    async def candles(self, symbol: str, timeframe: str, limit: int) -> tuple[Candle, ...]:
        await self._answer(timeframe)
        step, until = STEPS[timeframe], self.candles_until or self._venue_now
        last = until - (until - datetime(2026, 1, 1, tzinfo=UTC)) % step
        chance = random.Random(1)
        closes = [D(str(round(100_000 * math.exp(chance.gauss(0, 0.001)), 1))) for _ in range(limit)]
        return tuple(
            Candle(last - step * (limit - 1 - number), close, close, close, close, D(1))
            for number, close in enumerate(closes)
        )

    @property
    def _venue_now(self) -> datetime:
        return self.now + self.clock_offset

    async def _answer(self, call: str) -> None:
        if call:
            self.calls.append(call)
        if self.hangs:
            await asyncio.Event().wait()
        if self.broken:
            raise GatewayError(
                account="main", call=call, verdict=Verdict.UNKNOWN, code="x", came=self.broken, hint="Wait."
            )


def keeper_of(*readers: Reader) -> MarketKeeper:
    keeper = MarketKeeper("bybit", PriceTerms())
    for reader in readers:
        joined: MarketReader = reader
        keeper.join(joined)
    keeper.watch(["BTC"], NOON)
    return keeper


def reason(value: Number) -> str:
    assert isinstance(value, Unknown), value
    return value.reason


def after(reader: Reader, seconds: float) -> datetime:
    reader.now += timedelta(seconds=seconds)
    return reader.now


async def test_all_figures_are_read_at_once() -> None:
    reader = Reader()
    keeper = keeper_of(reader)
    await keeper.refresh(NOON)
    assert sorted(reader.calls) == ["1h", "5m", "book", "ticker"]
    (found,) = keeper.figures({"BTC"}, NOON).values()
    assert {f"market.{name}" for name in found} == set(MARKET_METRICS)
    assert not [value for value in found.values() if isinstance(value, Unknown)]
    assert found["price"] == 90_000.0
    assert 0.09 < found["fall_24h"] < 0.12  # type: ignore[operator]
    assert found["depth"] == 180_000.0


async def test_each_part_is_read_on_its_schedule_and_a_new_hour_at_once() -> None:
    reader = Reader()
    keeper = keeper_of(reader)
    for _ in range(300):
        keeper.figures({"BTC"}, reader.now)
        await keeper.refresh(reader.now)
        after(reader, 1)
    counted = {call: reader.calls.count(call) for call in ("ticker", "book", "5m", "1h")}
    assert counted == {"ticker": 60, "book": 30, "5m": 10, "1h": 1}
    reader.calls.clear()
    reader.now = datetime(2026, 1, 31, 12, 59, 58, tzinfo=UTC)
    keeper.watch(["BTC"], reader.now)
    await keeper.refresh(reader.now)
    await keeper.refresh(after(reader, 3))
    assert reader.calls.count("1h") == 2


async def test_markets_that_nobody_asks_for_are_read_no_more() -> None:
    reader = Reader()
    keeper = keeper_of(reader)
    keeper.watch(["BTC"], NOON)
    await keeper.refresh(NOON + FORGOTTEN_AFTER + timedelta(seconds=1))
    assert reader.calls == []
    assert "not read yet" in reason(keeper.figures({"BTC"}, reader.now)["BTC"]["price"])
    await keeper.refresh(reader.now)
    assert reader.calls


async def test_what_was_never_read_says_so() -> None:
    found = keeper_of(Reader()).figures({"BTC"}, NOON)["BTC"]
    assert all("not read yet" in reason(value) for value in found.values())
    assert set(found) == {name.removeprefix("market.") for name in MARKET_METRICS}


async def test_a_failure_leaves_the_last_figures_until_they_are_too_old() -> None:
    reader = Reader()
    keeper = keeper_of(reader)
    await keeper.refresh(NOON)
    before = keeper.figures({"BTC"}, NOON)["BTC"]
    reader.broken = "the line is dead"
    await keeper.refresh(after(reader, 20))
    assert keeper.figures({"BTC"}, reader.now)["BTC"] == before
    await keeper.refresh(after(reader, 11))
    found = keeper.figures({"BTC"}, reader.now)["BTC"]
    told = reason(found["price"])
    assert told.startswith("prices of BTC are 31.0 s old, the limit is 30 s; the last reading failed: ")
    assert "the line is dead" in told
    assert found["depth"] == before["depth"]
    assert found["sma_30d"] == before["sma_30d"]
    found = keeper.figures({"BTC"}, after(reader, 40))["BTC"]
    assert "levels of the book of BTC are 71.0 s old" in reason(found["depth"])
    found = keeper.figures({"BTC"}, after(reader, 3600))["BTC"]
    assert found["rsi_14h"] == before["rsi_14h"]
    keeper.watch(["BTC"], after(reader, 3600))
    await keeper.refresh(reader.now)
    found = keeper.figures({"BTC"}, reader.now)["BTC"]
    assert "too old; the last reading failed" in reason(found["rsi_14h"])
    reader.broken = ""
    await keeper.refresh(after(reader, 5))
    found = keeper.figures({"BTC"}, reader.now)["BTC"]
    assert not [value for value in found.values() if isinstance(value, Unknown)]


async def test_after_a_failure_it_is_tried_again_soon() -> None:
    reader = Reader()
    reader.broken = "busy"
    keeper = keeper_of(reader)
    await keeper.refresh(NOON)
    reader.broken = ""
    await keeper.refresh(after(reader, 4))
    assert isinstance(keeper.figures({"BTC"}, reader.now)["BTC"]["rsi_14h"], Unknown)
    await keeper.refresh(after(reader, 1))
    assert isinstance(keeper.figures({"BTC"}, reader.now)["BTC"]["rsi_14h"], float)


async def test_another_account_reads_where_one_cannot() -> None:
    first, second, third = Reader(), Reader(), Reader()
    first.broken = "the key is gone"
    await (keeper := keeper_of(first, second, third)).refresh(NOON)
    assert keeper.figures({"BTC"}, NOON)["BTC"]["price"] == 90_000.0
    second.broken = "gone as well"
    await keeper.refresh(NOON + timedelta(seconds=31))
    assert "gone as well" in reason(keeper.figures({"BTC"}, NOON + timedelta(seconds=31))["BTC"]["price"])
    assert third.calls == []


async def test_a_venue_that_hangs_holds_up_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.market_figures.TRY_SECONDS", 0.05)
    reader = Reader()
    reader.hangs = True
    keeper = keeper_of(reader)
    reading = asyncio.create_task(keeper.refresh(NOON))
    await asyncio.sleep(0)
    assert "not read yet" in reason(keeper.figures({"BTC"}, NOON)["BTC"]["price"])  # a decision never waits
    await asyncio.wait_for(reading, 5)
    assert "no answer within 0.05 s" in reason(keeper.figures({"BTC"}, NOON)["BTC"]["price"])


async def test_whoever_comes_while_it_is_read_waits_for_it() -> None:
    keeper = keeper_of(Reader())
    first = asyncio.create_task(keeper.refresh(NOON))
    await asyncio.sleep(0)
    await keeper.refresh(NOON)
    assert keeper.figures({"BTC"}, NOON)["BTC"]["price"] == 90_000.0
    await first


async def test_a_base_that_is_not_listed_is_unknown_with_that_word() -> None:
    reader = Reader()
    keeper = keeper_of(reader)
    keeper.watch(["NOPE"], NOON)
    await keeper.refresh(NOON)
    found = keeper.figures({"NOPE", "BTC"}, NOON)
    assert {reason(value) for value in found["NOPE"].values()} == {"bybit lists no perpetual of NOPE"}
    assert found["BTC"]["price"] == 90_000.0
    assert list(keeper.unlisted) == ["NOPE"]
    reader.listed.add("NOPE")
    await keeper.refresh(after(reader, 300))
    assert not keeper.unlisted
    assert keeper.figures({"NOPE"}, reader.now)["NOPE"]["price"] == 90_000.0


async def test_ages_are_told_by_the_venues_clock() -> None:
    reader = Reader()
    reader.clock_offset = timedelta(minutes=-20)
    keeper = keeper_of(reader)
    await keeper.refresh(NOON)
    assert not [one for one in keeper.figures({"BTC"}, NOON)["BTC"].values() if isinstance(one, Unknown)]
    reader.clock_offset = timedelta(0)  # measured anew: what was taken for fresh is 20 minutes old
    found = keeper.figures({"BTC"}, NOON)["BTC"]
    assert "1200.0 s old" in reason(found["price"])


async def test_candles_that_the_venue_has_stopped_making_are_unknown() -> None:
    reader = Reader()
    reader.candles_until = NOON - timedelta(hours=3)
    keeper = keeper_of(reader)
    await keeper.refresh(NOON)
    found = keeper.figures({"BTC"}, NOON)["BTC"]
    assert (
        reason(found["fall_1h"])
        == "BTC: the newest candle of 5m is of 2026-01-31 09:00 UTC, which is too old"
    )
    assert (
        reason(found["rsi_14h"])
        == "BTC: the newest candle of 1h is of 2026-01-31 09:00 UTC, which is too old"
    )
    assert found["price"] == 90_000.0


async def test_one_bad_tick_is_no_price() -> None:
    reader = Reader()
    keeper = keeper_of(reader)
    await keeper.refresh(NOON)
    reader.price, reader.index = D(60_000), D(90_000)
    await keeper.refresh(after(reader, 5))
    found = keeper.figures({"BTC"}, reader.now)["BTC"]
    for name in ("price", "fall_24h", "basis", "atr_14h"):
        assert "mark 60,000 is 33.3 % from" in reason(found[name])
    assert isinstance(found["rsi_14h"], float)
    reader.price, reader.index = D(90_000), None
    await keeper.refresh(after(reader, 5))
    assert keeper.figures({"BTC"}, reader.now)["BTC"]["price"] == 90_000.0


async def test_a_price_that_stays_apart_is_believed_in_the_end() -> None:
    reader = Reader()
    reader.price, reader.index = D(60_000), D(90_000)
    keeper = keeper_of(reader)
    seen = []
    for _ in range(3):
        await keeper.refresh(after(reader, 5))
        seen.append(keeper.figures({"BTC"}, reader.now)["BTC"]["price"])
    assert [isinstance(one, Unknown) for one in seen] == [True, True, False]


@pytest.mark.parametrize("price", [D(0), D("NaN"), Unknown("the venue gave no markPrice")])
async def test_a_mark_that_is_no_price(price: Figure) -> None:
    reader = Reader()
    keeper = keeper_of(reader)
    whole = reader.ticker

    async def ticker(symbol: str) -> Mark:
        return replace(await whole(symbol), mark=price)

    reader.ticker = ticker  # type: ignore[method-assign]
    await keeper.refresh(NOON)
    found = keeper.figures({"BTC"}, NOON)["BTC"]
    assert isinstance(found["price"], Unknown)
    assert found["funding"] == 0.0001


async def test_a_clock_that_is_set_back_stops_no_reading() -> None:
    reader = Reader()
    keeper = keeper_of(reader)
    await keeper.refresh(NOON)
    reader.calls.clear()
    await keeper.refresh(NOON - timedelta(hours=1))
    assert sorted(reader.calls) == ["1h", "5m", "book", "ticker"]


async def test_candles_are_asked_for_as_many_as_they_need() -> None:
    assert EVERY[Part.PRICES] < timedelta(seconds=30)
    assert TIMEFRAMES[HOUR][1] > 720
    assert TIMEFRAMES[FIVE_MINUTES][1] * FIVE_MINUTES > timedelta(days=1, minutes=5)


async def test_figures_of_a_sandbox_over_http() -> None:
    async with serving(make_engine(RealClock())) as running, onto(running) as gateway:
        keeper = MarketKeeper("bybit", PriceTerms())
        keeper.join(gateway)
        keeper.watch(["BTC", "DOGEN"], datetime.now(UTC))
        await gateway.snapshot()
        await keeper.refresh(datetime.now(UTC))
        found = keeper.figures({"BTC", "DOGEN"}, datetime.now(UTC))
        assert not [value for value in found["BTC"].values() if isinstance(value, Unknown)]
        assert found["BTC"]["price"] == 100_000.0
        assert found["BTC"]["basis"] == 0.0
        assert isinstance(found["DOGEN"]["price"], Unknown)
        running.engine.set_price("BTCUSDT", D(80_000))
        await keeper.refresh(datetime.now(UTC) + timedelta(seconds=31))
        fallen = keeper.figures({"BTC"}, datetime.now(UTC))["BTC"]["fall_24h"]
        assert isinstance(fallen, float)
        assert fallen >= 0.2
