"""Pages of a list, continued with a cursor."""

from collections.abc import Callable, Sequence
from typing import TypeVar
from urllib.parse import quote, unquote

Row = TypeVar("Row")


def page(
    rows: Sequence[Row], key: Callable[[Row], str], cursor: str, limit: int, *, descending: bool = False
) -> tuple[list[Row], str]:
    """The next `limit` rows after the cursor, and the cursor after them.

    `key` gives text that is unique and sorts as the list does, so that a row that appears or goes
    between two pages never makes another one be skipped or repeated. The cursor is given out with
    every full page: as at the venue, the page behind the last one may be empty.
    """
    ordered = sorted(rows, key=key, reverse=descending)
    if cursor:
        after = unquote(cursor)
        ordered = [row for row in ordered if (key(row) < after if descending else key(row) > after)]
    chosen = ordered[:limit]
    following = quote(key(chosen[-1]), safe="") if len(chosen) == limit else ""
    return chosen, following
