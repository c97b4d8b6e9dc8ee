"""The root finder against functions whose roots are known."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.planning.roots import concave_root, falling_root


@given(root=st.floats(0.001, 0.999), steep=st.floats(0.01, 100), bend=st.floats(0, 10))
def test_the_last_point_above_zero(root: float, steep: float, bend: float) -> None:
    def value(x: float) -> float:
        return steep * (root - x) - (bend * (x - root) if x > root else 0.0)

    found = falling_root(value, 0.0, value(0.0), 1.0, value(1.0))
    assert found <= root
    assert found == pytest.approx(root, abs=1e-9)


def test_it_ends_where_precision_cannot_be_had() -> None:
    found = falling_root(lambda x: 1.0 if x < 0.5 else 0.0, 0.0, 1.0, 1.0, 0.0, precision=0.0)
    assert found == pytest.approx(0.5)


@given(root=st.floats(0.001, 0.999), steep=st.floats(0.01, 100), bend=st.floats(0, 10))
def test_where_a_line_with_a_bend_meets_zero(root: float, steep: float, bend: float) -> None:
    def value(x: float) -> tuple[float, float]:
        beyond = x > root
        return steep * (root - x) - (bend * (x - root) if beyond else 0.0), -steep - bend * beyond

    assert concave_root(value, 0.0, 1.0, value(1.0)) == pytest.approx(root, abs=1e-9)


def test_one_step_for_each_straight_piece() -> None:
    asked: list[float] = []

    def value(x: float) -> tuple[float, float]:
        asked.append(x)
        return (0.4 - x, -1.0) if x < 0.5 else (0.9 - 2.0 * x, -2.0) if x < 0.8 else (4.9 - 7.0 * x, -7.0)

    assert concave_root(value, 0.0, 1.0, value(1.0)) == pytest.approx(0.4, abs=1e-15)
    assert len(asked) == 4


def test_a_step_that_would_leave_the_interval_is_half_of_it() -> None:
    """The slope that is told at the end is too steep or none: the root is found all the same."""

    def value(x: float) -> tuple[float, float]:
        return 0.3 - x**3, 0.0 if x in (0.5, 1.0) else -3.0 * x**2

    assert concave_root(value, 0.0, 1.0, value(1.0)) == pytest.approx(0.3 ** (1 / 3), abs=1e-12)


def test_steps_end_where_precision_cannot_be_had() -> None:
    def value(x: float) -> tuple[float, float]:
        return (1.0 if x < 0.5 else 0.0), 0.0

    assert concave_root(value, 0.0, 1.0, value(1.0), precision=0.0) == pytest.approx(0.5)
