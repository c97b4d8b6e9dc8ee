"""Notices: one thing that people are told, and how long it matters."""

from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from bot.model import NoticeKind, Severity


class Phase(StrEnum):
    """Whether a notice tells of something that lasts."""

    ONCE = "once"
    BEGINS = "begins"
    """What it tells of lasts until a notice with the same key ends it."""
    ENDS = "ends"


class Notice(Struct, frozen=True):
    """One thing to tell. Plain text, and never a secret."""

    key: str
    """What it is about: the same is not told again and again, and an end finds its beginning."""
    entry: int
    """The journal's entry; 0 for what is not in it."""
    at: datetime
    kind: NoticeKind
    severity: Severity
    account: str
    """'' for what concerns all accounts."""
    rule: str
    """'' for what comes from no rule."""
    subject: str
    body: str
    phase: Phase = Phase.ONCE
    symbol: str = ""
    side: str = ""
    inhibited_by: str = ""
    """A stronger rule: while it fires, this one is not told."""


def lines(*parts: str) -> str:
    """Join the lines of a body, without the empty ones."""
    return "\n".join(part for part in parts if part)
