"""kill -9 at every point around the record and the submission: recovery gives what no crash would have."""

import signal
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from bot.clock import VirtualClock
from bot.execution import Executor, Held, Intent, IntentState, recover
from bot.journal import JournalWorker, open_journal, verify
from tests.execution.dying import AGAIN, POINTS, DurableGateway
from tests.execution.fake_gateway import START
from tests.execution.support import LONG, intents, plan, trim

ROOT = Path(__file__).resolve().parents[2]
NEVER_RECORDED = {"append 1 begins", "append 1 commits"}
NEVER_SENT = NEVER_RECORDED | {"append 1 done", "submit begins"}


def kill(tmp_path: Path, point: str) -> None:
    """Let a process die at a point."""
    open_journal(tmp_path / "journal.db").close()
    died = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.execution.dying",
            str(tmp_path / "journal.db"),
            str(tmp_path / "venue.json"),
            point,
        ],
        cwd=ROOT,
        timeout=60,
        capture_output=True,
        check=False,
    )
    assert died.returncode == -signal.SIGKILL, died.stderr.decode()
    assert verify(tmp_path / "journal.db").sound


async def settled(tmp_path: Path) -> tuple[DurableGateway, dict[str, Intent]]:
    """What the next process makes of it, a minute later, and what it sends of the same plan."""
    clock = VirtualClock(START)
    clock.advance(20)
    gateway = DurableGateway(clock, tmp_path / "venue.json")
    worker = JournalWorker(open_journal(tmp_path / "journal.db"))
    executor = Executor(gateway, worker, clock, armed=True)
    await recover(executor, await gateway.snapshot())
    clock.advance(60)
    await recover(executor, await gateway.snapshot())
    known = intents(worker.journal)
    (result,) = (await executor.carry_out(plan(trim()), await gateway.snapshot())).results
    assert (result.held is Held.ALREADY_PREPARED) is bool(known)
    assert all(count == 1 for count in gateway.accepted.values())
    await worker.close()
    return gateway, known


@pytest.mark.parametrize("point", POINTS)
async def test_killed(tmp_path: Path, point: str) -> None:
    kill(tmp_path, point)
    gateway, known = await settled(tmp_path)
    assert len(gateway.submitted) <= 1
    if point in NEVER_RECORDED:
        assert known == {}
    elif point in NEVER_SENT:
        assert known["reef1"].state is IntentState.REJECTED
        assert gateway.held[LONG].contracts == 1
    else:
        assert known["reef1"].state is IntentState.FILLED
        assert known["reef1"].standing is not None
        assert known["reef1"].standing.filled == Decimal("0.5")
        assert gateway.held[LONG].contracts == Decimal("0.5")


@pytest.mark.parametrize("point", AGAIN)
async def test_killed_while_a_lost_order_is_sent_again(tmp_path: Path, point: str) -> None:
    kill(tmp_path, point)
    gateway, known = await settled(tmp_path)
    executed = AGAIN.index(point) >= AGAIN.index("again submit done")
    assert known["reef1"].state is (IntentState.FILLED if executed else IntentState.REJECTED)
    assert known["reef1"].sends == 1 + (AGAIN.index(point) >= AGAIN.index("again append 4 done"))
    assert gateway.held[LONG].contracts == (Decimal("0.5") if executed else 1)
    assert len(gateway.submitted) == 1 + executed
