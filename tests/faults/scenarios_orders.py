"""Rows 1 to 9: what became of an order is not clear."""

from decimal import Decimal

from msgspec.structs import replace

from bot.journal.records import IntentState, Kind, Outcome, Prepared, Submitted, Verification
from bot.model import Caps, OrderRequest, Verdict
from bot.sandbox.engine.types import Side
from tests.faults.stage import ACCOUNT, TERMS, Stage
from tests.faults.story import Story

BTC, ETH = "BTCUSDT", "ETHUSDT"
LISTS = ("/v5/order/realtime", "/v5/order/history")
HIDDEN_S = 60


def orders_of(it: Stage) -> list[Prepared]:
    """Every order that the journal prepared, stops and cancels apart."""
    bodies = [entry.record for entry in it.of_kind(Kind.PREPARED)]
    return [one for one in bodies if isinstance(one, Prepared) and isinstance(one.step.request, OrderRequest)]


def venue_and_journal_agree(it: Stage, opened: str, symbol: str = BTC) -> Decimal:
    """What was sold at the venue is in the journal, each order was taken once, and none is open."""
    sold = Decimal(opened) - it.size(symbol)
    assert it.booked() == sold
    assert len(it.accepted()) == len(set(it.accepted()))
    assert it.open_intents() == 0
    return sold


def ends(it: Stage) -> list[IntentState]:
    """How orders ended, oldest first; stops and cancels apart."""
    names = {one.step.request.client_order_id for one in orders_of(it)}
    bodies = [entry.record for entry in it.of_kind(Kind.OUTCOME) if entry.intent in names]
    return [body.state for body in bodies if isinstance(body, Outcome)]


async def the_answer_is_lost_and_the_venue_has_sold_once(it: Stage) -> None:
    it.open(BTC, Side.BUY, "6")
    it.fault("hang", count=1)
    await it.cycle(after=15.0)
    (first,) = orders_of(it)
    assert it.size(BTC) == 6 - first.step.request.contracts  # type: ignore[union-attr]
    await it.cycles(6, after=10.0)
    assert len(it.requests()) == 1
    assert ends(it) == [IntentState.FILLED]
    assert venue_and_journal_agree(it, "6") > 2


async def a_gateway_times_out_after_the_venue_has_sold(it: Stage) -> None:
    it.open(BTC, Side.BUY, "6")
    it.fault("status", path="/v5/order/create", status=504, execute=True, count=1)
    await it.cycles(6, after=10.0)
    assert len(it.requests()) == 1
    assert ends(it) == [IntentState.FILLED]
    assert venue_and_journal_agree(it, "6") > 2


async def a_server_error_hides_what_a_coin_decided(it: Stage) -> None:
    it.open(BTC, Side.BUY, "6")
    it.open(ETH, Side.BUY, "20")
    it.fault("server_error", count=2)
    await it.cycles(12, after=10.0)
    sold = 6 - it.size(BTC) + 20 - it.size(ETH)
    assert it.booked() == sold > 2
    assert len(it.accepted()) == len(set(it.accepted()))
    assert it.open_intents() == 0
    assert it.guard.executor.armed


async def an_accepted_order_is_in_no_list_for_a_minute(it: Stage) -> None:
    it.open(BTC, Side.BUY, "6")
    it.fault("hidden_orders", seconds=HIDDEN_S, count=1)
    await it.cycle(after=9.0)
    it.price(BTC, "92000")
    for _ in range(5):
        await it.cycle(after=9.0)
        assert it.open_intents() >= 1
        assert len(it.requests()) == 1, "nothing is sent on a symbol whose order nobody has seen"
    it.price(BTC, "100000")
    await it.cycles(4, after=9.0)
    assert ends(it) == [IntentState.FILLED]
    assert venue_and_journal_agree(it, "6") > 2


async def a_duplicate_id_means_that_the_order_is_there(it: Stage) -> None:
    it.open(BTC, Side.BUY, "6")
    it.fault("duplicate", count=1)
    await it.cycles(4)
    assert len(it.requests()) == 1
    assert ends(it) == [IntentState.FILLED]
    sold = 6 - it.size(BTC)
    assert it.booked() == sold > 2
    assert it.open_intents() == 0
    answers = [one.record.answer for one in it.of_kind(Kind.SUBMITTED) if isinstance(one.record, Submitted)]
    assert answers[0].verdict is Verdict.DUPLICATE


async def a_thin_book_fills_in_parts(it: Stage) -> None:
    it.open(BTC, Side.BUY, "6")
    it.fault("thin_book", symbol=BTC, share="0.001")
    await it.cycles(24)
    sizes = [Decimal(one.body["qty"]) for one in it.requests()]
    assert len(sizes) >= 3
    assert max(sizes[1:]) < sizes[0] / 10, "each one asks for a part of the rest, never for the whole again"
    for before, order in zip(it.of_kind(Kind.VERIFICATION), orders_of(it)[1:], strict=False):
        assert isinstance(before.record, Verification)
        assert order.before is not None
        assert order.before.contracts == before.record.after, "planned on the position as it was left"
    sold = venue_and_journal_agree(it, "6")
    assert sold <= sizes[0]
    assert it.size(BTC) * 100_000 <= 4 * it.engine.wallet(ACCOUNT).equity


async def the_owner_bounds_how_often_is_tried(it: Stage) -> None:
    it.open(BTC, Side.BUY, "6")
    it.fault("thin_book", symbol=BTC, share="0.001")
    reports = await it.cycles(14)
    assert len(it.requests()) == 4
    assert reports[-1].decision is not None
    assert "cap_actions" in {one.code for one in reports[-1].decision.plan.refusals}
    venue_and_journal_agree(it, "6")


async def fills_come_twice_and_in_no_order(it: Stage) -> None:
    it.open(BTC, Side.BUY, "6")
    it.fault("thin_book", symbol=BTC, share="0.003")
    it.fault("hang", count=1)
    for path in LISTS:
        it.fault("empty_positions", path=path)
    it.fault("shuffled_fills")
    await it.cycles(3, after=5.0)
    (outcome,) = (one for one in it.outcomes() if one.filled)
    assert outcome.state is IntentState.FILLED
    venue_and_journal_agree(it, "6")


async def the_owner_closes_just_before_the_trim(it: Stage) -> None:
    it.open(BTC, Side.BUY, "6")
    it.fault("closed_outside", count=1)
    await it.cycles(4)
    assert len(it.requests()) == 1
    assert ends(it) == [IntentState.CANCELLED]
    assert it.size(BTC) == it.booked() == it.open_intents() == 0


STORIES = (
    Story(1, the_answer_is_lost_and_the_venue_has_sold_once),
    Story(1, a_gateway_times_out_after_the_venue_has_sold),
    *(Story(3, a_server_error_hides_what_a_coin_decided, seed=seed) for seed in range(4)),
    Story(5, an_accepted_order_is_in_no_list_for_a_minute),
    Story(6, a_duplicate_id_means_that_the_order_is_there),
    Story(7, a_thin_book_fills_in_parts),
    Story(7, the_owner_bounds_how_often_is_tried, terms=replace(TERMS, caps=Caps(actions_per_hour=4))),
    Story(8, fills_come_twice_and_in_no_order),
    Story(9, the_owner_closes_just_before_the_trim),
)
