"""Findings: rules met with a snapshot, and what they demand."""

from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from bot.model.account import position_key
from bot.model.hedges import HedgeTerms
from bot.model.moves import MoveTerms
from bot.model.unknown import Number


class Action(StrEnum):
    """What a rule may permit."""

    NOTIFY = "notify"
    CANCEL_ORDERS = "cancel_orders"
    TRIM = "trim"
    CLOSE = "close"
    CLOSE_ALL = "close_all"
    HEDGE = "hedge"
    ADD_MARGIN = "add_margin"
    LOWER_LEVERAGE = "lower_leverage"
    SECURE = "secure"
    PROTECT = "protect"
    HALT = "halt"


class BlindAction(StrEnum):
    """What a rule may do while its metric cannot be known. Nothing here is sized from what cannot be seen."""

    NOTIFY = "notify"
    PROTECT = "protect"
    HALT = "halt"


class Severity(StrEnum):
    """How loudly a finding is told."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


class Sense(StrEnum):
    """Which side of the limit is the bad one."""

    MAX = "max"
    MIN = "min"


class State(StrEnum):
    """State of a rule on one target."""

    INACTIVE = "inactive"
    PENDING = "pending"
    FIRING = "firing"
    RESTORING = "restoring"
    COOLING = "cooling"
    UNKNOWN = "unknown"


class Target(Struct, frozen=True, order=True):
    """What a rule looks at: an account, or one position of it."""

    account: str
    symbol: str = ""
    side: str = ""

    @property
    def position(self) -> str | None:
        """Key of the position, None for an account."""
        return position_key(self.symbol, self.side) if self.symbol else None

    @property
    def text(self) -> str:
        """The target in words, for example main BTC/USDT:USDT long."""
        return " ".join(filter(None, (self.account, self.symbol, self.side)))


class Scenario(Struct, frozen=True):
    """Moves by base currency as fractions (-0.2 is a fall by a fifth).

    A base that is not named moves by its beta to the named reference, when the reference is named;
    otherwise it does not move.
    """

    name: str
    shocks: dict[str, float]


class OrderPolicy(StrEnum):
    """The order that a trim begins with."""

    IOC = "ioc"
    MARKET = "market"
    PASSIVE = "passive"
    """Rests at the best price of its own side until `escalate_after`, then goes on as IOC."""


class TrimTerms(Struct, frozen=True):
    """How a rule lets positions be trimmed."""

    max_share: float = 1.0
    """Largest share of a position in one cycle."""
    max_slippage: float = 0.005
    """Largest distance of a fill from mark and from index, as a fraction."""
    order: OrderPolicy = OrderPolicy.IOC
    escalate_after_seconds: float = 20.0
    """After this long the slippage is doubled, after twice as long the order is a market order. A passive
    order is cancelled after this long first, and the rest counts from then on."""
    keep: tuple[str, ...] = ()
    """Glob patterns, in capitals, of symbols that are dear to the owner: others are trimmed before them."""


class Finding(Struct, frozen=True):
    """One rule on one target at one moment."""

    rule: str
    target: Target
    metric: str
    value: Number
    limit: float
    goal: float
    """The level at which the episode ends (`restore`)."""
    sense: Sense
    state: State
    severity: Severity
    since: datetime
    """When this state began."""
    episode: str
    """Identity of the firing; '' while nothing fires."""
    note: str = ""
    inhibited_by: str = ""
    """The stronger rule that is firing on the account, so that this one is not told of; '' where none is."""
    in_force: bool = True
    """Whether the limit holds now; not outside the rule's hours, nor while its condition is false."""


class Demand(Struct, frozen=True):
    """What a firing or restoring rule asks the planner for."""

    rule: str
    episode: str
    target: Target
    metric: str
    sense: Sense
    value: float
    limit: float
    goal: float
    severity: Severity
    permits: tuple[Action, ...]
    trim: TrimTerms
    scenarios: tuple[Scenario, ...]
    drawdown_budget: float
    """For account.cushion: the drawdown that may not be passed after the shock (the goal); 0 elsewhere."""
    acting_since: datetime
    why: str = ""
    """What is passed, in words, where `value` and `limit` are no numbers to be told; '' elsewhere."""
    approve: bool = False
    """Whether the owner must say yes before it is carried out."""
    hedge: HedgeTerms | None = None
    """How the rule lets positions be hedged, where it does."""
    moves: MoveTerms = MoveTerms()

    @property
    def standing(self) -> str:
        """Where the metric stands, in words."""
        return self.why or f"{self.metric} is {self.value:.6g}, limit {self.limit:.6g}, goal {self.goal:.6g}"


class Difference(Struct, frozen=True):
    """Our recomputation beside the venue's own figure."""

    target: Target
    figure: str
    ours: Number
    venue: Number
    share: float
    """Distance between the two as a fraction of mark price (prices) or of notional (money)."""
