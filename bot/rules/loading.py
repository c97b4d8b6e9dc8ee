"""Rule files: YAML in, a RuleSet or all mistakes out."""

from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

from bot.documents import Document, Mistake, MistakesError, Words, check_shape, parse_document, read_text
from bot.rules.checks import RuleCheck
from bot.rules.hedges import LATER_KEYS, HedgeShape
from bot.rules.inhibition import misruled
from bot.rules.moves import MOVE_WORDS
from bot.rules.names import Names, misnamed, unsignalled
from bot.rules.profiles import rules_path
from bot.rules.ruleset import Rule, RuleSet
from bot.rules.schema import (
    DefaultsShape,
    FileShape,
    IfBlindShape,
    MatchShape,
    RuleShape,
    TrimShape,
)
from bot.rules.schema_hours import ActiveShape

RULE_WORDS: Words = {
    ("match",): MatchShape.known_keys(),
    ("trim",): TrimShape.known_keys(),
    ("hedge",): HedgeShape.known_keys(),
    ("if_blind",): IfBlindShape.known_keys(),
    ("active",): ActiveShape.known_keys(),
    **MOVE_WORDS,
}
FILE_WORDS: Words = {("defaults",): DefaultsShape.known_keys()}


def load_choices(
    choices: Iterable[str], base: Path, names: Names | None = None
) -> tuple[dict[str, RuleSet], list[Mistake]]:
    """Load every rule file that settings choose, each once; returns the right ones and all mistakes."""
    loaded: dict[str, RuleSet] = {}
    mistakes: list[Mistake] = []
    for choice in dict.fromkeys(choices):
        try:
            loaded[choice] = load_rules(rules_path(choice, base), names)
        except MistakesError as error:
            mistakes += error.mistakes
    return loaded, mistakes


def load_rules(path: Path, names: Names | None = None) -> RuleSet:
    """Load a rule file. Raises `MistakesError` (exit code 2) with every mistake, each with its place.

    With `names`, an account or venue in `match` that is none of them is a mistake too.
    """
    return load_rules_text(read_text(path), str(path), names)


def load_rules_text(text: str, name: str, names: Names | None = None) -> RuleSet:
    """Load rules from text; `name` stands for the file in mistakes. Raises as `load_rules`."""
    document = parse_document(text, name)
    file, checked = check_shape(FileShape, document.data, document, words=FILE_WORDS)
    mistakes = list(checked.mistakes)
    for key in ("version", "rules"):
        if key not in checked.broken and not getattr(file, key):
            hint = "write version: 1" if key == "version" else ""
            mistakes.append(document.mistake((), f"{key!r} is missing", "", hint))
    numbered = [
        (number, rule)
        for number, raw in enumerate(file.rules)
        if (rule := _read_rule(document, number, raw, file.defaults, mistakes)) is not None
    ]
    mistakes += _doubled(document)
    mistakes += misruled(document)
    if names:
        mistakes += misnamed(document, names)
        mistakes += unsignalled(document, numbered, names)
    if mistakes:
        raise MistakesError(mistakes)
    return RuleSet(name, text, sha256(text.encode()).hexdigest(), tuple(rule for _, rule in numbered))


def _read_rule(
    document: Document, number: int, raw: object, defaults: DefaultsShape, mistakes: list[Mistake]
) -> Rule | None:
    path = ("rules", number)
    shape, checked = check_shape(RuleShape, raw, document, path, RULE_WORDS, LATER_KEYS)
    check = RuleCheck(document, path, shape, checked)
    rule = check.rule(defaults)
    mistakes += [*checked.mistakes, *check.mistakes]
    return rule


def _doubled(document: Document) -> list[Mistake]:
    """Find rules of one name, whether or not the rules are right otherwise."""
    data = document.data
    entries = data.get("rules") if isinstance(data, dict) else None
    first: dict[str, int] = {}
    mistakes = []
    for number, raw in enumerate(entries if isinstance(entries, list) else []):
        name = raw.get("name") if isinstance(raw, dict) else None
        if not isinstance(name, str):
            continue
        other = first.setdefault(name.strip().casefold(), number)
        if other != number:
            line = document.place(("rules", other, "name")).line
            what = f"name: {name!r} is the name of another rule, in line {line}"
            mistakes.append(document.mistake(("rules", number, "name"), what))
    return mistakes
