"""The meter of an address and the venue's clock."""

from typing import Any

import pytest

from bot.sandbox.faults.meter import Meter, Standing
from bot.sandbox.host import Sandbox
from bot.sandbox.http import Response
from tests.sandbox.faults.support import (
    BUY,
    CREATE,
    LINEAR,
    POSITIONS,
    SIDE,
    arm,
    make_sandbox,
    position,
    step,
)
from tests.sandbox.support import START_MS, admin, call, decoded, signed


@pytest.fixture
def sandbox() -> Sandbox:
    return make_sandbox()


def poll(sandbox: Sandbox, **how: Any) -> Response:
    return sandbox.handle(signed(sandbox, "GET", POSITIONS, LINEAR, **how))


def counts(sandbox: Sandbox) -> tuple[int, int, int]:
    (fault,) = admin(sandbox, "GET", "faults")[1]["faults"]
    return fault["strikes"], fault["bans"], fault["during_ban"]


def test_the_meter_counts_all_keys_and_tells_when_to_come_again(sandbox: Sandbox) -> None:
    arm(sandbox, "rate_ban", value="4", seconds=60)
    assert counts(sandbox) == (0, 0, 0)
    for how in ({}, SIDE, {}, SIDE):
        assert poll(sandbox, **how).status == 200
    limited = sandbox.handle(signed(sandbox, "POST", CREATE, BUY))
    assert limited.status == 429
    assert limited.headers["Retry-After"] == "1"
    assert limited.headers["X-Bapi-Limit-Reset-Timestamp"] == str(START_MS + 1000)
    assert decoded(limited)[1]["retCode"] == 10006
    assert position(sandbox) == 0
    step(sandbox, 1)
    assert poll(sandbox).status == 200
    assert counts(sandbox) == (1, 0, 0)


@pytest.mark.parametrize(("variant", "status", "wait"), [("", 403, None), ("418", 418, "60")])
def test_whoever_goes_on_is_banned_and_counted(
    sandbox: Sandbox, variant: str, status: int, wait: str | None
) -> None:
    arm(sandbox, "rate_ban", value="1", seconds=60, variant=variant)
    assert [poll(sandbox).status for _ in range(3)] == [200, 429, status]
    assert counts(sandbox) == (2, 1, 0)
    banned = sandbox.handle(signed(sandbox, "POST", CREATE, BUY))
    assert banned.status == status
    assert banned.headers.get("Retry-After") == wait
    assert "access too frequent" in banned.text
    assert poll(sandbox, **SIDE).status == status
    assert counts(sandbox) == (4, 1, 2)
    assert position(sandbox) == 0
    step(sandbox, 60)
    assert poll(sandbox).status == 200


def test_a_ban_lasts_as_long_as_the_venues_own_and_can_be_lifted(sandbox: Sandbox) -> None:
    arm(sandbox, "rate_ban", value="1")
    for _ in range(3):
        poll(sandbox)
    step(sandbox, 599)
    assert poll(sandbox).status == 403
    admin(sandbox, "DELETE", "faults")
    assert poll(sandbox).status == 200


def test_what_passes_meets_other_faults(sandbox: Sandbox) -> None:
    arm(sandbox, "rate_ban", value="2")
    arm(sandbox, "error_code", code=10016)
    assert [decoded(poll(sandbox))[1].get("retCode") for _ in range(3)] == [10016, 10016, 10006]


def test_windows_are_seconds() -> None:
    meter = Meter(2, 5_000)
    times = [0, 900, 1_000, 1_999, 2_000]
    assert {meter.count(time) for time in times} == {Standing.FREE}
    assert meter.wait_ms(2_000) == 0
    assert meter.count(2_001) is Standing.FREE
    assert meter.count(2_002) is Standing.LIMITED
    assert meter.wait_ms(2_502) == 500
    assert meter.count(3_001) is Standing.BANNED
    assert meter.count(8_000) is Standing.BANNED
    assert meter.count(8_001) is Standing.FREE
    assert (meter.bans, meter.during_ban) == (1, 1)


@pytest.mark.parametrize("seconds", [60, -60])
def test_the_venues_clock_runs_off(sandbox: Sandbox, seconds: int) -> None:
    arm(sandbox, "clock_skew", value=str(seconds))
    answer = call(sandbox, "POST", CREATE, BUY)
    assert answer["retCode"] == 10002
    assert answer["time"] == START_MS + seconds * 1000
    assert position(sandbox) == 0
    told = call(sandbox, "GET", "/v5/market/time")
    assert told["result"]["timeSecond"] == str(START_MS // 1000 + seconds)
    shift = int(told["result"]["timeNano"]) // 1_000_000 - START_MS
    assert call(sandbox, "POST", CREATE, BUY, shift_ms=shift)["retCode"] == 0
    (row,) = call(sandbox, "GET", POSITIONS, LINEAR, shift_ms=shift)["result"]["list"]
    assert row["createdTime"] == str(START_MS)
    admin(sandbox, "DELETE", "faults")
    assert call(sandbox, "POST", CREATE, BUY)["retCode"] == 0


def test_a_skew_that_is_none_is_refused(sandbox: Sandbox) -> None:
    for value in ("soon", "90000", "-90000"):
        status, answer = admin(sandbox, "POST", "fault", {"name": "clock_skew", "value": value})
        assert (status, "value must" in answer["error"]) == (400, True)
