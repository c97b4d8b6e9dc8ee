"""Rules met with a snapshot: findings, what firing rules demand, and what to remember. Pure."""

from collections.abc import Set
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from bot.model import (
    Demand,
    Finding,
    Number,
    Position,
    Scenario,
    Snapshot,
    State,
    Target,
    Unknown,
)
from bot.risk.gates import Gate, PriceGates
from bot.risk.metrics import MetricContext, measure
from bot.risk.portfolio import Portfolio
from bot.rules.blindness import BlindCall, look_blind, matches_account, matches_any, unknown_note
from bot.rules.memory import EndedEpisode, EndReason, MemoryUnreadableError, RulesMemory, Standing
from bot.rules.ruleset import Gates, Match, Rule, RuleSet
from bot.rules.states import advance, begin

_ACTING = (State.FIRING, State.RESTORING)
_ACCOUNT = ""
_NOT_BELIEVED = "until it is believed, nothing begins or ends by it"
_COOLDOWN_FIRST = "past the limit again, waits for the end of the cooldown"


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
    ignored: Set[str] = frozenset(),
) -> Evaluation:
    """Evaluate all rules on one account.

    `snapshot` says which positions exist (a position that the portfolio cannot measure is *unknown*,
    never gone) and the venue; `portfolio` is the same snapshot as numbers. `context.scenarios` is
    replaced by each rule's own. The same arguments always give equal results. A position that is gone
    ends its episodes, because a snapshot is complete or does not exist. `gates` say which prices are too old
    or not believed yet; without them every price is good. No rule of a position looks at those whose keys are
    `ignored`.

    Raises `MemoryUnreadableError` where the memory is of another account.
    """
    return _Cycle(snapshot, portfolio, context, memory, now, gates or PriceGates(), ignored).run(ruleset)


class _Cycle:
    """One evaluation; lives no longer than that."""

    def __init__(
        self,
        snapshot: Snapshot,
        portfolio: Portfolio,
        context: MetricContext,
        memory: RulesMemory,
        now: datetime,
        gates: PriceGates,
        ignored: Set[str],
    ) -> None:
        self._snapshot = snapshot
        self._gates = gates
        self._gauge = _Gauge(portfolio, context)
        self._memory = memory
        self._now = now
        self._account = Target(snapshot.account)
        self._positions = [
            (position.key, position, Target(snapshot.account, position.symbol, position.side.value))
            for position in sorted(snapshot.positions, key=lambda position: position.key)
            if position.key not in ignored
        ]
        self._everywhere = [(key, target) for key, _, target in self._positions]
        self._remembered = _by_rule_and_target(memory, snapshot.account)
        self._findings: list[Finding] = []
        self._demands: list[Demand] = []
        self._standings: list[Standing] = []
        self._ended: list[EndedEpisode] = []
        self._blind: list[BlindCall] = []

    def run(self, ruleset: RuleSet) -> Evaluation:
        for rule in ruleset.rules:
            series = self._gauge.series(rule)
            for key, target in self._targets(rule):
                self._look(rule, target, self._gauge.value(rule.metric, series, key))
        notes = self._forget(ruleset)
        return Evaluation(
            tuple(self._findings),
            self._remember(),
            tuple(self._demands),
            tuple(self._ended),
            notes,
            tuple(self._blind),
        )

    def _targets(self, rule: Rule) -> list[tuple[str, Target]]:
        match = rule.match
        if not matches_account(match, self._snapshot.account, self._snapshot.venue):
            return []
        if not rule.of_position:
            return [(_ACCOUNT, self._account)]
        if not (match.symbol or match.side or match.margin_mode):
            return self._everywhere
        return [
            (key, target) for key, position, target in self._positions if _position_matches(match, position)
        ]

    def _look(self, rule: Rule, target: Target, value: Number) -> None:
        previous = self._remembered.pop((rule.name, target.symbol, target.side), None)
        if previous is not None and previous.metric != rule.metric:
            self._end(previous, EndReason.RULE_GONE)
            previous = None
        gate = self._gates.gate(rule.metric, self._position(target))
        if gate.old:
            value = Unknown(gate.old)
        held = gate.held and not gate.waived and rule.gates is Gates.ON
        standing = advance(rule, previous or begin(rule, target, self._now), value, self._now, held=held)
        standing, call = look_blind(rule, standing, value, self._now)
        if call is not None:
            self._blind.append(call)
        if previous is not None and previous.episode and not standing.episode:
            self._end(previous, EndReason.RESTORED)
        self._standings.append(standing)
        state = standing.state
        self._findings.append(
            Finding(
                rule.name,
                target,
                rule.metric,
                value,
                rule.limit,
                rule.goal,
                rule.sense,
                state,
                rule.severity,
                standing.since,
                standing.episode,
                _note(standing, value, gate, rule),
            )
        )
        if state in _ACTING and not isinstance(value, Unknown) and standing.acting_since is not None:
            self._demands.append(_demand(rule, standing, value, standing.acting_since))

    def _position(self, target: Target) -> Position | None:
        return self._snapshot.position(target.position) if target.position else None

    def _forget(self, ruleset: RuleSet) -> tuple[str, ...]:
        """End what is remembered of targets and rules that are not there any more."""
        there: set[str | None] = {None, *(position.key for position in self._snapshot.positions)}
        gone: dict[str, int] = {}
        for (name, _, _), standing in self._remembered.items():
            if ruleset.rule(name) is None:
                gone[name] = gone.get(name, 0) + 1
                self._end(standing, EndReason.RULE_GONE)
            else:
                is_there = standing.target.position in there
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


class _Gauge:
    """Measures each metric once for each target and list of scenarios."""

    def __init__(self, portfolio: Portfolio, context: MetricContext) -> None:
        self._portfolio = portfolio
        self._context = context
        self._series: list[tuple[str, tuple[Scenario, ...], dict[str, Number], MetricContext]] = []

    def series(self, rule: Rule) -> tuple[dict[str, Number], MetricContext]:
        """Return the values measured so far of the rule's metric, and the context to measure in."""
        for metric, scenarios, values, context in self._series:
            if metric == rule.metric and scenarios == rule.scenarios:
                return values, context
        context = replace(self._context, scenarios=rule.scenarios)
        values = {}
        self._series.append((rule.metric, rule.scenarios, values, context))
        return values, context

    def value(self, metric: str, series: tuple[dict[str, Number], MetricContext], key: str) -> Number:
        """Return the metric of the position `key`, or of the account where it is ''."""
        values, context = series
        value = values.get(key)
        if value is None:
            value = values[key] = self._measure(metric, context, key)
        return value

    def _measure(self, metric: str, context: MetricContext, key: str) -> Number:
        value = measure(metric, self._portfolio, context, key or None)
        return Unknown(f"{metric} is not a number") if value != value else value


def _by_rule_and_target(memory: RulesMemory, account: str) -> dict[tuple[str, str, str], Standing]:
    found = {}
    for standing in memory.standings:
        target = standing.target
        if target.account != account:
            raise MemoryUnreadableError(
                f"the remembered rule states are of account {target.account!r}, not of {account!r}"
            )
        found[standing.rule, target.symbol, target.side] = standing
    return found


def _position_matches(match: Match, position: Position) -> bool:
    return (
        matches_any(match.symbol, position.symbol.upper())
        and matches_any(match.side, position.side.value)
        and matches_any(match.margin_mode, position.margin_mode.value)
    )


def _note(standing: Standing, value: Number, gate: Gate, rule: Rule) -> str:
    if isinstance(value, Unknown):
        return unknown_note(standing, value)
    waits = standing.state is State.COOLING and standing.breach_since is not None
    return "; ".join(part for part in (_COOLDOWN_FIRST if waits else "", _gate_note(gate, rule)) if part)


def _gate_note(gate: Gate, rule: Rule) -> str:
    """Say what the gates found, and what follows for this rule."""
    if not gate.held:
        return gate.text
    if rule.gates is Gates.OFF:
        return f"{gate.text}; gates: off, so the rule does not wait"
    return f"{gate.text}; {gate.waived or _NOT_BELIEVED}"


def _demand(rule: Rule, standing: Standing, value: float, acting_since: datetime) -> Demand:
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
        approve=rule.approve,
    )
