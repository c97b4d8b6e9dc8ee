"""What a cycle leaves in the journal: only what changed, each decision with its whole input."""

from datetime import datetime, timedelta
from typing import TypeAlias

import msgspec
from msgspec import Struct, structs

from bot.decision import Decision, DecisionInput
from bot.journal import Draft, blob_digest
from bot.journal.records import Decision as DecisionRecord
from bot.journal.records import DifferencesSeen, FindingChanged, canonical
from bot.model import Difference, Finding, Number, Plan, State, StepKind, Target, Unknown, unprotected
from bot.risk.ledger import UnitLedger
from bot.risk.metrics import measure
from bot.rules import RuleSet, RulesMemory

RULES, LEDGER, STATUS = "rules", "ledger", "status"
"""Names under which an account's state is remembered."""
STATUS_EVERY = timedelta(seconds=5)
"""A cycle that changed nothing writes its status this often."""


Shape: TypeAlias = tuple[frozenset[tuple[str, ...]], tuple[str, ...]]
"""What a plan does: kind, rule, symbol and client id of its steps, and the episodes that halt."""
EMPTY: Shape = (frozenset(), ())


class Status(Struct, frozen=True):
    """How an account stood at its last cycle, for `reef status`."""

    at: datetime
    armed: bool
    equity: Number
    margin_ratio: Number
    positions: int
    unprotected: tuple[str, ...]
    active: tuple[Finding, ...]
    """Findings that are not inactive."""
    error: str
    """Why the last cycle could not be finished; '' where it was."""
    differences: tuple[Difference, ...] = ()
    """Figures of the venue that are far from the recomputed ones."""
    unprotected_why: dict[str, str] = {}
    """Why each position of `unprotected` is, by its key."""


class Record(Struct, frozen=True):
    """What one cycle appends in one transaction."""

    drafts: tuple[Draft, ...]
    memory: dict[tuple[str, str], str | None]
    blobs: tuple[bytes, ...]

    @property
    def empty(self) -> bool:
        """Whether there is nothing to write."""
        return not (self.drafts or self.memory)


class Recorder:
    """Remembers what was written last, so that a quiet cycle writes next to nothing."""

    def __init__(self, account: str, rules: RuleSet, *, armed: bool) -> None:
        self.account = account
        self.armed = armed
        self._rules = rules
        self._rules_digest = blob_digest(rules.text.encode())
        self._refusals: frozenset[tuple[str, str, str]] = frozenset()
        self._shape: Shape | None = None
        self._differences: frozenset[tuple[Target, str]] = frozenset()
        self._rules_written: RulesMemory | None = None
        self._ledger_written: UnitLedger | None = None
        self._status_at: datetime | None = None
        self._last: Status | None = None

    def decided(self, given: DecisionInput, made: Decision, *, sends: bool) -> Record:
        """Turn a decision into what must be written before it is carried out.

        What `sends` something is always written. While nothing is sent, a decision that says the same as
        the one before is not written again.
        """
        changes = self._finding_changes(given, made)
        differences = self._new_differences(made.differences)
        drafts: list[Draft] = [*changes]
        if differences:
            drafts.append(self._draft(given.at, DifferencesSeen(differences)))
        blobs: tuple[bytes, ...] = ()
        says_more = self._new_refusals(made) | self._new_shape(made.plan)
        if sends or changes or says_more:
            body = canonical(given)
            blobs = (body, self._rules.text.encode())
            drafts.append(self._decision(given, made, blob_digest(body)))
        return Record(tuple(drafts), self._memory(given, made), blobs)

    def _decision(self, given: DecisionInput, made: Decision, digest: str) -> Draft:
        active = tuple(one for one in made.evaluation.findings if one.state is not State.INACTIVE)
        episodes = {step.episode for step in made.plan.steps} | {one.episode for one in active}
        named = sorted(episode for episode in episodes if episode)
        return self._draft(
            given.at,
            DecisionRecord(
                input=digest,
                rules=self._rules_digest,
                armed=self.armed,
                findings=active,
                plan=made.plan,
                note="; ".join(made.evaluation.notes),
            ),
            named[0] if len(named) == 1 else "",
        )

    def _finding_changes(self, given: DecisionInput, made: Decision) -> list[Draft]:
        if made.evaluation.memory is given.memory:
            return []
        before = {(one.rule, one.target): one.state for one in given.memory.standings}
        ended = {(one.rule, one.target): one.episode for one in made.evaluation.ended}
        drafts = []
        for finding in made.evaluation.findings:
            key = (finding.rule, finding.target)
            was = before.get(key)
            if was is finding.state or (was is None and finding.state is State.INACTIVE):
                continue
            episode = finding.episode or ended.get(key, "")
            drafts.append(self._draft(given.at, FindingChanged(finding, was), episode))
        return drafts

    def _new_differences(self, seen: tuple[Difference, ...]) -> tuple[Difference, ...]:
        keys = frozenset((one.target, one.figure) for one in seen)
        new = keys - self._differences
        self._differences = keys
        return tuple(one for one in seen if (one.target, one.figure) in new)

    def _new_refusals(self, made: Decision) -> bool:
        keys = frozenset((one.rule, one.item, one.code) for one in made.plan.refusals)
        new = bool(keys - self._refusals)
        self._refusals = keys
        return new

    def _new_shape(self, plan: Plan) -> bool:
        """Whether a plan says something that the last one did not; saying nothing is no news."""
        before, self._shape = self._shape, shape_of(plan)
        return self._shape not in (before, EMPTY)

    def _memory(self, given: DecisionInput, made: Decision) -> dict[tuple[str, str], str | None]:
        """Return what must be remembered now. Where only time and unit value moved on, the ledger waits for
        the next status: what it would lose in a crash is read again from the venue."""
        rules, ledger = made.evaluation.memory, made.ledger
        changed = rules is not self._rules_written or not _same_units(ledger, self._ledger_written)
        changed |= self._last is None or self._last.unprotected_why != unprotected(given.snapshot)
        if not changed and self._status_at is not None and given.at - self._status_at < STATUS_EVERY:
            return {}
        memory: dict[tuple[str, str], str | None] = {}
        if rules is not self._rules_written:
            memory[self.account, RULES] = rules.to_json()
        if ledger is not None:
            memory[self.account, LEDGER] = canonical(ledger).decode()
        self._last = self._status(given, made)
        memory[self.account, STATUS] = canonical(self._last).decode()
        self._rules_written, self._ledger_written, self._status_at = rules, ledger, given.at
        return memory

    def failed(self, error: str, at: datetime) -> dict[tuple[str, str], str | None]:
        """Return the status of an account whose cycle failed: as it was seen last, with the error.

        The next cycle that ends well writes its own at once.
        """
        self._status_at = None
        unseen = Unknown("the account has not been read since the guard began")
        last = self._last or Status(at, self.armed, unseen, unseen, 0, (), (), "")
        return {(self.account, STATUS): canonical(structs.replace(last, error=error)).decode()}

    def _status(self, given: DecisionInput, made: Decision) -> Status:
        bare = unprotected(given.snapshot)
        return Status(
            at=given.at,
            armed=self.armed,
            equity=made.portfolio.equity,
            margin_ratio=measure("account.margin_ratio", made.portfolio, made.context),
            positions=len(given.snapshot.positions),
            unprotected=tuple(bare),
            unprotected_why=bare,
            active=tuple(one for one in made.evaluation.findings if one.state is not State.INACTIVE),
            error="",
            differences=made.differences,
        )

    def _draft(
        self, at: datetime, body: DecisionRecord | DifferencesSeen | FindingChanged, episode: str = ""
    ) -> Draft:
        return Draft(at=at, account=self.account, body=body, episode=episode)

    def forget(self) -> None:
        """Take nothing as written, after a write that failed: the next cycle writes it all again."""
        self._refusals = frozenset()
        self._shape = None
        self._differences = frozenset()
        self._rules_written = None
        self._ledger_written = None
        self._status_at = None


def shape_of(plan: Plan) -> Shape:
    """Return what a plan does. A stop that only follows the price stays the same stop."""
    steps = frozenset(
        (step.kind, step.rule, step.request.symbol)
        + ((step.episode,) if step.kind is StepKind.PROTECT else (step.request.client_order_id,))
        for step in plan.steps
    )
    return steps, plan.halt_episodes


def _same_units(ledger: UnitLedger | None, written: UnitLedger | None) -> bool:
    """Whether two ledgers differ in nothing but when they were advanced, and the unit value then."""
    if ledger is None or written is None:
        return ledger is written
    moved = {"value": written.value, "as_of": written.as_of, "explained_at": written.explained_at}
    return msgspec.structs.replace(ledger, **moved) == written


def remembered_rules(text: str | None) -> RulesMemory:
    """Read the remembered rule states, empty where none were written."""
    return RulesMemory() if text is None else RulesMemory.from_json(text)


def remembered_ledger(text: str | None) -> UnitLedger | None:
    """Read the remembered unit ledger."""
    return None if text is None else msgspec.json.decode(text, type=UnitLedger)


def remembered_status(text: str | None) -> Status | None:
    """Read the status of the last cycle."""
    return None if text is None else msgspec.json.decode(text, type=Status)
