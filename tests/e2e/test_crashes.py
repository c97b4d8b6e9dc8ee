"""The daemon dies in the middle of the fall; the account does not."""

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.demo.chronicle import Chronicle
from bot.demo.scene import GUARDED, POSITIONS
from bot.demo.venue import venue_symbol
from bot.journal import verify
from bot.journal.records import Kind
from tests.e2e.harness import World, eventually, leverage_of, world

OWN = "reef"


def assert_every_order_was_written_first(here: World) -> None:
    """Each accepted once at most, each with an intent that was durable before it arrived."""
    executed = Counter(here.executed())
    assert executed
    assert set(executed.values()) == {1}
    prepared = {entry.intent: entry.time for entry in here.entries(Kind.PREPARED)}
    for order in here.orders():
        assert order["client_id"].startswith(OWN)
        arrived = datetime.fromtimestamp(order["time_ms"] / 1000 + 0.001, UTC)
        assert prepared[order["client_id"]] <= arrived


def assert_positions_are_what_the_orders_left(here: World) -> None:
    """What was executed, by the journal's own outcomes, explains every coin that is gone."""
    with Chronicle(here.folder / "reef.sqlite", GUARDED) as chronicle:
        chronicle.update()
    left = {one.symbol: one.qty for one in POSITIONS}
    for deed in chronicle.deeds:
        left[venue_symbol(deed.symbol)] -= deed.size
    held = here.positions()
    assert {symbol: size for symbol, size in left.items() if size} == {
        symbol: one.size for symbol, one in held.items()
    }


@pytest.mark.timeout(180)
def test_killed_in_the_middle_of_the_fall_and_started_again(tmp_path: Path) -> None:
    with world(tmp_path, speed=600) as here:
        first = here.start_daemon()
        eventually(here.sheltered, "stops at the exchange")
        here.ask("POST", "fault", {"name": "hang", "count": 1, "api_key": here.cast.guarded.api_key})
        before = len(here.orders())
        here.venue.start()
        eventually(lambda: len(here.orders()) > before, "an order in the fall whose answer never comes")
        first.kill()
        assert here.executed()[-1] == here.entries(Kind.PREPARED)[-1].intent
        second = here.start_daemon()
        eventually(lambda: len(here.entries(Kind.RECOVERY)) >= 2, "the second daemon's reconciliation")
        eventually(lambda: here.venue.state().elapsed_s > 6600, "the slide of November")
        second.kill()
        third = here.start_daemon()
        eventually(lambda: here.venue.state().over, "the scenario's end")
        eventually(lambda: len(here.entries(Kind.RECOVERY)) >= 3, "the third daemon's reconciliation")
        assert third.terminate() == 0
        assert_every_order_was_written_first(here)
        assert_positions_are_what_the_orders_left(here)
        final = here.venue.state()
        guarded = final.account(here.cast.guarded.api_key)
        assert guarded.liquidated_ms is None
        assert guarded.wallet.equity > 65_000
        assert final.account(here.cast.twin.api_key).liquidated_ms is not None
        assert verify(tmp_path / "reef.sqlite").sound


@pytest.mark.timeout(120)
def test_killed_and_never_started_again_the_stops_alone_hold(tmp_path: Path) -> None:
    with world(tmp_path, rules="observe", speed=1500) as here:
        daemon = here.start_daemon()
        eventually(here.sheltered, "stops at the exchange")
        daemon.kill()
        assert leverage_of(here) > 3.4
        assert here.orders() == []
        here.venue.start()
        eventually(lambda: here.venue.state().over, "the scenario's end")
        final = here.venue.state()
        guarded = final.account(here.cast.guarded.api_key)
        assert guarded.liquidated_ms is None
        assert guarded.wallet.equity > 10_000
        assert here.positions() == {}
        assert final.account(here.cast.twin.api_key).liquidated_ms is not None
