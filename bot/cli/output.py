"""What commands print: Rich for people, one JSON value for scripts, errors on standard error."""

import sys
from collections.abc import Iterable, Sequence
from decimal import Decimal

import msgspec
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bot.model import Sense, Unknown

console = Console()
errors = Console(stderr=True)


class Column(msgspec.Struct, frozen=True):
    """How a table's column is set."""

    name: str
    right: bool = False
    """Figures stand right."""
    wrap: bool = False
    """Whether words may go to the next line; figures never do."""


def print_json(value: object) -> None:
    """Print one JSON value on a line of its own."""
    sys.stdout.write(msgspec.json.encode(value, order="sorted").decode() + "\n")
    sys.stdout.flush()


def say(text: str, style: str | None = None) -> None:
    """Print a line as it is: no markup, no colours of Rich's own choice, no hard line ends."""
    console.print(Text(text, style=style or ""), soft_wrap=True)


def complain(text: str) -> None:
    """Print a failure on standard error."""
    errors.print(Text(text, style="red"), soft_wrap=True)


def table(title: str, columns: Sequence[str | Column], rows: Iterable[Sequence[str]]) -> Table:
    """Build a plain table; figures are already text. A column that is only named may wrap."""
    made = Table(
        title=title or None,
        title_justify="left",
        title_style="bold",
        header_style="dim",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        padding=(0, 1, 0, 0),
    )
    for one in columns:
        column = Column(one, wrap=True) if isinstance(one, str) else one
        made.add_column(
            Text(column.name),  # a plain string would be searched for markup and emoji
            overflow="fold",
            no_wrap=not column.wrap,
            justify="right" if column.right else "left",
        )
    for row in rows:
        made.add_row(*(Text(cell) for cell in row))
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


def level(value: object) -> str:
    """Write a price in five or six digits, for tables."""
    if isinstance(value, Decimal | float | int):
        steps = ((1e4, 0), (1e3, 1), (100, 2), (1, 4))
        digits = next((digits for least, digits in steps if abs(float(value)) >= least), 6)
        return f"{value:,.{digits}f}"
    return number(value)


def percent(value: object, digits: int = 2) -> str:
    """Write a fraction as a percentage."""
    if isinstance(value, Decimal | float | int):
        return f"{float(value) * 100:,.{digits}f} %"
    return number(value)


def size(value: Decimal) -> str:
    """Write a size without the zeros at its end."""
    text = f"{value:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def measured(unit: str, value: object) -> str:
    """Write a metric's value in its unit: percent, usd, or a plain number."""
    if unit == "percent":
        return percent(value)
    if unit == "truth" and not isinstance(value, Unknown):
        return "true" if value else "false"
    return f"{number(value)} USD" if unit == "usd" and not isinstance(value, Unknown) else number(value)


def bound(unit: str, value: float) -> str:
    """Write a limit as its owner wrote it: without zeros at its end."""
    if unit == "percent":
        return f"{value * 100:,.10g} %"
    if unit == "truth":
        return "true" if value else "false"
    return f"{value:,.10g} USD" if unit == "usd" else f"{value:,.10g}"


def fires(unit: str, sense: Sense, limit: float) -> str:
    """Write when a rule fires, for example > 5."""
    return "true" if unit == "truth" else f"{'>' if sense is Sense.MAX else '<'} {bound(unit, limit)}"
