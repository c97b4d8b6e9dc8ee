"""The offset of the venue's clock, out of canned answers."""

from datetime import timedelta

import pytest

from bot.clock import VirtualClock
from bot.exchange.gateway import CcxtGateway
from bot.exchange.venue_clock import DOUBT_EVERY, MEASURE_EVERY
from tests.exchange.stub import NOW, NOW_MS, Reply, Sent, StubVenue, envelope, gateway, listed, wallet

TIME, WALLET, POSITIONS = "/v5/market/time", "/v5/account/wallet-balance", "/v5/position/list"
PARTS = (POSITIONS, "/v5/order/realtime", "/v5/market/tickers")


class MovingVenue(StubVenue):
    """Stamps every answer with the test's clock, `ahead_ms` later."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__()
        self.clock = clock
        self.ahead_ms = 0
        self.old_ms = 0
        """How old the wallet's answers are."""
        self.answers[TIME] = lambda _: envelope({}, at=self.stamp())
        for path in PARTS:
            self.answers[path] = lambda _: listed(at=self.stamp())
        self.answers[WALLET] = lambda _: listed(wallet(), at=self.stamp() - self.old_ms)

    def nothing(self) -> Reply:
        return listed(at=self.stamp())

    def stamp(self) -> int:
        return NOW_MS + round((self.clock.now() - NOW).total_seconds() * 1000) + self.ahead_ms


@pytest.mark.parametrize("ahead_ms", [0, 40, 60_000, -60_000])
async def test_the_offset_is_measured_at_the_first_look(ahead_ms: int) -> None:
    clock = VirtualClock(NOW)
    venue = MovingVenue(clock)
    venue.ahead_ms = ahead_ms
    guarded = gateway(venue, clock)
    snapshot = await guarded.snapshot()
    expected = ahead_ms / 1000 if abs(ahead_ms) > 50 else 0.0
    assert snapshot.clock_offset_seconds == expected
    age = snapshot.venue_time(snapshot.taken_at) - snapshot.times.oldest
    assert abs(age) <= timedelta(milliseconds=50)
    for _ in range(3):
        await guarded.snapshot()
    assert len(venue.paths(TIME)) == 1
    clock.advance(MEASURE_EVERY.total_seconds())
    await guarded.snapshot()
    assert len(venue.paths(TIME)) == 2
    await guarded.close()


@pytest.mark.parametrize("ahead_ms", [60_000, -60_000])
async def test_a_clock_that_is_set_is_measured_again_at_once(ahead_ms: int) -> None:
    clock = VirtualClock(NOW)
    venue = MovingVenue(clock)
    guarded = gateway(venue, clock)
    await guarded.snapshot()
    clock.advance(DOUBT_EVERY.total_seconds())
    venue.ahead_ms = ahead_ms
    assert (await guarded.snapshot()).clock_offset_seconds == ahead_ms / 1000
    await guarded.close()


async def test_an_old_answer_does_not_move_the_clock() -> None:
    clock = VirtualClock(NOW)
    venue = MovingVenue(clock)
    guarded = gateway(venue, clock)
    venue.old_ms = 30_000
    for _ in range(5):
        snapshot = await guarded.snapshot()
        assert snapshot.clock_offset_seconds == 0.0
        assert snapshot.venue_time(snapshot.taken_at) - snapshot.times.balance == timedelta(seconds=30)
        clock.advance(1)
    assert len(venue.paths(TIME)) == 1
    clock.advance(DOUBT_EVERY.total_seconds())
    await guarded.snapshot()
    assert len(venue.paths(TIME)) == 2
    await guarded.close()


@pytest.mark.parametrize("reply", [(503, ""), TimeoutError(), envelope({}, code=10006)])
async def test_a_clock_that_cannot_be_read_stays_as_it_was(
    venue: StubVenue, guarded: CcxtGateway, reply: Reply
) -> None:
    def answer(_: Sent) -> Reply:
        return reply

    venue.answers[TIME] = answer
    assert (await guarded.snapshot()).clock_offset_seconds == 0.0


class SetBack(VirtualClock):
    """A clock that its owner may set."""

    def set_back(self, seconds: float) -> None:
        self._now -= timedelta(seconds=seconds)


async def test_a_guards_clock_that_is_set_back_is_noticed() -> None:
    clock = SetBack(NOW)
    venue = MovingVenue(VirtualClock(NOW))
    guarded = gateway(venue, clock)
    assert (await guarded.snapshot()).clock_offset_seconds == 0.0
    clock.set_back(60)
    assert (await guarded.snapshot()).clock_offset_seconds == 60.0
    await guarded.close()
