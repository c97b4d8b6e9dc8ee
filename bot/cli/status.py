"""`reef status`: how things stood at each account's last cycle, from the journal."""

from collections.abc import Iterator, Mapping
from datetime import datetime

import typer

from bot.cli.options import DEFAULT_CONFIG, AsJson, Config, JournalPath, open_for_reading
from bot.cli.output import Column, console, number, percent, print_json, say, table
from bot.cli.silence import silence_line
from bot.cli.standstill import blind_lines, halt_lines
from bot.clock import SystemClock
from bot.execution import Halt, approvals, halted
from bot.model import Churning
from bot.notifications.silence import silences
from bot.record import STATUS, Status, remembered_status
from bot.risk.carrying import HedgeShown

OLD_AFTER_SECONDS = 60.0
COLUMNS = (
    Column("account"),
    Column("seen", right=True),
    Column("mode"),
    Column("equity", right=True),
    Column("margin ratio", right=True),
    Column("positions", right=True),
    Column("what to know", wrap=True),
)


def status(journal: JournalPath = None, config: Config = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Show equity, margin ratio, active findings and halts of each account, as its last cycle left them.

    Of an account that is blind or halted: since when, why, what goes on meanwhile, and the way back. Below
    stand the silences of notifications.

    Exit code 1 where a finding is active, a position is without its stop, a figure of the venue is far
    from the recomputed one, a price is apart from the others, an account is blind or halted, or its last
    cycle failed or is older than a minute.

    Example: reef status --config reef.yaml
    """
    now = SystemClock().now()
    with open_for_reading(journal, config) as opened:
        seen = {name: remembered_status(opened.load_memory(name, STATUS)) for name in opened.accounts()}
        halts = {name: halted(opened, name) for name in seen}
        open_intents = {name: len(opened.open_intents(name)) for name in seen}
        everybody = halted(opened, "")
        silent = silences(opened, now)
        waiting = {
            one.account: one.body.name
            for one in approvals.proposals(opened, tuple(seen))
            if one.open and approvals.answer_to(opened, one) is None
        }
    if as_json:
        print_json(
            {
                name: {
                    "status": one,
                    "age_seconds": age(one, now),
                    "halted": halts[name],
                    "open_intents": open_intents[name],
                    "silences": [one for one in silent if one.account in ("", name)],
                    "waits_for_approval": waiting.get(name),
                }
                for name, one in seen.items()
            }
        )
    else:
        rows = [
            row(name, one, halts[name], open_intents[name], now, waiting.get(name))
            for name, one in sorted(seen.items())
        ]
        if rows:
            console.print(table("", COLUMNS, rows))
        else:
            say("No cycle is recorded yet.")
        for line in standstills(seen, halts, everybody):
            say(line)
        for one in silent:
            say(silence_line(one))
    if everybody is not None or any(troubled(one, halts[name], now) for name, one in seen.items()):
        raise typer.Exit(1)


def age(one: Status | None, now: datetime) -> float | None:
    """Seconds since the last cycle that was recorded."""
    return None if one is None else (now - one.at).total_seconds()


def troubled(one: Status | None, halt: Halt | None, now: datetime) -> bool:
    """Whether somebody should look."""
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
    """Whether the last cycle is longer ago than any poll interval that is in use."""
    return (now - one.at).total_seconds() > OLD_AFTER_SECONDS


def row(
    name: str,
    one: Status | None,
    halt: Halt | None,
    intents: int,
    now: datetime,
    waiting: str | None = None,
) -> tuple[str, ...]:
    """One account's line."""
    if one is None:
        return (name, "never", "", "", "", "", halt_text(halt))
    notes = [halt_text(halt)] if halt else []
    if one.blind is not None:
        notes.append(f"BLIND since {one.blind.since:%Y-%m-%d %H:%M:%S} UTC")
    notes += [f"every cycle since has failed: {one.error}"] if one.error else []
    notes += ["no cycle since: is the daemon running?"] if old(one, now) and not one.error else []
    notes += [f"waits for approval: {waiting} (`reef approve --list`)"] if waiting else []
    notes += [f"{finding.rule}: {finding.state.value}" for finding in one.active]
    notes += [_churn_text(churning) for churning in one.churning]
    notes += [
        f"left alone ({policy.value}): {key.replace('#', ' ')}" for key, policy in one.strangers.items()
    ]
    notes += list(one.doubts)
    notes += [f"unprotected: {key.replace('#', ' ')}{_because(one, key)}" for key in one.unprotected]
    notes += [
        f"{apart.target.text}: {apart.figure} is {percent(apart.share)} off the venue's"
        for apart in one.differences
    ]
    notes += [hedge_text(hedge) for hedge in one.hedges]
    notes += [f"{intents} open intents"] if intents else []
    return (
        name,
        age_text((now - one.at).total_seconds()),
        "armed" if one.armed else "disarmed",
        number(one.equity),
        percent(one.margin_ratio),
        str(one.positions),
        "\n".join(notes) or "all quiet",
    )


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


def halt_text(halt: Halt | None) -> str:
    """Say that an account is halted."""
    return f"halted by {halt.who}: {halt.why}" if halt else ""


def age_text(seconds: float) -> str:
    """Write an age in the unit that fits it."""
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:,.0f} {unit} ago"
    return f"{seconds:,.0f} s ago"
