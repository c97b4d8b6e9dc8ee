"""Row 34: killed anywhere, and started again, the guard ends where it would have ended without that."""

import random
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from tests.faults.aftermath import Aftermath
from tests.faults.crash import Run
from tests.faults.moments import COMMITS, POINTS, SENDS, Kill
from tests.faults.stairs import LEVELS

ROOT = Path(__file__).resolve().parents[2]
SHORT = 6
"""Stairs on which the guard trims twice."""
KILLS_A_RUN = 10
WITHIN = 130
"""Moments of one life within which it ends: a tenth of a whole fall has about so many."""
LATER = {"decision begins": 2, "stop begins": 2, "answer begins": 2, "outcome begins": 2, "lease begins": 40}
"""At which time the first point of a group is reached in the fall and not at the start."""


def played(folder: Path, runs: list[Run]) -> list[Aftermath]:
    """Play runs in a process that forks the guards."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.crash", str(folder)],
        input=msgspec.json.encode(runs),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        timeout=1500,
        check=True,
    )
    return [msgspec.json.decode(line, type=Aftermath) for line in done.stdout.splitlines()]


def end(found: Aftermath) -> dict[str, object]:
    """What must be the same, whoever was killed."""
    return {
        "positions": found.positions,
        "stops": found.stops,
        "standings": found.standings,
        "episodes": found.episodes,
        "wrong": found.wrong,
    }


def named() -> list[Run]:
    """Each point once, three deaths a run: the second and the third often fall into the recovery."""
    groups = [points[first : first + 3] for points in (COMMITS, SENDS) for first in range(0, len(points), 3)]
    assert sorted(point for group in groups for point in group) == sorted(POINTS)
    return [Run([Kill(LATER.get(point, 1), point) for point in group], SHORT) for group in groups]


def at_random(seed: int, runs: int) -> list[Run]:
    """Deaths at seeded moments of whole falls."""
    chance = random.Random(seed)
    return [
        Run(
            [
                Kill(chance.randint(1, WITHIN), after_us=chance.choice((0, chance.randint(0, 20_000))))
                for _ in range(KILLS_A_RUN)
            ],
            len(LEVELS),
        )
        for _ in range(runs)
    ]


@pytest.mark.timeout(600)
@pytest.mark.fault(34)
def test_killed_at_each_named_point(tmp_path: Path) -> None:
    runs = named()
    undisturbed, *found = played(tmp_path / "runs", [Run([], SHORT), *runs])
    assert undisturbed.wrong == []
    assert undisturbed.orders == 2
    for run, one in zip(runs, found, strict=True):
        assert (one.unused, one.starts) == (0, 4), run
        assert end(one) == end(undisturbed), run


def assert_as_undisturbed(folder: Path, runs: list[Run]) -> None:
    undisturbed, *found = played(folder, [Run([], len(LEVELS)), *runs])
    assert undisturbed.wrong == []
    assert undisturbed.orders >= 4
    kills = sum(one.starts - 1 for one in found)
    assert kills >= 0.9 * KILLS_A_RUN * len(runs), "most of the moments must come before the fall is over"
    for run, one in zip(runs, found, strict=True):
        assert end(one) == end(undisturbed), run


@pytest.mark.slow  # two hundred follow; the hundred days of the gate are full of such deaths
@pytest.mark.timeout(600)
@pytest.mark.fault(34)
def test_killed_ten_times_at_random(tmp_path: Path) -> None:
    assert_as_undisturbed(tmp_path / "runs", at_random(34, 1))


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.fault(34)
def test_killed_two_hundred_times_at_random(tmp_path: Path) -> None:
    assert_as_undisturbed(tmp_path / "runs", at_random(20251121, 22))
