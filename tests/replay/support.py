"""Runs a stretch of the market and says what came of it."""

import gc
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import msgspec
import psutil
import structlog

from tests.replay.world import Stake, World

CANDLES = Path("data") / "btcusdt-spot-1m-2025-10-06_2025-10-14.csv.gz"
DEPOSIT = Decimal(100_000)
BALANCED = Stake("balanced", DEPOSIT, Decimal(4), "balanced")
LIFELINE = Stake("lifeline", DEPOSIT, Decimal(8), "lifeline")
TWIN_4X = Stake("twin-4x", DEPOSIT, Decimal(4), None)
TWIN_8X = Stake("twin-8x", DEPOSIT, Decimal(8), None)
TWIN_10X = Stake("twin-10x", DEPOSIT, Decimal(10), None)
MIB = 1024 * 1024


class Memory(msgspec.Struct, frozen=True):
    """Resident memory in MiB at a moment of the market."""

    after: timedelta
    mib: float


def resident(after: timedelta) -> Memory:
    """Measure what is left after a collection."""
    gc.collect()
    return Memory(after, psutil.Process().memory_info().rss / MIB)


async def run(world: World, polls: int, measure_every: int = 7200) -> tuple[list[Memory], float]:
    """Poll so often; returns memory now and then, and the wall time in seconds."""
    memory: list[Memory] = []
    begin = time.perf_counter()
    for number in range(1, polls + 1):
        await world.poll()
        if number % measure_every == 0:
            memory.append(resident(timedelta(seconds=number)))
    return memory, time.perf_counter() - begin


@contextmanager
def quietly() -> Iterator[None]:
    """Log warnings and worse only: a day has tens of thousands of findings to tell."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    try:
        yield
    finally:
        structlog.reset_defaults()


def figures(world: World, memory: list[Memory], spent: float, polls: int, journal: Path) -> list[str]:
    """Return the closing note, line by line."""
    cycles = sum(seat.cycles for seat in world.seats)
    pace = f"{spent / cycles * 1000:.2f} ms a cycle, {polls / spent:.0f}x real time"
    guarded = f"{len(world.seats)} guarded accounts"
    lines = [f"polls {polls} of {guarded}: {cycles} cycles in {spent:.1f} s, {pace}"]
    for seat in world.seats:
        tally = seat.invariants.tally
        lines.append(
            f"{seat.name}: requests {tally.requests} (at most {tally.most_requests} a poll), orders"
            f" {tally.orders}, stops {tally.stops}, decisions {tally.decisions}"
            f" ({tally.decided_again} decided again to the byte, {tally.darkened} at a worse mark),"
            f" failed cycles {seat.errors}"
        )
    for account in world.engine.accounts():
        name = account.account_id
        fate = "liquidated" if world.liquidated(name) else "not liquidated"
        lines.append(f"{name}: equity {world.equity(name):.2f} of {DEPOSIT}, {fate}")
    told = ", ".join(f"{one.mib:.1f} after {one.after}" for one in memory)
    lines.append(f"resident MiB: {told}")
    sizes = sum(file.stat().st_size for file in journal.parent.glob(journal.name + "*"))
    lines.append(f"journal {sizes / MIB:.1f} MiB, {world.journal.head().seq} entries")
    lines.append(f"violations {len(world.violations)}")
    return lines
