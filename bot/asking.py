"""Asks an account's owner before what their rules want is sent, and goes on by what they say.

One proposal of an account waits at a time. It names the most that is let through. While what the rules want
stays within that, the proposal stands; once it is more, a new one takes its place and says what changed.
"""

from datetime import datetime
from hashlib import sha256

import structlog
from msgspec.structs import replace

from bot.clock import Clock
from bot.decision import Decision
from bot.execution import Executor, approvals
from bot.execution.approvals import Answer, Proposal
from bot.execution.gate import Barred
from bot.execution.recorder import UNWRITABLE
from bot.execution.report import Held
from bot.journal import Draft, JournalWorker
from bot.journal.controls import Answered, Closing, Proposed
from bot.model import Approval, ApprovalTerms, Demand, Item, StepKind, Unanswered
from bot.planning.asking import Asked, covers, less, with_room

log = structlog.get_logger(__name__)

NOBODY = "nobody"
"""Who closes a proposal that nobody answered."""
CLOSINGS = {
    Unanswered.DROP: Closing.DROPPED,
    Unanswered.ACT: Closing.ACTED,
    Unanswered.PROTECT: Closing.PROTECTED,
}


class Asking:
    """Keeps the proposals of one account."""

    def __init__(
        self, account: str, executor: Executor, worker: JournalWorker, clock: Clock, terms: ApprovalTerms
    ) -> None:
        self._account = account
        self._executor = executor
        self._worker = worker
        self._clock = clock
        self._terms = terms
        self._last: Proposal | None = None
        self._due = 0.0
        """When the proposal's deadline has passed, on a clock that nobody can set."""
        self._loaded = False

    def forget(self) -> None:
        """Read the last proposal from the journal again."""
        self._loaded = False

    async def approval(self, now: datetime) -> Approval | None:
        """Return who must be asked, and what is approved by now; None while nothing is sent anyway.

        Raises `JournalError`.
        """
        if not self._executor.armed:
            return None
        await self._load(now)
        if self._last is not None and not self._over(self._last):
            try:
                await self._hear(self._last, now)
            except UNWRITABLE as error:  # nothing more is let through, and what asks nobody goes on
                log.error("an answer could not be recorded", account=self._account, error=str(error))
        last = self._last
        left: tuple[Item, ...] = ()
        if last is not None and last.closing in approvals.LETTING:
            journal = self._worker.journal
            done = await self._worker.call(approvals.used, journal, self._account, last.after)
            left = less(last.body.items, done)
        protect = last is not None and last.closing is Closing.PROTECTED
        return Approval(self._terms.every, left, protect)

    async def ask(self, made: Decision, barred: Barred | None, now: datetime) -> None:
        """Propose what a decision wants and may not send; close a proposal whose episodes have ended.

        While an account is halted nothing new is proposed. Raises `JournalError`.
        """
        last = self._last
        if last is not None and not self._over(last):
            live = {one.episode for one in made.evaluation.memory.standings if one.episode}
            if not live & set(last.body.episodes):
                closing = Closing.WITHDRAWN if last.open else Closing.DONE
                await self._close(last, closing, "the guard", "its episodes have ended", now)
                last = self._last
        asked = made.asked
        if asked is None or (barred is not None and barred.held is Held.HALTED):
            return
        if last is not None and not self._over(last) and not _outgrown(last, asked):
            return
        await self._propose(asked, last, now)

    def _over(self, one: Proposal) -> bool:
        return one.closing in {Closing.DONE, Closing.WITHDRAWN, Closing.RENEWED}

    async def _load(self, now: datetime) -> None:
        if self._loaded:
            return
        self._last = await self._worker.call(approvals.proposal, self._worker.journal, self._account)
        self._loaded = True
        if self._last is not None:
            self._wait_for(self._last, now)

    def _wait_for(self, one: Proposal, now: datetime) -> None:
        """Count down from here: a clock that is set back or forward ends no deadline."""
        seconds = min(one.body.deadline - now, self._terms.deadline).total_seconds()
        self._due = self._clock.elapsed() + seconds

    async def _hear(self, last: Proposal, now: datetime) -> None:
        """Take the owner's answer, or close what nobody answered in time."""
        said = await self._worker.call(approvals.answer_to, self._worker.journal, last)
        if said is not None and _takes(last, said):
            closing = Closing.RENEWED if said.renew else Closing.APPROVED
            await self._close(last, closing, said.who, said.why, now)
        elif last.open and self._clock.elapsed() >= self._due:
            why = f"not answered within {self._terms.deadline.total_seconds():g} s"
            await self._close(last, CLOSINGS[last.body.then], NOBODY, why, now)

    async def _close(self, last: Proposal, closing: Closing, who: str, why: str, now: datetime) -> None:
        after = last.after
        if closing in approvals.LETTING:
            after = (await self._worker.call(self._worker.journal.head)).seq
        closed = replace(last, closing=closing, after=after)
        await self._write(closed, [Answered(last.body.name, closing, who, why)], now)
        say = log.critical if who == NOBODY else log.info
        say("proposal", account=self._account, name=last.body.name, closing=closing.value, who=who, why=why)

    async def _propose(self, asked: Asked, last: Proposal | None, now: datetime) -> None:
        deadline = now + self._terms.deadline
        if last is not None and self._terms.then is Unanswered.ACT and _unheard(last):
            deadline = last.body.deadline  # prices that move on must not put it off for ever
        body = _body(asked, self._terms, self._account, now, deadline)
        told: list[Answered | Proposed] = []
        if last is not None and not self._over(last):
            body = replace(body, changed=_changed(last, asked))
            told.append(Answered(last.body.name, Closing.REPLACED, "the guard", body.changed))
        await self._write(Proposal(self._account, now, body), [*told, body], now)
        assert self._last is not None
        self._wait_for(self._last, now)
        log.critical(
            "approval wanted",
            account=self._account,
            name=body.name,
            what=list(body.what),
            why=list(body.why),
            cost=round(body.cost, 2),
            deadline=body.deadline.isoformat(),
            then=body.then.value,
            changed=body.changed,
        )

    async def _write(self, one: Proposal, bodies: list[Answered | Proposed], now: datetime) -> None:
        drafts = [Draft(now, self._account, body, _episode(one)) for body in bodies]
        await self._executor.commit(drafts, approvals.remembered(one), at=now)
        self._last = one


def _takes(last: Proposal, said: Answer) -> bool:
    """Whether an answer changes anything: a yes that was given in time, or the wish to be asked again."""
    dropped = last.closing in approvals.ASKED_AGAIN
    if said.renew:
        return dropped
    return last.open or (dropped and said.at <= last.body.deadline)


def _outgrown(last: Proposal, asked: Asked) -> bool:
    """Whether what is asked for is more than a proposal that stands, or was dropped, lets through.

    What was approved is outgrown as soon as anything is asked for: the approval did not cover it.
    """
    if last.closing in approvals.LETTING:
        return True
    return not (covers(last.body.items, asked.items) and set(asked.episodes) <= set(last.body.episodes))


def _episode(one: Proposal) -> str:
    return one.body.episodes[0] if len(one.body.episodes) == 1 else ""


def _unheard(last: Proposal) -> bool:
    return last.open or last.closing is Closing.ACTED


def _body(asked: Asked, terms: ApprovalTerms, account: str, now: datetime, deadline: datetime) -> Proposed:
    parts = (account, now.isoformat(), *asked.episodes)
    return Proposed(
        name="p-" + sha256("\0".join(parts).encode()).hexdigest()[:8],
        rules=tuple(dict.fromkeys(demand.rule for demand in asked.demands)),
        episodes=asked.episodes,
        what=tuple(item_text(one, terms.room) for one in asked.items),
        why=tuple(_why(demand) for demand in asked.demands),
        items=with_room(asked.items, terms.room),
        cost=sum(step.cost for step in asked.steps),
        deadline=deadline,
        then=terms.then,
    )


def item_text(one: Item, room: float = 0.0) -> str:
    """Say what is asked for, with the most that an approval lets through."""
    if one.kind == StepKind.CANCEL:
        return f"cancel {one.amount:g} orders on {one.symbol} that would add risk"
    unit = "contracts" if one.kind in (StepKind.TRIM, StepKind.CLOSE) else "USD"
    most = f" (at most {one.amount * (1 + room):.8g})" if room else ""
    return f"{one.kind} {one.item.replace('#', ' ')} by {one.amount:.8g} {unit}{most}"


def _why(demand: Demand) -> str:
    where = f"{demand.metric} of {demand.target.text}"
    return f"{demand.rule}: {where} is {demand.value:.6g}, limit {demand.limit:.6g}, goal {demand.goal:.6g}"


def _changed(last: Proposal, asked: Asked) -> str:
    """Say how what is asked for differs from what was."""
    known = {(one.kind, one.item): one for one in last.body.items}
    parts = []
    for one in asked.items:
        before = known.get((one.kind, one.item))
        if before is None:
            parts.append(f"new: {item_text(one)}")
        elif one.kind != StepKind.CANCEL and one.amount > before.amount:
            parts.append(f"{item_text(one)}, at most {before.amount:.8g} before")
    parts += [f"a new episode: {episode}" for episode in asked.episodes if episode not in last.body.episodes]
    if last.closing in approvals.LETTING and not parts:
        parts.append("what was approved is used up, and the rule wants more")
    return "; ".join(parts)
