"""The clocks: aware, in UTC, and never backwards."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from bot.clock import SystemClock, VirtualClock

START = datetime(2025, 11, 21, 7, 30, tzinfo=UTC)


async def test_the_system_clock_is_aware_and_waits() -> None:
    clock = SystemClock()
    before = clock.now()
    assert before.tzinfo is UTC
    await clock.sleep(0.01)
    assert clock.now() - before >= timedelta(seconds=0.009)


async def test_a_virtual_clock_moves_only_when_told() -> None:
    clock = VirtualClock(START.astimezone(timezone(timedelta(hours=3))))
    assert clock.now() == START
    assert clock.now().tzinfo is UTC
    await clock.sleep(60)
    clock.advance(0.5)
    assert clock.now() == START + timedelta(seconds=60.5)


def test_a_virtual_clock_refuses_nonsense() -> None:
    with pytest.raises(ValueError, match="aware"):
        VirtualClock(START.replace(tzinfo=None))
    with pytest.raises(ValueError, match="backwards"):
        VirtualClock(START).advance(-1)
