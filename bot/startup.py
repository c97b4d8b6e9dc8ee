"""The start of an account: what would be done at once is told first, and orders may wait for a while."""

from datetime import datetime, timedelta

import structlog

from bot.clock import Clock
from bot.decision import Decision, DecisionInput
from bot.execution.gate import Barred
from bot.execution.report import Held
from bot.journal import Draft
from bot.journal.controls import Firing, Preview
from bot.model import State, StepKind

log = structlog.get_logger(__name__)

AT_ONCE = frozenset({State.FIRING, State.RESTORING, State.PENDING})
"""States of rules that act now, or as soon as their `for` has passed."""


class Start:
    """The start of one account. The grace counts seconds that nobody can set."""

    def __init__(self, account: str, clock: Clock, grace_seconds: float) -> None:
        self._account = account
        self._clock = clock
        self._end = clock.elapsed() + grace_seconds
        self._told = False

    def barred(self) -> Barred | None:
        """Say why no order is sent yet; None once the grace has passed."""
        left = self._end - self._clock.elapsed()
        if left <= 0:
            return None
        return Barred(Held.STARTING, f"orders wait for {left:.0f} s more after the start (`startup.grace`)")

    def preview(self, given: DecisionInput, made: Decision, *, armed: bool) -> tuple[Draft, ...]:
        """Tell what would be done at once, and return its entry; nothing once that was recorded."""
        if self._told:
            return ()
        left = self._end - self._clock.elapsed()
        until = given.at + timedelta(seconds=left) if left > 0 else None
        body = preview_of(made, armed=armed, until=until)
        for one in body.firing:
            log.warning(
                "would fire at once",
                account=self._account,
                rule=one.rule,
                target=one.target.text,
                metric=one.metric,
                value=one.value,
                limit=one.limit,
                state=one.state.value,
            )
        for step in body.steps:
            log.warning(
                "would send at once",
                account=self._account,
                kind=step.kind.value,
                rule=step.rule,
                symbol=step.request.symbol,
                cost=round(step.cost, 2),
                why=step.reason,
            )
        return (Draft(given.at, self._account, body),)

    def recorded(self) -> None:
        """Take note that the preview is in the journal."""
        self._told = True


def preview_of(made: Decision, *, armed: bool, until: datetime | None = None) -> Preview:
    """Return what a decision would do at once: what waits for its owner included, stops left out."""
    firing = tuple(
        Firing(one.rule, one.target, one.metric, one.value, one.limit, one.state)
        for one in made.evaluation.findings
        if one.state in AT_ONCE
    )
    steps = tuple(step for step in made.plan.steps if step.kind is not StepKind.PROTECT)
    steps += made.asked.steps if made.asked is not None else ()
    return Preview(armed, firing, steps, sum(step.cost for step in steps), until)
