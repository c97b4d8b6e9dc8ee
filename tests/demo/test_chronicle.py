"""The guard's deeds, followed in a journal that is being written."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from bot.demo.chronicle import Chronicle
from bot.journal import Draft, Journal, JournalError, open_journal
from bot.journal.records import (
    Decision,
    Failure,
    IntentState,
    Outcome,
    PositionSeen,
    Prepared,
    Protection,
    Record,
    Recovered,
    Started,
)
from bot.model import (
    CancelRequest,
    OrderRequest,
    OrderSide,
    Request,
    Shelter,
    Side,
    Step,
    StepKind,
    Style,
    Unknown,
)
from tests.demo import build

NOW = datetime(2025, 11, 21, tzinfo=UTC)
EPISODE = "cushion.guarded.1"
ORDER = OrderRequest(
    client_order_id="reef-1",
    symbol="BTC/USDT:USDT",
    side=OrderSide.SELL,
    position_side=Side.LONG,
    position_index=0,
    contracts=Decimal("0.5"),
    style=Style.IOC,
    price=Decimal(124_000),
)
SEEN = PositionSeen(
    contracts=Decimal("1.35"),
    contract_size=Decimal(1),
    entry_price=Decimal(125_000),
    mark_price=Decimal(126_000),
    read_at=NOW,
)
FILLED = Outcome(
    state=IntentState.FILLED,
    evidence="filled",
    filled=Decimal("0.5"),
    average_price=Decimal(125_900),
    fee=Decimal(34),
)


class Writer:
    """Writes entries, a second apart."""

    def __init__(self, path: Path) -> None:
        self.journal: Journal = open_journal(path)
        self._at = NOW

    def write(self, body: Record, *, account: str = "guarded", episode: str = "", intent: str = "") -> None:
        """Append one entry."""
        self._at += timedelta(seconds=1)
        self.journal.append((Draft(at=self._at, account=account, body=body, episode=episode, intent=intent),))

    def intent(
        self, intent: str, outcome: Outcome, request: Request = ORDER, before: PositionSeen | None = SEEN
    ) -> None:
        """Append an intent from its preparation to its end."""
        step = Step(StepKind.TRIM, "cushion", EPISODE, 0, request, 63_000.0, 40.0, "too much")
        self.write(Prepared(step, before), episode=EPISODE, intent=intent)
        self.write(outcome, episode=EPISODE, intent=intent)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "reef.sqlite"


@pytest.fixture
def writer(path: Path) -> Iterator[Writer]:
    made = Writer(path)
    yield made
    made.journal.close()


def test_a_journal_that_is_not_there_yet(path: Path) -> None:
    with pytest.raises(JournalError), Chronicle(path, "guarded"):
        pass


def test_start_and_shelter(path: Path, writer: Writer) -> None:
    with Chronicle(path, "guarded") as chronicle:
        chronicle.update()
        assert (chronicle.started, chronicle.recovered) == (False, False)
        writer.write(Started("0.1.0", 1, "act", "sandbox", ("guarded",), "digest"), account="")
        writer.write(Recovered((), (), (), (), ()))
        stop = Protection("BTC/USDT:USDT", "long", Shelter.VERIFIED, Decimal(1), Decimal(1))
        writer.write(stop)
        chronicle.update()
        assert (chronicle.started, chronicle.recovered) == (True, True)
        assert chronicle.sheltered == {"BTC/USDT:USDT"}
        writer.write(msgspec.structs.replace(stop, shelter=Shelter.UNPROTECTED))
        chronicle.update()
        assert chronicle.sheltered == set()


def test_a_filled_order_with_its_reason(path: Path, writer: Writer) -> None:
    with Chronicle(path, "guarded") as chronicle:
        writer.write(Decision("in", "rules", True, (build.finding(value=0.9),), None))
        writer.intent("reef-1", FILLED)
        chronicle.update()
        writer.write(Decision("in", "rules", True, (build.finding(value=0.3),), None))
        writer.intent("reef-2", FILLED)
        chronicle.update()
    first, second = chronicle.deeds
    assert (first.intent, first.kind, first.size, first.price) == ("reef-1", "trim", Decimal("0.5"), 125_900)
    assert (first.cost, first.mark, first.side) == (Decimal(84), 126_000, Side.LONG)
    assert first.why is not None
    assert first.why.value == 0.9
    assert second.why is not None
    assert second.why.value == 0.3
    assert first.at == NOW + timedelta(seconds=2)


def test_what_is_no_filled_order_is_no_deed(path: Path, writer: Writer) -> None:
    unpriced = msgspec.structs.replace(FILLED, average_price=None)
    empty = msgspec.structs.replace(
        FILLED, state=IntentState.CANCELLED, filled=Decimal(0), average_price=None
    )
    writer.intent("reef-1", empty)
    writer.intent("reef-2", unpriced)
    writer.intent("reef-3", FILLED, CancelRequest("reef-3", "BTC/USDT:USDT", "77", conditional=False), None)
    writer.write(FILLED, intent="reef-4")
    writer.write(Decision("in", "rules", True, (build.finding(),), None), account="other")
    writer.write(Failure("snapshot", None, "", "the venue did not answer"))
    with Chronicle(path, "guarded") as chronicle:
        chronicle.update()
        assert chronicle.deeds == []
        assert chronicle.entries == 9


def test_an_unknown_mark_and_an_unseen_position(path: Path, writer: Writer) -> None:
    writer.intent("reef-1", FILLED, before=msgspec.structs.replace(SEEN, mark_price=Unknown("no marks")))
    writer.intent("reef-2", FILLED, before=None)
    with Chronicle(path, "guarded") as chronicle:
        chronicle.update()
        assert [(one.mark, one.cost, one.why) for one in chronicle.deeds] == [(None, Decimal(34), None)] * 2


def test_more_entries_than_one_page(path: Path, writer: Writer) -> None:
    drafts = tuple(Draft(at=NOW, account="guarded", body=Failure("x", None, "", str(n))) for n in range(2500))
    writer.journal.append(drafts)
    with Chronicle(path, "guarded") as chronicle:
        chronicle.update()
        chronicle.update()
        assert chronicle.entries == 2500
