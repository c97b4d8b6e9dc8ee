"""`reef silence`: notifications that are not wanted for a while, through the journal."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from bot.cli.control import operator, stated
from bot.cli.opening import account_of, journal_path
from bot.cli.options import DEFAULT_CONFIG, AccountName, AsJson, Config, JournalPath
from bot.cli.output import print_json, say
from bot.clock import SystemClock
from bot.documents import WordingError, parse_duration
from bot.errors import MisuseError
from bot.journal import Journal, open_journal
from bot.notifications.silence import Silence, end_silence, silence, silences

LONGEST = timedelta(days=30)
DOES = "Only telling stops: the guard trims, protects and halts as before, and the journal records it."
ENDS = "What still lasts then is told again. `reef silence --end` ends it sooner."

Rule = Annotated[
    str | None, typer.Option("--rule", help="Only what comes from rules of this name, or pattern.")
]
For = Annotated[str | None, typer.Option("--for", help="How long, such as 30m or 8h; 30 days at most.")]
Until = Annotated[str | None, typer.Option("--until", help="Until when, such as 2026-01-31T08:00 (UTC).")]
Why = Annotated[str, typer.Option("--why", help="The reason, for the record.")]
End = Annotated[bool, typer.Option("--end", help="End the silence of this account and rule now.")]


def silence_command(
    why: Why,
    length: For = None,
    until: Until = None,
    account: AccountName = None,
    rule: Rule = None,
    end: End = False,
    config: Config = DEFAULT_CONFIG,
    journal: JournalPath = None,
    as_json: AsJson = False,
) -> None:
    """Stop notifications of an account or a rule for a while. Actions go on: nothing else changes.

    It silences what is critical too, and covers all accounts without --account. It ends by its time or with
    --end, given with the same --account and --rule; what still lasts then is told again.

    Example: reef silence --account main --rule "leverage cap" --for 2h --why "known, adding margin"
    """
    reason = stated(why)
    now = SystemClock().now()
    moment = None if end else last_moment(length, until, now)
    if end and (length or until):
        raise MisuseError("--end ends a silence now: give neither --for nor --until with it")
    with open_journal(journal_path(journal, config), create=False) as opened:
        name = account_of(account, opened, config, journal) or ""
        pattern = (rule or "").strip()
        if moment is not None:
            wanted = Silence(name, pattern, moment, operator(), reason, now)
            silence(opened, wanted)
            tell(wanted, as_json=as_json)
            return
        ended = end_silence(opened, name, pattern, who=operator(), why=reason, at=now)
        tell_end(opened, ended, now, as_json=as_json)
    if ended is None:
        raise typer.Exit(1)


def tell(wanted: Silence, *, as_json: bool) -> None:
    """Say what is silent now, and what is not."""
    if as_json:
        print_json({"silenced": wanted})
        return
    say(f"Notifications of {wanted.what} are silent until {wanted.until:%Y-%m-%d %H:%M} UTC: {wanted.why}.")
    say(f"{DOES} {ENDS}")


def tell_end(opened: Journal, ended: Silence | None, now: datetime, *, as_json: bool) -> None:
    """Say what is told again, or which silences there are."""
    lasting = silences(opened, now)
    if as_json:
        print_json({"ended": ended, "silences": lasting})
    elif ended is not None:
        say(f"Notifications of {ended.what} are told again; what lasts is told anew.")
    else:
        say("There is no such silence to end.")
        for one in lasting:
            say(silence_line(one))


def silence_line(one: Silence) -> str:
    """Say of a silence what, until when, who and why."""
    return f"Silent: {one.what} until {one.until:%Y-%m-%d %H:%M} UTC, by {one.who}: {one.why}"


def last_moment(length: str | None, until: str | None, now: datetime) -> datetime:
    """Return when a silence ends; raises `MisuseError` where that is not said well."""
    if (length is None) is (until is None):
        raise MisuseError("say how long: give one of --for and --until (or --end)")
    moment = now + _duration(length) if length is not None else _moment(until or "")
    if moment <= now:
        raise MisuseError("that is over already: a silence ends later than now")
    if moment - now > LONGEST:
        raise MisuseError(f"a silence lasts {LONGEST.days} days at most, so that none is forgotten")
    return moment


def _duration(text: str) -> timedelta:
    try:
        return parse_duration(text)
    except WordingError as error:
        raise MisuseError(f"--for: {error.what}; expected {error.expected}") from None


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        what = f"--until: {text!r} is not a time; expected one such as 2026-01-31T08:00"
        raise MisuseError(what) from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
