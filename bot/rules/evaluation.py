"""Rules met with a snapshot: findings, what firing rules demand, and what to remember. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TypeAlias

from msgspec import Struct

from bot.model import Demand, Finding, Number, Position, Sense, Snapshot, State, Surroundings, Target, Unknown
from bot.risk.catalogue import WHEN
from bot.risk.gates import OPEN, OWN_BLOCK, Gate, PriceGates
from bot.risk.metrics import MetricContext
from bot.risk.portfolio import Portfolio
from bot.rules.blindness import BlindCall, look_blind, matches_account, matches_any
from bot.rules.conditions import Condition, Truth
from bot.rules.gauge import Gauge
from bot.rules.inhibition import inhibited
from bot.rules.memory import EndedEpisode, EndReason, RulesMemory, Standing
from bot.rules.notes import Look, condition_note, note_of
from bot.rules.recall import Recall
from bot.rules.ruleset import Gates, Match, Rule, RuleSet
from bot.rules.states import advance, begin

_ACTING = (State.FIRING, State.RESTORING)
_ACCOUNT = ""
_Place: TypeAlias = tuple[str, Target, Position | None]
"""Where a rule is looked at: position key ('' for the account), target, position."""


class Evaluation(Struct, frozen=True):
    """What the rules say of one account at one moment."""

    findings: tuple[Finding, ...]
    """One for each rule and target, in the order of the file, then of the positions' keys."""
    memory: RulesMemory
    """To be given to the next evaluation; the same object where nothing changed."""
    demands: tuple[Demand, ...]
    """One for each firing or restoring finding."""
    ended: tuple[EndedEpisode, ...]
    """Episodes that ended here: restored, or their position, match or rule is gone."""
    notes: tuple[str, ...]
    """What else must be told, for example remembered states of rules that no longer exist."""
    blind: tuple[BlindCall, ...] = ()
    """What `if_blind` of rules asks for now: those whose metric has been unknown for long enough."""


def evaluate(
    ruleset: RuleSet,
    snapshot: Snapshot,
    portfolio: Portfolio,
    context: MetricContext,
    memory: RulesMemory,
    now: datetime,
    gates: PriceGates | None = None,
    surroundings: Surroundings | None = None,
    tags: tuple[str, ...] = (),
) -> Evaluation:
    """Evaluate all rules on one account.

    `snapshot` says which positions exist (a position that the portfolio cannot measure is *unknown*,
    never gone) and the venue; `portfolio` is the same snapshot as numbers. `context.scenarios` is
    replaced by each rule's own. The same arguments always give equal results. A position that is gone
    ends its episodes, because a snapshot is complete or does not exist. `gates` say which prices are too old
    or not believed yet; without them every price is good. `surroundings` hold figures of markets and signals;
    without them these are unknown. `tags` are the account's.

    Raises `MemoryUnreadableError` where the memory is of another account.
    """
    gauge = Gauge(portfolio, context, surroundings or Surroundings())
    return _Cycle(snapshot, gauge, memory, now, gates or PriceGates(), tags).run(ruleset)


class _Cycle:
    """One evaluation; lives no longer than that."""

    def __init__(
        self,
        snapshot: Snapshot,
        gauge: Gauge,
        memory: RulesMemory,
        now: datetime,
        gates: PriceGates,
        tags: tuple[str, ...],
    ) -> None:
        self._snapshot = snapshot
        self._gauge = gauge
        self._gates = gates
        self._memory = memory
        self._now = now
        self._tags = tags
        account = snapshot.account
        self._whole: list[_Place] = [(_ACCOUNT, Target(account), None)]
        self._positions: list[_Place] = [
            (one.key, Target(account, one.symbol, one.side.value), one)
            for one in sorted(snapshot.positions, key=lambda position: position.key)
        ]
        self._recall = Recall(memory, account)
        self._findings: list[Finding] = []
        self._demands: list[Demand] = []
        self._standings: list[Standing] = []
        self._ended: list[EndedEpisode] = []
        self._blind: list[BlindCall] = []

    def run(self, ruleset: RuleSet) -> Evaluation:
        places = [(rule, self._places(rule)) for rule in ruleset.rules]
        truths = self._truths(places)
        for rule, there in places:
            self._series(rule, there, truths.get(rule.name))
        notes = self._forget(ruleset)
        return Evaluation(
            inhibited(self._findings, ruleset),
            self._remember(),
            tuple(self._demands),
            tuple(self._ended),
            notes,
            tuple(self._blind),
        )

    def _places(self, rule: Rule) -> list[_Place]:
        match = rule.match
        if not matches_account(match, self._snapshot.account, self._snapshot.venue, self._tags):
            return []
        if not rule.of_position:
            return self._whole
        if not (match.symbol or match.side or match.margin_mode):
            return self._positions
        return [one for one in self._positions if one[2] is not None and _position_matches(match, one[2])]

    def _truths(self, places: Sequence[tuple[Rule, Sequence[_Place]]]) -> dict[str, dict[str, Truth]]:
        """Judge all conditions, a position at a time, so that its numbers are handed over once."""
        truths: dict[str, dict[str, Truth]] = {}
        asked: dict[str, list[tuple[dict[str, Truth], Condition]]] = {}
        for rule, there in places:
            if rule.when is not None:
                own = truths[rule.name] = {}
                for key, _, _ in there:
                    asked.setdefault(key, []).append((own, rule.when))
        for key, conditions in asked.items():
            self._gauge.conditions.judge(key, conditions)
        return truths

    def _series(self, rule: Rule, there: Sequence[_Place], truths: Mapping[str, Truth] | None) -> None:
        """Look at one rule on all its targets."""
        now, recall, findings, standings = self._now, self._recall, self._findings, self._standings
        values = self._gauge.values(rule, [key for key, _, _ in there])
        awake = rule.active is None or rule.active.covers(now)
        name, metric, limit, sense, severity = rule.name, rule.metric, rule.limit, rule.sense, rule.severity
        goal, is_max = rule.goal, rule.sense is Sense.MAX
        for key, target, position in there:
            truth = True if truths is None else truths[key]
            value = _value(truth) if metric == WHEN else values[key]
            previous = recall.take(name, target)
            gate = self._gate(rule, position)
            if (
                previous is not None
                and previous.state is State.INACTIVE
                and previous.metric == metric
                and previous.since <= now
                and gate is OPEN
                and awake
                and not isinstance(value, Unknown)
                and (truth is False or (truth is True and not (value > limit if is_max else value < limit)))
            ):  # it was quiet and stays so: the usual case, and the same as `advance` says
                standings.append(previous)
                quiet = (value, limit, goal, sense, State.INACTIVE, severity, previous.since, "", "", "")
                findings.append(Finding(name, target, metric, *quiet, truth is True))
                continue
            self._look(rule, target, previous, value, truth, gate, awake=awake)

    def _look(
        self,
        rule: Rule,
        target: Target,
        previous: Standing | None,
        measured: Number,
        truth: Truth,
        gate: Gate,
        *,
        awake: bool,
    ) -> None:
        if previous is not None and previous.metric != rule.metric:
            self._end(previous, EndReason.RULE_GONE)
            previous = None
        value = Unknown(gate.old) if gate.old else truth if isinstance(truth, Unknown) else measured
        held = gate.held and not gate.waived and rule.gates is Gates.ON
        before = previous or begin(rule, target, self._now)
        met = truth is not False
        standing = advance(rule, before, value, self._now, held=held, met=met, awake=awake)
        standing, call = look_blind(rule, standing, value, self._now)
        if call is not None:
            self._blind.append(call)
        if previous is not None and previous.episode and not standing.episode:
            self._end(previous, EndReason.RESTORED)
        self._standings.append(standing)
        note = note_of(Look(rule, standing, value, gate, truth, awake), self._gauge.conditions)
        self._findings.append(
            Finding(
                rule=rule.name,
                target=target,
                metric=rule.metric,
                value=value,
                limit=rule.limit,
                goal=rule.goal,
                sense=rule.sense,
                state=standing.state,
                severity=rule.severity,
                since=standing.since,
                episode=standing.episode,
                note=note,
                in_force=met and (awake or bool(standing.episode)),
            )
        )
        if standing.state in _ACTING and not isinstance(value, Unknown) and standing.acting_since is not None:
            why = self._why(rule, target, value)
            self._demands.append(_demand(rule, standing, value, standing.acting_since, why))

    def _gate(self, rule: Rule, position: Position | None) -> Gate:
        """Return the gate of what the rule is measured on; figures of markets and signals have none."""
        if self._gates.quiet:
            return OPEN
        names = rule.priced_by
        if not names:
            return OPEN
        return self._gates.gate(next((name for name in names if name not in OWN_BLOCK), names[0]), position)

    def _why(self, rule: Rule, target: Target, value: float) -> str:
        """Say what is passed, where the numbers of a demand do not."""
        if rule.when is None:
            return ""
        said = condition_note(rule.when, True, self._gauge.conditions, target.position or _ACCOUNT)
        if rule.metric == WHEN:
            return said
        return f"{rule.metric} is {value:.6g}, limit {rule.limit:.6g}, goal {rule.goal:.6g}; {said}"

    def _forget(self, ruleset: RuleSet) -> tuple[str, ...]:
        """End what is remembered of targets and rules that are not there any more."""
        there = {target for _, target, _ in (*self._whole, *self._positions)}
        gone: dict[str, int] = {}
        for standing in self._recall.left():
            name = standing.rule
            if ruleset.rule(name) is None:
                gone[name] = gone.get(name, 0) + 1
                self._end(standing, EndReason.RULE_GONE)
            else:
                is_there = standing.target in there
                self._end(standing, EndReason.NOT_MATCHED if is_there else EndReason.POSITION_GONE)
        return tuple(
            f"rule {name!r} is gone: what was remembered of it on {count} target(s) is dropped"
            for name, count in gone.items()
        )

    def _end(self, standing: Standing, reason: EndReason) -> None:
        if standing.episode:
            self._ended.append(EndedEpisode(standing.episode, standing.rule, standing.target, reason))

    def _remember(self) -> RulesMemory:
        old = self._memory.standings
        same = len(old) == len(self._standings) and all(
            before is after for before, after in zip(old, self._standings, strict=True)
        )
        return self._memory if same else RulesMemory(tuple(self._standings))


def _value(truth: Truth) -> Number:
    """Return the metric of a condition alone."""
    return truth if isinstance(truth, Unknown) else float(truth)


def _position_matches(match: Match, position: Position) -> bool:
    return (
        matches_any(match.symbol, position.symbol.upper())
        and matches_any(match.side, position.side.value)
        and matches_any(match.margin_mode, position.margin_mode.value)
    )


def _demand(rule: Rule, standing: Standing, value: float, acting_since: datetime, why: str) -> Demand:
    return Demand(
        rule=rule.name,
        episode=standing.episode,
        target=standing.target,
        metric=rule.metric,
        sense=rule.sense,
        value=value,
        limit=rule.limit,
        goal=rule.goal,
        severity=rule.severity,
        permits=rule.permits,
        trim=rule.trim,
        scenarios=rule.scenarios,
        drawdown_budget=rule.drawdown_budget,
        acting_since=acting_since,
        why=why,
        approve=rule.approve,
    )
