"""Documents: places, mistakes, quantities, shapes."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BeforeValidator, Field

from bot.documents import (
    DocumentError,
    Mistake,
    MistakesError,
    Shape,
    check_shape,
    nearest,
    nearest_hint,
    parse_document,
    read_document,
    within,
    word_of,
)
from bot.documents.reading import MAX_BYTES, MAX_DEPTH, Place

TEXT = """\
# a comment
version: 1
rules:
  - name: one
    max: 15%
  - {name: two, when: 2025-11-21, on: yes, off: no}
empty:
numbers: [10_000, 1e3, 0x1f, -2.5, true, ~]
"""

FLOW = "not YAML: while parsing a flow sequence expected ',' or ']', but got '<stream end>'"
COLON = (
    "not YAML: mapping values are not allowed here "
    "(is a line indented wrongly, or does a text with ': ' need quotes?)"
)
PERCENT = (
    "not YAML: while scanning for the next token found character '%' that cannot start any token "
    "(put quotes around the text)"
)
ALIAS = "anchors and aliases are not supported (put quotes around a pattern that begins with *)"
SECOND = "not YAML: expected a single document in the stream but found another document"


def test_data_is_plain() -> None:
    assert parse_document(TEXT, "t.yaml").data == {
        "version": 1,
        "rules": [
            {"name": "one", "max": "15%"},
            {"name": "two", "when": "2025-11-21", "on": "yes", "off": "no"},
        ],
        "empty": None,
        "numbers": [10_000, 1000.0, 31, -2.5, True, None],
    }


@pytest.mark.parametrize(
    ("path", "key", "line", "column"),
    [
        ((), False, 2, 1),
        (("version",), False, 2, 10),
        (("version",), True, 2, 1),
        (("rules", 0), False, 4, 5),
        (("rules", 0, "max"), False, 5, 10),
        (("rules", 0, "max"), True, 5, 5),
        (("rules", 1, "when"), False, 6, 23),
        (("rules", 1, "not there"), False, 6, 5),
        (("rules", 1, "not there", 3, "deep"), True, 6, 5),
        (("rules", 0, "max", "[key]"), True, 5, 10),
    ],
)
def test_every_value_and_key_has_its_place(
    path: tuple[str | int, ...], key: bool, line: int, column: int
) -> None:
    assert parse_document(TEXT, "t.yaml").place(path, key=key) == Place(line, column)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ": the file is empty"),
        ("# nothing but a comment\n", ": the file is empty"),
        ("a: 1\nb: 2\na: 3\n", ":3:1: 'a' is given twice, first in line 1"),
        ("a:\n\tb: 1\n", ":2:1: not YAML: a tab is used for indentation (use spaces)"),
        ("a: [1, 2\n", f":2:1: {FLOW}"),
        ("a: b: c\n", f":1:5: {COLON}"),
        ("a: %b\n", f":1:4: {PERCENT}"),
        ("a: */USDT:USDT\n", f":1:4: {ALIAS}"),
        ("a: &x 1\nb: *x\n", f":1:4: {ALIAS}"),
        ("a: !!python/object:os.system x\n", ":1:4: the tag !!python/object:os.system is not supported"),
        ("a: !mine [1]\n", ":1:4: the tag !mine is not supported"),
        ("a: !!set {x}\n", ":1:4: the tag !!set is not supported"),
        ("1: x\n", ":1:1: the key '1' is not text (put quotes around it)"),
        ("true: x\n", ":1:1: the key 'true' is not text (put quotes around it)"),
        ("? [a]\n: x\n", ":1:3: the key a list is not text (put quotes around it)"),
        ("a: 1\n---\nb: 2\n", f":2:1: {SECOND}"),
        ("a: \x07\n", ":1:4: there is a control character"),
        (f"a: {'9' * 5000}\n", f":1:4: '{'9' * 59}... is not a number"),
        ("a: !!int x\n", ":1:4: 'x' is not a number"),
    ],
)
def test_bad_yaml_is_told_with_its_place(text: str, expected: str) -> None:
    with pytest.raises(MistakesError) as error:
        parse_document(text, "t.yaml")
    assert str(error.value) == f"t.yaml{expected}"
    assert error.value.exit_code == 2


def test_all_doubled_and_odd_keys_are_told_at_once() -> None:
    with pytest.raises(MistakesError) as error:
        parse_document("a: 1\nb: 2\na: 3\nb: 4\n~: 5\n", "t.yaml")
    assert [mistake.line for mistake in error.value.mistakes] == [3, 4, 5]


def test_depth_has_a_bound() -> None:
    parse_document("[" * MAX_DEPTH + "]" * MAX_DEPTH, "t.yaml")
    with pytest.raises(DocumentError, match=f"nested deeper than {MAX_DEPTH} levels"):
        parse_document("[" * 5000, "t.yaml")


@settings(deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_data_or_mistakes(text: str) -> None:
    told: tuple[Mistake, ...] | None = None
    try:
        parse_document(text, "t.yaml")
    except MistakesError as error:
        told = error.mistakes
    assert told is None or (told and all(mistake.file == "t.yaml" for mistake in told))


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    good = tmp_path / "good.yaml"
    good.write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert read_document(good).data == {"a": 1}
    assert read_document(good, "short").name == "short"
    bad = tmp_path / "bad.yaml"
    bad.write_bytes(b"a: 1\nb: \xff\n")
    large = tmp_path / "large.yaml"
    large.write_bytes(b"#" * (MAX_BYTES + 1))
    looped = tmp_path / "loop.yaml"
    looped.symlink_to(looped)
    for path, words in [
        (bad, ":2:4: the text is not UTF-8"),
        (large, ": the file is larger than 256 KiB"),
        (tmp_path / "none.yaml", ": there is no such file"),
        (tmp_path, ": this is a directory; expected a YAML file"),
        (looped, ": the file cannot be read: Too many levels of symbolic links"),
    ]:
        with pytest.raises(DocumentError) as error:
            read_document(path)
        assert str(error.value) == f"{path}{words}"


def test_mistakes_are_sorted_and_told_once() -> None:
    late, early = Mistake("b", 9, 1, "late"), Mistake("b", 10, 1, "later", "this", "that")
    error = MistakesError([early, late, late, Mistake("a", 0, 0, "whole")])
    assert str(error).splitlines() == ["a: whole", "b:9:1: late", "b:10:1: later; expected this (that)"]


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("tirm", "trim"),
        ("TRIM", "trim"),
        ("leverage", "account.leverage"),
        ("distance", "position.distance"),
        ("stan", "position.distance"),
        ("zzz", None),
        ("di", None),
    ],
)
def test_the_nearest_word(word: str, expected: str | None) -> None:
    words = ["trim", "close", "account.leverage", "position.distance"]
    assert nearest(word, words) == expected
    hint = nearest_hint(word, words)
    if expected is None:
        assert hint == "known: account.leverage, close, position.distance, trim"
    else:
        assert hint == f"did you mean {expected!r}?"
    assert nearest_hint(word, []) == ""


class Colour(StrEnum):
    RED = "red"
    GREEN = "green"


class Inner(Shape):
    size: Annotated[int, BeforeValidator(within(int, 1, 9))] = 1


class Outer(Shape):
    text: str = "default"
    flag: bool = False
    count: int = 0
    items: list[str] = Field(default=[])
    colour: Annotated[Colour, BeforeValidator(word_of(Colour, ["blue"]))] = Colour.RED
    inner: Inner = Inner()
    hold: int = Field(default=0, alias="for")
    even: int = Field(default=2, multiple_of=2)


def _check(text: str) -> tuple[Outer, frozenset[str], list[str]]:
    document = parse_document(text, "t.yaml")
    shape, checked = check_shape(
        Outer, document.data, document, (), {("inner",): Inner.known_keys()}, ["later"]
    )
    return shape, checked.broken, [mistake.text for mistake in sorted(checked.mistakes)]


def test_a_right_shape_has_no_mistakes() -> None:
    shape, broken, mistakes = _check("{text: x, for: 3, colour: green, inner: {size: 2}}")
    assert (shape.text, shape.hold, shape.colour, shape.inner.size) == ("x", 3, Colour.GREEN, 2)
    assert not broken
    assert not mistakes


def test_all_mistakes_of_a_shape_are_told_at_once_and_the_rest_is_kept() -> None:
    shape, broken, mistakes = _check(
        "text: 5\nflag: 1\ncount: many\nitems: x\ncolour: gren\ninner: {siz: 1, size: 10}\n"
        "fro: 2\nlater: 1\nhold: 2\neven: 3\nfor: 7\n"
    )
    assert mistakes == [
        "t.yaml:1:7: text: 5 is not right; expected text",
        "t.yaml:2:7: flag: 1 is not right; expected true or false",
        "t.yaml:3:8: count: 'many' is not right; expected a whole number",
        "t.yaml:4:8: items: 'x' is not right; expected a list such as [one, two]",
        "t.yaml:5:9: colour: 'gren' is not known; expected one of red, green (did you mean 'green'?)",
        "t.yaml:6:9: unknown key 'siz' (did you mean 'size'?)",
        "t.yaml:6:23: inner.size: 10 is out of range; expected 1 to 9",
        "t.yaml:7:1: unknown key 'fro' (did you mean 'for'?)",
        "t.yaml:8:1: unknown key 'later' (not available in this version)",
        "t.yaml:9:1: unknown key 'hold' (known: colour, count, even, flag, for, inner, items, text)",
        "t.yaml:10:7: even: Input should be a multiple of 2",
    ]
    assert shape.hold == 7
    assert shape.text == "default"
    assert "for" not in broken


def test_words_of_later_versions_and_things_that_are_no_words() -> None:
    for word, told in [
        ("blue", "'blue' is not available in this version (known: red, green)"),
        ("5", "5 is not known; expected one of red, green"),
        ("qqq", "'qqq' is not known; expected one of red, green"),
    ]:
        assert _check(f"colour: {word}")[2] == [f"t.yaml:1:9: colour: {told}"]


def test_what_is_no_mapping_breaks_every_key() -> None:
    shape, broken, mistakes = _check("[1]")
    assert shape == Outer()
    assert broken == frozenset(Outer.known_keys())
    assert mistakes == ["t.yaml:1:1: this: a list is not right; expected a mapping"]
