"""Running a rule test: each look goes through the real decision, and its outcome is held against the test."""

from collections.abc import Iterator, Sequence
from decimal import Decimal

from msgspec import Struct

from bot.decision import DecisionInput, decide
from bot.documents import KeyPath, plain_percent
from bot.model import Caps, Finding, OrderRequest, Plan, ProtectionTerms, Step, Unknown, Usage
from bot.rehearsal.shapes import NOWHERE
from bot.rehearsal.stage import Stage
from bot.rehearsal.values import Look, Rehearsal
from bot.risk.catalogue import definition_of
from bot.risk.definitions import Unit
from bot.risk.ledger import UnitLedger
from bot.rules import BlindCall, RulesMemory, evaluate_blind

MAX_AGE_SECONDS = 10.0
_UNSEEN = Unknown("the account is blind")


class Miss(Struct, frozen=True):
    """Something that came out otherwise than the test says."""

    file: str
    line: int
    what: str

    @property
    def text(self) -> str:
        """The miss on one line."""
        return f"{self.file}:{self.line}: {self.what}"


class Outcome(Struct, frozen=True):
    """What came of one look."""

    findings: tuple[Finding, ...]
    plan: Plan
    blind: tuple[BlindCall, ...]


def run(test: Rehearsal) -> tuple[Miss, ...]:
    """Run one test; () where all is as it says."""
    stage = Stage(test.shape)
    memory, ledger = RulesMemory(), None
    misses: list[Miss] = []
    for look in test.looks:
        stage.turn(look)
        if stage.blind:
            outcome, memory = _unseen(test, look, memory)
        else:
            made = decide(_given(test, stage, look, memory, ledger), test.rules)
            memory, ledger = made.evaluation.memory, made.ledger
            outcome = Outcome(made.evaluation.findings, made.plan, made.evaluation.blind)
        misses += _misses(test, look, outcome)
        if look.shape.filled:
            stage.carry_out(outcome.plan)
    return tuple(misses)


def _unseen(test: Rehearsal, look: Look, memory: RulesMemory) -> tuple[Outcome, RulesMemory]:
    shape = test.shape
    found = evaluate_blind(test.rules, shape.account, shape.venue, memory, _UNSEEN, look.at, shape.tags)
    nothing = Plan(shape.account, look.at, (), (), (), "")
    return Outcome(found.findings, nothing, found.blind), found.memory


def _given(
    test: Rehearsal, stage: Stage, look: Look, memory: RulesMemory, ledger: UnitLedger | None
) -> DecisionInput:
    return DecisionInput(
        at=look.at,
        snapshot=stage.snapshot(look.at),
        stats=stage.stats(look.at),
        ledger=ledger,
        flows=stage.take_flows(),
        memory=memory,
        usage=Usage(0, Decimal(0), Decimal(0)),
        caps=Caps(),
        protection=ProtectionTerms(enabled=False),
        max_age_seconds=MAX_AGE_SECONDS,
        impact=0.0,
        steps_taken={},
        surroundings=stage.surroundings,
        tags=test.shape.tags,
        hedges=stage.hedges,
    )


def _misses(test: Rehearsal, look: Look, outcome: Outcome) -> Iterator[Miss]:
    """Compare what came out with what the step says."""
    found = (
        *_states(look, outcome.findings),
        *_planned(look, outcome.plan),
        *_called(look, outcome.blind),
        *_silenced(look, outcome.findings),
    )
    for path, what in found:
        line = test.document.place((*look.path, *path)).line
        yield Miss(test.document.name, line, f"{test.name}, {look.at:%H:%M:%S}: {what}")


_Found = Iterator[tuple[KeyPath, str]]


def _states(look: Look, findings: Sequence[Finding]) -> _Found:
    for rule, expected in look.shape.expect.items():
        mine = [one for one in findings if one.rule == rule]
        wanted = expected.items() if isinstance(expected, dict) else [("", expected)]
        for target, state in wanted:
            there = [one for one in mine if _is_of(one, target)]
            path = ("expect", rule)
            if state == NOWHERE and there:
                yield path, f"{_told(there[0])}; expected to apply to nothing{target and f' on {target}'}"
            elif state != NOWHERE and not there:
                yield path, f"{rule} applies to nothing{target and f' on {target}'}; expected {state}"
            elif wrong := [one for one in there if one.state != state and state != NOWHERE]:
                yield path, f"{_told(wrong[0])}; expected {state}"


def _is_of(finding: Finding, target: str) -> bool:
    symbol, _, side = target.partition(" ")
    return symbol in ("", finding.target.symbol) and side in ("", finding.target.side)


def _told(one: Finding) -> str:
    """Say where a rule stands, and why."""
    on = f" on {one.target.symbol} {one.target.side}" if one.target.symbol else ""
    if isinstance(one.value, Unknown):
        return f"{one.rule}{on} is {one.state.value} ({one.value.reason})"
    unit = definition_of(one.metric).unit
    if unit is Unit.TRUTH:
        return f"{one.rule}{on} is {one.state.value} ({one.note or 'its condition is false'})"
    value, limit = _shown(unit, one.value), _shown(unit, one.limit)
    note = f"; {one.note}" if one.note else ""
    return f"{one.rule}{on} is {one.state.value} ({one.metric} {value}, {one.sense.value} {limit}{note})"


def _shown(unit: Unit, number: float) -> str:
    return plain_percent(float(f"{number:.4g}")) if unit is Unit.PERCENT else f"{number:,.6g}"


def _planned(look: Look, plan: Plan) -> _Found:
    if look.shape.plan is None:
        return
    deeds = [f"{step.kind.value} {_subject(step)}" for step in plan.steps]
    deeds += ["halt"] if plan.halt else []
    said = ", ".join(dict.fromkeys(deeds)) or "nothing"
    why = "".join(f"; refused: {one.item}: {one.reason}" for one in plan.refusals)
    for number, expected in enumerate(look.shape.plan):
        if not any(_same_deed(expected, deed) for deed in deeds):
            yield ("plan", number), f"planned is {said}{why}; expected {expected}"
    for deed in dict.fromkeys(deeds):
        if not any(_same_deed(expected, deed) for expected in look.shape.plan):
            yield ("plan",), f"planned is {deed}, which is not expected"


def _subject(step: Step) -> str:
    request = step.request
    if isinstance(request, OrderRequest):
        return f"{request.symbol} {request.position_side.value}"
    return request.symbol


def _same_deed(expected: str, deed: str) -> bool:
    return deed == expected or deed.startswith(f"{expected} ")


def _called(look: Look, calls: Sequence[BlindCall]) -> _Found:
    for rule, expected in look.shape.if_blind.items():
        does = next((one.do for one in calls if one.rule == rule), ())
        if set(does) != set(expected):
            said, wanted = ", ".join(does) or "nothing", ", ".join(expected) or "nothing"
            yield ("if_blind", rule), f"if_blind of {rule} asks for {said}; expected {wanted}"


def _silenced(look: Look, findings: Sequence[Finding]) -> _Found:
    for rule, stronger in look.shape.silenced.items():
        by = next((one.inhibited_by for one in findings if one.rule == rule), "")
        if by != stronger:
            yield ("silenced", rule), f"{rule} is silenced by {by or 'none'}; expected {stronger}"
