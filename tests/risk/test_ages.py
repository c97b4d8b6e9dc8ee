"""How old a part of a snapshot may be, by the venue's own time."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from bot.model import PartTimes, Snapshot
from bot.risk.ages import PARTS, age_trouble, ages_at, parts_trouble
from tests.risk.build import AT, position, snapshot


def later(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("age", "trouble"),
    [
        (10.0, ""),
        (10.1, "marks are 10.1 s old, the limit is 10 s"),
        (-2.0, ""),
        (-2.5, "marks are stamped 2.5 s in the future, so their age is not known"),
    ],
)
def test_an_age_is_fine_or_said(age: float, trouble: str) -> None:
    assert age_trouble("marks", AT - later(age), AT, 10.0) == trouble
    assert ages_at(AT, 10.0).is_fresh(AT - later(age)) == (not trouble)


def aged(part: str, seconds: float) -> Snapshot:
    times = PartTimes(**{name: AT - later(seconds) if name == part else AT for name in PARTS})
    return replace(snapshot(position()), times=times)


@pytest.mark.parametrize("part", PARTS)
def test_each_part_is_judged(part: str) -> None:
    assert parts_trouble(aged(part, 11), AT, 10.0).startswith(f"{part} are 11.0 s old")
    assert parts_trouble(aged(part, 11), AT, 10.0, [one for one in PARTS if one != part]) == ""


def test_a_clock_that_is_off_is_taken_out() -> None:
    seen = replace(aged("marks", 60), clock_offset_seconds=-60.0)
    assert parts_trouble(seen, AT, 10.0, ["marks"]) == ""
