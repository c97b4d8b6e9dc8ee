"""`reef status`: how things stood at each account's last cycle, from the journal."""

from datetime import datetime

import typer

from bot.cli.options import DEFAULT_CONFIG, AsJson, Config, JournalPath, open_for_reading
from bot.cli.output import console, number, percent, print_json, table
from bot.clock import SystemClock
from bot.execution import Halt, halted
from bot.record import STATUS, Status, remembered_status

OLD_AFTER_SECONDS = 60.0


def status(journal: JournalPath = None, config: Config = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Show equity, margin ratio, active findings and halts of each account, as its last cycle left them.

    Exit code 1 where a finding is active, an account is halted or its last cycle failed or is old.

    Example: reef status --config reef.yaml
    """
    now = SystemClock().now()
    with open_for_reading(journal, config) as opened:
        seen = {name: remembered_status(opened.load_memory(name, STATUS)) for name in opened.accounts()}
        halts = {name: halted(opened, name) for name in seen}
        open_intents = {name: len(opened.open_intents(name)) for name in seen}
    if as_json:
        print_json(
            {
                name: {
                    "status": one,
                    "age_seconds": age(one, now),
                    "halted": halts[name],
                    "open_intents": open_intents[name],
                }
                for name, one in seen.items()
            }
        )
    else:
        rows = [row(name, one, halts[name], open_intents[name], now) for name, one in sorted(seen.items())]
        columns = (
            "account",
            "seen",
            "mode",
            "equity",
            "margin ratio",
            "positions",
            "active findings",
            "open intents",
            "",
        )
        console.print(table("status", columns, rows) if rows else "no cycle is recorded yet")
    if any(one is None or troubled(one, halts[name], now) for name, one in seen.items()):
        raise typer.Exit(1)


def age(one: Status | None, now: datetime) -> float | None:
    """Seconds since the last cycle that was recorded."""
    return None if one is None else (now - one.at).total_seconds()


def troubled(one: Status, halt: Halt | None, now: datetime) -> bool:
    """Whether somebody should look."""
    old = (now - one.at).total_seconds() > OLD_AFTER_SECONDS
    return bool(one.error or one.active or halt or one.unprotected or old)


def row(name: str, one: Status | None, halt: Halt | None, intents: int, now: datetime) -> tuple[str, ...]:
    """One account's line."""
    if one is None:
        return (name, "never", "", "", "", "", "", "", "")
    notes = [f"halted: {halt.why}"] if halt else []
    notes += [f"unprotected: {key}" for key in one.unprotected]
    notes += [one.error] if one.error else []
    return (
        name,
        f"{(now - one.at).total_seconds():,.0f} s ago",
        "armed" if one.armed else "disarmed",
        number(one.equity),
        percent(one.margin_ratio),
        str(one.positions),
        ", ".join(f"{finding.rule} ({finding.state.value})" for finding in one.active) or "none",
        str(intents),
        "; ".join(notes),
    )
