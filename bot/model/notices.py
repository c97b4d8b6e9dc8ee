"""What is told to people, to whom, and when."""

from datetime import datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from msgspec import Struct

from bot.model.findings import Severity

LOUDNESS = {Severity.INFO: 0, Severity.WARNING: 1, Severity.CRITICAL: 2}


class NoticeKind(StrEnum):
    """What a notice is about."""

    RULE = "rule"
    """A rule fires, is restored, or cannot be known."""
    PLAN = "plan"
    """What is planned for an episode, and what is refused."""
    ORDER = "order"
    """What became of an order or cancel, with its cost."""
    PROTECTION = "protection"
    """A position without its stop, or with it again."""
    APPROVAL = "approval"
    """What waits for the owner's yes, and what became of it."""
    HALT = "halt"
    BLINDNESS = "blindness"
    """An account that cannot be seen, or is seen again."""
    OUTSIDE = "outside"
    """What others did to the account: its owner, the venue, or nobody knows who."""
    DIFFERENCE = "difference"
    """Figures of ours and of the venue that are apart."""
    FAILURE = "failure"
    DAEMON = "daemon"
    """Started, stopped, replaced."""
    WORD = "word"
    """The operator's other words."""
    SUMMARY = "summary"


class Route(Struct, frozen=True):
    """Which notices go to which channels. Empty patterns fit everything."""

    channels: tuple[str, ...]
    """The first tells; each of the others stands in for the one before it."""
    severity: Severity = Severity.INFO
    """The least."""
    accounts: tuple[str, ...] = ()
    """Patterns as in file names."""
    rules: tuple[str, ...] = ()
    kinds: tuple[NoticeKind, ...] = ()


class Quiet(Struct, frozen=True):
    """Hours in which only what is critical is told; the rest waits for their end."""

    begin: time
    end: time
    """Before `begin` where the hours pass midnight."""
    zone: str

    def holds(self, at: datetime) -> bool:
        """Whether a moment is within the hours."""
        there = at.astimezone(ZoneInfo(self.zone)).time()
        if self.begin < self.end:
            return self.begin <= there < self.end
        return there >= self.begin or there < self.end


class DailyHour(Struct, frozen=True):
    """An hour of the day, at a place."""

    at: time
    zone: str


class NoticeTerms(Struct, frozen=True):
    """When notices are told."""

    routes: tuple[Route, ...]
    rates: dict[str, int]
    """Messages an hour, by channel."""
    group: timedelta = timedelta(seconds=3)
    """How long a notice waits for others, to be told together with them."""
    dedup: timedelta = timedelta(minutes=10)
    """The same is not told again within this time."""
    repeat: timedelta = timedelta(minutes=15)
    """What is critical is told again after this time, while it lasts."""
    timeout: timedelta = timedelta(seconds=20)
    """After this long a channel that has not answered has failed."""
    quiet: Quiet | None = None
    summary: DailyHour | None = None
