"""Figures in messages: short, and unknown said as such."""

from collections.abc import Mapping
from decimal import Decimal

from bot.model import Number, Unknown


def money(value: object, digits: int = 2) -> str:
    """Write an amount with its thousands apart."""
    if isinstance(value, Unknown):
        return "unknown"
    return f"{value:,.{digits}f}" if isinstance(value, Decimal | float | int) else "-"


def price(value: Decimal | None) -> str:
    """Write a price with as many digits as its size needs."""
    if value is None:
        return "market"
    digits = 2 if abs(value) >= 100 else 4 if abs(value) >= 1 else 8
    return plain(f"{value:,.{digits}f}")


def amount(value: Decimal) -> str:
    """Write a size without the zeros at its end."""
    return plain(f"{value:,f}")


def plain(text: str) -> str:
    """Take the zeros off the end of a decimal fraction."""
    return text.rstrip("0").rstrip(".") if "." in text else text


def span(seconds: float) -> str:
    """Write how long something took or lasts, in the unit that fits."""
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:,.0f} {unit}"
    return f"{seconds:,.0f} s"


class Gauge:
    """Writes metrics in their units."""

    def __init__(self, units: Mapping[str, str]) -> None:
        """`units` names the unit (percent, usd, ...) of each metric; one that is not there has none."""
        self._units = units

    def value(self, metric: str, value: Number) -> str:
        """Write what was measured, or why it is not known."""
        if isinstance(value, Unknown):
            return f"unknown ({value.reason})"
        return self._written(metric, value, "{:,.2f}")

    def limit(self, metric: str, value: float) -> str:
        """Write a limit as its owner wrote it."""
        return self._written(metric, value, "{:,.10g}")

    def _written(self, metric: str, value: float, form: str) -> str:
        unit = self._units.get(metric, "")
        if unit == "percent":
            return form.format(value * 100) + " %"
        return form.format(value) + (" USD" if unit == "usd" else "")
