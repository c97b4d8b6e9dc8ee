"""`reef status`: how things stand at each account's last cycle, from the journal."""

import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from bot.cli.opening import journal_path
from bot.cli.options import DEFAULT_CONFIG, AsJson, Config, JournalPath
from bot.cli.output import Column, console, number, percent, print_json, say, table
from bot.cli.silence import silence_line
from bot.cli.standing import AccountStanding, Act, Whole, read_standing
from bot.cli.standstill import blind_lines, halt_lines
from bot.clock import Clock, SystemClock
from bot.errors import MisuseError
from bot.execution import Halt
from bot.journal import open_journal
from bot.model import Churning
from bot.record import Status
from bot.risk.carrying import HedgeShown

OLD_AFTER_SECONDS = 60.0
"""A cycle is old this long after the next one was due."""
REFRESH_SECONDS = 1.0
COLUMNS = (
    Column("account"),
    Column("seen", right=True),
    Column("mode"),
    Column("equity", right=True),
    Column("margin", right=True),
    Column("room", right=True),
    Column("stops", right=True),
    Column("what to know", wrap=True),
)

Watch = Annotated[bool, typer.Option("--watch", "-w", help="Keep it on the screen, until Ctrl-C.")]
Alive = Annotated[
    bool, typer.Option("--alive", help="Only say whether the daemon does its work: for health checks.")
]


def status(
    journal: JournalPath = None,
    config: Config = DEFAULT_CONFIG,
    watch: Watch = False,
    alive: Alive = False,
    as_json: AsJson = False,
) -> None:
    """Show equity, margin ratio, room to liquidation, stops, active findings and halts of each account.

    Of an account that is blind or halted: since when, why, what goes on meanwhile, and the way back. Below
    stand the silences of notifications.

    Exit code 1 where a finding is active, a position is without its stop, a figure of the venue is far
    from the recomputed one, a price is apart from the others, an account is blind or halted, or its last
    cycle failed or the next one is overdue by a minute. With --alive, for health checks, only where the
    daemon does not do its work: it has ended, is gone or hangs, or every account's next look is overdue by a
    minute.

    Example: reef status --config reef.yaml
    """
    if watch and (as_json or alive):
        raise MisuseError("--watch is for people: give it without --json and --alive")
    path, clock = journal_path(journal, config), SystemClock()
    if watch:
        keep_showing(path, clock)
        return
    whole = read(path, clock)
    if as_json:
        print_json(as_value(whole, alive=alive))
    elif alive:
        say(f"{whole.daemon.said}; {'well' if is_alive(whole) else 'NOT WELL'}.")
    else:
        for line in shown(whole):
            console.print(line, soft_wrap=isinstance(line, Text))
    if not is_alive(whole) if alive else is_troubled(whole):
        raise typer.Exit(1)


def read(path: Path, clock: Clock) -> Whole:
    """Read how things stand."""
    with open_journal(path, create=False, read_only=True) as opened:
        return read_standing(opened, clock)


def keep_showing(path: Path, clock: Clock) -> None:
    """Show how things stand, read anew each second, until it is interrupted."""
    whole = read(path, clock)
    with Live(_page(whole), console=console, screen=console.is_terminal, auto_refresh=False) as live:
        while True:
            live.update(_page(read(path, clock)), refresh=True)
            time.sleep(REFRESH_SECONDS)


def _page(whole: Whole) -> Group:
    return Group(Text(f"{whole.at:%Y-%m-%d %H:%M:%S} UTC", style="dim"), *shown(whole))


def shown(whole: Whole) -> Iterator[Table | Text]:
    """What people see: a table of accounts, what a blindness or a halt means, and the daemon."""
    rows = [row(name, one, whole.at) for name, one in sorted(whole.accounts.items())]
    yield table("", COLUMNS, rows) if rows else Text("No cycle is recorded yet.")
    seen = {name: one.status for name, one in whole.accounts.items()}
    halts = {name: one.halt for name, one in whole.accounts.items()}
    for line in standstills(seen, halts, whole.everybody):
        yield Text(line)
    for one in whole.silences:
        yield Text(silence_line(one))
    yield Text(f"{whole.daemon.said}.", style="" if whole.daemon.alive else "yellow")


def as_value(whole: Whole, *, alive: bool) -> object:
    """Turn it into what scripts read."""
    if alive:
        return {"alive": is_alive(whole), "daemon": whole.daemon.said}
    return {
        name: {
            "status": one.status,
            "age_seconds": age(one.status, whole.at),
            "halted": one.halt,
            "open_intents": one.open_intents,
            "waits_for_approval": one.waiting,
            "silences": [silence for silence in whole.silences if silence.account in ("", name)],
            "last_action": one.last,
            "daemon_alive": whole.daemon.alive,
        }
        for name, one in whole.accounts.items()
    }


def is_alive(whole: Whole) -> bool:
    """Whether the daemon lives and looked at some account when it should, or failed to with a reason."""
    known = [one.status for one in whole.accounts.values() if one.status is not None]
    looked = any(one.error or one.blind is not None or not old(one, whole.at) for one in known)
    return whole.daemon.alive and looked


def is_troubled(whole: Whole) -> bool:
    """Whether somebody should look."""
    return whole.everybody is not None or any(
        troubled(one.status, one.halt, whole.at) for one in whole.accounts.values()
    )


def age(one: Status | None, now: datetime) -> float | None:
    """Seconds since the last cycle that was recorded."""
    return None if one is None else (now - one.at).total_seconds()


def troubled(one: Status | None, halt: Halt | None, now: datetime) -> bool:
    """Whether somebody should look at an account."""
    if one is None:
        return True
    wrong = one.error or one.active or halt or one.unprotected or one.differences or one.doubts or one.blind
    return bool(wrong) or old(one, now)


def standstills(
    seen: Mapping[str, Status | None], halts: Mapping[str, Halt | None], everybody: Halt | None
) -> Iterator[str]:
    """Say of each account that is blind or halted what that means."""
    if everybody is not None:
        yield from halt_lines("", everybody, [one for one in seen.values() if one is not None])
    for name, one in sorted(seen.items()):
        halt = halts[name]
        if halt is not None and halt.account:
            yield from halt_lines(name, halt, [] if one is None else [one])
        if one is not None and one.blind is not None:
            yield from blind_lines(name, one.blind)


def old(one: Status, now: datetime) -> bool:
    """Whether the next cycle is overdue, by the interval that the last one was recorded with."""
    return (now - one.at).total_seconds() > one.poll_seconds + OLD_AFTER_SECONDS


def row(name: str, standing: AccountStanding, now: datetime) -> tuple[str, ...]:
    """One account's line."""
    one, halt = standing.status, standing.halt
    if one is None:
        return (name, "never", *("",) * 5, halt_text(halt))
    notes = [*_troubles(one, halt, now)]
    notes += [f"waits for approval: {standing.waiting} (`reef approve --list`)"] if standing.waiting else []
    notes += [_churn_text(churning) for churning in one.churning]
    notes += [
        f"left alone ({policy.value}): {key.replace('#', ' ')}" for key, policy in one.strangers.items()
    ]
    notes += [hedge_text(hedge) for hedge in one.hedges]
    notes += [f"{standing.open_intents} open intents"] if standing.open_intents else []
    notes = notes or ["all quiet"]
    notes += [last_text(standing.last, now)] if standing.last is not None else []
    return (
        name,
        age_text((now - one.at).total_seconds()),
        "armed" if one.armed else "disarmed",
        number(one.equity),
        percent(one.margin_ratio),
        percent(one.distance, 1),
        f"{one.positions - len(one.unprotected)}/{one.positions}",
        "\n".join(notes),
    )


def _troubles(one: Status, halt: Halt | None, now: datetime) -> Iterator[str]:
    if halt:
        yield halt_text(halt)
    if one.blind is not None:
        yield f"BLIND since {one.blind.since:%Y-%m-%d %H:%M:%S} UTC"
    if one.error:
        yield f"every cycle since has failed: {one.error}"
    elif old(one, now):
        yield "no cycle since: is the daemon running?"
    yield from (f"{finding.rule}: {finding.state.value}" for finding in one.active)
    yield from one.doubts
    yield from (f"unprotected: {key.replace('#', ' ')}{_because(one, key)}" for key in one.unprotected)
    for apart in one.differences:
        yield f"{apart.target.text}: {apart.figure} is {percent(apart.share)} off the venue's"


def hedge_text(one: HedgeShown) -> str:
    """Say what a hedge is against, and what it costs to hold."""
    what = f"hedge {one.key.replace('#', ' ')} {one.contracts:f} ({number(one.notional, 0)} USD)"
    what += f", and {one.pending:f} that may be filled" if one.pending else ""
    parent = one.parent.replace("#", " ")
    if one.orphan:
        return f"{what} WITHOUT PARENT: {parent} is gone; it is closed"
    return f"{what} of {parent}, by {one.rule}: funding {number(one.funding_a_day)} USD a day"


def _churn_text(one: Churning) -> str:
    where = one.item.replace("#", " ")
    return f"churn: {where} is filled up again after {one.rule} trims it, {one.refills} times"


def _because(one: Status, key: str) -> str:
    why = one.unprotected_why.get(key, "")
    return f" ({why})" if why else ""


def last_text(last: Act, now: datetime) -> str:
    """Say what was done last."""
    return f"last: {last.what} ({last.state}), {age_text((now - last.at).total_seconds())}"


def halt_text(halt: Halt | None) -> str:
    """Say that an account is halted."""
    return f"halted by {halt.who}: {halt.why}" if halt else ""


def age_text(seconds: float) -> str:
    """Write an age in the unit that fits it."""
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:,.0f} {unit} ago"
    return f"{seconds:,.0f} s ago"
