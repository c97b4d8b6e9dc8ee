"""Quantities as people write them: shares, numbers, durations."""

from contextlib import suppress
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.documents import (
    WordingError,
    parse_duration,
    parse_fraction,
    parse_multiple,
    parse_number,
    parse_share,
    plain_percent,
    show_duration,
    show_percent,
    shown,
)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("15%", "0.15"),
        ("15 %", "0.15"),
        ("-20%", "-0.2"),
        ("0.5%", "0.005"),
        (".5%", "0.005"),
        ("150%", "1.5"),
        ("1_000%", "10"),
        ("+3%", "0.03"),
        (0.15, "0.15"),
        (0, "0"),
        (-0.2, "-0.2"),
    ],
)
def test_shares(value: object, expected: str) -> None:
    assert parse_share(value) == Decimal(expected)
    assert parse_fraction(value) == float(expected)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (15, "15 means 1500 %: write 15%"),
        (1, "1 means 100 %: write 1%"),
        (1.5, "1.5 means 150 %: write 1.5%"),
        (-20, "-20 means -2000 %: write -20%"),
        ("15", "'15' is not a percentage"),
        ("fifteen%", "'fifteen%' is not a percentage"),
        ("%", "'%' is not a percentage"),
        (".%", "'.%' is not a percentage"),
        ("1e2%", "'1e2%' is not a percentage"),
        ("१५%", "'१५%' is not a percentage"),
        ("1" * 41 + "%", f"'{'1' * 41}%' is not a percentage"),
        (True, "true is not a number"),
        (None, "nothing is not a number"),
        ([15], "a list is not a number"),
        ({"a": 1}, "a mapping is not a number"),
        (float("nan"), "nan is not a finite number"),
        (float("inf"), "inf is not a finite number"),
    ],
)
def test_what_is_no_share(value: object, words: str) -> None:
    with pytest.raises(WordingError) as error:
        parse_share(value)
    assert error.value.what == words


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (5, "5"),
        (2.5, "2.5"),
        ("10_000", "10000"),
        ("10k", "10000"),
        ("1.5M", "1500000"),
        ("2 m", "2000000"),
        ("-3", "-3"),
        ("7", "7"),
    ],
)
def test_numbers(value: object, expected: str) -> None:
    assert parse_number(value) == Decimal(expected)
    assert parse_multiple(value) == Decimal(expected)


def test_multiples() -> None:
    assert parse_multiple("5x") == 5
    assert parse_multiple("2.5 X") == Decimal("2.5")
    for wrong in ("x", "5y", "9" * 50):
        with pytest.raises(WordingError):
            parse_multiple(wrong)


@pytest.mark.parametrize(
    "value", ["", "k", "10kk", "10,000", "1e400", "5%", True, None, float("nan"), "1" * 41]
)
def test_what_is_no_number(value: object) -> None:
    with pytest.raises(WordingError) as error:
        parse_number(value)
    assert error.value.hint == ("write it without %" if value == "5%" else "")


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("500ms", 0.5),
        ("5s", 5),
        ("10m", 600),
        ("1h30m", 5400),
        ("2d", 172_800),
        ("1h 30m 5s", 5405),
        ("1.5h", 5400),
        (0, 0),
        (0.0, 0),
        ("0s", 0),
        (" 5s ", 5),
    ],
)
def test_durations(value: object, seconds: float) -> None:
    assert parse_duration(value) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("value", "words", "hint"),
    [
        (5, "5 has no unit", "write 5s for seconds"),
        (2.5, "2.5 has no unit", "write 2.5s for seconds"),
        ("5", "'5' is not a duration", ""),
        ("", "'' is not a duration", ""),
        ("5 seconds", "'5 seconds' is not a duration", ""),
        ("30m1h", "'30m1h' is not a duration", ""),
        ("5s5s", "'5s5s' is not a duration", ""),
        ("-5s", "'-5s' is not a duration", ""),
        ("1e9s", "'1e9s' is not a duration", ""),
        ("367d", "'367d' is longer than a year", ""),
        ("9" * 41, f"'{'9' * 41}' is not a duration", ""),
        (True, "true is not a number", ""),
        (None, "nothing is not a number", ""),
    ],
)
def test_what_is_no_duration(value: object, words: str, hint: str) -> None:
    with pytest.raises(WordingError) as error:
        parse_duration(value)
    assert (error.value.what, error.value.hint) == (words, hint)


@settings(deadline=None)
@given(st.one_of(st.text(max_size=50), st.integers(), st.floats(), st.booleans(), st.none()))
def test_any_value_is_a_quantity_or_a_wording_error(value: object) -> None:
    for parse in (parse_share, parse_number, parse_multiple):
        with suppress(WordingError):
            assert parse(value).is_finite()
    with suppress(WordingError):
        assert parse_duration(value) >= timedelta(0)


def test_values_are_shown_short_and_in_the_words_of_yaml() -> None:
    words = ["nothing", "true", "a mapping", "a list", "5", "'x'"]
    values: list[object] = [None, True, {}, [], 5, "x"]
    assert [shown(value) for value in values] == words
    assert len(shown("x" * 500)) < 70
    assert shown("a\nb") == "'a\\nb'"
    assert plain_percent(0.155) == "15.5 %"
    assert show_percent(Decimal(1)) == "100%"
    spans = ["0s", "500ms", "5s", "1h30m", "2d", "1d1h1m1s1ms"]
    assert [show_duration(parse_duration(span)) for span in spans] == spans
