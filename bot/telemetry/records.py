"""What the journal records, as metrics: from the daemon's start on."""

from collections.abc import Iterable
from datetime import datetime

from bot.execution import IntentState, fold
from bot.execution.halts import halted
from bot.journal import Entry, Journal
from bot.journal.records import Failure, FindingChanged, Outcome, Prepared
from bot.journal.told import Notified
from bot.model import State
from bot.notifications.silence import silences
from bot.record import BLINDNESS
from bot.telemetry.meters import Meters

BATCH = 500
EPISODES_KEPT = 1000
MONEY = {"notional": "reef_traded_usd", "fee": "reef_fees_usd", "loss": "reef_loss_usd"}
UNSETTLED = frozenset({IntentState.UNKNOWN, IntentState.PREPARED})


class RecordMeter:
    """Counts entries behind a cursor; one thread at a time."""

    def __init__(self, meters: Meters, accounts: Iterable[str]) -> None:
        self._meters = meters
        self._accounts = tuple(accounts)
        self._cursor: int | None = None
        self._kinds: dict[str, str] = {}
        self._episodes: dict[str, None] = {}

    def read(self, journal: Journal, now: datetime) -> None:
        """Count what is new, and look how accounts stand; raises `JournalError`."""
        if self._cursor is None:
            self._cursor = journal.head().seq
        while entries := journal.entries(after=self._cursor, limit=BATCH):
            for entry in entries:
                self._count(entry)
            self._cursor = entries[-1].seq
        for account in self._accounts:
            self._stand(journal, account)
        self._meters.set("reef_silences", len(silences(journal, now)))

    def _stand(self, journal: Journal, account: str) -> None:
        meters = self._meters
        meters.set("reef_blind", journal.load_memory(account, BLINDNESS) is not None, account)
        meters.set("reef_halted", halted(journal, account) is not None, account)
        states = [fold(entries).state for entries in journal.open_intents(account)]
        meters.set("reef_open_intents", len(states), account)
        meters.set("reef_unknown_intents", sum(state in UNSETTLED for state in states), account)

    def _count(self, entry: Entry) -> None:
        body, meters, account = entry.record, self._meters, entry.account
        match body:
            case Prepared():
                self._kinds[entry.intent] = body.step.kind.value
            case Outcome():
                kind = self._kinds.pop(entry.intent, "unknown")
                meters.add("reef_orders", 1, account, kind, body.state.value)
                for name in ("notional", "fee", "loss"):
                    meters.add(MONEY[name], float(getattr(body, name)), account)
            case FindingChanged():
                self._episode(body, account)
            case Failure():
                meters.add("reef_failures", 1, account)
            case Notified():
                outcome = "delivered" if body.delivered else "failed"
                meters.add("reef_notifications", 1, body.channel, outcome)

    def _episode(self, body: FindingChanged, account: str) -> None:
        episode = body.finding.episode
        if body.finding.state is State.FIRING and episode and episode not in self._episodes:
            self._meters.add("reef_episodes", 1, account, body.finding.rule)
            self._episodes[episode] = None
            if len(self._episodes) > EPISODES_KEPT:
                del self._episodes[next(iter(self._episodes))]
