"""What is sent: one notice, or several that happened together."""

from msgspec import Struct

from bot.model import LOUDNESS, Severity
from bot.notifications.notice import Notice

MOST_CHARACTERS = 3000
"""Of a body: what a pager takes in one message."""


class Message(Struct, frozen=True):
    """One message for a channel."""

    subject: str
    body: str
    severity: Severity
    entries: tuple[int, ...] = ()
    held_back: int = 0
    """Notices that are only counted."""


def compose(notices: tuple[Notice, ...], held_back: int = 0) -> Message:
    """Write one message of notices in the order of time; what does not fit is counted, the calmest first."""
    ranked = sorted(notices, key=lambda one: (-LOUDNESS[one.severity], one.at, one.entry))
    first = ranked[0]
    parts: list[tuple[Notice, str]] = []
    room = MOST_CHARACTERS
    for one in ranked:
        text = _told(one, alone=len(ranked) == 1)
        if parts and len(text) > room:
            break
        parts.append((one, text[:room]))
        room -= len(text) + 2
    held_back += len(ranked) - len(parts)
    texts = [text for _, text in sorted(parts, key=lambda part: (part[0].at, part[0].entry))]
    if held_back:
        texts.append(f"{held_back} more were held back; `reef journal` tells them.")
    more = len(ranked) - 1
    return Message(
        subject=f"[{first.severity}] {first.subject}" + (f", and {more} more" if more else ""),
        body="\n\n".join(texts),
        severity=first.severity,
        entries=tuple(sorted({one.entry for one in notices if one.entry})),
        held_back=held_back,
    )


def _told(one: Notice, *, alone: bool) -> str:
    at = f"{one.at:%Y-%m-%d %H:%M:%S} UTC"
    return f"{one.body}\n{at}" if alone else f"{one.subject}\n{one.body}\n{at}"
