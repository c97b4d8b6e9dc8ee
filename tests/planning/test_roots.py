"""The root finder against functions whose roots are known."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.planning.roots import falling_root


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
