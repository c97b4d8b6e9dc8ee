"""What the words of a notice are made of: an entry, and what the journal knows around it."""

from decimal import Decimal

from msgspec import Struct

from bot.journal import Entry, Journal
from bot.journal.records import Kind, Outcome, Prepared, Started, Stopped
from bot.model import NoticeKind, Severity
from bot.notifications.figures import Gauge, money, span
from bot.notifications.notice import Notice, Phase

MOST_ORDERS = 1000


class Standing(Struct, frozen=True):
    """What earlier entries left: it changes how later ones are told."""

    armed: bool = False
    running: bool = False
    """Whether a daemon began and did not say that it ended."""
    blind: frozenset[str] = frozenset()
    """Accounts that cannot be seen."""
    planned: tuple[str, ...] = ()
    """Episodes whose plan was told, the newest last."""


class Source(Struct, frozen=True):
    """One entry with what its words need."""

    entry: Entry
    journal: Journal
    gauge: Gauge
    standing: Standing

    def notice(
        self,
        kind: NoticeKind,
        severity: Severity,
        key: str,
        subject: str,
        body: str,
        *,
        rule: str = "",
        phase: Phase = Phase.ONCE,
        symbol: str = "",
        side: str = "",
        inhibited_by: str = "",
    ) -> Notice:
        """Make a notice of this entry; the account stands before the subject and the key."""
        account = self.entry.account
        return Notice(
            key=f"{kind.value}:{account}:{key}",
            entry=self.entry.seq,
            at=self.entry.time,
            kind=kind,
            severity=severity,
            account=account,
            rule=rule,
            subject=f"{account}: {subject}" if account else subject,
            body=body,
            phase=phase,
            symbol=symbol,
            side=side,
            inhibited_by=inhibited_by,
        )

    @property
    def prepared(self) -> Prepared | None:
        """What was prepared under the entry's intent; None where the journal adopted it."""
        found = self.journal.entries(intent=self.entry.intent, limit=1) if self.entry.intent else []
        record = found[0].record if found else None
        return record if isinstance(record, Prepared) else None

    @property
    def sends(self) -> str:
        """Say so where nothing is sent."""
        return "" if self.standing.armed else "Reef is disarmed: it plans, and sends nothing."

    def cost_of(self, episode: str) -> str:
        """Say what the orders of an episode traded and cost."""
        entries = self.journal.entries(kind=Kind.OUTCOME, episode=episode, limit=MOST_ORDERS)
        traded = [one for entry in entries if isinstance(one := entry.record, Outcome) and one.filled]
        if not traded:
            return "No order was filled for it."
        notional, fee, loss = (
            sum((getattr(one, name) for one in traded), Decimal(0)) for name in ("notional", "fee", "loss")
        )
        orders = "1 order" if len(traded) == 1 else f"{len(traded)} orders"
        return (
            f"{orders} filled: {money(notional, 0)} USD traded, fees {money(fee)} USD, "
            f"realised loss and cost {money(loss)} USD."
        )

    def lasted(self, episode: str) -> str:
        """Say how long an episode lasted."""
        first = self.journal.entries(episode=episode, limit=1)
        return span((self.entry.time - first[0].time).total_seconds()) if first else "unknown"


def standing_after(standing: Standing, body: object) -> Standing:
    """Take note of the daemon's beginning or end."""
    if isinstance(body, Started):
        return Standing(body.mode == "act", True, standing.blind, standing.planned)
    if isinstance(body, Stopped):
        return Standing(standing.armed, False, standing.blind, standing.planned)
    return standing
