"""Faults in scenario files: what is wrong with them, and when they come and go."""

from datetime import datetime
from pathlib import Path

import pytest

from bot.sandbox import command
from bot.sandbox.command import OptionsError, SandboxOptions
from bot.sandbox.engine.scenario import ScenarioError
from bot.sandbox.faults.schedule import Planned, Schedule
from bot.sandbox.faults.script import load_script
from bot.sandbox.host import Sandbox
from tests.sandbox.faults.support import (
    BUY,
    CREATE,
    LINEAR,
    POSITIONS,
    Witness,
    code,
    make_sandbox,
    registry_of,
    step,
)
from tests.sandbox.support import KEY, SECRET, START_MS, admin, call, signed

MARKET = """\
name: bad day
start: 2025-11-01T00:00:00Z
duration: 2h
symbols:
  BTCUSDT: {path: [[0s, 110000], [2h, 100000]]}
"""
FAULTS = (
    MARKET
    + """\
faults:
  - {at: 30m, until: 1h, name: maintenance, code: 10016}
  - at: 90m
    name: cut_page
    value: 3
    probability: 0.5
    count: 2
  - {at: 0s, until: 10m, name: permission_lost}
"""
)
WRONG = (
    MARKET.replace("110000", "-1")
    + """\
faults:
  - {until: 1h, name: drop}
  - {at: soon, name: hangs}
  - {at: 1h, until: 30m, name: drop}
  - at: 1h
    name: status
    status: 200
    value: 3
    count: 0
  - just words
  - {at: 1h, name: disk_full}
"""
)


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "scenario.yaml"
    path.write_text(text)
    return path


def served(path: Path, **more: object) -> Sandbox:
    options = SandboxOptions(scenario=path, accounts=(f"{KEY}:{SECRET}:100000",), **more)  # type: ignore[arg-type]
    return command.build(options)


def test_the_faults_of_a_file_are_in_its_time(tmp_path: Path) -> None:
    feed, planned = load_script(written(tmp_path, FAULTS))
    assert [one.at_ms - feed.start_ms for one in planned] == [1_800_000, 5_400_000, 0]
    assert [one.until_ms and one.until_ms - feed.start_ms for one in planned] == [3_600_000, None, 600_000]
    assert planned[1].fields == {"name": "cut_page", "value": "3", "probability": 0.5, "count": 2}
    assert {type(value) for value in planned[1].fields.values()} == {str, float, int}


def test_a_file_without_faults_has_none(tmp_path: Path) -> None:
    assert load_script(written(tmp_path, MARKET))[1] == ()


def test_all_mistakes_of_market_and_faults_are_told_with_their_lines(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError) as caught:
        load_script(written(tmp_path, WRONG))
    told = [(one.line, one.message) for one in caught.value.problems]
    assert [line for line, _ in told] == [5, 5, 7, 8, 8, 9, 12, 13, 14, 15, 16]
    words = dict(told)
    assert "'at' is missing" in words[7]
    assert any("did you mean 'hang'?" in message.lower() for line, message in told if line == 8)
    assert "after at" in words[9]
    assert "status must be" in words[12]
    assert "value means nothing" in words[13]
    assert "count must be" in words[14]
    assert "just words" in words[15]
    assert "cannot be armed" in words[16]


def test_mistakes_of_the_faults_alone(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="expected a list"):
        load_script(written(tmp_path, MARKET + "faults: {at: 1h, name: drop}\n"))
    with pytest.raises(ScenarioError, match="expected a mapping"):
        load_script(written(tmp_path, "just words\n"))


def test_the_command_tells_of_them_too(tmp_path: Path) -> None:
    path = written(tmp_path, MARKET + "faults: [{at: 1h, name: hangs}]\n")
    with pytest.raises(OptionsError) as caught:
        served(path)
    assert caught.value.problems[0].startswith(f"{path}:6: ")


def test_they_come_and_go_as_market_time_passes(tmp_path: Path) -> None:
    sandbox = served(written(tmp_path, FAULTS), time="virtual")
    assert read(sandbox) == 10010
    step(sandbox, 600)
    assert read(sandbox) == 0
    step(sandbox, 1199)
    assert read(sandbox) == 0
    assert states(sandbox) == ["ended", "waiting", "waiting"]
    step(sandbox, 1)
    assert (read(sandbox), code(sandbox, CREATE, BUY)) == (10016, 10016)
    assert states(sandbox) == ["ended", "armed", "waiting"]
    step(sandbox, 1800)
    assert read(sandbox) == 0
    step(sandbox, 3_600)
    listing = admin(sandbox, "GET", "faults")[1]
    assert [one["name"] for one in listing["faults"]] == ["cut_page"]
    assert states(sandbox) == ["ended", "ended", "armed"]


def read(sandbox: Sandbox) -> int:
    return int(call(sandbox, "GET", POSITIONS, LINEAR)["retCode"])


def states(sandbox: Sandbox) -> list[str]:
    return [one["state"] for one in admin(sandbox, "GET", "faults")[1]["planned"]]


def test_a_later_start_passes_over_what_is_over(tmp_path: Path) -> None:
    start = datetime.fromisoformat("2025-11-01T00:40:00+00:00")
    sandbox = served(written(tmp_path, FAULTS), time="virtual", start=start)
    assert read(sandbox) == 10016
    assert states(sandbox) == ["ended", "armed", "waiting"]


def test_in_real_time_they_are_shifted_with_the_prices(tmp_path: Path) -> None:
    sandbox = served(written(tmp_path, FAULTS), time="real")
    assert read(sandbox) == 10010
    first = admin(sandbox, "GET", "faults")[1]["planned"][0]
    assert 0 <= sandbox.engine.market_ms - first["at_ms"] < 60_000
    assert states(sandbox) == ["armed", "waiting", "waiting"]


def test_a_fault_that_lasts_begins_at_its_own_time_inside_a_long_step() -> None:
    planned = [Planned(START_MS + 10_000, None, {"name": "maintenance", "seconds": 20})]
    sandbox = Sandbox(make_sandbox().engine, planned=planned)
    step(sandbox, 29)
    assert read(sandbox) == 110066
    step(sandbox, 1)
    assert read(sandbox) == 0
    assert states(sandbox) == ["ended"]


def test_what_the_venue_refuses_is_told_and_not_tried_again() -> None:
    sandbox, witness = make_sandbox(), Witness()
    registry = registry_of(sandbox, witness)
    schedule = Schedule(registry, [Planned(5, 9, {"name": "lasting", "share": "1"})])
    assert schedule.next_ms() == 5
    schedule.pass_to(5, 5)
    (told,) = schedule.listing()
    assert (told["state"], told["why"]) == ("refused", "nothing to do")
    assert schedule.next_ms() is None
    schedule.pass_to(9, 9)
    assert registry.listing() == []


def test_a_planned_fault_that_was_cleared_by_hand_ends_quietly() -> None:
    planned = [Planned(START_MS, START_MS + 5_000, {"name": "drop"})]
    sandbox = Sandbox(make_sandbox().engine, planned=planned)
    assert sandbox.handle(signed(sandbox, "POST", CREATE, BUY)).status == 504
    sandbox.faults.clear()
    step(sandbox, 5)
    assert states(sandbox) == ["ended"]
