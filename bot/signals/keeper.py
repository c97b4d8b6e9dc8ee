"""Keeps the last value of each signal, and says what it is worth now."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

import structlog
from msgspec import Struct

from bot.clock import Clock
from bot.model import CommandSource, FileSource, IfStale, Number, SignalTerms, Unknown
from bot.signals.answers import Reading, SignalError, read_answer
from bot.signals.local import read_file, run
from bot.signals.web import fetch

AHEAD = timedelta(minutes=5)
"""A source's own time that is further ahead cannot be right."""

log = structlog.get_logger(__name__)


class Standing(Struct, frozen=True):
    """What is known of a signal."""

    last: Reading | None = None
    """The last that could be read."""
    failure: str = ""
    """Why the last try failed; '' where it did not."""


class SignalKeeper:
    """The signals of one process. A value that was read serves until it is too old, whatever fails since."""

    def __init__(self, signals: Sequence[SignalTerms], tokens: Mapping[str, str], clock: Clock) -> None:
        self._terms = {terms.name: terms for terms in signals}
        self._tokens = tokens
        self._clock = clock
        self._standings: dict[str, Standing] = {}

    @property
    def signals(self) -> tuple[SignalTerms, ...]:
        """All signals, in the order of the settings."""
        return tuple(self._terms.values())

    def standing(self, name: str) -> Standing:
        """Return what is known of a signal."""
        return self._standings.get(name, Standing())

    def values(self, names: Iterable[str], now: datetime) -> dict[str, Number]:
        """Return what these signals are worth at `now`."""
        return {name: self.value(name, now) for name in sorted(names)}

    def value(self, name: str, now: datetime) -> Number:
        """Return what a signal is worth at `now`; unknown with its reason."""
        terms = self._terms.get(name)
        if terms is None:
            return Unknown(f"the settings have no signal {name}")
        standing = self.standing(name)
        last = standing.last
        if last is not None and now - last.at <= terms.max_age:
            return last.value
        if isinstance(terms.if_stale, float):
            return terms.if_stale
        if last is not None and terms.if_stale is IfStale.LAST:
            return last.value
        return Unknown(_why(terms, standing, now))

    async def read(self, name: str) -> None:
        """Read one signal now, within its time-out. A failure is kept and told, never raised."""
        terms, before = self._terms[name], self.standing(name)
        try:
            reading = await self._reading(terms)
        except SignalError as error:
            failure = str(error)
            if failure != before.failure:
                log.warning("a signal could not be read", signal=name, error=failure)
            self._standings[name] = Standing(before.last, failure)
            return
        if before.failure:
            log.info("a signal can be read again", signal=name)
        self._standings[name] = Standing(reading)

    async def read_all(self, names: Iterable[str]) -> None:
        """Read these signals at once, those that the settings have."""
        await asyncio.gather(*(self.read(name) for name in sorted(set(names) & self._terms.keys())))

    async def _reading(self, terms: SignalTerms) -> Reading:
        seconds = terms.timeout.total_seconds()
        asked = self._clock.now()
        try:
            async with asyncio.timeout(seconds):
                body, at = await self._body(terms, asked)
        except TimeoutError:
            raise SignalError(f"no answer within {seconds:g} s") from None
        reading = read_answer(body, terms.path, terms.at, at)
        if reading.at - asked > AHEAD:
            raise SignalError(f"the source says that it is of {reading.at:%Y-%m-%d %H:%M} UTC: yet to come")
        return reading

    async def _body(self, terms: SignalTerms, asked: datetime) -> tuple[bytes, datetime]:
        """Return the answer, and when it was true unless it says so itself."""
        source = terms.source
        if isinstance(source, FileSource):
            return await asyncio.to_thread(read_file, source.file)
        if isinstance(source, CommandSource):
            return await run(source), asked
        headers = {name: self._tokens[variable] for name, variable in source.headers.items()}
        return await fetch(source, headers), asked


def _why(terms: SignalTerms, standing: Standing, now: datetime) -> str:
    failed = f": {standing.failure}" if standing.failure else ""
    if standing.last is None:
        return (
            f"the signal {terms.name} could not be read{failed}"
            if failed
            else (f"the signal {terms.name} has not been read yet")
        )
    age, most = _rounded(now - standing.last.at), terms.max_age
    last = f"; the last reading failed{failed}" if failed else ""
    return f"the signal {terms.name} is {age} old, and counts for {most}{last}"


def _rounded(span: timedelta) -> timedelta:
    return timedelta(seconds=round(span.total_seconds()))
