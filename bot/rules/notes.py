"""What a finding says beside its figures."""

from msgspec import Struct

from bot.documents import plain_percent
from bot.model import Number, State, Target, Unknown
from bot.risk.catalogue import definition_of
from bot.risk.definitions import Unit
from bot.risk.gates import Gate
from bot.rules.blindness import unknown_note
from bot.rules.conditions import Condition, Conditions, Source, Truth
from bot.rules.memory import Standing
from bot.rules.ruleset import Gates, Rule

_NOT_BELIEVED = "until it is believed, nothing begins or ends by it"
_COOLDOWN_FIRST = "past the limit again, waits for the end of the cooldown"


class Seen(Struct, frozen=True):
    """One rule on one target, as it was met."""

    rule: Rule
    target: Target
    previous: Standing | None
    """What was remembered of it."""
    measured: Number
    """Its metric; of a condition alone, what that came to."""
    truth: Truth
    """Of its condition; True where it has none."""
    gate: Gate
    awake: bool
    """Whether it is inside its hours."""


def note_of(seen: Seen, standing: Standing, value: Number, conditions: Conditions) -> str:
    """Say why a finding is as it is: what is unknown, what its condition saw, what it waits for."""
    rule = seen.rule
    unknown = isinstance(value, Unknown)
    waits = standing.state is State.COOLING and standing.breach_since is not None
    condition, key = rule.when, standing.target.position or ""
    parts = [
        unknown_note(standing, value) if isinstance(value, Unknown) else "",
        _COOLDOWN_FIRST if waits else "",
        "" if condition is None else condition_note(condition, seen.truth, conditions, key),
        f"outside its hours ({rule.active.text})" if rule.active is not None and not seen.awake else "",
        "" if unknown else _gate_note(seen.gate, rule),
    ]
    return "; ".join(part for part in parts if part)


def condition_note(condition: Condition, truth: Truth, conditions: Conditions, key: str) -> str:
    """Say what a condition came to, and the numbers that it saw."""
    word = "unknown" if isinstance(truth, Unknown) else str(truth).lower()
    saw = ", ".join(
        f"{name.text} {_shown(name.text, name.source, number)}"
        for name, number in conditions.saw(condition, key)
    )
    return f"{condition.text} is {word}: {saw}"


def _shown(name: str, source: Source, number: Number) -> str:
    if isinstance(number, Unknown):
        return "unknown"
    if source is not Source.SIGNAL and definition_of(name).unit is Unit.PERCENT:
        return plain_percent(float(f"{number:.4g}"))
    return f"{number:.6g}"


def _gate_note(gate: Gate, rule: Rule) -> str:
    """Say what the gates found, and what follows for this rule."""
    if not gate.held:
        return gate.text
    if rule.gates is Gates.OFF:
        return f"{gate.text}; gates: off, so the rule does not wait"
    return f"{gate.text}; {gate.waived or _NOT_BELIEVED}"
