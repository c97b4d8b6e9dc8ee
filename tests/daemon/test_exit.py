"""A signal at any time: in the middle of an order, a second one, and before anything was begun."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import pytest

from bot.journal import Entry, open_journal, verify
from bot.journal.records import Kind
from tests.cli.support import Keys, Running, Venue, running, sandbox, wait, write_config
from tests.daemon.test_process import count

ORDER = "/v5/order/create"
ONE = ({"symbol": "BTCUSDT", "side": "long", "qty": "6", "leverage": "20"},)
KILLED = {signal.SIGTERM: {-signal.SIGTERM}, signal.SIGINT: {-signal.SIGINT, 130}}
"""How a process ends that leaves a second signal to the system."""


@pytest.fixture(scope="module")
def venue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Venue]:
    """Serve a sandbox for the module."""
    with sandbox(tmp_path_factory.mktemp("venue")) as serving:
        yield serving


@contextmanager
def in_the_middle_of_an_order(
    venue: Venue, folder: Path, seconds: float
) -> Iterator[tuple[Running, Keys, Path]]:
    """A daemon whose first order was executed and is answered only after some seconds."""
    keys = venue.account(ONE)
    config = write_config(folder, venue.url, mode="act")
    fault = {"name": "hang", "path": ORDER, "seconds": seconds, "api_key": keys.api_key, "count": 1}
    venue.call("POST", "fault", fault)
    with running(folder / "run", "run", "--config", config, environ=keys.environ("main")) as daemon:
        wait(lambda: accepted(venue, keys), "the order at the venue")
        assert count(folder / "reef.sqlite", Kind.OUTCOME) == 0
        yield daemon, keys, config
    venue.call("DELETE", "faults")


def accepted(venue: Venue, keys: Keys) -> list[str]:
    """Client ids of the trims that the venue took, each as often as it took it."""
    orders = [one for one in venue.orders_of(keys) if one["path"] == ORDER and one["executed"]]
    return [one["body"]["orderLinkId"] for one in orders]


def size(venue: Venue, keys: Keys) -> Decimal:
    """The position's size at the venue."""
    (account,) = [one for one in venue.call("GET", "state")["accounts"] if one["api_key"] == keys.api_key]
    return Decimal(account["positions"][0]["size"])


def entries(folder: Path, kind: Kind | None = None) -> list[Entry]:
    """The journal's entries."""
    with open_journal(folder / "reef.sqlite", read_only=True) as journal:
        return journal.entries(kind=kind, limit=10_000)


def restarted(venue: Venue, folder: Path, keys: Keys, config: Path) -> None:
    """Start again: what was open is settled by evidence, and each order went once."""
    with running(folder / "again", "run", "--config", config, environ=keys.environ("main")) as daemon:
        wait(lambda: count(folder / "reef.sqlite", Kind.RECOVERY) >= 1, "the reconciliation")
        names = {one.intent for one in entries(folder, Kind.PREPARED)}
        ended = wait(
            lambda: (found := {one.intent for one in entries(folder, Kind.OUTCOME)}) >= names and found,
            "an end of every intent",
        )
        assert daemon.end(signal.SIGTERM).code == 0
    assert ended >= names
    ids = accepted(venue, keys)
    assert len(ids) == len(set(ids))
    assert Decimal(0) < size(venue, keys) < 6
    assert verify(folder / "reef.sqlite").sound


def test_the_running_cycle_ends_first(venue: Venue, tmp_path: Path) -> None:
    with in_the_middle_of_an_order(venue, tmp_path, 2.0) as (daemon, keys, config):
        assert daemon.end(signal.SIGTERM).code == 0
        assert entries(tmp_path)[-1].kind == Kind.STOPPED
        assert entries(tmp_path, Kind.SUBMITTED)
    restarted(venue, tmp_path, keys, config)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_is_not_waited_for_and_loses_nothing(
    venue: Venue, tmp_path: Path, number: signal.Signals
) -> None:
    with in_the_middle_of_an_order(venue, tmp_path, 8.0) as (daemon, keys, config):
        daemon.process.send_signal(number)
        daemon.logged("ending: ")
        assert daemon.process.poll() is None
        assert daemon.end(number).code in KILLED[number]
        assert Kind.STOPPED not in {Kind(one.kind) for one in entries(tmp_path)}
        assert entries(tmp_path, Kind.PREPARED)
    restarted(venue, tmp_path, keys, config)


def test_a_signal_before_anything_was_begun(venue: Venue, tmp_path: Path) -> None:
    keys = venue.account(ONE)
    config = write_config(tmp_path, venue.url, mode="act")
    with running(tmp_path / "run", "run", "--config", config, environ=keys.environ("main")) as daemon:
        assert daemon.end(signal.SIGTERM).code in {0, -signal.SIGTERM}
    assert accepted(venue, keys) == []
