"""What cannot be known is a value of its own, never zero, never an empty list."""

from decimal import Decimal
from typing import TypeAlias

from msgspec import Struct


class Unknown(Struct, frozen=True, tag="unknown"):
    """A figure that is not known, with the reason in plain words."""

    reason: str

    def __bool__(self) -> bool:
        raise TypeError(f"an unknown figure has no truth value ({self.reason}); test it with isinstance")


Figure: TypeAlias = Decimal | Unknown
"""Money, price or size as the venue gave it."""

Number: TypeAlias = float | Unknown
"""A figure inside risk mathematics."""
