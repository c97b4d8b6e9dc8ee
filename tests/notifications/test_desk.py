"""Which notices go where and when: routes, quiet hours, room, and clocks that jump. Time is an argument."""

from datetime import UTC, datetime, time, timedelta

import msgspec
import pytest
from msgspec import structs

from bot.journal.records import canonical
from bot.model import NoticeKind, Quiet, Route, Severity
from bot.notifications.desk import MOST_WAITING, Desk, Lasting, Post, chains_of
from bot.notifications.message import MOST_CHARACTERS, compose
from bot.notifications.notice import Phase
from tests.notifications.support import START, notice, terms

MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("route", "fits"),
    [
        (Route(("a",)), True),
        (Route(("a",), Severity.WARNING), True),
        (Route(("a",), Severity.CRITICAL), False),
        (Route(("a",), accounts=("fund-*", "ma*")), True),
        (Route(("a",), accounts=("fund-*",)), False),
        (Route(("a",), rules=("Lev*",)), True),
        (Route(("a",), rules=("room",)), False),
        (Route(("a",), kinds=(NoticeKind.HALT, NoticeKind.RULE)), True),
        (Route(("a",), kinds=(NoticeKind.HALT,)), False),
    ],
)
def test_a_route_fits(route: Route, fits: bool) -> None:
    one = notice(rule="leverage cap")
    assert (chains_of((route,), one) == ("a",)) is fits


def test_what_is_of_no_account_and_no_rule_passes_open_patterns_alone() -> None:
    one = notice(account="", kind=NoticeKind.DAEMON)
    assert chains_of((Route(("a",), accounts=("*",)), Route(("b",), rules=("*",))), one) == ("a", "b")
    assert chains_of((Route(("a",), accounts=("main",)), Route(("b",), rules=("l*",))), one) == ()


def test_every_route_that_fits_tells_but_no_channel_twice() -> None:
    routes = (Route(("pager", "mail"), Severity.CRITICAL), Route(("mail",)), Route(("pager",)))
    assert chains_of(routes, notice(severity=Severity.CRITICAL)) == ("pager > mail", "mail")
    assert chains_of(routes, notice()) == ("mail", "pager")


@pytest.mark.parametrize(
    ("hour", "quiet"), [("21:29", False), ("21:30", True), ("03:00", True), ("05:59", True), ("06:00", False)]
)
def test_quiet_hours_are_those_of_their_zone_and_may_pass_midnight(hour: str, quiet: bool) -> None:
    hours = Quiet(time(22, 30), time(7), "Europe/Berlin")  # an hour ahead of UTC in winter
    at = datetime.fromisoformat(f"2025-11-21T{hour}").replace(tzinfo=UTC)
    assert hours.holds(at) is quiet


def test_quiet_hours_within_a_day() -> None:
    hours = Quiet(time(9), time(17), "UTC")
    assert hours.holds(START.replace(hour=9))
    assert not hours.holds(START.replace(hour=17))


def test_in_quiet_hours_what_is_critical_passes_and_the_rest_waits_for_the_morning() -> None:
    given = structs.replace(terms(), quiet=Quiet(time(0), time(8), "UTC"))
    desk = Desk(given, Post(0))
    desk.take((notice("calm"), notice("fire", severity=Severity.CRITICAL)), START)
    (parcel,) = desk.due(START + MINUTE)
    assert parcel.message.subject == "[critical] main: fire"
    desk.delivered(parcel, "first", START + MINUTE)
    assert desk.waiting == 1
    assert desk.due(START + MINUTE) == ()
    (parcel,) = desk.due(START.replace(hour=8))
    assert parcel.message.subject == "[warning] main: calm"
    desk.delivered(parcel, "first", START.replace(hour=8))
    assert desk.waiting == 0


def test_what_finds_no_room_is_counted_and_what_is_critical_stays() -> None:
    desk = Desk(terms(), Post(0))
    desk.take((notice("fire", severity=Severity.CRITICAL),), START)
    desk.take([notice(str(number)) for number in range(MOST_WAITING + 20)], START)
    assert desk.waiting == MOST_WAITING
    (parcel,) = desk.due(START + MINUTE)
    assert parcel.message.subject.startswith("[critical] main: fire, and 299 more")
    assert parcel.message.held_back == 21 + MOST_WAITING - parcel.message.body.count("\nbody\n")
    desk.delivered(parcel, "first", START + MINUTE)
    desk.take((notice("after"),), START + MINUTE)
    (parcel,) = desk.due(START + 2 * MINUTE)
    assert parcel.message.held_back == 0


def test_a_clock_that_is_set_back_holds_nothing_back() -> None:
    desk = Desk(terms(group=timedelta(seconds=30)), Post(0))
    desk.take((notice(),), START)
    earlier = START - timedelta(hours=1)
    (parcel,) = desk.due(earlier)
    desk.delivered(parcel, "first", START)
    desk.take((notice(),), earlier)
    assert desk.due(earlier - MINUTE), "neither is it a repetition of what is to come"


def test_a_clock_that_jumps_ahead_repeats_once() -> None:
    desk = Desk(terms(), Post(0))
    desk.take((notice(severity=Severity.CRITICAL, phase=Phase.BEGINS),), START)
    desk.look(START)
    desk.delivered(desk.due(START + MINUTE)[0], "first", START)
    later = START + timedelta(hours=1)
    desk.look(later)
    desk.look(later)
    assert desk.waiting == 1


def test_what_is_still_waiting_is_not_repeated() -> None:
    desk = Desk(terms(), Post(0))
    desk.take((notice(severity=Severity.CRITICAL, phase=Phase.BEGINS),), START)
    for hours in range(5):
        desk.look(START + timedelta(hours=hours))
    assert desk.waiting == 1


def test_a_warning_that_lasts_is_not_repeated() -> None:
    desk = Desk(terms(), Post(0))
    desk.take((notice(phase=Phase.BEGINS),), START)
    desk.look(START)
    desk.delivered(desk.due(START + MINUTE)[0], "first", START)
    desk.look(START + timedelta(hours=5))
    assert desk.waiting == 0


def test_an_end_without_a_beginning_is_not_told() -> None:
    desk = Desk(terms(), Post(0))
    desk.take((notice(phase=Phase.ENDS),), START)
    assert desk.waiting == 0


def test_what_begins_and_ends_at_once_is_told_as_both() -> None:
    desk = Desk(terms(), Post(0))
    desk.take((notice(phase=Phase.BEGINS), notice(phase=Phase.ENDS)), START)
    desk.look(START)
    assert desk.waiting == 2


def test_what_is_remembered_is_read_back_and_takes_the_routes_of_today() -> None:
    desk = Desk(terms(), Post(7))
    desk.take((notice("one"), notice("two", phase=Phase.BEGINS)), START)
    desk.look(START)
    post = msgspec.json.decode(canonical(desk.post), type=Post)
    assert Desk(terms(), post).post == post
    assert post.lasting["two"] == Lasting(notice("two", phase=Phase.BEGINS), START)
    moved = Desk(terms(routes=(Route(("second",)),)), post)
    assert set(moved.post.queues) == {"second"}
    assert moved.waiting == 2
    assert Desk(terms(routes=(Route(("second",), Severity.CRITICAL),)), post).waiting == 0


def test_the_rate_of_a_channel_is_of_the_last_hour() -> None:
    desk = Desk(terms(rate=1), Post(0))
    desk.take((notice(),), START)
    desk.delivered(desk.due(START + MINUTE)[0], "first", START)
    assert not desk.may_send("first", Severity.WARNING, START + MINUTE)
    assert desk.may_send("second", Severity.WARNING, START + MINUTE)
    assert desk.may_send("first", Severity.WARNING, START + timedelta(hours=1))
    assert not desk.may_send("first", Severity.CRITICAL, START + timedelta(seconds=30))
    assert desk.may_send("first", Severity.CRITICAL, START + MINUTE)


def test_a_message_has_a_bound() -> None:
    message = compose((notice(body="x" * 10_000), notice("two")))
    assert len(message.body) < MOST_CHARACTERS + 200
    assert message.held_back == 1
    assert message.body.endswith("1 more were held back; `reef journal` tells them.")


def test_a_stop_that_is_placed_before_anybody_could_be_told_is_no_news() -> None:
    bare = notice("bare", kind=NoticeKind.PROTECTION, phase=Phase.BEGINS)
    safe = structs.replace(bare, phase=Phase.ENDS)
    desk = Desk(terms(group=timedelta(seconds=30)), Post(0))
    desk.take((bare, notice("other")), START)
    desk.look(START)
    assert desk.waiting == 2
    desk.take((safe,), START)
    assert desk.waiting == 1
    desk.take((bare, safe), START)
    assert desk.waiting == 1
    desk.take((bare,), START)
    desk.look(START)
    with desk.sending(desk.due(START + MINUTE)[0]):
        desk.take((safe,), START)
        assert desk.waiting == 3, "it may be told already"
    desk.delivered(desk.due(START + MINUTE)[0], "first", START)
    desk.take((bare,), START)
    desk.look(START)
    desk.delivered(desk.due(START + MINUTE)[0], "first", START)
    desk.take((safe,), START + MINUTE)
    assert desk.waiting == 1, "what was told is ended"


def test_a_message_tells_in_the_order_of_time_and_is_named_by_the_loudest() -> None:
    early, late = notice("early", entry=1), notice("late", entry=3)
    loud = notice("loud", severity=Severity.CRITICAL, entry=2)
    message = compose((late, loud, early))
    assert message.subject == "[critical] main: loud, and 2 more"
    order = [message.body.index(f"main: {one}") for one in ("early", "loud", "late")]
    assert order == sorted(order)
