"""Durations, shares and amounts as people write them in a scenario."""

import re
from datetime import UTC, datetime

_UNITS_MS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_SCALES = {"k": 1e3, "m": 1e6, "b": 1e9}


def duration_ms(value: object) -> int:
    """`90s`, `1h30m`, `46d`; a bare 0 is 0. Raises ValueError."""
    text = str(value).replace(" ", "")
    if text in {"0", "0.0"}:
        return 0
    parts = _PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f"expected a duration such as 90s, 1h30m or 46d, not {value!r}")
    return round(sum(float(number) * _UNITS_MS[unit] for number, unit in parts))


def number(value: object) -> float:
    """A number, also with thousands (`126,223`, `126_223`) or k, M, B. Raises ValueError."""
    text = str(value).strip().replace(",", "").replace("_", "")
    scale = _SCALES.get(text[-1:].lower(), 1.0)
    try:
        found = float(text[:-1] if scale != 1.0 else text) * scale
    except ValueError:
        raise ValueError(f"expected a number, not {value!r}") from None
    if found != found or abs(found) == float("inf"):
        raise ValueError(f"expected a finite number, not {value!r}")
    return found


def share(value: object) -> float:
    """A share written as `2%` or `0.02`.

    A number of 1 or more is taken for a forgotten % sign. Raises ValueError.
    """
    text = str(value).strip()
    if text.endswith("%"):
        return number(text[:-1]) / 100
    found = number(value)
    if abs(found) >= 1:
        raise ValueError(f"expected a share such as 2% or 0.02, not {value!r} (is the % sign missing?)")
    return found


def instant_ms(value: object) -> int:
    """A time with its zone, such as 2025-10-06T00:00:00Z. Raises ValueError."""
    moment = value if isinstance(value, datetime) else None
    if moment is None:
        try:
            moment = datetime.fromisoformat(str(value))
        except ValueError:
            raise ValueError(f"expected a time such as 2025-10-06T00:00:00Z, not {value!r}") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1000)
