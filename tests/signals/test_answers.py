"""The number in an answer and its time."""

import json
from datetime import UTC, datetime

import pytest

from bot.signals.answers import SignalError, moment_of, number_of, read_answer, step_into
from tests.signals.support import NOW

FEAR = json.dumps(
    {
        "name": "Fear and Greed Index",
        "data": [{"value": "11", "value_classification": "Extreme Fear", "timestamp": "1795737600"}],
        "metadata": {"error": None},
    }
).encode()


def test_the_fear_and_greed_index() -> None:
    found = read_answer(FEAR, ("data", "0", "value"), ("data", "0", "timestamp"), NOW)
    assert found.value == 11.0
    assert found.at == datetime.fromtimestamp(1795737600, UTC)
    assert read_answer(FEAR, ("data", "0", "value"), (), NOW).at == NOW


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b"63", 63.0),
        (b" -1.5e3\n", -1500.0),
        (b"+.5", 0.5),
        (b"7.", 7.0),
        (b"0", 0.0),
    ],
)
def test_an_answer_that_is_a_number(body: bytes, value: float) -> None:
    assert read_answer(body, (), (), NOW).value == value


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"Extreme Fear",
        b"63 %",
        b"1,000",
        b"1_000",
        b"NaN",
        b"inf",
        b"-Infinity",
        b"1e999",
        b"0x10",
        b"63\n64",
        b"true",
        b"\xff\xfe",
        b'{"value": 63}',
        "٦٣".encode(),
        b"9" * 41,
        b"<html>",
    ],
)
def test_an_answer_that_is_no_number(body: bytes) -> None:
    with pytest.raises(SignalError, match="is not a number"):
        read_answer(body, (), (), NOW)


@pytest.mark.parametrize("value", [True, None, [], {}, "", "one", float("nan"), float("inf"), "1" * 41])
def test_a_value_that_is_no_number(value: object) -> None:
    with pytest.raises(SignalError, match="is not a number"):
        number_of(value)


def test_long_texts_are_cut_short_in_messages() -> None:
    with pytest.raises(SignalError) as caught:
        number_of("x" * 10_000)
    assert len(str(caught.value)) < 80


@pytest.mark.parametrize(
    "body", [b"", b"<html></html>", b'{"a": NaN}', b'{"a": 1', b"\xff{}", b"[" * 60_000, b'{"a": 1} more']
)
def test_what_is_no_json(body: bytes) -> None:
    with pytest.raises(SignalError, match="is not JSON"):
        read_answer(body, ("a",), (), NOW)


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("rows", "the path has no end: the answer has 'data', 'code', and no 'rows'"),
        ("data.2", "the path has no end: data is a list of 2, and no '2'"),
        ("data.-1", "the path has no end: data is a list of 2, and no '-1'"),
        ("data.0.value.x", "the path has no end: data.0.value is '5', and no 'x'"),
        ("data.1.value", "the path has no end: data.1 has nothing, and no 'value'"),
        ("data.²", "the path has no end: data is a list of 2, and no '²'"),
    ],
)
def test_a_path_that_leads_nowhere(path: str, reason: str) -> None:
    with pytest.raises(SignalError) as caught:
        step_into({"data": [{"value": "5"}, {}], "code": 0}, tuple(path.split(".")))
    assert str(caught.value) == reason


def test_what_stands_at_the_end_is_named() -> None:
    for body, what in (
        (b'{"a": [1]}', "a list"),
        (b'{"a": {"b": 1}}', "a mapping"),
        (b'{"a": null}', "None"),
    ):
        with pytest.raises(SignalError, match=f"{what} is not a number"):
            read_answer(body, ("a",), (), NOW)


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        (1_795_737_600, datetime(2026, 11, 27, tzinfo=UTC)),
        ("1795737600", datetime(2026, 11, 27, tzinfo=UTC)),
        (1_795_737_600_000, datetime(2026, 11, 27, tzinfo=UTC)),
        ("2026-11-27T02:00:00+02:00", datetime(2026, 11, 27, tzinfo=UTC)),
        ("2026-11-27T00:00:00Z", datetime(2026, 11, 27, tzinfo=UTC)),
    ],
)
def test_the_sources_own_time(value: object, moment: datetime) -> None:
    assert moment_of(value) == moment


@pytest.mark.parametrize("value", ["yesterday", "", None, True, 1e300, -1e300, 9e15, [], "27.11.2026"])
def test_what_is_no_time(value: object) -> None:
    with pytest.raises(SignalError, match="is not a time"):
        moment_of(value)


def test_a_time_needs_its_zone() -> None:
    with pytest.raises(SignalError, match="has no zone"):
        moment_of("2026-11-27T00:00:00")
