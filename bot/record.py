"""What a cycle leaves in the journal: only what changed, each decision with its whole input."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypeAlias

import msgspec
from msgspec import Struct, structs

from bot.decision import Decision, DecisionInput
from bot.journal import Draft, blob_digest
from bot.journal.controls import EpisodeEnded
from bot.journal.records import Blindness, BlindRule, DifferencesSeen, FindingChanged, canonical
from bot.journal.records import Decision as DecisionRecord
from bot.model import (
    Churning,
    Difference,
    Finding,
    Hedge,
    Number,
    Plan,
    Policy,
    State,
    StepKind,
    Target,
    Unknown,
    policies,
    unprotected,
)
from bot.risk.carrying import HedgeShown, shown_hedges
from bot.risk.gates import PriceMemory
from bot.risk.ledger import UnitLedger
from bot.risk.metrics import measure
from bot.rules import BlindCall, BlindLook, EndReason, Evaluation, RuleSet, RulesMemory

RULES, LEDGER, STATUS, PRICES, BLINDNESS = "rules", "ledger", "status", "prices", "blindness"
"""Names under which an account's state is remembered."""
STATUS_EVERY = timedelta(seconds=5)
"""A cycle that changed nothing writes its status this often."""


Shape: TypeAlias = tuple[frozenset[tuple[str, ...]], tuple[str, ...]]
"""What a plan does: kind, rule, symbol and client id of its steps, and the episodes that halt."""
EMPTY: Shape = (frozenset(), ())
Body: TypeAlias = DecisionRecord | DifferencesSeen | FindingChanged | BlindRule | EpisodeEnded


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
    doubts: tuple[str, ...] = ()
    """Prices that are apart from the others of their symbol, and what the gates make of them."""
    blind: Blindness | None = None
    """Since when and why the account cannot be seen; None where it can."""
    unprotected_why: dict[str, str] = {}
    """Why each position of `unprotected` is, by its key."""
    hedges: tuple[HedgeShown, ...] = ()
    """Hedges that are open, or may be, each with its parent."""
    strangers: dict[str, Policy] = {}
    """Positions that are left alone, by key."""
    churning: tuple[Churning, ...] = ()
    """Positions that somebody fills up again, and the rules that trim them."""
    distance: Number | None = None
    """The least distance to liquidation of any position, as a fraction; None where there is no position."""
    nearest: str = ""
    """Key of the position that it is of."""
    poll_seconds: float = 0.0
    """Time from the start of one cycle to the start of the next, as the settings had it."""


class Record(Struct, frozen=True):
    """What one cycle appends in one transaction."""

    drafts: tuple[Draft, ...]
    memory: dict[tuple[str, str], str | None]
    blobs: tuple[bytes, ...]

    @property
    def empty(self) -> bool:
        """Whether there is nothing to write."""
        return not (self.drafts or self.memory)

    def kept(self, *, sends: bool) -> tuple[tuple[Draft, ...], tuple[bytes, ...]]:
        """What of it may wait in memory: all of what is about to be carried out, else what happens rarely."""
        if sends:
            return self.drafts, self.blobs
        return tuple(draft for draft in self.drafts if isinstance(draft.body, FindingChanged)), ()


class Recorder:
    """Remembers what was written last, so that a quiet cycle writes next to nothing."""

    def __init__(self, account: str, rules: RuleSet, *, armed: bool, poll_seconds: float = 0.0) -> None:
        self.account = account
        self.armed = armed
        self._poll_seconds = poll_seconds
        self._rules = rules
        self._rules_digest = blob_digest(rules.text.encode())
        self._refusals: frozenset[tuple[str, str, str]] = frozenset()
        self._shape: Shape | None = None
        self._differences: frozenset[tuple[Target, str]] = frozenset()
        self._rules_written: RulesMemory | None = None
        self._ledger_written: UnitLedger | None = None
        self._doubts_written: tuple[object, ...] = ()
        self._hedges_written: tuple[Hedge, ...] = ()
        self._status_at: datetime | None = None
        self._last: Status | None = None

    def take(self, rules: RuleSet) -> None:
        """Record under other rules from now on."""
        self._rules = rules
        self._rules_digest = blob_digest(rules.text.encode())

    def decided(
        self, given: DecisionInput, made: Decision, *, sends: bool, blind: Blindness | None = None
    ) -> Record:
        """Turn a decision into what must be written before it is carried out.

        What `sends` something is always written. While nothing is sent, a decision that says the same as
        the one before is not written again.
        """
        evaluation = made.evaluation
        ended = {(one.rule, one.target): one.episode for one in evaluation.ended}
        changes = self._finding_changes(given.at, given.memory, evaluation, ended)
        differences = self._new_differences(made.differences)
        over = self._over(evaluation, given.at)
        drafts: list[Draft] = [*changes, *over, *self._called(evaluation.blind, given.at)]
        if differences:
            drafts.append(self._draft(given.at, DifferencesSeen(differences)))
        blobs: tuple[bytes, ...] = ()
        says_more = self._new_refusals(made) | self._new_shape(made.plan)
        if sends or changes or over or says_more:
            body = canonical(given)
            blobs = (body, self._rules.text.encode())
            drafts.append(self._decision(given, made, blob_digest(body)))
        return Record(tuple(drafts), self._memory(given, made, blind), blobs)

    def unseen(self, look: BlindLook, before: RulesMemory, at: datetime) -> Record:
        """Turn a look at an account that cannot be seen into what must be written: what changed."""
        drafts = (*self._finding_changes(at, before, look, {}), *self._called(look.blind, at))
        active = tuple(one for one in look.findings if one.state is not State.INACTIVE)
        self._last = structs.replace(self._last_or(at), active=active)
        return Record(
            drafts, {} if look.memory is before else {(self.account, RULES): look.memory.to_json()}, ()
        )

    def _over(self, evaluation: Evaluation, at: datetime) -> list[Draft]:
        """Record episodes that ended otherwise than by their limit."""
        return [
            self._draft(at, EpisodeEnded(one.episode, one.rule, one.target, one.reason.value), one.episode)
            for one in evaluation.ended
            if one.reason is not EndReason.RESTORED
        ]

    def _called(self, calls: Sequence[BlindCall], at: datetime) -> list[Draft]:
        """Record that `if_blind` came due, once."""
        return [
            self._draft(at, BlindRule(one.rule, one.target, one.since, one.reason, one.do), one.episode)
            for one in calls
            if one.first
        ]

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

    def _finding_changes(
        self,
        at: datetime,
        before: RulesMemory,
        found: Evaluation | BlindLook,
        ended: Mapping[tuple[str, Target], str],
    ) -> list[Draft]:
        if found.memory is before:
            return []
        states = {(one.rule, one.target): one.state for one in before.standings}
        drafts = []
        for finding in found.findings:
            key = (finding.rule, finding.target)
            was = states.get(key)
            if was is finding.state or (was is None and finding.state is State.INACTIVE):
                continue
            episode = finding.episode or ended.get(key, "")
            drafts.append(self._draft(at, FindingChanged(finding, was), episode))
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

    def _memory(
        self, given: DecisionInput, made: Decision, blind: Blindness | None
    ) -> dict[tuple[str, str], str | None]:
        """Return what must be remembered now. Where only time, prices and unit value moved on, they wait for
        the next status: what a crash would lose is read again from the venue."""
        rules, ledger, prices = made.evaluation.memory, made.ledger, made.gates.memory
        doubts = tuple((one.symbol, one.apart, one.believed) for one in prices.standings)
        changed = (
            rules is not self._rules_written
            or not _same_units(ledger, self._ledger_written)
            or doubts != self._doubts_written
            or given.hedges != self._hedges_written
            or self._last_or(given.at).unprotected_why != bare_of(given)
        )
        if not changed and self._status_at is not None and given.at - self._status_at < STATUS_EVERY:
            return {}
        memory: dict[tuple[str, str], str | None] = {}
        if rules is not self._rules_written:
            memory[self.account, RULES] = rules.to_json()
        if ledger is not None:
            memory[self.account, LEDGER] = canonical(ledger).decode()
        memory[self.account, PRICES] = canonical(prices).decode()
        self._last = self._status(given, made, blind)
        memory[self.account, STATUS] = canonical(self._last).decode()
        self._rules_written, self._ledger_written, self._status_at = rules, ledger, given.at
        self._doubts_written, self._hedges_written = doubts, given.hedges
        return memory

    def failed(
        self, error: str, at: datetime, blind: Blindness | None = None
    ) -> dict[tuple[str, str], str | None]:
        """Return the status of an account whose cycle failed: as it was seen last, with the error.

        The next cycle that ends well writes its own at once.
        """
        self._status_at = None
        told = structs.replace(self._last_or(at), error=error, blind=blind)
        return {(self.account, STATUS): canonical(told).decode()}

    def _last_or(self, at: datetime) -> Status:
        unseen = Unknown("the account has not been read since the guard began")
        blank = Status(at, self.armed, unseen, unseen, 0, (), (), "", poll_seconds=self._poll_seconds)
        return self._last or blank

    def _status(self, given: DecisionInput, made: Decision, blind: Blindness | None) -> Status:
        bare = bare_of(given)
        nearest, distance = least_distance(made)
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
            doubts=tuple(doubt.text for doubt in made.gates.doubts.values()),
            blind=blind,
            hedges=shown_hedges(given.hedges, given.snapshot),
            strangers=policies(given.strangers, given.snapshot),
            churning=given.churning,
            distance=distance,
            nearest=nearest,
            poll_seconds=self._poll_seconds,
        )

    def _draft(self, at: datetime, body: Body, episode: str = "") -> Draft:
        return Draft(at=at, account=self.account, body=body, episode=episode)

    def forget(self) -> None:
        """Take nothing as written, after a write that failed: the next cycle writes it all again."""
        self._refusals = frozenset()
        self._shape = None
        self._differences = frozenset()
        self._rules_written = None
        self._ledger_written = None
        self._doubts_written = ()
        self._status_at = None


def bare_of(given: DecisionInput) -> dict[str, str]:
    """Return the positions that the guard should protect and that are not known to be, by key, and why."""
    alone = policies(given.strangers, given.snapshot)
    return {key: why for key, why in unprotected(given.snapshot).items() if key not in alone}


def least_distance(made: Decision) -> tuple[str, Number | None]:
    """Return the position nearest to liquidation, with its distance; an unknown one comes first."""
    keys = [holding.key for holding in made.portfolio.holdings] + list(made.portfolio.missing)
    measured = {
        key: measure("position.liquidation_distance", made.portfolio, made.context, key) for key in keys
    }
    for key, distance in measured.items():
        if isinstance(distance, Unknown):
            return key, distance
    known = {key: distance for key, distance in measured.items() if isinstance(distance, float | int)}
    nearest = min(known, key=lambda key: known[key], default="")
    return nearest, known.get(nearest)


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


def remembered_prices(text: str | None) -> PriceMemory:
    """Read what is remembered of prices, nothing where none was written."""
    return PriceMemory() if text is None else msgspec.json.decode(text, type=PriceMemory)


def remembered_blindness(text: str | None) -> Blindness | None:
    """Read the blindness that lasts, None where there is none."""
    return None if text is None else msgspec.json.decode(text, type=Blindness)


def remembered_status(text: str | None) -> Status | None:
    """Read the status of the last cycle."""
    return None if text is None else msgspec.json.decode(text, type=Status)
