"""When a mark price is apart from the others of its symbol."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from msgspec.structs import replace

from bot.model import Figure, Mark
from bot.risk.prices import Apart, apart_by_band, apart_by_jump, show_price, show_share, witnesses
from tests.risk.build import AT, NOTHING, mark


def prices(price: float, index: float | None, last: float | None, middle: float | None = None) -> Mark:
    def figure(value: float | None) -> Figure:
        return NOTHING if value is None else Decimal(str(value))

    made = mark("BTC", figure(price), figure(middle), figure(middle))
    return replace(made, index=figure(index), last=figure(last))


def band(seen: Mark) -> Apart | None:
    assert isinstance(seen.mark, Decimal)
    return apart_by_band(float(seen.mark), witnesses(seen), 0.05)


def jump(seen: Mark, before: float = 100_000.0, ago: float = 2.0) -> Apart | None:
    assert isinstance(seen.mark, Decimal)
    at: datetime = AT - timedelta(seconds=ago)
    return apart_by_jump(float(seen.mark), AT, witnesses(seen), before, at, 0.1, 0.05)


def test_the_witnesses_are_those_that_are_prices() -> None:
    assert [one.name for one in witnesses(prices(1, 1, 1, 1))] == [
        "index",
        "last",
        "the middle of bid and ask",
    ]
    zero = replace(prices(1, None, 1), index=Decimal(0), bid=Decimal(2), ask=Decimal(1))
    assert [one.name for one in witnesses(zero)] == ["last"]
    crossed = replace(prices(1, 1, 1), bid=Decimal(2), ask=Decimal(1))
    assert len(witnesses(crossed)) == 2


@pytest.mark.parametrize(
    ("seen", "why", "sane"),
    [
        (prices(100, 100, 100, 100), None, 0.0),
        (prices(95, 100, 100, 100), None, 0.0),
        (prices(80, None, None), None, 0.0),
        (prices(80, 80, 80, 116), None, 0.0),
        (
            prices(80_000, 116_000, 115_900),
            "mark 80,000 is 31 % from index 116,000 and last 115,900",
            115_950.0,
        ),
        (
            prices(80_000, 116_000, 115_900, 116_000),
            "mark 80,000 is 31 % from index 116,000, last 115,900 and the middle of bid and ask 116,000",
            116_000.0,
        ),
        (prices(0.8, 1.2, 0.8), "mark 0.8 is 33.3 % from index 1.2", 1.0),
        (prices(150_000, 100_000, None), "mark 150,000 is 50 % from index 100,000", 100_000.0),
    ],
)
def test_the_band(seen: Mark, why: str | None, sane: float) -> None:
    assert band(seen) == (None if why is None else Apart(why, sane))


@pytest.mark.parametrize(
    ("seen", "why", "sane"),
    [
        (prices(95_000, None, None), None, 0.0),
        (prices(80_000, 80_100, 79_900), None, 0.0),
        (prices(80_000, 80_100, None, 80_000), None, 0.0),
        (
            prices(80_000, 116_000, 80_000, 80_000),
            "mark 80,000 is 20 % from 100,000 2 s before, against index 116,000",
            116_000.0,
        ),
        (
            prices(80_000, 80_100, 99_000, 120_000),
            (
                "mark 80,000 is 20 % from 100,000 2 s before, against last 99,000 and the middle of bid "
                "and ask 120,000"
            ),
            100_000.0,
        ),
        (
            prices(80_000, None, None),
            "mark 80,000 is 20 % from 100,000 2 s before, and too little confirms it",
            100_000.0,
        ),
    ],
)
def test_the_jump(seen: Mark, why: str | None, sane: float) -> None:
    assert jump(seen) == (None if why is None else Apart(why, sane))


@pytest.mark.parametrize("ago", [61.0, -1.0])
def test_what_is_no_minute_ago_is_no_jump(ago: float) -> None:
    assert jump(prices(80_000, None, None), ago=ago) is None


def test_figures_for_people() -> None:
    assert [show_price(price) for price in (1_234_567.8, 99_999.56, 0.000123)] == [
        "1,234,568",
        "99,999.6",
        "0.000123",
    ]
    assert [show_share(share) for share in (0.31, 0.055, 12.0)] == ["31 %", "5.5 %", "1200 %"]
