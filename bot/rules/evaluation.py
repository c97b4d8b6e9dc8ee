"""Rules met with a snapshot: findings, what firing rules demand, and what to remember. Pure."""

from collections.abc import Sequence, Set
from datetime import datetime

from msgspec import Struct

from bot.model import Demand, Finding, Position, Sense, Snapshot, State, Surroundings, Target, Unknown
from bot.risk.catalogue import WHEN
from bot.risk.gates import OPEN, OWN_BLOCK, Gate, PriceGates
from bot.risk.metrics import MetricContext
from bot.risk.portfolio import Portfolio
from bot.rules.blindness import BlindCall, look_blind
from bot.rules.conditions import Condition, Truth
from bot.rules.gauge import Gauge
from bot.rules.inhibition import inhibited
from bot.rules.memory import EndedEpisode, EndReason, RulesMemory, Standing
from bot.rules.notes import Seen, condition_note, note_of
from bot.rules.places import Places, Site
from bot.rules.recall import Recall
from bot.rules.ruleset import Gates, Rule, RuleSet
from bot.rules.states import advance, begin, finding_of

_ACTING = (State.FIRING, State.RESTORING)


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
    lifted: frozenset[str] = frozenset()
    """Rules whose condition is known to be false wherever they are looked at."""


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
    ignored: Set[str] = frozenset(),
) -> Evaluation:
    """Evaluate all rules on one account.

    `snapshot` says which positions exist (a position that the portfolio cannot measure is *unknown*,
    never gone) and the venue; `portfolio` is the same snapshot as numbers. `context.scenarios` is
    replaced by each rule's own. The same arguments always give equal results. A position that is gone
    ends its episodes, because a snapshot is complete or does not exist. `gates` say which prices are too old
    or not believed yet; without them every price is good. `surroundings` hold figures of markets and signals;
    without them these are unknown. `tags` are the account's. No rule of a position looks at those whose keys
    are `ignored`.

    Raises `MemoryUnreadableError` where the memory is of another account.
    """
    gauge = Gauge(portfolio, context, surroundings or Surroundings())
    site = Site(snapshot, tags, ignored)
    return _Cycle(site, gauge, memory, now, gates or PriceGates(), snapshot.account).run(ruleset)


class _Cycle:
    """One evaluation; lives no longer than that."""

    def __init__(
        self, site: Site, gauge: Gauge, memory: RulesMemory, now: datetime, gates: PriceGates, account: str
    ) -> None:
        self._site = site
        self._gauge = gauge
        self._gates = gates
        self._memory = memory
        self._now = now
        self._recall = Recall(memory, account)
        self._changed = False
        self._findings: list[Finding] = []
        self._demands: list[Demand] = []
        self._standings: list[Standing] = []
        self._ended: list[EndedEpisode] = []
        self._blind: list[BlindCall] = []

    def run(self, ruleset: RuleSet) -> Evaluation:
        places = [(rule, self._site.places(rule)) for rule in ruleset.rules]
        truths = self._truths(places)
        for rule, there in places:
            self._series(rule, there, truths.get(rule.name))
        memory = self._remember()
        notes = self._forget(ruleset)
        return Evaluation(
            inhibited(self._findings, ruleset),
            memory,
            tuple(self._demands),
            tuple(self._ended),
            notes,
            tuple(self._blind),
            frozenset(name for name, there in truths.items() if all(one is False for one in there)),
        )

    def _truths(self, places: Sequence[tuple[Rule, Places]]) -> dict[str, Sequence[Truth]]:
        """Judge all conditions, those on the same targets together: so each number is handed over once."""
        asked: dict[tuple[str, ...], list[tuple[str, Condition]]] = {}
        for rule, there in places:
            if rule.when is not None and there.keys:
                asked.setdefault(there.keys, []).append((rule.name, rule.when))
        truths: dict[str, Sequence[Truth]] = {}
        for keys, conditions in asked.items():
            found = self._gauge.conditions.judge(keys, [condition for _, condition in conditions])
            truths.update(zip((name for name, _ in conditions), found, strict=True))
        return truths

    def _series(self, rule: Rule, there: Places, truths: Sequence[Truth] | None) -> None:
        """Look at one rule on all its targets.

        What was inactive and stays so is the usual case, and is not given to `advance`, which says the same.
        """
        findings, standings, now, quiet = self._findings, self._standings, self._now, State.INACTIVE
        name, metric, limit, goal, sense = rule.name, rule.metric, rule.limit, rule.goal, rule.sense
        is_max, severity = sense is Sense.MAX, rule.severity
        values = self._gauge.values(rule, there.keys, truths)
        before = self._recall.series(name, there.targets)
        awake = rule.active is None or rule.active.covers(now)
        settled = awake and self._gates.quiet
        for index, (target, value, previous) in enumerate(zip(there.targets, values, before, strict=True)):
            met = True if truths is None else truths[index]
            if (
                settled
                and previous is not None
                and previous.state is quiet
                and type(value) is float
                and (met is False or (met is True and (value <= limit if is_max else value >= limit)))
                and previous.metric == metric
                and previous.since <= now
            ):
                standings.append(previous)
                since = previous.since
                findings.append(
                    Finding(
                        name,
                        target,
                        metric,
                        value,
                        limit,
                        goal,
                        sense,
                        quiet,
                        severity,
                        since,
                        "",
                        "",
                        "",
                        met,
                    )
                )
                continue
            position = there.positions[index]
            gate = OPEN if self._gates.quiet else self._gate(rule, position)
            self._look(Seen(rule, target, previous, value, met, gate, awake))

    def _look(self, seen: Seen) -> None:
        """Look at one rule on one target."""
        rule, target, previous, truth, gate = seen.rule, seen.target, seen.previous, seen.truth, seen.gate
        if previous is not None and previous.metric != rule.metric:
            self._end(previous, EndReason.RULE_GONE)
            previous = None
        value = Unknown(gate.old) if gate.old else truth if isinstance(truth, Unknown) else seen.measured
        held = gate.held and not gate.waived and rule.gates is Gates.ON
        before = previous or begin(rule, target, self._now)
        met = truth is not False
        standing = advance(rule, before, value, self._now, held=held, met=met, awake=seen.awake)
        standing, call = look_blind(rule, standing, value, self._now)
        if call is not None:
            self._blind.append(call)
        if previous is not None and previous.episode and not standing.episode:
            self._end(previous, EndReason.RESTORED)
        self._changed = self._changed or standing is not seen.previous
        self._standings.append(standing)
        note = note_of(seen, standing, value, self._gauge.conditions)
        in_force = met and (seen.awake or bool(standing.episode))
        self._findings.append(finding_of(rule, standing, value, note, in_force=in_force))
        if standing.state in _ACTING and not isinstance(value, Unknown) and standing.acting_since is not None:
            why = self._why(rule, target, value)
            self._demands.append(_demand(rule, standing, value, standing.acting_since, why))

    def _gate(self, rule: Rule, position: Position | None) -> Gate:
        """Return the gate of what the rule is measured on; figures of markets and signals have none."""
        names = rule.priced_by
        if not names:
            return OPEN
        return self._gates.gate(next((name for name in names if name not in OWN_BLOCK), names[0]), position)

    def _why(self, rule: Rule, target: Target, value: float) -> str:
        """Say what is passed, where the numbers of a demand do not."""
        if rule.when is None:
            return ""
        said = condition_note(rule.when, True, self._gauge.conditions, target.position or "")
        if rule.metric == WHEN:
            return said
        return f"{rule.metric} is {value:.6g}, limit {rule.limit:.6g}, goal {rule.goal:.6g}; {said}"

    def _forget(self, ruleset: RuleSet) -> tuple[str, ...]:
        """End what is remembered of targets and rules that are not there any more."""
        gone: dict[str, int] = {}
        for standing in self._recall.left():
            name = standing.rule
            if ruleset.rule(name) is None:
                gone[name] = gone.get(name, 0) + 1
                self._end(standing, EndReason.RULE_GONE)
            else:
                is_there = standing.target in self._site.targets
                self._end(standing, EndReason.NOT_MATCHED if is_there else EndReason.POSITION_GONE)
        return tuple(
            f"rule {name!r} is gone: what was remembered of it on {count} target(s) is dropped"
            for name, count in gone.items()
        )

    def _end(self, standing: Standing, reason: EndReason) -> None:
        if standing.episode:
            self._ended.append(EndedEpisode(standing.episode, standing.rule, standing.target, reason))

    def _remember(self) -> RulesMemory:
        same = not self._changed and self._recall.whole
        return self._memory if same else RulesMemory(tuple(self._standings))


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
        hedge=rule.hedge,
        moves=rule.moves,
    )
