"""Rules as values: what a loaded file means, with every default and unit worked out."""

from datetime import timedelta
from enum import StrEnum

from msgspec import Struct

from bot.model import Action, BlindAction, OrderPolicy, Scenario, Sense, Severity, TrimTerms


class Match(Struct, frozen=True):
    """Where a rule applies. Each part is a choice of glob patterns; an empty part matches everything.

    `account` and `venue` are of the account, the other three of a position.
    """

    account: tuple[str, ...] = ()
    venue: tuple[str, ...] = ()
    symbol: tuple[str, ...] = ()
    side: tuple[str, ...] = ()
    margin_mode: tuple[str, ...] = ()


class Gates(StrEnum):
    """Whether a rule waits for prices that are apart from the others of their symbol."""

    ON = "on"
    OFF = "off"


class IfBlind(Struct, frozen=True):
    """What a rule does while its metric cannot be known."""

    after: timedelta
    """How long it must have been unknown."""
    do: tuple[BlindAction, ...]


class Rule(Struct, frozen=True):
    """One limit on one metric."""

    name: str
    metric: str
    of_position: bool
    """Whether the metric is of a position; otherwise it is of the account."""
    sense: Sense
    limit: float
    """`max` or `min`, in the metric's unit; percentages are fractions."""
    goal: float
    """`restore`: an episode ends when the metric is here or further inside."""
    hold: timedelta
    """`for`: how long the limit must be passed before the rule fires."""
    cooldown: timedelta
    """How long after an episode no new one begins."""
    match: Match
    severity: Severity
    permits: tuple[Action, ...]
    """`do`, in the order in which it was written."""
    trim: TrimTerms
    scenarios: tuple[Scenario, ...]
    drawdown_budget: float
    """The goal for account.cushion, 0 elsewhere."""
    line: int
    """Line of the file where the rule begins."""
    gates: Gates = Gates.ON
    if_blind: IfBlind | None = None
    """None waits, and says so."""
    approve: bool = False
    """Whether what it does waits for its owner's yes."""


class RuleSet(Struct, frozen=True):
    """All rules of one file."""

    source: str
    """Name of the file."""
    text: str
    version: str
    """SHA-256 of the text in hexadecimal: what the journal records beside each decision."""
    rules: tuple[Rule, ...]

    def rule(self, name: str) -> Rule | None:
        """Find a rule by its name."""
        for rule in self.rules:
            if rule.name == name:
                return rule
        return None


DEFAULT_TRIM = TrimTerms(
    max_share=1.0, max_slippage=0.005, order=OrderPolicy.IOC, escalate_after_seconds=20.0
)
"""How a rule trims that says nothing about it."""
