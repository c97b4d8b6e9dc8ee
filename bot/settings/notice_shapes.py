"""The shape of what a settings file says about notifications, the heartbeat and metrics."""

import re
from datetime import time, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import BeforeValidator, Field

from bot.documents import Shape, WordingError, nearest_hint, shown, span, within, word_of
from bot.model import NoticeKind, Severity
from bot.settings.shapes import Url, Variable, whole

MOST_CHANNELS = 20
MOST_ROUTES = 100
_HOUR = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])")
_CHANNEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}")


def _hour(value: object) -> time:
    found = _HOUR.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        raise WordingError(f"{shown(value)} is not an hour", 'an hour such as "22:30"')
    return time(int(found[1]), int(found[2]))


def _zone(value: object) -> str:
    expected = "a time zone such as UTC or Europe/Berlin"
    if not isinstance(value, str):
        raise WordingError(f"{shown(value)} is not a time zone", expected)
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        hint = nearest_hint(value, available_timezones())
        raise WordingError(
            f"{shown(value)} is not a time zone", expected, hint if hint.startswith("did") else ""
        ) from None
    return value


def _patterns(value: object) -> tuple[str, ...]:
    listed = value if isinstance(value, list) else [value]
    found = tuple(one.strip() for one in listed if isinstance(one, str))
    if not found or not all(found) or len(found) < len(listed):
        raise WordingError(f"{shown(value)} is not right", "a pattern, or a list of patterns")
    return found


def _kinds(value: object) -> tuple[NoticeKind, ...]:
    listed = value if isinstance(value, list) else [value]
    if not listed:
        raise WordingError("a list without a word is not right", "a kind, or a list of kinds")
    return tuple(map(word_of(NoticeKind), listed))


def _channels(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or not all(isinstance(one, str) for one in value):
        raise WordingError(f"{shown(value)} is not right", "a list of channels such as [phone, mail]")
    if len(set(value)) < len(value):
        raise WordingError("a channel is named twice", "each channel once, the one that stands in last")
    return tuple(value)


def _named(value: object) -> dict[str, Any]:
    expected = "a mapping of names to channels"
    if not isinstance(value, dict) or not value:
        raise WordingError(f"{shown(value)} is not right", expected)
    if len(value) > MOST_CHANNELS:
        raise WordingError(f"more than {MOST_CHANNELS} channels")
    wrong = next((name for name in value if not _CHANNEL.fullmatch(name)), None)
    if wrong is not None:
        raise WordingError(f"{shown(wrong)} is not a name", "up to 32 letters, digits, - and _")
    return value


def _listed(value: object) -> tuple[object, ...]:
    if not isinstance(value, list) or not value:
        raise WordingError(f"{shown(value)} is not right", "a list of at least one route")
    if len(value) > MOST_ROUTES:
        raise WordingError(f"more than {MOST_ROUTES} routes")
    return tuple(value)


Hour = Annotated[time, BeforeValidator(_hour)]
Zone = Annotated[str, BeforeValidator(_zone)]


class ChannelShape(Shape):
    """One channel; its address comes from the environment, since it holds a token."""

    url_env: Variable | None = None
    rate: Annotated[int, BeforeValidator(within(whole, 1, 1000))] = 60


class RouteShape(Shape):
    """One route: what of it is not given fits everything."""

    severity: Annotated[Severity, BeforeValidator(word_of(Severity))] = Severity.INFO
    account: Annotated[tuple[str, ...], BeforeValidator(_patterns)] = ()
    rule: Annotated[tuple[str, ...], BeforeValidator(_patterns)] = ()
    kind: Annotated[tuple[NoticeKind, ...], BeforeValidator(_kinds)] = ()
    channels: Annotated[tuple[str, ...], BeforeValidator(_channels)] = ()


class QuietShape(Shape):
    """`quiet`: hours in which only what is critical is told."""

    begin: Annotated[Hour | None, Field(alias="from")] = None
    end: Annotated[Hour | None, Field(alias="to")] = None
    zone: Zone = "UTC"


class SummaryShape(Shape):
    """`summary`: when the day is told."""

    at: Hour | None = None
    zone: Zone = "UTC"


class NotificationsShape(Shape):
    """`notifications`; channels and routes are validated one by one."""

    channels: Annotated[dict[str, Any], BeforeValidator(_named)] = Field(default_factory=dict)
    routes: Annotated[tuple[Any, ...], BeforeValidator(_listed)] = ()
    group: Annotated[timedelta, span(timedelta(0), timedelta(minutes=1))] = timedelta(seconds=3)
    dedup: Annotated[timedelta, span(timedelta(0), timedelta(days=1))] = timedelta(minutes=10)
    repeat: Annotated[timedelta, span(timedelta(minutes=1), timedelta(days=1))] = timedelta(minutes=15)
    timeout: Annotated[timedelta, span(timedelta(seconds=1), timedelta(minutes=1))] = timedelta(seconds=20)
    quiet: QuietShape | None = None
    summary: SummaryShape | None = None


class HeartbeatShape(Shape):
    """`heartbeat`: the address that is called while all is well."""

    url: Url | None = None
    url_env: Variable | None = None
    every: Annotated[timedelta, span(timedelta(seconds=5), timedelta(hours=1))] = timedelta(minutes=1)


class MetricsShape(Shape):
    """`metrics`: where Prometheus finds them, on loopback."""

    port: Annotated[int | None, BeforeValidator(within(whole, 1, 65535))] = None
