"""What the journal knows of how things stand: accounts, halts, open intents, last acts, and the daemon."""

from datetime import datetime

from msgspec import Struct

from bot.cli.journal_lines import request_text
from bot.clock import Clock
from bot.execution import Halt, approvals, halted
from bot.journal import Entry, Journal
from bot.journal.records import Kind, Outcome, Prepared, Standing, Stopped
from bot.model import StepKind
from bot.notifications.silence import Silence, silences
from bot.record import STATUS, Status, remembered_status

LOOKED_BACK = 40
"""Outcomes among which the last act is looked for: the others are of stops."""


class Act(Struct, frozen=True):
    """The last order or cancel of an account that ended."""

    at: datetime
    what: str
    state: str


class AccountStanding(Struct, frozen=True):
    """One account."""

    status: Status | None
    """None before its first cycle."""
    halt: Halt | None
    open_intents: int
    last: Act | None
    waiting: str | None = None
    """The proposal that waits for its owner's yes."""


class DaemonStanding(Struct, frozen=True):
    """The daemon of the journal."""

    alive: bool
    """Whether it keeps its lease, and has not ended."""
    said: str


class Whole(Struct, frozen=True):
    """Everything at one moment."""

    at: datetime
    accounts: dict[str, AccountStanding]
    everybody: Halt | None
    """A halt of all accounts."""
    daemon: DaemonStanding
    silences: tuple[Silence, ...] = ()


def read_standing(journal: Journal, clock: Clock) -> Whole:
    """Read how things stand."""
    now, names = clock.now(), journal.accounts()
    waiting = {
        one.account: one.body.name
        for one in approvals.proposals(journal, tuple(names))
        if one.open and approvals.answer_to(journal, one) is None
    }
    return Whole(
        at=now,
        accounts={name: _account(journal, name, waiting.get(name)) for name in names},
        everybody=halted(journal, ""),
        daemon=_daemon(journal, clock),
        silences=tuple(silences(journal, now)),
    )


def _account(journal: Journal, name: str, waiting: str | None) -> AccountStanding:
    return AccountStanding(
        status=remembered_status(journal.load_memory(name, STATUS)),
        halt=halted(journal, name),
        open_intents=len(journal.open_intents(name)),
        last=_last_act(journal, name),
        waiting=waiting,
    )


def _last_act(journal: Journal, name: str) -> Act | None:
    for entry in journal.entries(kind=Kind.OUTCOME, account=name, limit=LOOKED_BACK, newest=True):
        act = _act(journal, entry)
        if act is not None:
            return act
    return None


def _act(journal: Journal, entry: Entry) -> Act | None:
    body = entry.record
    begun = journal.entries(kind=Kind.PREPARED, intent=entry.intent, limit=1)
    asked = begun[0].record if begun else None
    if not isinstance(body, Outcome) or not isinstance(asked, Prepared):
        return None
    if asked.step.kind is StepKind.PROTECT:
        return None
    return Act(entry.time, request_text(asked.step.request), _ended(body))


def _ended(body: Standing) -> str:
    return f"{body.state.value}, {body.filled:f} filled" if body.filled else body.state.value


def _daemon(journal: Journal, clock: Clock) -> DaemonStanding:
    row = journal.lease()
    starts = journal.entries(kind=Kind.STARTED, account="", limit=1, newest=True)
    ends = journal.entries(kind=Kind.STOPPED, account="", limit=1, newest=True)
    if ends and (not starts or ends[0].seq > starts[0].seq):
        reason = body.reason if isinstance(body := ends[0].record, Stopped) else ""
        return DaemonStanding(alive=False, said=f"the daemon ended at {ends[0].at[:19]}Z: {reason}")
    if row is None or not starts:
        return DaemonStanding(alive=False, said="no daemon has run on this journal")
    left = row.expires - clock.elapsed()
    if left <= 0:
        said = f"the daemon ({row.holder}) is gone or hangs: its lease ended {-left:,.0f} s ago"
        return DaemonStanding(alive=False, said=said)
    return DaemonStanding(alive=True, said=f"the daemon runs ({row.holder}, since {starts[0].at[:19]}Z)")
