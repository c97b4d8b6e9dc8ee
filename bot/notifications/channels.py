"""Channels: Apprise, loaded when it is first needed, and never on the event loop's thread.

Apprise costs about 45 MiB and a second of time, so nothing here imports it before a channel is used.
"""

import asyncio
import logging
import re
import threading
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import unquote

from bot.documents import nearest_hint
from bot.model import Severity
from bot.notifications.message import Message

if TYPE_CHECKING:
    from apprise import Apprise

BLOT = "[secret]"
SHORTEST_PART = 4
"""Shorter parts of an address are no secrets."""
LONGEST_ERROR = 300
STUCK = "the message before it is still on its way"


class Channel:
    """One address that takes messages. At most one message is on its way."""

    def __init__(self, name: str, url: str) -> None:
        self.name = name
        self._url = url
        self._sender: Apprise | None = None
        self._busy = threading.Lock()

    async def send(self, message: Message, seconds: float) -> str:
        """Send a message; returns '' where the channel took it, else why not, without its address.

        Waits for `seconds` at most. Where the channel hangs its thread goes on by itself, and further
        messages are refused until it ends; it keeps nothing from ending the process.
        """
        if not self._busy.acquire(blocking=False):
            return STUCK
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[str] = loop.create_future()
        threading.Thread(
            target=self._work,
            args=(message, partial(_settle, loop, answer)),
            name=f"channel {self.name}",
            daemon=True,
        ).start()
        try:
            return await asyncio.wait_for(answer, seconds)
        except TimeoutError:
            return f"no answer within {seconds:g} s"

    def _work(self, message: Message, settle: "partial[None]") -> None:
        try:
            error = self._deliver(message)
        except Exception as failed:  # noqa: BLE001 - some of its hundred services may raise anything
            error = f"{type(failed).__name__}: {failed}"
        finally:
            self._busy.release()
        settle(scrubbed(error, self._url)[:LONGEST_ERROR])

    def _deliver(self, message: Message) -> str:
        import apprise

        kinds = {
            Severity.INFO: apprise.NotifyType.INFO,
            Severity.WARNING: apprise.NotifyType.WARNING,
            Severity.CRITICAL: apprise.NotifyType.FAILURE,
        }
        if self._sender is None:
            self._sender = sender_of(self._url)
        result = self._sender.notify(
            body=message.body,
            title=message.subject,
            notify_type=kinds[message.severity],
            body_format=apprise.NotifyFormat.TEXT,
        )
        if result:
            return ""
        said = "; ".join(" ".join(entry.message.split()) for entry in result.logs())
        return said or "it was refused, without a reason"


def _settle(loop: asyncio.AbstractEventLoop, answer: "asyncio.Future[str]", error: str) -> None:
    """Hand over what came; nobody waits for it where the loop has ended meanwhile."""
    if not loop.is_closed():
        loop.call_soon_threadsafe(_set, answer, error)


def _set(answer: "asyncio.Future[str]", error: str) -> None:
    if not answer.done():
        answer.set_result(error)


def sender_of(url: str) -> "Apprise":
    """Return what sends to an address; raises `ValueError` for one that Apprise does not understand."""
    import apprise

    _quieten()
    # Without threads of its own and without files: waiting is bounded here, and nothing is kept.
    asset = apprise.AppriseAsset(
        app_id="Reef", app_desc="Reef", async_mode=False, service_timeout=0, storage_mode="memory"
    )
    service = apprise.Apprise.instantiate(url, asset=asset)
    if not isinstance(service, apprise.NotifyBase):
        raise ValueError("not understood")  # noqa: TRY004 - the value is wrong, not its type
    return apprise.Apprise(service, asset=asset)


def channel_trouble(url: str) -> str:
    """Say what is wrong with a channel's address, without showing it; '' where nothing is."""
    import apprise
    from apprise.manager_plugins import NotificationManager

    _quieten()
    scheme, found, _ = url.partition("://")
    if not found:
        return "it has no scheme such as tgram:// or mailto://"
    known: list[str] = NotificationManager().schemas()  # type: ignore[no-untyped-call]
    if scheme.lower() not in known:
        return f"Apprise knows no {scheme[:20]}://; {nearest_hint(scheme, known)[:60]}"
    try:
        sender_of(url)
    except (ValueError, apprise.exception.AppriseException):
        return f"Apprise does not understand what stands behind {scheme}://"
    return ""


def scrubbed(text: str, url: str) -> str:
    """Take an address, and each part of it that may be secret, out of a text."""
    parts = {part for part in re.split(r"[/:@?&=,]+", url.partition("://")[2]) if len(part) >= SHORTEST_PART}
    for part in sorted({url, *parts, *map(unquote, parts)}, key=len, reverse=True):
        text = text.replace(part, BLOT)
    return text


def _quieten() -> None:
    """Keep what Apprise logs to itself: it may name addresses, and what matters is in its results."""
    logger = logging.getLogger("apprise")
    logger.propagate = False
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
