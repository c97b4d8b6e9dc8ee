"""The daemon as its owner meets it: ended, started twice, disarmed, halted."""

import signal
from decimal import Decimal
from pathlib import Path

import pytest

from bot.journal import verify
from bot.journal.records import Kind
from tests.e2e.harness import World, eventually, leverage_of, world

CAP = """\
version: 1
rules:
  - name: leverage cap
    metric: account.leverage
    max: 4
    restore: 3
    do: [trim]
    trim: {max_slippage: 2%}
"""


def cap(folder: Path) -> str:
    """Write rules that fire above a leverage of 4, and return how a config names them."""
    (folder / "cap.yaml").write_text(CAP)
    return "./cap.yaml"


def stops(here: World) -> dict[str, Decimal]:
    """Triggers of the stops that rest at the exchange, 0 where there is none."""
    return {symbol: one.stop_loss or Decimal(0) for symbol, one in here.positions().items()}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly_and_stops_stay(tmp_path: Path, number: signal.Signals) -> None:
    with world(tmp_path) as here:
        daemon = here.start_daemon()
        eventually(here.sheltered, "stops at the exchange")
        daemon.process.send_signal(number)
        assert daemon.ended(20) == 0
        assert here.sheltered()
        assert here.entries()[-1].kind == Kind.STOPPED
        assert number.name in here.entries()[-1].body
        report = verify(tmp_path / "reef.sqlite")
        assert report.sound
        log = daemon.log.read_text()
        assert "Traceback" not in log
        assert here.cast.guarded.secret not in log


def test_a_second_daemon_on_the_same_journal_is_refused(tmp_path: Path) -> None:
    with world(tmp_path) as here:
        first = here.start_daemon()
        eventually(here.sheltered, "stops at the exchange")
        second = here.start_daemon()
        assert second.ended() == 1
        log = second.log.read_text()
        assert "already runs on this journal" in log
        assert str(first.process.pid) in log
        assert "Traceback" not in log
        assert first.alive()
        assert len(here.entries(Kind.STARTED)) == 1


def test_disarmed_it_plans_and_sends_nothing(tmp_path: Path) -> None:
    with world(tmp_path, mode="observe", rules=cap(tmp_path)) as here:
        here.start_daemon()
        eventually(lambda: here.entries(Kind.RECOVERY), "the first reconciliation")
        here.move(-0.1)
        decided = eventually(
            lambda: [one for one in here.entries(Kind.DECISION) if '"kind":"trim"' in one.body],
            "a planned trim",
        )
        assert '"armed":false' in decided[0].body
        seen = len(here.entries(Kind.DECISION))
        here.move(-0.12)
        eventually(lambda: len(here.entries(Kind.DECISION)) > seen, "a decision after the next fall")
        assert here.orders() == []
        assert here.entries(Kind.PREPARED) == []
        assert set(stops(here).values()) == {0}
        assert leverage_of(here) > 4


def test_halted_only_protection_goes_on_until_resume(tmp_path: Path) -> None:
    journal = ("--journal", str(tmp_path / "reef.sqlite"))
    with world(tmp_path, rules=cap(tmp_path)) as here:
        here.start_daemon()
        eventually(here.sheltered, "stops at the exchange")
        assert here.orders() == []
        halted = here.reef("halt", "--why", "closing by hand", *journal)
        assert halted.returncode == 0, halted.stderr
        before = stops(here)
        owner = here.cast.guarded.api_key
        here.ask("POST", "transfer", {"api_key": owner, "amount": "-10000"})  # liquidation comes nearer
        eventually(
            lambda: all(stop > before[symbol] for symbol, stop in stops(here).items()), "stops moved up"
        )
        here.move(-0.06)
        assert leverage_of(here) > 4
        eventually(
            lambda: [one for one in here.entries(Kind.DECISION) if '"kind":"trim"' in one.body],
            "a planned trim",
        )
        assert here.orders() == []
        resumed = here.reef("resume", "--why", "done", *journal)
        assert resumed.returncode == 0, resumed.stderr
        eventually(lambda: leverage_of(here) <= 3, "a trim down to the level of `restore`")
        assert here.orders()
        words = [one.record.command.value for one in here.entries(Kind.WORD)]  # type: ignore[union-attr]
        assert words == ["halt", "resume"]
