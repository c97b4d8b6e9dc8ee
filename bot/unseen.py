"""What a guard does where a cycle fails: record it, let rules be unknown, do what they ask for then."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import TypeAlias

import structlog

from bot.errors import ReefError
from bot.execution import Executor
from bot.execution.halts import halt_once
from bot.journal import Draft, JournalError, JournalWorker
from bot.model import BlindAction, Step
from bot.record import BLINDNESS, RULES, Recorder, remembered_blindness, remembered_rules
from bot.rules import BlindCall, RuleSet, RulesMemory, evaluate_blind
from bot.sight import BareStops, Sight, failure_of

log = structlog.get_logger(__name__)

Memory: TypeAlias = dict[tuple[str, str], str | None]
SendStop: TypeAlias = Callable[[Step], Awaitable[bool]]
"""Sends one protective stop; False where the venue did not answer, and others had better wait."""


class UnforeseenError(ReefError):
    """A defect: something failed that nobody had thought of. The account begins again from its journal."""


class Unseen:
    """Keeps what is known of an account's failures, and writes with each entry what waits before it."""

    def __init__(
        self,
        account: str,
        venue: str,
        tags: tuple[str, ...],
        executor: Executor,
        worker: JournalWorker,
        recorder: Recorder,
        rules: RuleSet,
        sight: Sight,
        bare: BareStops,
        send: SendStop,
    ) -> None:
        self._account = account
        self._venue = venue
        self._tags = tags
        self._executor = executor
        self._worker = worker
        self._recorder = recorder
        self._rules = rules
        self._sight = sight
        self._bare = bare
        self._send = send
        self._taken_up = False
        self._failure = ""
        self._crash = ""
        self._owned = ""

    def take(self, rules: RuleSet) -> None:
        """Go by other rules from now on."""
        self._rules = rules

    def crashed(self, reason: str) -> None:
        """Remember what was not foreseen; the next `own_up` records it."""
        self._crash = reason

    def went_well(self) -> None:
        """Take note of a whole cycle: a failure after it is a new one."""
        self._failure = self._owned = ""

    async def append(
        self, drafts: Sequence[Draft], memory: Memory, blobs: Sequence[bytes], now: datetime
    ) -> None:
        """Record entries, before them what waits and that a blindness began or ended.

        Nothing to write is no transaction.
        """
        news = self._sight.news
        told = [Draft(at=now, account=self._account, body=body) for body in news]
        lasting: Memory = {(self._account, BLINDNESS): self._sight.lasting} if news else {}
        await self._executor.commit([*told, *drafts], {**memory, **lasting}, blobs, at=now)
        self._sight.recorded(news)

    async def failed(
        self, error: ReefError, now: datetime, *, viewed: bool, known: RulesMemory | None
    ) -> RulesMemory | None:
        """Record a failure once for as long as it lasts; the log says it each time.

        `viewed` is whether the cycle had seen the account, `known` what the last cycle left of the rules.
        Returns what the rules of a blind account became; None where they stay. Never raises a `ReefError`.
        """
        text = str(error)
        log.error("cycle failed", account=self._account, error=text)
        if not viewed:
            self._sight.failed(error, now)
        drafts = [failure_of(self._account, error, now)] if text != self._failure else []
        self._failure = text
        rules: RulesMemory | None = None
        try:
            calls, rules = await self._record(text, drafts, known, now)
            await self.answer(calls, now)
        except ReefError as unwritten:
            log.error("the failure could not be dealt with", account=self._account, error=str(unwritten))
        return rules

    async def _record(
        self, text: str, drafts: list[Draft], known: RulesMemory | None, now: datetime
    ) -> tuple[Sequence[BlindCall], RulesMemory | None]:
        """Let the rules of a blind account be unknown, and record what that and the failure change."""
        memory: Memory = {}
        calls: Sequence[BlindCall] = ()
        rules: RulesMemory | None = None
        if self._sight.blind is not None:
            before = known if known is not None else await self._rules_memory()
            look = evaluate_blind(
                self._rules, self._account, self._venue, before, self._sight.unseen, now, self._tags
            )
            calls, rules = look.blind, look.memory
            record = self._recorder.unseen(look, before, now)
            drafts = [*drafts, *record.drafts]
            memory.update(record.memory)
        if drafts or memory or self._sight.news:
            memory.update(self._recorder.failed(text, now, self._sight.blind))
            await self.append(drafts, memory, (), now)
        return calls, rules

    async def _rules_memory(self) -> RulesMemory:
        load = self._worker.journal.load_memory
        return remembered_rules(await self._worker.call(load, self._account, RULES))

    async def answer(self, calls: Sequence[BlindCall], now: datetime) -> None:
        """Do what `if_blind` asks for. Telling happens once; the rest is asked for until it is done."""
        for call in calls:
            if call.first and BlindAction.NOTIFY in call.do:
                log.critical("rule is blind", account=self._account, rule=call.rule, why=call.reason)
        if not self._executor.armed:
            return
        if any(BlindAction.PROTECT in call.do for call in calls):
            await self._send_missing_stops(now)
        halting = [call for call in calls if BlindAction.HALT in call.do]
        if halting:
            await self._worker.call(
                halt_once,
                self._worker.journal,
                self._account,
                [call.name for call in halting],
                why="; ".join(call.text for call in halting),
                at=now,
            )

    async def _send_missing_stops(self, now: datetime) -> None:
        """Send the stops that the last look wanted, one after the other until one is not answered."""
        for step in self._bare.due(now):
            if not await self._send(step):
                return

    async def take_up(self) -> None:
        """Go on with a blindness that lasted when the guard ended."""
        if not self._taken_up:
            load = self._worker.journal.load_memory
            lasting = await self._worker.call(load, self._account, BLINDNESS)
            self._sight.go_on(remembered_blindness(lasting))
            self._taken_up = True

    async def own_up(self, now: datetime) -> None:
        """Record what was not foreseen, once while it lasts, before going on."""
        if self._crash and self._crash != self._owned:
            error = UnforeseenError(self._crash)
            try:
                told = self._recorder.failed(str(error), now, self._sight.blind)
                await self.append([failure_of(self._account, error, now)], told, (), now)
            except JournalError as unwritten:
                text = str(unwritten)
                log.error("the failure could not be recorded either", account=self._account, error=text)
            self._owned = self._crash
        self._crash = ""
