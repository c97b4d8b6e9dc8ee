"""`reef signals`: each signal read once, what it says and what it is worth."""

import asyncio
from datetime import datetime

import typer
from msgspec import Struct

from bot.cli.opening import secrets_of, settings_from
from bot.cli.options import DEFAULT_CONFIG, AsJson, Config
from bot.cli.output import Column, console, print_json, say, table
from bot.clock import SystemClock
from bot.documents import show_duration
from bot.logs import configure_logs
from bot.model import CommandSource, FileSource, Number, SignalTerms, Unknown
from bot.signals import SignalKeeper

COLUMNS = (Column("signal"), Column("value", right=True), Column("age", right=True), "told")


class Told(Struct, frozen=True):
    """One signal, as it was read just now."""

    name: str
    source: str
    """`url`, `file` or `command`."""
    value: Number
    """What it is worth to a rule now."""
    read: float | None
    """What its source says, None where it could not be read."""
    at: datetime | None
    """When that was true."""
    age_seconds: float | None
    reason: str
    """Why it could not be read, or does not count any more; '' where neither is so."""


def signals(config: Config = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Read each signal of the settings once: its value, how old it is, and why there is none.

    No venue is asked, and no API keys are needed. Exit code 1 where one could not be read or is too old.

    Example: reef signals --config reef.yaml
    """
    settings = settings_from(config, connect=False, tokens=True)
    configure_logs(as_json=False, level="critical", secrets=secrets_of(settings))
    clock = SystemClock()
    tokens = {name: token.get_secret_value() for name, token in settings.signal_tokens.items()}
    keeper = SignalKeeper(settings.signals, tokens, clock)
    asyncio.run(keeper.read_all(terms.name for terms in settings.signals))
    told = [_told(keeper, terms, clock.now()) for terms in keeper.signals]
    if as_json:
        print_json({"signals": told})
    elif told:
        console.print(table("", COLUMNS, [_row(one) for one in told]))
    else:
        say("the settings have no signals")
    if any(one.reason for one in told):
        raise typer.Exit(1)


def _told(keeper: SignalKeeper, terms: SignalTerms, now: datetime) -> Told:
    standing, last = keeper.standing(terms.name), keeper.standing(terms.name).last
    age = None if last is None else round((now - last.at).total_seconds(), 3)
    reason = standing.failure
    if not reason and age is not None and age > terms.max_age.total_seconds():
        reason = f"older than {show_duration(terms.max_age)}"
    return Told(
        name=terms.name,
        source=_kind(terms),
        value=keeper.value(terms.name, now),
        read=None if last is None else last.value,
        at=None if last is None else last.at,
        age_seconds=age,
        reason=reason,
    )


def _kind(terms: SignalTerms) -> str:
    if isinstance(terms.source, FileSource):
        return "file"
    return "command" if isinstance(terms.source, CommandSource) else "url"


def _row(told: Told) -> tuple[str, ...]:
    value = "unknown" if isinstance(told.value, Unknown) else f"{told.value:,.10g}"
    age = "" if told.age_seconds is None else f"{told.age_seconds:,.0f} s"
    stands_in = told.reason and not isinstance(told.value, Unknown)
    return told.name, value, age, f"{told.reason}; by if_stale" if stands_in else told.reason
