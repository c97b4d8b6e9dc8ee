"""Moments at which a guard may be killed: around each commit, by what it holds, and around each send."""

import os
import signal
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from bot.journal import Draft, Journal
from bot.journal.records import Decision, Outcome, Prepared, Recovered, Submitted
from bot.model import StepKind

COMMITS = tuple(
    f"{kind} {moment}"
    for kind in ("decision", "intent", "stop", "answer", "outcome", "recovery", "lease")
    for moment in ("begins", "commits", "is done")
)
SENDS = tuple(
    f"{kind} {moment}"
    for kind in ("order", "trading stop")
    for moment in ("is about to be sent", "was sent", "was answered")
)
POINTS = COMMITS + SENDS
PATHS = {"/v5/order/create": "order", "/v5/position/trading-stop": "trading stop"}


class Kill(msgspec.Struct, frozen=True):
    """When to die: at the n-th time that a point is reached, or some time after the n-th of all points."""

    nth: int
    point: str = ""
    """'' counts all but reads; the parent kills then, without a look at what is under way."""
    after_us: int = 0
    """Microseconds after that moment."""


def kind_of(drafts: Sequence[Draft]) -> str:
    """What a transaction is about."""
    bodies = [draft.body for draft in drafts]
    for wanted, name in ((Recovered, "recovery"), (Decision, "decision"), (Submitted, "answer")):
        if any(isinstance(body, wanted) for body in bodies):
            return name
    for body in bodies:
        if isinstance(body, Prepared):
            return "stop" if body.step.kind is StepKind.PROTECT else "intent"
    return "outcome" if any(isinstance(body, Outcome) for body in bodies) else "rest"


class Reaper:
    """Kills this process at the moment that was chosen; nothing is flushed, closed or said."""

    def __init__(self, kill: Kill | None, ask: Callable[[int], None]) -> None:
        self._kill = kill
        self._ask = ask
        self._seen: Counter[str] = Counter()
        self._moments = 0

    def reached(self, point: str) -> None:
        """A point was reached."""
        kill = self._kill
        if kill is None:
            return
        self._moments += not point.startswith("read ")
        self._seen[point] += 1
        if kill.point == point and self._seen[point] == kill.nth:
            os.kill(os.getpid(), signal.SIGKILL)
        if not kill.point and self._moments == kill.nth:
            self._ask(kill.after_us)

    def watch(self, journal: Journal) -> None:
        """Reach points around every commit of a journal."""
        kind = "rest"

        def trace(statement: str) -> None:
            if statement.startswith("BEGIN"):
                self.reached(f"{kind} begins")
            elif statement == "COMMIT":
                self.reached(f"{kind} commits")

        def watched(write: Callable[..., Any], name: Callable[..., str]) -> Callable[..., Any]:
            def writing(*args: Any, **kwargs: Any) -> Any:
                nonlocal kind
                kind = name(*args)
                done = write(*args, **kwargs)
                self.reached(f"{kind} is done")
                return done

            return writing

        journal._db.set_trace_callback(trace)
        journal.append = watched(journal.append, lambda drafts, *_: kind_of(drafts))  # type: ignore[method-assign]
        journal.renew_lease = watched(journal.renew_lease, lambda *_: "lease")  # type: ignore[method-assign]
