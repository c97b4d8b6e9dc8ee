"""Values as the venue writes them: decimals as plain text, enums in its own words."""

from decimal import ROUND_HALF_EVEN, Context, Decimal

_DIGITS = Context(prec=18, rounding=ROUND_HALF_EVEN)
_ZERO = Decimal(0)


def number(value: Decimal | None) -> str:
    """Plain text without exponent or trailing zeros, at most 18 significant digits; None is ''.

    The venue rounds most figures to 8 places or to the tick; the sandbox keeps more, so that what
    it reports can be compared with the formulas.
    """
    if value is None:
        return ""
    if not value:
        return "0"
    rounded = _DIGITS.plus(value)
    text = str(rounded)
    if "E" in text:
        text = format(rounded, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def number_or_blank(value: Decimal | None) -> str:
    """As `number`, but zero is '' as well."""
    return number(value) if value else ""


def ratio(numerator: Decimal, denominator: Decimal) -> Decimal:
    """`numerator / denominator`, or 0 where the denominator is not positive."""
    return numerator / denominator if denominator > _ZERO else _ZERO


def places(step: Decimal) -> int:
    """How many decimal places a step has: 0.01 has 2, 10 has 0."""
    exponent = step.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0
