"""Rules that silence others: names that are none, circles, and who is silenced now."""

from collections.abc import Iterator, Mapping, Sequence

from msgspec.structs import replace

from bot.documents import Document, Mistake, nearest_hint, shown
from bot.model import Finding, State
from bot.rules.ruleset import RuleSet

_FIRING = (State.FIRING, State.RESTORING)


def inhibited(findings: Sequence[Finding], ruleset: RuleSet) -> tuple[Finding, ...]:
    """Write into each finding which stronger rule is firing on the account, where one is.

    A rule that is unknown silences nothing, even where its episode goes on.
    """
    if not any(rule.inhibited_by for rule in ruleset.rules):
        return tuple(findings)
    firing = {finding.rule for finding in findings if finding.state in _FIRING}
    over = {
        rule.name: strongest
        for rule in ruleset.rules
        if (strongest := next((name for name in rule.inhibited_by if name in firing), ""))
    }
    return tuple(
        replace(finding, inhibited_by=over[finding.rule]) if finding.rule in over else finding
        for finding in findings
    )


def misruled(document: Document) -> Iterator[Mistake]:
    """Find names in `inhibited_by` that no rule has, and circles, right rules or not."""
    data = document.data
    entries = data.get("rules") if isinstance(data, dict) else None
    rules: dict[str, tuple[int, list[str]]] = {}
    for number, raw in enumerate(entries if isinstance(entries, list) else []):
        if isinstance(raw, dict) and isinstance(raw.get("name"), str):
            rules.setdefault(raw["name"].strip(), (number, _written(raw.get("inhibited_by"))))
    for name, (number, stronger) in rules.items():
        for index, other in enumerate(stronger):
            path = ("rules", number, "inhibited_by", index)
            if other not in rules:
                what = f"inhibited_by: there is no rule {shown(other)}"
                hint = nearest_hint(other, [one for one in rules if one != name])
                yield document.mistake(path, what, "", hint)
            elif circle := _way_back(name, other, {one: names for one, (_, names) in rules.items()}):
                text = " -> ".join(circle)
                yield document.mistake(path, f"inhibited_by goes in a circle: {text}", "a stronger rule")


def _written(value: object) -> list[str]:
    names = value if isinstance(value, list) else [value]
    return [name.strip() for name in names if isinstance(name, str)]


def _way_back(start: str, first: str, stronger: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the way from `start` over `first` back to it; [] where there is none."""
    ways, seen = [[start, first]], {first}
    while ways:
        way = ways.pop()
        if way[-1] == start:
            return way
        for name in stronger.get(way[-1], ()):
            if name == start or name not in seen:
                seen.add(name)
                ways.append([*way, name])
    return []
