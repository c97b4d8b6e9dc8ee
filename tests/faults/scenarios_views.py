"""Rows 15 to 19 and 23: what the venue shows is not how things are."""

from decimal import Decimal

from bot.guard import CycleReport
from bot.journal.records import Blindness, Kind, Protection, Verification
from bot.model import Shelter, State
from bot.sandbox.engine.types import Side
from tests.faults.stage import ACCOUNT, Stage
from tests.faults.story import Story

BTC, ETH, SOL = "BTCUSDT", "ETHUSDT", "SOLUSDT"
POSITIONS = "/v5/position/list"
NEAR = """\
version: 1
rules:
  - name: room to liquidation
    metric: position.liquidation_distance
    min: 15%
    restore: 20%
    cooldown: 0s
    do: [trim]
    trim: {max_slippage: 2%}
"""
CUSHION = """\
version: 1
rules:
  - name: drawdown
    metric: account.drawdown
    max: 20%
    restore: 15%
    cooldown: 0s
    do: [close_all]
"""


def states(report: CycleReport) -> list[State]:
    """States of all findings of one look."""
    assert report.decision is not None, report.error
    return [finding.state for finding in report.decision.evaluation.findings]


def was_blind(it: Stage) -> list[Blindness]:
    """Beginnings and ends of blindness, as the journal has them."""
    return [body for entry in it.of_kind(Kind.BLINDNESS) if isinstance(body := entry.record, Blindness)]


async def an_empty_list_is_no_flat_account(it: Stage) -> None:
    it.open(BTC, Side.BUY, "4")
    await it.cycles(2)
    stop = it.stop(BTC)
    assert stop is not None
    it.fault("empty_positions")
    for report in await it.cycles(10):
        assert report.snapshot is None
        assert "list of positions is empty" in report.error
    assert it.stop(BTC) == stop
    assert [one.ended is None for one in was_blind(it)] == [True]
    it.mend()
    it.price(BTC, "93000")
    await it.cycles(3)
    assert it.size(BTC) < 4, "the rule has gone on guarding"
    assert was_blind(it)[-1].ended is not None


async def one_position_is_missing_in_the_list(it: Stage) -> None:
    it.open(BTC, Side.BUY, "3")
    it.open(ETH, Side.BUY, "50")
    await it.cycles(2)
    it.fault("empty_positions", symbol=BTC)
    for report in await it.cycles(4):
        assert "incomplete" in report.error
    assert it.requests() == []
    it.mend()
    assert (await it.cycle()).error == ""


async def a_list_comes_in_pages(it: Stage) -> None:
    it.open(BTC, Side.BUY, "3")
    it.open(ETH, Side.BUY, "50")
    it.open(SOL, Side.BUY, "500")
    it.fault("cut_page", value="1")
    report = await it.cycle()
    assert report.snapshot is not None, report.error
    assert len(report.snapshot.positions) == 3
    await it.cycles(2)
    notional = 100_000 * it.size(BTC) + 4_000 * it.size(ETH) + 200 * it.size(SOL)
    assert notional <= 4 * it.engine.wallet(ACCOUNT).equity


async def a_page_is_lost(it: Stage) -> None:
    it.open(BTC, Side.BUY, "3")
    it.open(ETH, Side.BUY, "50")
    it.open(SOL, Side.BUY, "500")
    it.fault("cut_page", value="1", variant="lost")
    for report in await it.cycles(4):
        assert "incomplete" in report.error
    assert it.requests() == []


async def an_old_list_shows_what_was_sold(it: Stage) -> None:
    it.open(BTC, Side.BUY, "6")
    await it.cycles(2, after=1.0)
    sold = 6 - it.size(BTC)
    assert sold > 2
    it.fault("old_body", seconds=2, count=3)
    reports = await it.cycles(3, after=1.0)
    await it.cycles(3)
    assert 6 - it.size(BTC) == it.booked() == sold
    assert len(it.requests()) == 1
    assert any("Nothing was assumed" in one.error or "old view" in one.error for one in reports)


async def the_venue_names_no_liquidation_price(it: Stage) -> None:
    it.open(BTC, Side.BUY, "6")
    for value in ("", "0"):
        it.fault("liquidation_price", value=value)
        it.price(BTC, "96000")
        report = await it.cycle()
        assert report.snapshot is not None
        assert not isinstance(report.snapshot.positions[0].liquidation_price, Decimal)
        it.mend()
    assert it.size(BTC) < 6, "our own liquidation price is near, and that counts"
    await it.cycles(3)
    assert it.open_intents() == 0


async def a_wick_is_no_price(it: Stage) -> None:
    it.open(BTC, Side.BUY, "4")
    await it.cycles(2)
    it.fault("wick", symbol=BTC, share="0.12", variant="down", count=3)
    report = await it.cycle()
    assert report.snapshot is not None, report.error
    assert State.FIRING not in states(report)
    it.mend()
    await it.cycles(3)
    assert it.size(BTC) == 4
    assert it.requests() == []


async def a_fall_that_stays_is_believed(it: Stage) -> None:
    it.open(BTC, Side.BUY, "4")
    await it.cycles(2)
    it.fault("wick", symbol=BTC, share="0.12", variant="down")
    await it.cycles(2)
    assert it.size(BTC) == 4
    await it.cycle()
    assert it.size(BTC) < 4, "three looks agree"


async def a_fall_that_all_prices_show_needs_no_second_look(it: Stage) -> None:
    it.open(BTC, Side.BUY, "4")
    await it.cycles(2)
    it.price(BTC, "88000")
    await it.cycle()
    assert it.size(BTC) < 4


async def a_price_of_zero_is_unknown(it: Stage) -> None:
    it.open(BTC, Side.BUY, "6")
    for variant in ("zero", "blank"):
        it.fault("zero_price", symbol=BTC, variant=variant)
        for report in await it.cycles(3):
            assert states(report) == [State.UNKNOWN]
        assert it.size(BTC) == 6
        it.mend()
    await it.cycle()
    assert it.size(BTC) < 6


async def a_haircut_counts_as_a_loss(it: Stage) -> None:
    it.open(BTC, Side.BUY, "3")
    await it.cycles(2)
    it.fault("haircut", share="0.25")
    await it.cycles(4)
    assert it.size(BTC) == 0


async def the_venue_deleverages(it: Stage) -> None:
    it.open(BTC, Side.BUY, "4")
    it.open(ETH, Side.BUY, "10")
    await it.cycles(2)
    it.fault("adl", symbol=BTC, share="0.5", count=1)
    reports = await it.cycles(3)
    assert [one.error for one in reports] == ["", "", ""]
    assert it.size(BTC) == 2
    assert it.requests() == []
    last = [body for entry in it.of_kind(Kind.PROTECTION) if isinstance(body := entry.record, Protection)]
    assert last[-1].shelter is Shelter.VERIFIED


async def the_owner_sells_by_hand_just_before_the_trim(it: Stage) -> None:
    """Both sales count, the guard's own is booked as its own, and that the two differ is told."""
    it.open(BTC, Side.BUY, "6")
    it.fault("manual_trade", path="/v5/order/create", symbol=BTC, value="-2.5", count=1)
    reports = await it.cycles(4)
    assert all(report.error == "" for report in reports)
    assert len(it.requests()) == 1
    sold = Decimal(it.requests()[0].body["qty"])
    assert it.size(BTC) == 6 - Decimal("2.5") - sold > 0
    assert it.booked() == sold
    (seen,) = (entry.record for entry in it.of_kind(Kind.VERIFICATION))
    assert isinstance(seen, Verification)
    assert not seen.agrees
    assert (seen.before - seen.after, seen.executed) == (sold + Decimal("2.5"), sold)
    assert it.open_intents() == 0


async def the_owner_turns_the_position_round(it: Stage) -> None:
    """What was planned for the long is nothing for the short that stands there now."""
    it.open(BTC, Side.BUY, "6")
    it.fault("manual_trade", path="/v5/order/create", symbol=BTC, value="-7", count=1)
    reports = await it.cycles(4)
    assert all(report.error == "" for report in reports)
    assert it.size(BTC) == -1
    assert it.booked() == 0
    assert it.open_intents() == 0
    assert it.stop(BTC) is not None
    assert it.stop(BTC) > 100_000  # type: ignore[operator]


STORIES = (
    Story(15, an_empty_list_is_no_flat_account),
    Story(15, one_position_is_missing_in_the_list),
    Story(16, a_list_comes_in_pages),
    Story(16, a_page_is_lost),
    Story(17, an_old_list_shows_what_was_sold),
    Story(18, the_venue_names_no_liquidation_price, rules=NEAR),
    Story(19, a_wick_is_no_price),
    Story(19, a_fall_that_stays_is_believed, rules=NEAR),
    Story(19, a_fall_that_all_prices_show_needs_no_second_look, rules=NEAR),
    Story(19, a_price_of_zero_is_unknown),
    Story(19, a_haircut_counts_as_a_loss, rules=CUSHION),
    Story(23, the_venue_deleverages),
    Story(23, the_owner_sells_by_hand_just_before_the_trim),
    Story(23, the_owner_turns_the_position_round),
)
