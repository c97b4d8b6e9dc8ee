"""Rules as values: what a loaded file means, with every default and unit worked out."""

from datetime import timedelta
from enum import StrEnum

from msgspec import Struct

from bot.model import (
    Action,
    BlindAction,
    HedgeTerms,
    MoveTerms,
    OrderPolicy,
    Scenario,
    Sense,
    Severity,
    TrimTerms,
)
from bot.risk.catalogue import of_account, split_market
from bot.rules.active import Active
from bot.rules.conditions import Condition, Source


class Match(Struct, frozen=True):
    """Where a rule applies. Each part is a choice of glob patterns; an empty part matches everything.

    `account`, `venue` and `tags` are of the account, the other three of a position.
    """

    account: tuple[str, ...] = ()
    venue: tuple[str, ...] = ()
    symbol: tuple[str, ...] = ()
    side: tuple[str, ...] = ()
    margin_mode: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    """The account must have a tag that matches one of them."""


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
    """One limit on one metric, a condition, or both."""

    name: str
    metric: str
    """A metric of the account or a position, market("BTC").fall_24h, or `when` for a condition alone."""
    of_position: bool
    """Whether it is looked at on each position; otherwise on the account."""
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
    hedge: HedgeTerms | None = None
    """How positions are hedged, where `do` permits it."""
    moves: MoveTerms = MoveTerms()
    """How its actions that are no orders are carried out."""
    when: Condition | None = None
    """What must be true as well for the limit to hold; the whole of it where `metric` is `when`."""
    active: Active | None = None
    """Outside of these hours it begins no episode; None is always."""
    inhibited_by: tuple[str, ...] = ()
    """Stronger rules: while one of them is firing on the account, this one is not told of."""
    approve: bool = False
    """Whether what it demands waits for the owner's yes."""

    @property
    def has_level(self) -> bool:
        """Whether there is a level that trades can bring its metric back to."""
        return of_account(self.metric)

    @property
    def priced_by(self) -> tuple[str, ...]:
        """Metrics that rest on prices of positions: its own and those of its condition."""
        own = (self.metric,) if self.has_level else ()
        return own if self.when is None else own + self.when.of_account


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

    @property
    def markets(self) -> dict[str, tuple[str, ...]]:
        """The figures of markets that the rules ask for, by base currency; all sorted."""
        wanted: dict[str, set[str]] = {}
        for rule in self.rules:
            own = split_market(rule.metric)
            if own is not None:
                wanted.setdefault(own[0], set()).add(own[1])
            for name in () if rule.when is None else rule.when.names:
                if name.source is Source.MARKET:
                    wanted.setdefault(name.of, set()).add(name.figure)
        return {base: tuple(sorted(wanted[base])) for base in sorted(wanted)}

    @property
    def signals(self) -> tuple[str, ...]:
        """The signals that the rules ask for, sorted."""
        names = [name for rule in self.rules if rule.when is not None for name in rule.when.names]
        return tuple(sorted({name.of for name in names if name.source is Source.SIGNAL}))


DEFAULT_TRIM = TrimTerms(
    max_share=1.0, max_slippage=0.005, order=OrderPolicy.IOC, escalate_after_seconds=20.0
)
"""How a rule trims that says nothing about it."""
