"""What the guard did and why, followed in its journal while the daemon writes it."""

from datetime import datetime
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Self

from msgspec import Struct

from bot.journal import Entry, Journal, open_journal
from bot.journal.records import Decision, Outcome, Prepared, Protection, Recovered, Started
from bot.model import Finding, OrderRequest, Shelter, Side, StepKind
from bot.model.options import option_base


class Deed(Struct, frozen=True):
    """One order of the guard that was filled, wholly or in part. Money in USD, size in coins."""

    intent: str
    at: datetime
    """When the intent was committed, by the daemon's clock."""
    kind: str
    """trim, close, hedge or unwind."""
    symbol: str
    side: Side
    """Side of the position that was made smaller, or larger by a hedge."""
    size: Decimal
    price: Decimal
    """Average price of the fills."""
    mark: Decimal | None
    """Mark price that the decision was taken at; None where it was unknown."""
    fee: Decimal
    rule: str
    episode: str
    why: Finding | None
    """The rule's metric against its limit when the order was decided; None where the journal does not say."""
    opens: bool = False
    """Whether it opened a hedge."""
    limit: Decimal | None = None
    """The worst price that the order permitted; None for one at market."""

    @property
    def hedges(self) -> bool:
        """Whether it opened a hedge, or took one off."""
        return self.kind in (StepKind.HEDGE, StepKind.UNWIND)

    @property
    def is_option(self) -> bool:
        """Whether an option was traded."""
        return option_base(self.symbol) is not None

    @property
    def paid(self) -> Decimal:
        """What was paid for it, in USD; negative where it was sold."""
        return -self.sold * self.price * self.size

    @property
    def inside(self) -> bool:
        """Whether it was filled at its limit price or better."""
        return self.limit is None or (self.limit - self.price) * self.sold <= 0

    @property
    def sold(self) -> int:
        """1 where it sold, -1 where it bought."""
        return -self.side.sign if self.opens else self.side.sign

    @property
    def slippage(self) -> Decimal:
        """What the fills were worse than the mark of the decision; negative where they were better."""
        return Decimal(0) if self.mark is None else (self.mark - self.price) * self.sold * self.size

    @property
    def cost(self) -> Decimal:
        """Fee and slippage."""
        return self.fee + self.slippage

    def saved(self, final_mark: Decimal) -> Decimal:
        """What was better at the end for it; negative where it was worse. Of an option, what was got."""
        return -self.paid if self.is_option else (self.price - final_mark) * self.sold * self.size


class Chronicle:
    """Reads a journal from `with` on; `update` takes in what was written since."""

    def __init__(self, path: Path, account: str) -> None:
        self.account = account
        self.deeds: list[Deed] = []
        self.sheltered: set[str] = set()
        """Unified symbols of positions whose protective stop was read back from the venue."""
        self.started = self.recovered = False
        self.entries = 0
        self._path = path
        self._journal: Journal | None = None
        self._findings: dict[tuple[str, str], Finding] = {}
        self._prepared: dict[str, tuple[datetime, Prepared, Finding | None]] = {}

    def __enter__(self) -> Self:
        self._journal = open_journal(self._path, create=False, read_only=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._journal is not None:
            self._journal.close()

    def update(self) -> None:
        """Take in every entry that was written since the last call."""
        while self._journal is not None and (batch := self._journal.entries(after=self.entries)):
            for entry in batch:
                self.entries = entry.seq
                self._take(entry)

    def _take(self, entry: Entry) -> None:
        record = entry.record
        if isinstance(record, Started):
            self.started = True
        if entry.account != self.account:
            return
        match record:
            case Recovered():
                self.recovered = True
            case Decision():
                self._findings = {(one.rule, one.episode): one for one in record.findings}
            case Protection():
                self._shelter(record)
            case Prepared():
                why = self._findings.get((record.step.rule, record.step.episode))
                self._prepared[entry.intent] = (entry.time, record, why)
            case Outcome() if record.filled and entry.intent in self._prepared:
                self._deed(entry.intent, record)

    def _shelter(self, record: Protection) -> None:
        if record.shelter is Shelter.VERIFIED:
            self.sheltered.add(record.symbol)
        else:
            self.sheltered.discard(record.symbol)

    def _deed(self, intent: str, outcome: Outcome) -> None:
        at, prepared, why = self._prepared[intent]
        request = prepared.step.request
        if not isinstance(request, OrderRequest) or outcome.average_price is None:
            return
        before = prepared.before
        mark = before.mark_price if before is not None else None
        self.deeds.append(
            Deed(
                intent=intent,
                at=at,
                kind=prepared.step.kind.value,
                symbol=request.symbol,
                side=request.position_side,
                size=outcome.filled * (before.contract_size if before is not None else 1),
                price=outcome.average_price,
                mark=mark if isinstance(mark, Decimal) else None,
                fee=outcome.fee,
                rule=prepared.step.rule,
                episode=prepared.step.episode,
                why=why,
                opens=request.opens,
                limit=request.price,
            )
        )
