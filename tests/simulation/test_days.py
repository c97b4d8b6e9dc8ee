"""Seeded days as part of the tests: a few of them, their identity, and what is told of them."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.simulation.day import Outcome
from tests.simulation.living import live
from tests.simulation.market import make_market
from tests.simulation.recipes import unknown_kinds
from tests.simulation.report import closing, figures, story

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow  # the gate lives a hundred days beside the tests, and this one among them
def test_a_day_with_faults_breaks_nothing() -> None:
    outcome = live(9)
    assert not outcome.violations, story(outcome)
    assert outcome.restarts > 0
    assert sum(outcome.faults.values()) > 0
    assert outcome.figures["decisions"] > 0


def told(arguments: Sequence[str], hash_seed: str) -> str:
    """What the command prints in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.simulation", "--jobs", "1", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        timeout=110,
        check=True,
    )
    return done.stdout


def test_a_seed_tells_the_same_story_in_every_process() -> None:
    first, second = (told(["--seeds", "1", "--first-seed", "4", "--digests"], number) for number in "17")
    lines = [text.splitlines()[:3] for text in (first, second)]
    assert lines[0] == lines[1]
    assert lines[0][0].startswith("4 ")
    assert len(lines[0][0].split()[1]) == 64


def test_another_seed_is_another_day() -> None:
    assert make_market(1).scenario != make_market(2).scenario


def test_every_fault_of_the_venue_is_drawn_or_left_out_for_a_reason() -> None:
    assert unknown_kinds() == []


def outcome(*violations: str) -> Outcome:
    return Outcome(
        seed=7,
        seconds=86_400.0,
        polls=1_500,
        faults={"hang": 3, "drop": 0},
        restarts=2,
        crashes=1,
        violations=violations,
        digest="ab" * 32,
        story=("00:00:00 account anna", "..."),
        wall=4.0,
        figures={"orders": 5},
    )


def test_the_closing_line_sums_up() -> None:
    line = closing([outcome(), outcome("anna: invariant 1")], 8.0)
    assert line == (
        "seeds 2, simulated days 2.0, polls 3,000, faults injected 6 of 1 kinds, restarts 4, violations 1, "
        "21,600x real time in each process, 8 s in all"
    )
    assert figures([outcome()]) == "orders 5\nfaults: drop 0, hang 3"


def test_a_failing_seed_says_what_broke_and_how_to_see_it_again() -> None:
    text = story(outcome("anna: invariant 4 at 01:02:03: too much"))
    assert "invariant 4" in text
    assert "account anna" in text
    assert text.endswith("see it again: make simulate SEEDS=1 FIRST_SEED=7")
