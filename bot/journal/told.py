"""What the journal records of notifications."""

from datetime import datetime
from decimal import Decimal

from msgspec import Struct

from bot.model import Number, Sense, Severity


class Silenced(Struct, frozen=True):
    """The operator's word that some notifications are not wanted. It changes no action."""

    rule: str
    """Pattern of the rules; '' for everything of the account."""
    until: datetime
    who: str
    why: str
    ended: bool = False
    """Whether it is ended before its time."""


class Notified(Struct, frozen=True):
    """A message that was given to a channel, and whether the channel took it."""

    subject: str
    severity: Severity
    entries: tuple[int, ...]
    """The entries that it tells of."""
    channel: str
    delivered: bool
    error: str = ""
    """Why it was not, without the channel's address."""
    held_back: int = 0
    """Notices that did not fit into the message, or had waited too long; the journal tells them."""


class WorstSeen(Struct, frozen=True):
    """How near a rule came to its limit, or how far past it."""

    rule: str
    where: str
    """The target in words."""
    metric: str
    value: float
    limit: float
    sense: Sense
    at: datetime

    @property
    def strain(self) -> float:
        """1 at the limit, more past it."""
        above, below = (self.value, self.limit) if self.sense is Sense.MAX else (self.limit, self.value)
        if below > 0:
            return above / below
        return 0.0 if above <= below else float("inf")


class AccountDay(Struct, frozen=True):
    """How an account fared since the last summary. Money is in USD."""

    account: str
    since: datetime
    until: datetime
    equity: Number
    equity_before: Number
    unit_change: Number
    """Change of the unit value as a fraction: deposits and withdrawals do not count."""
    worst: tuple[WorstSeen, ...]
    """Each rule's worst moment, the nearest to its limit first."""
    episodes: int
    acting: tuple[str, ...]
    """Rules whose episode goes on."""
    orders: int
    """Orders that were filled, at least in part."""
    notional: Decimal
    fees: Decimal
    loss: Decimal
    positions: int
    protected: int
    """Those whose stop rests at the venue."""
    unknown: dict[str, float]
    """Seconds for which each rule could not be known, where there were any."""
    unseen: float
    """Seconds in which no cycle ended well."""
    halted: str
    """Why, '' where it is not."""
    silences: tuple[str, ...]


class Summary(Struct, frozen=True):
    """The day of every account."""

    days: tuple[AccountDay, ...]
