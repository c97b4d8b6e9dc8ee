"""The invented past of markets, remembered: a story spends a tenth of its time on the same hours."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from bot.sandbox.engine.feeds import Bar
from bot.sandbox.engine.history import PriceHistory

Hour = tuple[Bar, float] | None

_invent = PriceHistory.hour
_hours: dict[tuple[object, ...], Hour] = {}


def _hour(past: PriceHistory, hour_ms: int) -> Hour:
    # all that an hour depends on: the same seed gives the same candles
    walk = (past._symbol, past._seed, past._beta, past._anchor)
    key = (*walk, past.start_ms, past._invented_until_ms, hour_ms)
    if key not in _hours:
        _hours[key] = _invent(past, hour_ms)
    return _hours[key]


@contextmanager
def remembered() -> Iterator[None]:
    """Within, an hour is invented once a process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PriceHistory, "hour", _hour)
        yield
