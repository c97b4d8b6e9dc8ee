"""Arming, striking and ending, with kinds of the tests' own where one way of working is looked at alone."""

from decimal import Decimal
from typing import Any

import pytest

from bot.sandbox.engine.types import EngineRefusal
from bot.sandbox.faults import KINDS, FaultError, FaultRegistry, Place
from bot.sandbox.faults.history import Answered, History
from bot.sandbox.host import Sandbox
from bot.sandbox.http import Request, Response
from tests.sandbox.faults.support import (
    BUY,
    CREATE,
    LINEAR,
    POSITIONS,
    Witness,
    arm,
    code,
    listed,
    make_sandbox,
    registry_of,
    step,
    strikes,
)
from tests.sandbox.support import admin, call


@pytest.fixture
def sandbox() -> Sandbox:
    return make_sandbox()


def test_before_acts_first_and_an_answer_may_follow(sandbox: Sandbox) -> None:
    witness = Witness()
    registry = registry_of(sandbox, witness)
    registry.arm({"name": "first", "count": 1})
    registry.arm({"name": "error_code", "code": 10016, "path": POSITIONS})
    assert call(sandbox, "GET", "/v5/account/info")["retCode"] == 0
    assert call(sandbox, "GET", POSITIONS, LINEAR)["retCode"] == 10016
    assert call(sandbox, "GET", POSITIONS, LINEAR)["retCode"] == 10016
    assert witness.told == ["before /v5/account/info", f"before {POSITIONS}"]
    assert [one["strikes"] for one in registry.listing()] == [1, 2]


def test_what_lasts_begins_at_once_and_ends_by_name_time_or_word(sandbox: Sandbox) -> None:
    witness = Witness()
    registry = registry_of(sandbox, witness)
    now = sandbox.engine.clock.server_ms()
    held = registry.arm({"name": "lasting", "share": 0.25})
    registry.arm({"name": "lasting", "share": "0.5", "seconds": 2})
    assert [one["strikes"] for one in registry.listing()] == [1, 1]
    assert registry.next_end_ms() == now + 2000
    registry.expire(now + 1999)
    registry.expire(now + 2000)
    assert registry.next_end_ms() is None
    assert registry.disarm(held)
    assert not registry.disarm(held)
    assert witness.told == [f"apply {now}", f"apply {now}", "lift 0.5", "lift 0.25"]


def test_what_the_venue_cannot_do_is_not_armed(sandbox: Sandbox) -> None:
    witness = Witness()
    registry = registry_of(sandbox, witness)
    with pytest.raises(EngineRefusal, match="nothing to do"):
        registry.arm({"name": "lasting", "share": 1})
    assert registry.listing() == []
    registry.clear()
    assert witness.told == []


def test_equal_faults_are_ended_each_for_itself(sandbox: Sandbox) -> None:
    fields = {"name": "drop", "path": "/v5/nothing"}
    first, second = sandbox.faults.arm(fields), sandbox.faults.arm(fields)
    assert sandbox.faults.disarm(second)
    assert not sandbox.faults.disarm(second)
    assert sandbox.faults.disarm(first)


def test_a_registry_needs_its_venue() -> None:
    with pytest.raises(RuntimeError, match="bind"):
        FaultRegistry().arm({"name": "maintenance", "seconds": 1})


def test_faults_are_ended_by_name(sandbox: Sandbox) -> None:
    for name in ("drop", "hang", "drop"):
        arm(sandbox, name)
    assert sandbox.handle(_delete("name=drop")).status == 200
    assert [one["name"] for one in admin(sandbox, "GET", "faults")[1]["faults"]] == ["hang"]
    for query, complaint in (("", "name"), ("name=", "unknown"), ("name=dropp", "Did you mean 'drop'?")):
        answer = sandbox.handle(_delete(query))
        assert answer.status == 400
        assert complaint in answer.text
    assert strikes(sandbox) == [0]


def _delete(query: str) -> Request:
    return Request("DELETE", "/sandbox/fault", query)


@pytest.mark.parametrize(
    ("body", "complaints"),
    [
        ({"name": "hang", "status": 503, "code": 1}, ["status means nothing", "code means nothing"]),
        ({"name": "hang", "second": 1}, ["second means nothing", "did you mean seconds?"]),
        ({"name": "hang", "count": "x", "seconds": -1}, ["count: Expected", "seconds must"]),
        ({"name": "cut_page"}, ["value is needed"]),
        ({"name": "cut_page", "value": "0"}, ["value must be a whole number"]),
        ({"name": "cut_page", "value": 3}, ["value: Expected `str`"]),
        ({"name": "cut_page", "value": "3", "variant": "gone"}, ["variant must be one of cursor, lost"]),
        ({"name": "old_body"}, ["seconds is needed"]),
        ({"name": "permission_lost", "code": 7}, ["code must be one of 10003, 10005, 10010"]),
        ({"name": "permission_lost", "probability": 0}, ["probability must"]),
        ({"name": "disk_full"}, ["cannot be armed here", "max_page_count"]),
        ({"name": "paused_process", "count": 1}, ["SIGSTOP"]),
    ],
)
def test_what_cannot_be_armed_is_told_all_at_once(
    sandbox: Sandbox, body: dict[str, Any], complaints: list[str]
) -> None:
    status, answer = admin(sandbox, "POST", "fault", body)
    assert status == 400
    assert repr(body["name"]) in answer["error"]
    assert all(complaint in answer["error"] for complaint in complaints)
    assert admin(sandbox, "GET", "faults")[1] == {"faults": []}


def test_every_kind_made_elsewhere_is_refused_with_its_sentence(sandbox: Sandbox) -> None:
    elsewhere = [kind for kind in KINDS.values() if kind.place is not Place.VENUE]
    assert len(elsewhere) == 6
    for kind in elsewhere:
        with pytest.raises(FaultError) as caught:
            sandbox.faults.arm({"name": kind.name})
        assert kind.by_hand in str(caught.value)


def test_the_listing_shows_what_was_given(sandbox: Sandbox) -> None:
    arm(sandbox, "cut_page", value="3", count=2)
    assert admin(sandbox, "GET", "faults")[1]["faults"] == [
        {"name": "cut_page", "value": "3", "count": 2, "strikes": 0}
    ]


def test_chance_is_drawn_only_where_a_fault_could_strike() -> None:
    def struck(noise: bool) -> list[int]:
        sandbox, codes = make_sandbox(seed=9), []
        arm(sandbox, "error_code", code=10016, path=CREATE, probability=0.5)
        for _ in range(20):
            if noise:
                listed(sandbox, POSITIONS)
            codes.append(code(sandbox, CREATE, BUY))
        return codes

    assert struck(noise=False) == struck(noise=True)
    assert set(struck(noise=False)) == {0, 10016}


def test_a_short_fault_ends_inside_a_long_step(sandbox: Sandbox) -> None:
    ends: list[int] = []
    witness = Witness()
    sandbox.faults = registry_of(sandbox, witness)
    sandbox.faults.arm({"name": "lasting", "seconds": 10})
    witness.lifted = lambda: ends.append(sandbox.engine.market_ms)
    began = sandbox.engine.market_ms
    step(sandbox, 3600)
    assert ends == [began + 10_000]
    assert sandbox.engine.market_ms == began + 3_600_000


def test_history_is_bounded_and_tells_the_oldest() -> None:
    history = History(kept=2)
    for time_ms in (1, 2, 3):
        history.keep(Answered("key", "/v5/x", "", time_ms, Response(200, {}, str(time_ms).encode())))
    assert history.before("key", "/v5/x", "", 0) == Response(200, {}, b"2")
    assert history.before("key", "/v5/x", "", 3) == Response(200, {}, b"3")
    assert history.before("key", "/v5/x", "other", 3) is None


def test_a_share_is_a_decimal() -> None:
    witness = Witness()
    sandbox = make_sandbox()
    assert registry_of(sandbox, witness).arm({"name": "lasting", "share": 0.1}).share == Decimal("0.1")
    with pytest.raises(FaultError, match="share must lie"):
        registry_of(sandbox, witness).arm({"name": "lasting", "share": "1.5"})
