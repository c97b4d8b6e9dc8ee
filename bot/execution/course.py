"""What holds back the rest of a list of steps while it is carried out."""

from datetime import datetime

from bot.execution.gate import Barred
from bot.execution.pause import Pause
from bot.execution.report import Held, StepResult
from bot.journal.records import IntentState
from bot.model import Answer, CancelRequest, Snapshot, Step, StopRequest, Verdict

STOPPING = frozenset({Verdict.THROTTLED, Verdict.AUTH, Verdict.MAINTENANCE})
"""After such an answer the rest of a plan would fare the same, or make a ban longer.

Overload is none of them: it turns away what adds load, and takes orders that only reduce. A cancel or a stop
that it refuses is tried again in the next cycle, and the trims behind it go on.
"""

NO_WELCOME = frozenset({Verdict.UNKNOWN, Verdict.OVERLOADED})
"""Answers that do not show that the venue takes the account's requests again."""


class Course:
    """One list of steps on its way. Stops go on where orders wait: they carry no size that could be wrong."""

    def __init__(self, pause: Pause, snapshot: Snapshot, max_age_seconds: float) -> None:
        self._pause = pause
        self._snapshot = snapshot
        self._max_age = max_age_seconds
        self._unanswered: Step | None = None
        self._cancels_wait = False
        self.stopped: Answer | None = None
        """The answer after which nothing more is sent."""

    @property
    def cancels_unanswered(self) -> bool:
        """Whether a cancel was not answered."""
        return self._cancels_wait

    def bars(self, step: Step, now: datetime) -> Barred | None:
        """Say why a step may not be sent any more; None where it may."""
        if self.stopped is not None:
            why = f"the venue answered {self.stopped.verdict.value} before: {self.stopped.message}"
            return Barred(Held.VENUE_CLOSED, why)
        is_stop = isinstance(step.request, StopRequest)
        paused = self._pause.holds_stops(now) if is_stop else self._pause.holds_orders(now)
        if paused:
            return Barred(Held.VENUE_CLOSED, paused)
        return None if is_stop else self._waits(step, now)

    def _waits(self, step: Step, now: datetime) -> Barred | None:
        if self._unanswered is not None:
            name = self._unanswered.request.client_order_id
            return Barred(
                Held.UNANSWERED, f"{name} before it was not answered: the rest waits for fresh data"
            )
        if self._cancels_wait and isinstance(step.request, CancelRequest):
            return Barred(Held.UNANSWERED, "an earlier cancel was not answered: the others wait")
        age = age_seconds(self._snapshot, now)
        if age > self._max_age:
            why = f"the data behind the plan is {age:.1f} s old by now, the limit is {self._max_age:g} s"
            return Barred(Held.STALE, why)
        return None

    def took(self, result: StepResult, answer: Answer | None, now: datetime) -> None:
        """Take note of what became of a step."""
        if answer is not None and answer.verdict in STOPPING:
            self.stopped = answer
            self._pause.begin(answer, now)
        elif answer is not None and answer.verdict not in NO_WELCOME:
            self._pause.end()
        if result.state is not IntentState.UNKNOWN or isinstance(result.step.request, StopRequest):
            return
        if isinstance(result.step.request, CancelRequest):
            self._cancels_wait = True
        else:
            self._unanswered = result.step


def age_seconds(snapshot: Snapshot, now: datetime) -> float:
    """Age of the oldest part of a snapshot, or of the whole of it where that is more."""
    arrived = (now - snapshot.taken_at).total_seconds()
    return max(arrived, (snapshot.venue_time(now) - snapshot.times.oldest).total_seconds())
