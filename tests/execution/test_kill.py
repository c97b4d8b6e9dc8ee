"""kill -9 at every point around the record and the submission: recovery gives what no crash would have."""

import signal
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from bot.clock import VirtualClock
from bot.execution import Executor, Held, IntentState, recover
from bot.journal import JournalWorker, open_journal, verify
from tests.execution.dying import POINTS, DurableGateway
from tests.execution.fake_gateway import START
from tests.execution.support import LONG, intents, plan, trim

ROOT = Path(__file__).resolve().parents[2]
NEVER_RECORDED = {"append 1 begins", "append 1 commits"}
NEVER_SENT = NEVER_RECORDED | {"append 1 done", "submit begins"}


@pytest.mark.parametrize("point", POINTS)
async def test_killed(tmp_path: Path, point: str) -> None:
    journal_path, venue_path = tmp_path / "journal.db", tmp_path / "venue.json"
    open_journal(journal_path).close()
    died = subprocess.run(
        [sys.executable, "-m", "tests.execution.dying", str(journal_path), str(venue_path), point],
        cwd=ROOT,
        timeout=60,
        capture_output=True,
        check=False,
    )
    assert died.returncode == -signal.SIGKILL, died.stderr.decode()
    assert verify(journal_path).sound

    clock = VirtualClock(START)
    clock.advance(2)
    gateway = DurableGateway(clock, venue_path)
    worker = JournalWorker(open_journal(journal_path))
    executor = Executor(gateway, worker, clock, armed=True)
    await recover(executor, await gateway.snapshot())
    clock.advance(60)
    await recover(executor, await gateway.snapshot())
    known = intents(worker.journal)

    if point in NEVER_RECORDED:
        assert known == {}
        assert gateway.submitted == []
    elif point in NEVER_SENT:
        assert known["reef1"].state is IntentState.REJECTED
        assert gateway.held[LONG].contracts == 1
    else:
        assert known["reef1"].state is IntentState.FILLED
        assert known["reef1"].standing is not None
        assert known["reef1"].standing.filled == Decimal("0.5")
        assert gateway.held[LONG].contracts == Decimal("0.5")

    (result,) = (await executor.carry_out(plan(trim()), await gateway.snapshot())).results
    assert (result.held is Held.ALREADY_PREPARED) is (point not in NEVER_RECORDED)
    assert len(gateway.submitted) <= 1
    assert all(count == 1 for count in gateway.accepted.values())
    await worker.close()
