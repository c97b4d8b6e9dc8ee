"""Loads what a settings file says about notifications, the heartbeat and metrics."""

import re
from collections.abc import Callable, Sequence
from typing import TypeVar

from msgspec import Struct
from pydantic import SecretStr

from bot.documents import Checked, Document, KeyPath, Mistake, Shape, Words, check_shape, nearest_hint
from bot.model import DailyHour, NoticeTerms, Quiet, Route
from bot.settings.notice_shapes import (
    ChannelShape,
    HeartbeatShape,
    MetricsShape,
    NotificationsShape,
    QuietShape,
    RouteShape,
    SummaryShape,
)
from bot.settings.values import ChannelSettings, HeartbeatSettings, NotificationSettings

M = TypeVar("M", bound=Shape)

_WORDS: Words = {("quiet",): QuietShape.known_keys(), ("summary",): SummaryShape.known_keys()}
_IN_THE_FILE = "a channel's address holds a token and does not belong in this file; take it out"
_SECRETS_FILE = "or write it into the secrets file"
_PLAIN = re.compile(r"[^*?\[\]]+")


class Purse(Struct, frozen=True):
    """Where secrets are found."""

    find: Callable[[str], str]
    """The value of a name, '' where there is none."""
    wanted: bool
    """Whether they are asked for at all, and their file could be read."""
    judge: Callable[[str], str] | None = None
    """Says what is wrong with a channel's address, without showing it; '' where nothing is."""


class NoticeLoader:
    """Loads these parts of one file; `mistakes` collects what is wrong."""

    def __init__(self, document: Document, purse: Purse, accounts: Sequence[str]) -> None:
        self._document = document
        self._purse = purse
        self._accounts = accounts
        self.mistakes: list[Mistake] = []

    def notifications(self, raw: object) -> NotificationSettings | None:
        """Load `notifications`; None where it is not there, or has mistakes."""
        if raw is None:
            return None
        path: KeyPath = ("notifications",)
        before = len(self.mistakes)
        shape, checked = self._shape(NotificationsShape, raw, path, _WORDS)
        if not shape.channels and "channels" not in checked.broken:
            self._add(path, "'channels' is missing")
        found = [self._channel(name, each) for name, each in shape.channels.items()]
        names = tuple(shape.channels)
        routes = [self._route(number, each, names, checked) for number, each in enumerate(shape.routes)]
        quiet, summary = self._quiet(shape.quiet), self._summary(shape.summary)
        if len(self.mistakes) > before:
            return None
        terms = NoticeTerms(
            routes=tuple(routes) or (Route(names),),
            rates={name: rate for name, _, rate in found},
            group=shape.group,
            dedup=shape.dedup,
            repeat=shape.repeat,
            timeout=shape.timeout,
            quiet=quiet,
            summary=summary,
        )
        return NotificationSettings(tuple(ChannelSettings(name, url) for name, url, _ in found), terms)

    def heartbeat(self, raw: object) -> HeartbeatSettings | None:
        """Load `heartbeat`; None where it is not there, or has mistakes."""
        if raw is None:
            return None
        path: KeyPath = ("heartbeat",)
        before = len(self.mistakes)
        shape, checked = self._shape(HeartbeatShape, raw, path)
        if not checked.broken and (shape.url is None) is (shape.url_env is None):
            self._add(path, "exactly one of 'url' and 'url_env' must be given")
        url = shape.url or ""
        if shape.url_env is not None:
            url = self._secret(path, shape.url_env, "heartbeat has no address")
            if url and not url.startswith(("http://", "https://")):
                what = f"what {shape.url_env} holds is not an address"
                self._add((*path, "url_env"), what, "an address that begins with https://")
        if len(self.mistakes) > before:
            return None
        return HeartbeatSettings(SecretStr(url), shape.every.total_seconds())

    def metrics(self, raw: object) -> int | None:
        """Load `metrics`: the port; None where it is not there, or has mistakes."""
        if raw is None:
            return None
        shape, checked = self._shape(MetricsShape, raw, ("metrics",))
        if shape.port is None and not checked.broken:
            self._add(("metrics",), "'port' is missing")
        return shape.port

    def _channel(self, name: str, raw: object) -> tuple[str, SecretStr, int]:
        path: KeyPath = ("notifications", "channels", name)
        if isinstance(raw, dict) and "url" in raw:
            self._add((*path, "url"), f"'url': {_IN_THE_FILE}", "", f"set {variable_of(name)}", key=True)
            raw = {key: value for key, value in raw.items() if key != "url"}
        shape, checked = self._shape(ChannelShape, {} if raw is None else raw, path)
        url = ""
        if "url_env" not in checked.broken:
            variable = shape.url_env or variable_of(name)
            url = self._secret(path, variable, f"channel {name!r} has no address")
            trouble = self._purse.judge(url) if url and self._purse.judge else ""
            if trouble:
                self._add(path, f"channel {name!r}: what {variable} holds is not right: {trouble}")
        return name, SecretStr(url), shape.rate

    def _route(self, number: int, raw: object, names: tuple[str, ...], above: Checked) -> Route:
        path: KeyPath = ("notifications", "routes", number)
        shape, checked = self._shape(RouteShape, raw, path)
        if not shape.channels and "channels" not in checked.broken:
            self._add(path, "'channels' is missing")
        for place, name in enumerate(shape.channels):
            if name not in names and "channels" not in above.broken:
                self._add(
                    (*path, "channels", place), f"there is no channel {name!r}", "", nearest_hint(name, names)
                )
        for pattern in shape.account:
            if _PLAIN.fullmatch(pattern) and self._accounts and pattern not in self._accounts:
                what = f"account: there is no account {pattern!r}"
                self._add((*path, "account"), what, "", nearest_hint(pattern, self._accounts))
        return Route(shape.channels, shape.severity, shape.account, shape.rule, shape.kind)

    def _quiet(self, shape: QuietShape | None) -> Quiet | None:
        if shape is None:
            return None
        path: KeyPath = ("notifications", "quiet")
        for key, value in (("from", shape.begin), ("to", shape.end)):
            if value is None:
                self._add(path, f"'{key}' is missing", 'an hour such as "22:30"')
        if shape.begin is None or shape.end is None:
            return None
        if shape.begin == shape.end:
            self._add(path, "from and to are the same: the quiet hours would never begin, or never end")
        return Quiet(shape.begin, shape.end, shape.zone)

    def _summary(self, shape: SummaryShape | None) -> DailyHour | None:
        if shape is None:
            return None
        if shape.at is None:
            self._add(("notifications", "summary"), "'at' is missing", 'an hour such as "08:00"')
            return None
        return DailyHour(shape.at, shape.zone)

    def _secret(self, path: KeyPath, name: str, lacking: str) -> str:
        value = self._purse.find(name)
        if not value and self._purse.wanted:
            self._add(path, f"{lacking}: set {name}", "", _SECRETS_FILE)
        return value

    def _shape(
        self, shape: type[M], raw: object, path: KeyPath, words: Words | None = None
    ) -> tuple[M, Checked]:
        found, checked = check_shape(shape, raw, self._document, path, words)
        self.mistakes += checked.mistakes
        return found, checked

    def _add(
        self, path: KeyPath, what: str, expected: str = "", hint: str = "", *, key: bool = False
    ) -> None:
        self.mistakes.append(self._document.mistake(path, what, expected, hint, key=key))


def variable_of(channel: str) -> str:
    """Return the default environment variable of a channel: REEF_NOTIFY_PHONE for one named phone."""
    return "REEF_NOTIFY_" + re.sub(r"[^A-Z0-9]", "_", channel.upper())
