"""Hedges out of the journal's entries, and what is compared and refused just before one is opened."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from msgspec.structs import replace

from bot.execution import gate
from bot.execution.hedging import Told, hedges_of, in_force, shrunk
from bot.journal.records import Clipped, HedgeChanged, IntentState, Outcome, Prepared, Record
from bot.model import HedgeLink, OrderRequest, OrderSide, Position, Side, Step, StepKind, Style
from tests.planning.build import position, snapshot

AT = datetime(2025, 11, 21, tzinfo=UTC)
BTC, PARENT = "BTC/USDT:USDT", "ETH/USDT:USDT#long"


def held(side: Side, contracts: str) -> Position:
    return position(BTC, side, contracts, "50000")


def step(kind: StepKind, contracts: str, name: str, left: str = "40", episode: str = "shock.1") -> Step:
    opens = kind is StepKind.HEDGE
    asked = OrderRequest(
        client_order_id=name,
        symbol=BTC,
        side=OrderSide.SELL if opens else OrderSide.BUY,
        position_side=Side.SHORT,
        position_index=0,
        contracts=Decimal(contracts),
        style=Style.IOC,
        price=Decimal(50_000),
        opens=opens,
    )
    link = HedgeLink(PARENT, Decimal(40), Decimal(0), 0.1, None if opens else Decimal(left))
    return Step(kind, "shock", episode, 0, asked, 0.0, 0.0, "", link)


def told(*bodies: tuple[str, Record]) -> list[Told]:
    return [Told(AT + timedelta(seconds=number), name, body) for number, (name, body) in enumerate(bodies)]


def prepared(kind: StepKind, contracts: str, name: str, **more: str) -> tuple[str, Record]:
    return name, Prepared(step(kind, contracts, name, **more), None)


def ended(name: str, filled: str) -> tuple[str, Record]:
    state = IntentState.FILLED if Decimal(filled) else IntentState.REJECTED
    return name, Outcome(state=state, evidence="", filled=Decimal(filled))


def changed(after: str, parent: str = PARENT, *, lost: bool = True, before: str = "1") -> tuple[str, Record]:
    body = HedgeChanged(BTC, "short", parent, "shock", "shock.1", Decimal(before), Decimal(after), lost, "")
    return "", body


OPENED = (prepared(StepKind.HEDGE, "1", "a"), ended("a", "0.8"))


def test_orders_add_up() -> None:
    (lot,) = hedges_of(told(*OPENED, prepared(StepKind.HEDGE, "0.4", "b")))
    assert (lot.contracts, lot.pending, lot.most, lot.ratio) == (
        Decimal("0.8"),
        Decimal("0.4"),
        Decimal("1.2"),
        Decimal("0.02"),
    )
    (less,) = hedges_of(told(*OPENED, prepared(StepKind.UNWIND, "0.5", "c"), ended("c", "0.5")))
    assert (less.contracts, less.ratio) == (Decimal("0.3"), Decimal("0.0075")), "its parent stays"
    for filled in ("0.4", "0.1"):
        half = prepared(StepKind.UNWIND, "0.4", "c", left="20")
        (less,) = hedges_of(told(*OPENED, half, ended("c", filled)))
        assert less.ratio == Decimal("0.02"), "its parent goes with it, in proportion"
    (orphan,) = hedges_of(told(*OPENED, prepared(StepKind.UNWIND, "0.8", "c", left="0"), ended("c", "0.5")))
    assert orphan.ratio == Decimal("0.02"), "there is nothing left to have a share of"


def test_what_a_rule_opens_again_against_a_position_is_one_hedge() -> None:
    """Two would each have their own share of it, and only one order goes in a cycle."""
    again = (prepared(StepKind.HEDGE, "0.4", "b", episode="shock.2"), ended("b", "0.4"))
    (lot,) = hedges_of(told(*OPENED, *again))
    assert (lot.contracts, lot.ratio, lot.episode) == (Decimal("1.2"), Decimal("0.03"), "shock.2")
    refused = (prepared(StepKind.HEDGE, "0.4", "b", episode="shock.2"), ended("b", "0"))
    (same,) = hedges_of(told(*OPENED, *refused))
    assert (same.contracts, same.episode) == (Decimal("0.8"), "shock.1")


def test_a_journal_from_before_hedges_were_one_is_added_up() -> None:
    """Its corrections speak of what one episode opened; its orders do not tell what a plan trims beside."""
    again = (prepared(StepKind.HEDGE, "0.4", "b", episode="shock.2"), ended("b", "0.4"))
    (lot,) = hedges_of(told(*OPENED, *again, changed("0", before="0.4")))
    assert lot.contracts == Decimal("0.8"), "what the other episode opened is still there"
    assert (
        hedges_of(told(*OPENED, *again, changed("0", before="0.4"), changed("0", before="0.8")))[0].most == 0
    )
    name, body = prepared(StepKind.UNWIND, "0.4", "c")
    assert isinstance(body, Prepared)
    assert body.step.hedge is not None
    bare = replace(body, step=replace(body.step, hedge=replace(body.step.hedge, parent_left=None)))
    (half,) = hedges_of(told(*OPENED, (name, bare), ended("c", "0.4")))
    assert (half.contracts, half.ratio) == (Decimal("0.4"), Decimal("0.02")), "it may have gone in proportion"


def test_what_others_closed_long_ago_does_not_keep_it_from_growing() -> None:
    entries = told(*OPENED, changed("0"), prepared(StepKind.HEDGE, "0.4", "b"), ended("b", "0.4"))
    entries[3:] = [replace(one, at=one.at + timedelta(hours=2)) for one in entries[3:]]
    (lot,) = in_force(hedges_of(entries), AT + timedelta(hours=3))
    assert (lot.contracts, lot.lost_at) == (Decimal("0.4"), None)


def test_what_came_to_nothing_is_nothing() -> None:
    assert hedges_of(told(prepared(StepKind.HEDGE, "1", "a"), ended("a", "0"))) == ()
    gone = (prepared(StepKind.UNWIND, "0.8", "c"), ("c", Clipped(Decimal("0.8"), Decimal("0.8"), "")))
    assert hedges_of(told(*OPENED, *gone, ended("c", "0.8"))) == ()
    assert hedges_of(told(prepared(StepKind.UNWIND, "0.8", "c"), ended("c", "0.8"))) == ()
    assert hedges_of(told(changed("0"))) == ()


def test_what_others_closed_is_remembered_for_an_hour() -> None:
    lots = hedges_of(told(*OPENED, changed("0")))
    (lot,) = lots
    assert (lot.contracts, lot.lost_at) == (0, AT + timedelta(seconds=2))
    assert in_force(lots, AT + timedelta(minutes=59)) == lots
    assert in_force(lots, AT + timedelta(minutes=61)) == ()
    (orphan,) = hedges_of(told(*OPENED, changed("0.8", lost=False)))
    assert orphan.lost_at is None


def test_the_newest_gives_way_first() -> None:
    (old,) = hedges_of(told(*OPENED))
    new = replace(old, episode="shock.2", opened_at=AT + timedelta(hours=1), contracts=Decimal("0.5"))
    short = held(Side.SHORT, "0.6")
    assert [(one.episode, one.after) for one in shrunk((old, new), snapshot((short,), 1_000))] == [
        ("shock.2", 0),
        ("shock.1", Decimal("0.6")),
    ]
    assert shrunk((old, new), snapshot((held(Side.SHORT, "1.4"),), 1_000)) == []
    assert shrunk((replace(old, pending=Decimal(1)), new), snapshot((), 1_000)) == []


def test_before_it_opens_the_place_must_be_free() -> None:
    asked = step(StepKind.HEDGE, "1", "a")
    assert gate.taken(asked, ()) == ""
    mine = replace(asked, hedge=HedgeLink(PARENT, Decimal(40), Decimal("0.8"), 0.1))
    short = held(Side.SHORT, "0.8")
    assert gate.taken(mine, (short,)) == ""
    assert "holds 0.8 contracts now" in gate.taken(asked, (short,))
    assert "holds 0 contracts now" in gate.taken(mine, ())
    long = held(Side.LONG, "1")
    assert "long position of somebody else" in gate.taken(asked, (long,))
    assert gate.taken(asked, (replace(long, position_index=1),)) == ""


def test_an_option_that_was_not_read_is_not_taken_for_gone() -> None:
    (old,) = hedges_of(told(*OPENED))
    put = replace(old, symbol="BTC/USDT:USDT-251226-45000-P", side=Side.LONG)
    bare = snapshot((), 1_000)
    assert shrunk((put,), bare) == []
    assert shrunk((put,), replace(bare, options_read=True, options_unread="no answer")) == []
    (gone,) = shrunk((put,), replace(bare, options_read=True))
    assert (gone.after, gone.lost) == (0, True)
