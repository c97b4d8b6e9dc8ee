"""Accounts to reckon with: as they stand at the venue, as a journal last saw them, or the demo's."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from msgspec import Struct
from msgspec.structs import replace

from bot.cli.options import AccountName, chosen_account
from bot.decision import DecisionInput
from bot.errors import MisuseError
from bot.rules import RuleSet, load_rules, profile_path, rules_path

if TYPE_CHECKING:
    from bot.journal import Journal

Recorded = Annotated[
    Path | None,
    typer.Option("--journal", help="Take the last recorded input of this journal; asks no venue."),
]
Demo = Annotated[
    bool, typer.Option("--demo", help="Take the demo's account; needs no settings and no network.")
]
RulesChoice = Annotated[
    str | None, typer.Option("--rules", help="Try these rules instead: a file, or the name of a profile.")
]


class Sight(Struct, frozen=True):
    """One account with its rules, or why it could not be seen."""

    account: str
    given: DecisionInput | None
    rules: RuleSet | None
    listed: frozenset[str] = frozenset()
    """Symbols of the venue's markets; empty where they are not known."""
    error: str = ""
    hedged_by: str = ""
    """The account that its owner keeps against it; '' without one."""


class Wanted(Struct, frozen=True):
    """Which accounts, and where from."""

    config: Path
    account: str | None
    journal: Path | None
    demo: bool
    live: bool
    rules: str | None
    also: frozenset[str] = frozenset()
    """Symbols that are looked at although nothing is held there."""


def look(wanted: Wanted) -> list[Sight]:
    """Look at the accounts. Raises `MisuseError` for what does not go together or is not there."""
    if wanted.demo and wanted.journal is not None:
        raise MisuseError("--demo and --journal exclude each other: take one of them")
    tried = None if wanted.rules is None else load_rules(rules_path(wanted.rules, Path.cwd()))
    if wanted.demo:
        chosen_account(wanted.account, ("demo",))
        return [_demo(tried or load_rules(profile_path("balanced")), wanted.also)]
    if wanted.journal is not None:
        from bot.journal import open_journal

        with open_journal(wanted.journal, create=False, read_only=True) as journal:
            found = list(_recorded(journal, wanted.account))
    else:
        found = _live(wanted)
    return [one if tried is None else replace(one, rules=tried) for one in found]


def _demo(rules: RuleSet, also: frozenset[str]) -> Sight:
    from bot.demo.recorded import ACCOUNT, first_look

    seen = first_look(rules, also)
    return Sight(ACCOUNT, seen.given, rules, seen.listed)


def _recorded(journal: "Journal", account: str | None) -> Iterator[Sight]:
    from bot.journal.records import Decision, Kind
    from bot.replaying import recorded_rules

    names = journal.accounts()
    chosen_account(account, names)
    for name in names if account is None else (account,):
        given, rules = None, None
        for entry in journal.entries(kind=Kind.DECISION, account=name, newest=True, limit=1):
            body = entry.record
            if isinstance(body, Decision):
                given, rules = journal.blob(body.input), journal.blob(body.rules)
        if given is None or rules is None:
            yield Sight(name, None, None, error=f"{journal.path} holds no decision of {name} with its input")
            continue
        try:
            read = msgspec.json.decode(given, type=DecisionInput)
        except msgspec.DecodeError as error:
            yield Sight(name, None, None, error=f"this version cannot read the last input of {name}: {error}")
            continue
        yield Sight(name, read, recorded_rules(rules))


def _live(wanted: Wanted) -> list[Sight]:
    import asyncio

    from bot.bootstrap import prepare  # ccxt takes a while to import
    from bot.cli.check import look_at_all
    from bot.cli.opening import secrets_of, settings_from
    from bot.clock import SystemClock
    from bot.logs import configure_logs

    settings = settings_from(wanted.config, live=wanted.live)
    chosen_account(wanted.account, tuple(one.name for one in settings.accounts))
    rules = prepare(settings).rules
    configure_logs(as_json=False, level="error", secrets=secrets_of(settings))
    accounts = {one: rules[one.name] for one in settings.accounts if wanted.account in (None, one.name)}
    against = {one.name: one.hedged_by for one in settings.accounts}
    found = []
    for one in asyncio.run(look_at_all(settings, accounts, SystemClock(), wanted.also)):
        seen = one.seen
        if seen is None:
            found.append(Sight(one.account, None, None, error=one.error, hedged_by=against[one.account]))
        else:
            given, listed = seen.given, seen.listed
            found.append(
                Sight(one.account, given, rules[one.account], listed, hedged_by=against[one.account])
            )
    return found


__all__ = ["AccountName", "Demo", "Recorded", "RulesChoice", "Sight", "Wanted", "look"]
