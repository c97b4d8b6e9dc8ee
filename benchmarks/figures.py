"""Measuring: paired samples of wall and processor time."""

import os
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from msgspec import Struct


class Missed(Exception):  # noqa: N818, a finding more than an error
    """A figure that is past what was wanted."""

    def __init__(self, lines: list[str], wanted: str) -> None:
        super().__init__(wanted)
        self.lines = lines


class Sample(Struct, frozen=True):
    """One run, in seconds."""

    wall: float
    cpu: float


class Pair(Struct, frozen=True):
    """Two things measured in turn."""

    name: str
    ours: tuple[Sample, ...]
    base: tuple[Sample, ...]

    @property
    def wall_ratio(self) -> float:
        """Median of the ratios, pair by pair."""
        return statistics.median(a.wall / b.wall for a, b in zip(self.ours, self.base, strict=True))

    @property
    def cpu_ratio(self) -> float:
        """Ratio of processor times over all runs: single runs are too short to be read off one by one."""
        return sum(one.cpu for one in self.ours) / sum(one.cpu for one in self.base)

    def line(self) -> str:
        """Say it in one line."""
        ours, base = median_ms(self.ours), median_ms(self.base)
        ratios = f"wall {self.wall_ratio:.2f}x, cpu {self.cpu_ratio:.2f}x"
        return f"{self.name}: {ours:.2f} ms against {base:.2f} ms; {ratios}"


def median_ms(samples: Sequence[Sample]) -> float:
    """Median wall time in milliseconds."""
    return statistics.median(one.wall for one in samples) * 1000


async def sample(work: Callable[[], Awaitable[object]]) -> Sample:
    """Run once; processor time of all threads of this process."""
    wall, cpu = time.perf_counter(), time.process_time()
    await work()
    return Sample(time.perf_counter() - wall, time.process_time() - cpu)


async def paired(
    name: str, ours: Callable[[], Awaitable[object]], base: Callable[[], Awaitable[object]], runs: int
) -> Pair:
    """Run both in turn, after three warm-ups of each."""
    for _ in range(3):
        await ours()
        await base()
    mine, others = [], []
    for _ in range(runs):
        mine.append(await sample(ours))
        others.append(await sample(base))
    return Pair(name, tuple(mine), tuple(others))


def fdatasync_p50_ms(folder: Path, runs: int = 100) -> float:
    """Median time that the disk takes to keep 4 KiB: the floor under every durable write."""
    path = folder / "fdatasync.probe"
    handle = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        times = []
        for _ in range(runs):
            os.pwrite(handle, b"x" * 4096, 0)
            begin = time.perf_counter()
            os.fdatasync(handle)
            times.append(time.perf_counter() - begin)
    finally:
        os.close(handle)
        path.unlink()
    return statistics.median(times) * 1000
