"""What came of a stress: values for tables, pictures and scripts. Money in USD, shares are fractions."""

from msgspec import Struct

from bot.model import Number
from bot.scenarios.values import StressScenario


class Liquidated(Struct, frozen=True):
    """One position that the venue took, in the order in which it did."""

    position: str
    at: float
    """How far the shock had come, from 0 to 1."""
    price: float
    """Mark price of its market at the first cut."""
    share: float
    """Of the position as it was at the start."""
    notional: float
    cost: float
    gone: bool
    """Whether nothing of it is left."""


class Fired(Struct, frozen=True):
    """A rule that fires on the way."""

    rule: str
    target: str
    metric: str
    value: Number
    limit: float
    at: float
    """How far the shock had come; 0 fires today."""
    market: str
    """Whose price is told: a symbol, or the base of the reference."""
    price: float | None
    """None where that market has no price."""


class Act(Struct, frozen=True):
    """One step that the plan takes there."""

    at: float
    rule: str
    kind: str
    said: str
    notional: float
    cost: float


class Ending(Struct, frozen=True):
    """An account at the end of a shock."""

    equity: float
    margin_ratio: float | None
    """None where nothing is left behind what is held."""
    worst_ratio: float | None
    """The highest on the way, at each step and before each liquidation."""
    gross: float
    liquidated: tuple[Liquidated, ...]
    left: dict[str, float]
    """Share of each position of the start that is still open."""
    cost: float
    """Trading, liquidation and funding."""
    curve: tuple[float, ...]
    """Equity at even steps of the way, today's first."""


class Guarded(Struct, frozen=True):
    """The same with the rules."""

    ending: Ending
    fired: tuple[Fired, ...]
    acts: tuple[Act, ...]
    stops: tuple[str, ...]
    """Positions whose protective stop was reached."""
    refused: tuple[str, ...]
    """What was wanted and could not be done, each once."""
    halted: str
    """Why the guard halted; '' where it did not."""
    moved_out: float
    """USD moved out of reach of the positions; they are no loss."""

    @property
    def kept(self) -> float:
        """Equity at the end and what was moved out."""
        return self.ending.equity + self.moved_out


class Outcome(Struct, frozen=True):
    """One scenario."""

    scenario: StressScenario
    unguarded: Ending
    guarded: Guarded


class Stress(Struct, frozen=True):
    """One account through all scenarios, or why it cannot be taken through them."""

    account: str
    rules: str
    equity: float
    gross: float
    outcomes: tuple[Outcome, ...]
    error: str = ""
    """'' where the account could be followed."""

    @property
    def survives(self) -> bool:
        """Whether the account could be followed, and under its rules nothing is ever liquidated."""
        return not self.error and not any(one.guarded.ending.liquidated for one in self.outcomes)
