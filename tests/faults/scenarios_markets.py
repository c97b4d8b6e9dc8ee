"""Rows 10 to 14 and 28: what a market takes, and what it does not."""

from bot.model import Style
from bot.sandbox.engine.types import Side
from tests.faults.scenarios_orders import BTC, orders_of, venue_and_journal_agree
from tests.faults.stage import Stage
from tests.faults.story import Story


def styles(it: Stage) -> list[str]:
    """Types of the orders that arrived at the venue, each once for as long as it stays the same."""
    kinds = [one.body["orderType"] for one in it.requests()]
    return [kind for kind, before in zip(kinds, ["", *kinds], strict=False) if kind != before]


async def the_mode_changes_between_look_and_order(it: Stage) -> None:
    it.open(BTC, Side.BUY, "6")
    it.line.before["/v5/order/create"] = lambda: it.fault("position_mode")
    first = await it.cycle()
    assert first.error == ""
    assert it.size(BTC) == 6
    assert it.requests()[0].body["positionIdx"] == 0
    it.line.before.clear()
    await it.cycles(4)
    assert it.requests()[-1].body["positionIdx"] == 1
    assert [one.side for one in it.engine.positions("main") if one.size] == [Side.BUY]
    assert venue_and_journal_agree(it, "6") > 2


async def a_price_band_refuses_until_a_market_order_is_due(it: Stage) -> None:
    """The rule's cap is beyond the venue's band: after twice `escalate_after` only a market order is left."""
    it.open(BTC, Side.BUY, "6")
    it.fault("price_band", symbol=BTC, share="0.005")
    await it.cycles(12, after=5.0)
    assert styles(it) == ["Limit", "Market"]
    assert {one.code for one in it.requests() if one.body["orderType"] == "Limit"} == {110003}
    assert venue_and_journal_agree(it, "6") > 2


async def nobody_is_in_the_book(it: Stage) -> None:
    """Nothing fills, and each try is told; once somebody is back, the next try brings the account home."""
    it.open(BTC, Side.BUY, "6")
    it.fault("empty_book", symbol=BTC)
    await it.cycles(12, after=5.0)
    assert it.size(BTC) == 6
    assert it.stop(BTC) is not None
    assert it.booked() == 0
    assert len(orders_of(it)) == len(it.requests()) <= 12
    assert orders_of(it)[-1].step.request.style is Style.MARKET  # type: ignore[union-attr]
    it.mend()
    await it.cycles(3, after=5.0)
    assert venue_and_journal_agree(it, "6") > 2


async def a_stop_triggers_into_an_empty_book(it: Stage) -> None:
    """The stop is gone and the position is not: a new stop is asked for at the next look."""
    it.open(BTC, Side.BUY, "2")
    await it.cycles(3)
    stop = it.stop(BTC)
    assert stop is not None
    it.fault("empty_book", symbol=BTC)
    it.price(BTC, str(stop - 500))
    reports = await it.cycles(3)
    assert all(report.error == "" for report in reports)
    assert it.size(BTC) == 2
    again = it.stop(BTC)
    assert again is not None
    assert again < stop - 500


STORIES = (
    Story(11, the_mode_changes_between_look_and_order),
    Story(14, a_price_band_refuses_until_a_market_order_is_due),
    Story(14, nobody_is_in_the_book),
    Story(14, a_stop_triggers_into_an_empty_book),
)
