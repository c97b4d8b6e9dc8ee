"""What commands print: Rich for people, one JSON value for scripts, errors on standard error."""

import sys
from collections.abc import Iterable, Sequence
from decimal import Decimal

import msgspec
from rich.console import Console
from rich.table import Table

from bot.model import Unknown

console = Console()
errors = Console(stderr=True)


def print_json(value: object) -> None:
    """Print one JSON value on a line of its own."""
    sys.stdout.write(msgspec.json.encode(value, order="sorted").decode() + "\n")
    sys.stdout.flush()


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """Build a plain table; figures are already text."""
    made = Table(title=title, title_justify="left", header_style="bold")
    for column in columns:
        made.add_column(column, overflow="fold")
    for row in rows:
        made.add_row(*row)
    return made


def number(value: object, digits: int = 2) -> str:
    """Write a figure for people: thousands apart, unknown said as such."""
    if isinstance(value, Unknown):
        return "unknown"
    if value is None:
        return "-"
    if isinstance(value, Decimal | float | int):
        return f"{value:,.{digits}f}"
    return str(value)


def price(value: object) -> str:
    """Write a price with as many digits as its size needs."""
    if isinstance(value, Decimal | float | int):
        size = abs(float(value))
        digits = 2 if size >= 100 else 4 if size >= 1 else 6
        return f"{value:,.{digits}f}"
    return number(value)


def percent(value: object, digits: int = 2) -> str:
    """Write a fraction as a percentage."""
    if isinstance(value, Decimal | float | int):
        return f"{float(value) * 100:,.{digits}f} %"
    return number(value)
