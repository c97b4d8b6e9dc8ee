"""A process that is killed at a named point while it carries out one trim.

Run as `python -m tests.execution.dying JOURNAL VENUE POINT`. The venue is a file that outlives the process.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path

import msgspec

from bot.clock import VirtualClock
from bot.execution import Executor
from bot.journal import Journal, JournalWorker, open_journal
from bot.model import Answer, Fill, NotFound, OrderReport, OrderRequest, Request, Side
from tests.execution.fake_gateway import BTC, START, FakeGateway, Listed
from tests.execution.support import LONG, plan, trim

POINTS = (
    "append 1 begins",
    "append 1 commits",
    "append 1 done",
    "submit begins",
    "submit done",
    "append 2 begins",
    "append 2 commits",
    "append 2 done",
    "find done",
    "append 3 begins",
    "append 3 commits",
    "append 3 done",
    "end",
)


class Kept(msgspec.Struct):
    """What the venue's file holds."""

    submitted: list[OrderRequest]
    listed: dict[str, Listed]
    executions: list[Fill]


class DurableGateway(FakeGateway):
    """The small venue, with its orders in a file."""

    def __init__(self, clock: VirtualClock, path: Path, point: str = "") -> None:
        super().__init__(clock)
        self.path = path
        self.point = point
        self.open(BTC, Side.LONG, "1")
        if path.exists():
            kept = msgspec.json.decode(path.read_bytes(), type=Kept)
            self.submitted = list(kept.submitted)
            self.listed = kept.listed
            for fill in kept.executions:
                self.executions.append(fill)
                self.accepted[fill.client_order_id] += 1
                self._shrink(self.held[LONG], fill.contracts)

    async def submit(self, request: Request) -> Answer:
        """Take a request, and remember it over the death of the process."""
        die(self.point, "submit begins")
        answer = await super().submit(request)
        orders = [sent for sent in self.submitted if isinstance(sent, OrderRequest)]
        self.path.write_bytes(msgspec.json.encode(Kept(orders, self.listed, self.executions)))
        die(self.point, "submit done")
        return answer

    async def find_order(self, symbol: str, client_order_id: str) -> OrderReport | NotFound:
        """Look an order up."""
        found = await super().find_order(symbol, client_order_id)
        die(self.point, "find done")
        return found


def die(point: str, here: str) -> None:
    """Kill the process where the point is reached; nothing is flushed or closed."""
    if point == here:
        os.kill(os.getpid(), signal.SIGKILL)


def watch(journal: Journal, point: str) -> None:
    """Make the journal die around its appends."""
    count = 0

    def trace(statement: str) -> None:
        nonlocal count
        if statement.startswith("BEGIN"):
            count += 1
            die(point, f"append {count} begins")
        elif statement.startswith("COMMIT"):
            die(point, f"append {count} commits")

    append = journal.append

    def traced(*args: object, **kwargs: object) -> object:
        head = append(*args, **kwargs)  # type: ignore[arg-type]
        die(point, f"append {count} done")
        return head

    journal._db.set_trace_callback(trace)
    journal.append = traced  # type: ignore[method-assign,assignment]


async def main(journal_path: Path, venue_path: Path, point: str) -> None:
    """Carry out one trim."""
    clock = VirtualClock(START)
    journal = open_journal(journal_path)
    watch(journal, point)
    gateway = DurableGateway(clock, venue_path, point)
    executor = Executor(gateway, JournalWorker(journal), clock, armed=True)
    await executor.carry_out(plan(trim()), await gateway.snapshot())
    die(point, "end")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]))
