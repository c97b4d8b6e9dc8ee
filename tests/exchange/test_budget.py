"""The host's budget of requests: within the venue's limit in every window, orders first."""

import asyncio
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.clock import VirtualClock
from bot.exchange.budget import (
    BUSY_TRIES,
    LONGEST_BAN,
    LONGEST_POLL_WAIT,
    NEW,
    Allowance,
    Budget,
    Lane,
    Limit,
    OwnRecord,
    Standing,
    Step,
    allowance_of,
    held,
    refilled,
)
from bot.exchange.failures import BANNED, WAITING, HeldError
from tests.exchange.stub import NOW

LIMIT = Limit(600, 5.0)
SMALL = Allowance(rate=10.0, burst=20.0, reserve=5.0)
START = NOW.timestamp()


def test_an_allowance_keeps_its_share_of_every_window() -> None:
    allowance = allowance_of(LIMIT, 0.75, 0.2)
    assert allowance.burst + allowance.rate * LIMIT.seconds == pytest.approx(450)
    assert allowance.reserve == pytest.approx(0.2 * allowance.burst)


@given(
    st.lists(st.tuples(st.floats(0.0, 3.0), st.sampled_from(Lane)), min_size=1, max_size=200),
    st.floats(0.2, 1.0),
)
def test_no_window_holds_more_than_the_limit(asks: list[tuple[float, Lane]], share: float) -> None:
    limit = Limit(30, 5.0)

    async def sent() -> list[float]:
        clock = VirtualClock(NOW)
        budget = Budget(allowance_of(limit, share, 0.2), clock)
        times = []
        for pause, lane in asks:
            clock.advance(pause)
            await budget.admit(lane)
            times.append(clock.now().timestamp())
        return times

    times = asyncio.run(sent())
    for begin in times:
        within = sum(begin <= at < begin + limit.seconds for at in times)
        assert within <= limit.requests * share + 1


async def test_polls_leave_the_reserve_to_orders() -> None:
    clock = VirtualClock(NOW)
    budget = Budget(SMALL, clock)
    for _ in range(15):
        await budget.admit(Lane.POLL)
    assert clock.now() == NOW
    for _ in range(5):
        await budget.admit(Lane.ORDER)
    assert clock.now() == NOW
    await budget.admit(Lane.ORDER)
    assert clock.now() - NOW == pytest.approx(timedelta(seconds=0.1), abs=timedelta(milliseconds=2))
    await budget.admit(Lane.POLL)
    assert clock.now() - NOW >= timedelta(seconds=0.6)


class Frozen(VirtualClock):
    """A clock in which waits have no end."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.Event().wait()


async def test_an_order_passes_fifty_polls_that_wait() -> None:
    budget = Budget(SMALL, Frozen(NOW))
    polls = [asyncio.ensure_future(budget.admit(Lane.POLL)) for _ in range(65)]
    for _ in range(5):
        await asyncio.sleep(0)
    assert sum(poll.done() for poll in polls) == 15
    async with asyncio.timeout(5):
        await budget.admit(Lane.ORDER)
    for poll in polls:
        poll.cancel()
    await asyncio.gather(*polls, return_exceptions=True)


async def test_polls_get_their_turn_in_the_order_of_asking() -> None:
    clock = VirtualClock(NOW)
    budget = Budget(Allowance(rate=10.0, burst=1.0, reserve=0.0), clock)
    order: list[int] = []

    async def poll(number: int) -> None:
        await budget.admit(Lane.POLL)
        order.append(number)

    await asyncio.gather(*map(poll, range(20)))
    assert order == list(range(20))


async def test_a_poll_that_gets_no_turn_is_given_up() -> None:
    clock = VirtualClock(NOW)
    budget = Budget(Allowance(rate=0.01, burst=10.0, reserve=9.0), clock)
    await budget.admit(Lane.POLL)
    with pytest.raises(HeldError, match="used up") as caught:
        await budget.admit(Lane.POLL)
    assert caught.value.code == WAITING
    assert clock.now() - NOW <= timedelta(seconds=LONGEST_POLL_WAIT)


async def test_a_ban_reaches_those_who_wait() -> None:
    clock = VirtualClock(NOW)
    budget = Budget(SMALL, clock)
    for _ in range(15):
        await budget.admit(Lane.POLL)

    class Banning(VirtualClock):
        async def sleep(self, seconds: float) -> None:
            budget.turned_away(30.0, 0.0)

    budget._clock = Banning(NOW)
    with pytest.raises(HeldError) as caught:
        await budget.admit(Lane.POLL)
    assert (caught.value.code, caught.value.until) == (BANNED, NOW + timedelta(seconds=30))


class Taken(OwnRecord):
    """A record that another process holds for good."""

    def __init__(self) -> None:
        super().__init__()
        self.tries = 0

    def change(self, step: Step) -> bool:
        self.tries += 1
        return False


async def test_a_record_that_is_never_free_stops_nothing() -> None:
    clock, record = VirtualClock(NOW), Taken()
    budget = Budget(SMALL, clock, record)
    await budget.admit(Lane.ORDER)
    assert record.tries == BUSY_TRIES + 1
    assert clock.now() - NOW < timedelta(milliseconds=50)
    budget.turned_away(5.0, 0.0)
    with pytest.raises(HeldError):
        await budget.admit(Lane.ORDER)


def test_what_cannot_be_read_begins_with_the_reserve() -> None:
    assert refilled(None, START, SMALL) == Standing(5.0, START)
    assert refilled(NEW, START, SMALL).tokens == 20.0


@pytest.mark.parametrize("back", [1.0, 86_400.0])
def test_a_clock_that_is_set_back_gives_nothing_and_lengthens_nothing(back: float) -> None:
    banned = held(refilled(Standing(3.0, START), START, SMALL), START, 10.0)
    after = refilled(banned, START - back, SMALL)
    assert after.tokens == 3.0
    assert after.until == START - back + 10.0


def test_a_ban_from_far_ahead_ends() -> None:
    strange = Standing(3.0, START, since=START - 5.0, until=START + 1e9)
    assert refilled(strange, START, SMALL).until == START + LONGEST_BAN


def test_several_refusals_make_one_pause_and_a_longer_word_counts() -> None:
    first = held(Standing(3.0, START), START, None)
    assert first.until == START + 1.0
    assert held(first, START + 0.5, None) == first
    assert held(first, START + 0.5, 60.0).until == START + 60.5
    assert held(first, START + 0.5, 0.1).until == START + 1.5
    assert held(held(first, START, 60.0), START, 5.0).until == START + 60.0
    assert held(first, START + 0.5, None, 600.0).until == START + 600.5
