"""docs/sandbox.md names every admin call and every fault."""

from pathlib import Path

import msgspec

from bot.sandbox.engine.clocks import VirtualClock
from bot.sandbox.engine.exchange import Engine
from bot.sandbox.engine.feeds import ManualFeed
from bot.sandbox.faults import KINDS
from bot.sandbox.host import Sandbox
from bot.sandbox.http import Request
from tests.sandbox.engine.support import PRICES, START_MS

TEXT = (Path(__file__).parents[2] / "docs" / "sandbox.md").read_text(encoding="utf-8")


def test_every_admin_call_is_named_with_an_example() -> None:
    sandbox = Sandbox(Engine(VirtualClock(START_MS), ManualFeed(START_MS, PRICES)))
    answer = sandbox.handle(Request(method="GET", path="/sandbox/nothing-here"))
    calls = msgspec.json.decode(answer.body)["error"].partition("there are: ")[2].split(", ")
    assert len(calls) > 5
    for call in calls:
        assert f"**{call}**" in TEXT
        assert f"$S{call.partition(' ')[2]}" in TEXT


def test_every_fault_is_named_with_where_it_strikes() -> None:
    for name, kind in KINDS.items():
        assert f"| `{name}` | `{kind.path}` |" in TEXT
