"""Rows 2, 4, 10, 12 and 29: the order never came, or the venue will not have it as it is."""

from decimal import Decimal

from bot.journal.records import IntentState, Kind, Protection
from bot.model import Shelter
from bot.sandbox.engine.types import OrderStatus, Side
from tests.faults.scenarios_orders import BTC, ends, orders_of, venue_and_journal_agree
from tests.faults.stage import ACCOUNT, CAP, Stage
from tests.faults.story import Story

STOP = "/v5/position/trading-stop"
OUT = """\
version: 1
rules:
  - name: out
    metric: account.leverage
    max: 0.1
    cooldown: 0s
    do: [close_all]
"""
PATIENT = CAP.replace("[cancel_orders, trim]", "[trim]")


def shelters(it: Stage) -> list[Shelter]:
    """What was read back of stops, oldest first."""
    return [body.shelter for one in it.of_kind(Kind.PROTECTION) if isinstance(body := one.record, Protection)]


async def the_request_never_arrives(it: Stage) -> None:
    it.open(BTC, Side.BUY, "6")
    it.fault("drop", count=1)
    await it.cycles(8, after=3.0)
    assert [one.executed for one in it.requests()] == [False, True]
    lost, taken = it.requests()
    assert lost.client_id == taken.client_id
    assert lost.body == taken.body
    assert len(orders_of(it)) == 1, "one wish, one intent"
    assert ends(it) == [IntentState.FILLED]
    assert venue_and_journal_agree(it, "6") > 2


async def the_venue_is_overloaded(it: Stage) -> None:
    """Stops are turned away; each trim goes out in the look that asks for it."""
    it.open(BTC, Side.BUY, "6")
    it.fault("overload", seconds=40)
    for price in ("100000", "92000", "85000"):
        it.price(BTC, price)
        held = it.size(BTC)
        await it.cycle(after=1.0)
        assert it.size(BTC) < held
        await it.cycles(3, after=1.0)
    assert it.stop(BTC) is None
    assert 2 <= it.asked(STOP) <= 8
    it.clock.advance(60)
    await it.cycles(2)
    assert it.stop(BTC) is not None
    venue_and_journal_agree(it, "6")


async def the_owners_orders_hold_the_position(it: Stage) -> None:
    """A trim is refused for them: what they leave free is sold, the rest is told, and theirs stay."""
    it.open(BTC, Side.BUY, "6")
    theirs = it.owner_orders(BTC, Side.SELL, "5", "110000", reduce_only=True)
    it.fault("reduce_only_blocked")
    reports = await it.cycles(6, after=3.0)
    assert it.size(BTC) == 5
    kept = it.engine.find_order(ACCOUNT, order_id=theirs)
    assert kept is not None
    assert kept.status is OrderStatus.NEW
    assert reports[-1].decision is not None
    told = {one.code: one.reason for one in reports[-1].decision.plan.refusals}
    assert theirs in told["reduce_only_blocked"]
    assert len(it.requests()) == 2
    assert it.booked() == 1
    it.engine.cancel(ACCOUNT, order_id=theirs)
    await it.cycles(4, after=3.0)
    assert venue_and_journal_agree(it, "6") > 2


async def the_step_is_no_longer_what_it_was(it: Stage) -> None:
    it.open(BTC, Side.BUY, "4.3")
    await it.cycles(2)
    it.fault("qty_step", symbol=BTC, value="0.5")
    it.price(BTC, "92000")
    await it.cycles(4)
    sizes = [Decimal(one.body["qty"]) for one in it.requests()]
    assert sizes[0] % Decimal("0.5") != 0
    assert sizes[1:] == [2]
    assert venue_and_journal_agree(it, "4.3") == 2


async def what_only_reduces_may_be_small(it: Stage) -> None:
    it.open(BTC, Side.BUY, "0.2")
    it.fault("min_notional", symbol=BTC, value="100000")
    await it.cycles(3)
    assert it.size(BTC) == 0
    assert [one.code for one in it.requests()] == [0]
    venue_and_journal_agree(it, "0.2")


async def the_venue_takes_no_stops_any_more(it: Stage) -> None:
    """Nothing rests: that is an alarm, it is tried ever less often, and trims go on."""
    it.open(BTC, Side.BUY, "4")
    it.fault("refused_order_type")
    reports = await it.cycles(30)
    assert all(report.error == "" for report in reports)
    assert shelters(it)[-1] is Shelter.UNPROTECTED
    tries = it.asked(STOP)
    assert 3 <= tries <= 8
    it.price(BTC, "93000")
    await it.cycles(2)
    assert it.size(BTC) < 4
    it.mend()
    it.clock.advance(60)
    await it.cycles(3)
    assert it.stop(BTC) is not None
    assert shelters(it)[-1] is Shelter.VERIFIED


async def the_dust_of_an_older_step_is_closed_too(it: Stage) -> None:
    """What is held is no multiple of the step any more; the whole of it may go as it is."""
    it.open(BTC, Side.BUY, "1.3")
    it.fault("qty_step", symbol=BTC, value="0.5")
    await it.cycles(3)
    assert it.size(BTC) == 0
    assert ends(it) == [IntentState.FILLED]


STORIES = (
    Story(2, the_request_never_arrives),
    Story(4, the_venue_is_overloaded),
    Story(10, the_owners_orders_hold_the_position, rules=PATIENT),
    Story(12, the_step_is_no_longer_what_it_was),
    Story(12, what_only_reduces_may_be_small, rules=OUT),
    Story(12, the_dust_of_an_older_step_is_closed_too, rules=OUT),
    Story(29, the_venue_takes_no_stops_any_more),
)
