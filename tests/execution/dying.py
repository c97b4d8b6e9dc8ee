"""A process that is killed at a named point while it carries out one trim, or sends a lost one again.

Run as `python -m tests.execution.dying JOURNAL VENUE POINT`. The venue is a file that outlives the process.
Points that begin with "again" are of a trim that the venue never got, and that is sent once more.
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
from tests.execution.fake_gateway import BTC, START, FakeGateway, Fault, Listed
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


AGAIN = (
    "again append 3 done",
    "again append 4 begins",
    "again append 4 commits",
    "again append 4 done",
    "again submit begins",
    "again submit done",
    "again append 5 begins",
    "again append 5 commits",
    "again append 5 done",
    "again append 6 commits",
    "again end",
)
"""The fourth append records that the trim is sent again, the fifth what the venue answered."""


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
        die(self.point, "again submit begins" if self.submitted else "submit begins")
        answer = await super().submit(request)
        orders = [sent for sent in self.submitted if isinstance(sent, OrderRequest)]
        self.path.write_bytes(msgspec.json.encode(Kept(orders, self.listed, self.executions)))
        die(self.point, "again submit done" if len(orders) > 1 else "submit done")
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
            die(point.removeprefix("again "), f"append {count} begins")
        elif statement.startswith("COMMIT"):
            die(point.removeprefix("again "), f"append {count} commits")

    append = journal.append

    def traced(*args: object, **kwargs: object) -> object:
        head = append(*args, **kwargs)  # type: ignore[arg-type]
        die(point.removeprefix("again "), f"append {count} done")
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
    if point in AGAIN:
        gateway.faults.append(Fault.DROP)
    await executor.carry_out(plan(trim()), await gateway.snapshot())
    die(point, "end")
    clock.advance(6.5)
    await executor.settle_orders()
    await executor.resend()
    die(point, "again end")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]))
