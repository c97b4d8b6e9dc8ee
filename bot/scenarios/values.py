"""A scenario as a value: what moves, what collateral and trading cost, and what funding is paid."""

from msgspec import Struct

FUNDING_HOURS = 8.0
"""Funding rates are of eight hours, as venues write them."""


class Funding(Struct, frozen=True):
    """Funding that is paid along the way."""

    rate: float
    """Of notional for eight hours, as a fraction; longs pay where it is above 0, shorts where below."""
    hours: float

    @property
    def share(self) -> float:
        """What a long pays over the whole time, as a fraction of its value."""
        return self.rate * self.hours / FUNDING_HOURS


class StressScenario(Struct, frozen=True):
    """One shock. Prices go to it in a straight line, and what else it names comes in the same measure."""

    name: str
    moves: dict[str, float]
    """By base currency or unified symbol, as fractions; a symbol goes before its base."""
    about: str = ""
    others: bool = True
    """Whether what is not named moves by its beta, where the reference market is named."""
    residual: float = 1.0
    """How much of the adverse residual is added to a move by beta; 0 is none of it."""
    haircuts: dict[str, float] = {}
    """Share by which a coin of the wallet is worth less, as equity and as margin."""
    spread: float = 1.0
    """Half spread and impact are so many times as large."""
    funding: Funding | None = None
    volatility: float = 1.0
    """ATR and daily sigma are so many times as large."""
