"""What changed between two versions of rules, in words. Pure."""

from datetime import timedelta

from msgspec.structs import fields

from bot.risk.metrics import METRICS
from bot.rules.limits import show_limit
from bot.rules.ruleset import Rule, RuleSet

_WORDS = {"goal": "restore", "hold": "for", "permits": "do", "if_blind": "if_blind"}
_NOT_TOLD = frozenset({"line", "sense", "drawdown_budget", "of_position"})
"""What follows from other fields, or means nothing by itself."""


def rule_changes(before: RuleSet, after: RuleSet) -> tuple[str, ...]:
    """Say which rules were added and removed, and what of the others changed, in the order of the files."""
    told = [f"removed: {rule.name}" for rule in before.rules if after.rule(rule.name) is None]
    for rule in after.rules:
        old = before.rule(rule.name)
        if old is None:
            told.append(f"added: {rule.name}")
        elif parts := _parts(old, rule):
            told.append(f"{rule.name}: {', '.join(parts)}")
    return tuple(told) or ("nothing but the text",)


def _parts(old: Rule, new: Rule) -> list[str]:
    parts = []
    for field in fields(Rule):
        was, now = getattr(old, field.name), getattr(new, field.name)
        if was == now or field.name in _NOT_TOLD:
            continue
        word = new.sense.value if field.name == "limit" else _WORDS.get(field.name, field.name)
        parts.append(f"{word} {_shown(was, old)} -> {_shown(now, new)}")
    return parts


def _shown(value: object, rule: Rule) -> str:
    if isinstance(value, float) and rule.metric in METRICS:
        return show_limit(value, METRICS[rule.metric])
    if isinstance(value, timedelta):
        return f"{value.total_seconds():g}s"
    if isinstance(value, tuple):
        return "[" + ", ".join(str(one) for one in value) + "]"
    return str(value)
