"""Where a character of a text value stands in the file, however the value is quoted or folded."""

from collections.abc import Iterator, Sequence


def place_inside(lines: Sequence[str], line: int, column: int, value: str, offset: int) -> tuple[int, int]:
    """Return line and column (from 1) of `value[offset]`, where the value begins at `line` and `column`.

    White space may be folded in the file, so characters that are none are counted. The end of the value is
    the place behind its last character.
    """
    before = len("".join(value[:offset].split()))
    at_end = not value[offset:].strip()
    found = (line, column)
    for number, found in enumerate(_letters(lines, line, column)):
        if number + 1 == before and at_end:
            return found[0], found[1] + 1
        if number == before:
            return found
    return found


def _letters(lines: Sequence[str], line: int, column: int) -> Iterator[tuple[int, int]]:
    """Yield the place of each character that is no white space, quote or escape."""
    first = lines[line - 1][column - 1 :]
    mark = first[:1]
    begin = (line + 1, 1) if mark in ("|", ">") else (line, column + (mark in ("'", '"')))
    for number in range(begin[0], len(lines) + 1):
        text = lines[number - 1]
        at = begin[1] - 1 if number == begin[0] else 0
        while at < len(text):
            if (mark == '"' and text[at] == "\\") or (mark == "'" and text[at : at + 2] == "''"):
                at += 1
            if at < len(text) and not text[at].isspace():
                yield number, at + 1
            at += 1
