"""What the journal records of notifications."""

from datetime import datetime

from msgspec import Struct

from bot.model import Severity


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
