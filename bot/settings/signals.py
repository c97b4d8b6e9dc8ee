"""`signals` of the settings: numbers from outside, each with one source."""

import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated
from urllib.parse import parse_qsl, urlsplit

from pydantic import BeforeValidator, Field

from bot.documents import (
    Checked,
    Document,
    KeyPath,
    Mistake,
    Shape,
    WordingError,
    check_shape,
    parse_number,
    show_duration,
    shown,
    span,
)
from bot.model import CommandSource, FileSource, IfStale, SignalTerms, UrlSource, may_ask
from bot.settings.secrets import INLINE
from bot.settings.shapes import NAME, Text, Variable

SOURCES = ("url", "file", "command")
EXPECTED_URL = "an address such as https://api.alternative.me/fng/"

_HEADER = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}")
_OWN_HEADERS = frozenset({"host", "content-length", "connection", "accept-encoding", "transfer-encoding"})
_STEP_UP = {"~1": "/", "~0": "~"}
_MAX_STEPS = 20


def _url(value: object) -> str:
    text = value.strip() if isinstance(value, str) else ""
    try:
        parts = urlsplit(text)
        right = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        right = False
    if not right or len(text) > 2000 or any(one.isspace() or not one.isprintable() for one in text):
        raise WordingError("this is not an address", EXPECTED_URL)
    if "@" in parts.netloc:
        raise WordingError("an address may hold no user and no password", EXPECTED_URL)
    for key, _ in parse_qsl(parts.query, keep_blank_values=True):
        if key.lower().replace("-", "_") in INLINE:
            hint = "send it as a header, by headers_env"
            raise WordingError("an address may hold no secret", "", hint)
    return text


def _command(value: object) -> tuple[str, ...]:
    expected = "a list such as [./flows.sh, --today]"
    if not isinstance(value, list) or not value:
        raise WordingError(f"{shown(value)} is not a list", expected, "no shell reads it")
    for word in value:
        if not isinstance(word, str) or not word or "\0" in word:
            raise WordingError(f"{shown(word)} is not text", expected, "put quotes around it")
    return tuple(value)


def _path(value: object) -> tuple[str, ...]:
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not text.strip():
        raise WordingError(f"{shown(value)} is not a path", "a path such as data.0.value or /data/0/value")
    pointer = text.startswith("/")
    steps = text[1:].split("/") if pointer else text.split(".")
    if len(steps) > _MAX_STEPS or not all(steps):
        raise WordingError(f"{shown(value)} is not a path", "a path such as data.0.value or /data/0/value")
    if pointer:
        steps = [re.sub("~[01]", lambda found: _STEP_UP[found[0]], step) for step in steps]
    return tuple(steps)


def _if_stale(value: object) -> IfStale | float:
    if isinstance(value, str) and value in {word.value for word in IfStale}:
        return IfStale(value)
    try:
        return float(parse_number(value))
    except WordingError:
        raise WordingError(f"{shown(value)} is not known", "unknown, last, or a number") from None


def _header(value: object) -> str:
    if not isinstance(value, str) or not _HEADER.fullmatch(value) or value.lower() in _OWN_HEADERS:
        raise WordingError("this is not the name of a header", "a name such as Authorization")
    return value


Path_ = Annotated[tuple[str, ...], BeforeValidator(_path)]


class SignalShape(Shape):
    """One signal. None and () stand for keys that are not there."""

    url: Annotated[str | None, BeforeValidator(_url)] = None
    file: Text | None = None
    command: Annotated[tuple[str, ...], BeforeValidator(_command)] = ()
    path: Path_ = ()
    at: Path_ = ()
    every: Annotated[timedelta, span(timedelta(seconds=5), timedelta(days=1))] = timedelta(minutes=5)
    timeout: Annotated[timedelta, span(timedelta(milliseconds=100), timedelta(minutes=1))] = timedelta(
        seconds=10
    )
    max_age: Annotated[timedelta | None, span(timedelta(seconds=5), timedelta(days=366))] = None
    if_stale: Annotated[IfStale | float, BeforeValidator(_if_stale)] = IfStale.UNKNOWN
    headers_env: dict[Annotated[str, BeforeValidator(_header)], Variable] = Field(default_factory=dict)
    plain_http: bool = False


class SignalReader:
    """Reads the signals of one settings file; collects mistakes on the way."""

    def __init__(self, document: Document, folder: Path) -> None:
        self._document = document
        self._folder = folder
        self.mistakes: list[Mistake] = []

    def read(self, entries: Mapping[str, object]) -> tuple[SignalTerms, ...]:
        """Return those that are right."""
        found = [self._signal(name, raw) for name, raw in entries.items()]
        return tuple(one for one in found if one is not None)

    def tokens(self, signals: tuple[SignalTerms, ...], secret: Callable[[str], str]) -> dict[str, str]:
        """Find the values of all headers by the variables that hold them."""
        found: dict[str, str] = {}
        for terms in signals:
            headers = terms.source.headers if isinstance(terms.source, UrlSource) else {}
            for header, variable in headers.items():
                found[variable] = secret(variable)
                if not found[variable]:
                    what = f"signal {terms.name!r} has no value for the header {header}: set {variable}"
                    self._add(("signals", terms.name, "headers_env", header), what)
        return found

    def _signal(self, name: str, raw: object) -> SignalTerms | None:
        path: KeyPath = ("signals", name)
        before = len(self.mistakes)
        if not NAME.fullmatch(name):
            expected = "up to 32 letters, digits, - and _, beginning with a letter or digit"
            self._add(path, f"signals: {shown(name)} is not a name", expected, key=True)
        shape, checked = check_shape(SignalShape, raw, self._document, path)
        self.mistakes += checked.mistakes
        if not isinstance(raw, dict):
            return None
        self._check_source(path, shape, checked)
        self._check_times(path, shape, checked)
        if len(self.mistakes) > before or shape.max_age is None:
            return None
        return SignalTerms(
            name=name,
            source=self._source(shape),
            max_age=shape.max_age,
            every=shape.every,
            timeout=shape.timeout,
            if_stale=shape.if_stale,
            path=shape.path,
            at=shape.at,
        )

    def _source(self, shape: SignalShape) -> UrlSource | FileSource | CommandSource:
        if shape.url is not None:
            return UrlSource(shape.url, dict(shape.headers_env), shape.plain_http)
        if shape.file is not None:
            return FileSource(self._folder / Path(shape.file).expanduser())
        return CommandSource(shape.command, self._folder)

    def _check_source(self, path: KeyPath, shape: SignalShape, checked: Checked) -> None:
        named = [key for key in SOURCES if getattr(shape, key) or key in checked.broken]
        if len(named) != 1:
            what = "a signal has one source" if named else "the signal has no source"
            self._add(path, f"{what}, not {' and '.join(named)}" if named else what, "url, file or command")
        if "url" not in named:
            for key in ("headers_env", "plain_http"):
                if getattr(shape, key):
                    self._add((*path, key), f"{key} is for a url", "", "take it out", key=True)
        elif shape.url and not may_ask(shape.url, plain_http=shape.plain_http):
            what = "url: without encryption anybody on the way can change the number"
            self._add((*path, "url"), what, "https", "or write plain_http: true")

    def _check_times(self, path: KeyPath, shape: SignalShape, checked: Checked) -> None:
        if "max_age" not in checked.broken and shape.max_age is None:
            self._add(path, "'max_age' is missing: for how long does a value count?")
        if shape.max_age is not None and shape.max_age < shape.every:
            every = show_duration(shape.every)
            what = f"max_age: a value would be too old before the next is read, every {every}"
            self._add((*path, "max_age"), what, f"{every} or more")
        if shape.timeout > shape.every:
            what = f"timeout: it is longer than every, {show_duration(shape.every)}"
            self._add((*path, "timeout"), what)

    def _add(
        self, path: KeyPath, what: str, expected: str = "", hint: str = "", *, key: bool = False
    ) -> None:
        self.mistakes.append(self._document.mistake(path, what, expected, hint, key=key))
