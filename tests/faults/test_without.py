"""Each test has teeth: the same story fails once the guard's answer to its fault is taken out."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec import Struct

from bot.exchange.budget import Budget
from bot.exchange.errors import GatewayError
from bot.exchange.freshness import Freshness
from bot.exchange.gateway import CcxtGateway
from bot.exchange.reading import Call, Reads, Rows
from bot.exchange.venues import (
    bybit_calls,
    bybit_codes,
    bybit_history,
    bybit_holdings,
    bybit_markets,
    bybit_orders,
)
from bot.exchange.venues.bybit import Bybit
from bot.execution import evidence, intents
from bot.execution.pause import Pause
from bot.execution.refusals import Refusals
from bot.execution.resending import Resender
from bot.journal.records import IntentState
from bot.model import Fill, Unknown, Verdict
from bot.planning import pricing
from bot.risk import gates
from bot.risk.margin import Margins
from tests.faults import scenarios_around as around
from tests.faults import scenarios_markets as markets
from tests.faults import scenarios_orders as orders
from tests.faults import scenarios_refusals as refusals
from tests.faults import scenarios_traffic as traffic
from tests.faults import scenarios_views as views
from tests.faults.stage import START
from tests.faults.story import Course, Story

Patch = pytest.MonkeyPatch
TakeOut = Callable[[Patch], None]
ALL = (
    *orders.STORIES,
    *refusals.STORIES,
    *markets.STORIES,
    *traffic.STORIES,
    *views.STORIES,
    *around.STORIES,
)
STORIES = {story.course: story for story in ALL}


def unknown_counts_as_failed(patch: Patch) -> None:
    patch.setitem(intents.VERDICTS, Verdict.UNKNOWN, IntentState.REJECTED)


def the_position_is_not_asked(patch: Patch) -> None:
    patch.setattr(evidence, "doubt", lambda *_, **__: "")


def a_duplicate_counts_as_refused(patch: Patch) -> None:
    for code in ("110030", "110072"):
        read_as(patch, code, Verdict.REJECTED)


def lost_orders_are_given_up(patch: Patch) -> None:
    patch.setattr(Resender, "is_due", lambda *_: False)


def overload_counts_as_throttled(patch: Patch) -> None:
    read_as(patch, "10429", Verdict.THROTTLED)


def nobody_asks_what_holds_the_position(patch: Patch) -> None:
    patch.setattr(Refusals, "crowded", lambda *_: ())


def filters_are_read_once(patch: Patch) -> None:
    patch.setattr(CcxtGateway, "forget_market", lambda *_: None)


def every_refusal_is_tried_again(patch: Patch) -> None:
    patch.setattr(Refusals, "in_force", lambda *_: ())


def each_row_is_a_fill(patch: Patch) -> None:
    def all_of_them(rows: list[dict[str, str]], symbol: str, *, inverse: bool) -> tuple[Fill, ...]:
        each = (bybit_orders.parse_fills([row], symbol, inverse=inverse) for row in rows)
        return tuple(fill for fills in each for fill in fills)

    patch.setattr(bybit_history, "parse_fills", all_of_them)


def zero_is_a_refusal_like_others(patch: Patch) -> None:
    patch.setattr(bybit_codes, "_ZERO_POSITION", ())


def the_wallet_is_not_asked(patch: Patch) -> None:
    patch.setattr(bybit_holdings, "contradiction", lambda *_: "")


def the_first_page_is_the_list(patch: Patch) -> None:
    def one_page(settle: str) -> Call:
        return Call("privateGetV5PositionList", {"category": "linear", "settleCoin": settle, "limit": 200})

    patch.setattr(bybit_calls, "positions", one_page)
    the_wallet_is_not_asked(patch)


def any_view_is_believed(patch: Patch) -> None:
    patch.setattr(Freshness, "check", lambda *_: None)
    patch.setattr(bybit_holdings, "older_row", lambda *_: "")
    patch.setattr("bot.guard.refuse_older", lambda *_: None)
    the_wallet_is_not_asked(patch)


def every_mark_is_believed(patch: Patch) -> None:
    patch.setattr(gates, "apart_by_band", lambda *_: None)
    patch.setattr(gates, "apart_by_jump", lambda *_: None)


def nothing_escalates(patch: Patch) -> None:
    patch.setattr(pricing, "is_last_resort", lambda *_: False)


def our_own_liquidation_price_is_not_computed(patch: Patch) -> None:
    patch.setattr(Margins, "free", lambda *_: Unknown("not computed"))


def a_wrong_clock_stays_wrong(patch: Patch) -> None:
    patch.setattr(Bybit, "options", {**Bybit.options, "clockCode": "none"})


def nothing_pauses(patch: Patch) -> None:
    patch.setattr(Pause, "holds_orders", lambda *_: "")


def a_lost_key_counts_as_unknown(patch: Patch) -> None:
    for code in ("10003", "10010"):
        read_as(patch, code, Verdict.UNKNOWN)


def rubbish_counts_as_an_empty_list(patch: Patch) -> None:
    async def answered(_self: Reads, call: Call) -> Rows:
        try:
            return await rows_of(_self, call)
        except GatewayError:
            return Rows([], START)

    rows_of = Reads.rows
    patch.setattr(Reads, "rows", answered)


def tracking_is_given_up_after_a_restart(patch: Patch) -> None:
    patch.setattr("bot.execution.gate.open_intents", lambda *_: ())


def a_ban_is_not_heard(patch: Patch) -> None:
    patch.setattr(Budget, "turned_away", lambda *_: None)


def a_contract_is_always_one_coin(patch: Patch) -> None:
    patch.setattr(bybit_markets, "contract_size_of", lambda *_: Decimal(1))


def read_as(patch: Patch, code: str, verdict: Verdict) -> None:
    """Let a code of the venue mean something else."""
    patch.setattr(bybit_codes, "CODES", {**bybit_codes.CODES, code: verdict})


class Without(Struct, frozen=True):
    """A story that must not end well without one answer of the guard, and what goes wrong then."""

    course: Course
    take_out: TakeOut
    why: str


TABLE = (
    Without(
        refusals.the_request_never_arrives,
        lost_orders_are_given_up,
        "what was asked for waits until the order is given up",
    ),
    Without(
        refusals.the_venue_is_overloaded,
        overload_counts_as_throttled,
        "a stop that is turned away holds trims back",
    ),
    Without(
        refusals.the_owners_orders_hold_the_position,
        nobody_asks_what_holds_the_position,
        "the same order is refused for ever, and what is free stays",
    ),
    Without(
        refusals.the_step_is_no_longer_what_it_was,
        filters_are_read_once,
        "no size fits any more",
    ),
    Without(
        refusals.the_venue_takes_no_stops_any_more,
        every_refusal_is_tried_again,
        "the venue is asked at each look for what it will not give",
    ),
    Without(
        orders.the_answer_is_lost_and_the_venue_has_sold_once,
        unknown_counts_as_failed,
        "the journal says that nothing was sold",
    ),
    Without(
        orders.an_accepted_order_is_in_no_list_for_a_minute,
        the_position_is_not_asked,
        "empty lists count as a verdict, and the fill is never booked",
    ),
    Without(
        orders.a_duplicate_id_means_that_the_order_is_there,
        a_duplicate_counts_as_refused,
        "the order that was taken is booked as refused",
    ),
    Without(
        orders.fills_come_twice_and_in_no_order,
        each_row_is_a_fill,
        "the journal says that twice as much was sold",
    ),
    Without(
        orders.the_owner_closes_just_before_the_trim,
        zero_is_a_refusal_like_others,
        "a wish that is fulfilled is told as refused",
    ),
    Without(
        views.an_empty_list_is_no_flat_account,
        the_wallet_is_not_asked,
        "the account counts as flat",
    ),
    Without(
        views.a_list_comes_in_pages,
        the_first_page_is_the_list,
        "two of three positions are not seen",
    ),
    Without(
        views.an_old_list_shows_what_was_sold,
        any_view_is_believed,
        "what was sold is sold again",
    ),
    Without(
        markets.a_price_band_refuses_until_a_market_order_is_due,
        nothing_escalates,
        "the same order is refused for ever",
    ),
    Without(
        views.the_venue_names_no_liquidation_price,
        our_own_liquidation_price_is_not_computed,
        "without the venue's figure nothing is seen coming",
    ),
    Without(
        traffic.a_contract_is_a_hundred_coins, a_contract_is_always_one_coin, "sizes are wrong a hundredfold"
    ),
    Without(
        traffic.another_program_brings_a_ban_on_the_address,
        a_ban_is_not_heard,
        "the host goes on asking, and the ban grows",
    ),
    Without(views.a_wick_is_no_price, every_mark_is_believed, "one bad tick begins an episode"),
    Without(
        around.the_venues_clock_runs_ahead,
        a_wrong_clock_stays_wrong,
        "no request is accepted any more",
    ),
    Without(around.orders_alone_are_closed, nothing_pauses, "a closed venue is asked at each cycle"),
    Without(
        around.the_key_is_invalid,
        a_lost_key_counts_as_unknown,
        "nobody is told that only the owner can mend it",
    ),
    Without(
        around.answers_are_rubbish,
        rubbish_counts_as_an_empty_list,
        "what was not understood is decided on",
    ),
    Without(
        around.the_way_is_cut_after_an_order,
        tracking_is_given_up_after_a_restart,
        "the process that begins again knows nothing of the order",
    ),
)


def rows() -> list[object]:
    """One parameter a line of the table."""
    return [pytest.param(one, id=f"{STORIES[one.course].row}-{one.take_out.__name__}") for one in TABLE]


@pytest.mark.parametrize("without", rows())
async def test_the_story_fails_without_it(
    without: Without, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without.take_out(monkeypatch)
    story: Story = STORIES[without.course]
    with pytest.raises(AssertionError):
        await story.run(tmp_path)


def test_at_least_ten_rows_of_every_group_have_teeth() -> None:
    shown = {STORIES[one.course].row for one in TABLE}
    assert len(shown) >= 10
    assert min(shown) < 15 <= max(shown & set(range(15, 24)), default=0) < max(shown)
