"""Words of `match` that name nothing: a rule that they hold back would guard nothing, in silence."""

from collections.abc import Collection, Iterable, Iterator

from msgspec import Struct

from bot.documents import Document, Mistake, nearest, nearest_hint, shown
from bot.rules.blindness import matches_account
from bot.rules.conditions import Source
from bot.rules.ruleset import Rule, RuleSet
from bot.rules.schema import WILD


class Names(Struct, frozen=True):
    """What literal words of `match`, and signals in conditions, may name: all that the config has."""

    accounts: tuple[str, ...]
    venues: tuple[str, ...]
    tags: tuple[str, ...] = ()
    signals: tuple[str, ...] | None = None
    """None where signals are not known, and no name of one is judged."""


def misnamed(document: Document, names: Names) -> list[Mistake]:
    """Find accounts and venues in a rule file that the config does not have, right rules or not."""
    data = document.data
    entries = data.get("rules") if isinstance(data, dict) else None
    mistakes: list[Mistake] = []
    for number, raw in enumerate(entries if isinstance(entries, list) else []):
        match = raw.get("match") if isinstance(raw, dict) else None
        if not isinstance(match, dict):
            continue
        for key, known in (("account", names.accounts), ("venue", names.venues), ("tags", names.tags)):
            mistakes += _unknown(document, ("rules", number, "match", key), match.get(key), known)
    return mistakes


def _unknown(
    document: Document, path: tuple[str | int, ...], value: object, known: tuple[str, ...]
) -> Iterator[Mistake]:
    key = path[-1]
    for index, word in enumerate(value if isinstance(value, list) else [value]):
        if not isinstance(word, str) or not word.strip() or WILD & set(word):
            continue
        named = word.strip().lower() if key == "venue" else word.strip()
        if named not in known:
            kind = "tag" if key == "tags" else key
            what = f"match.{key}: the config has no {kind} {shown(word)}, so the rule would guard nothing"
            yield document.mistake((*path, index), what, "", nearest_hint(named, known))


def unsignalled(document: Document, rules: Iterable[tuple[int, Rule]], names: Names) -> Iterator[Mistake]:
    """Find signals that the config does not have; the numbers are those of the rules in the file."""
    known = names.signals
    for number, rule in rules:
        for name in () if rule.when is None or known is None else rule.when.names:
            if name.source is Source.SIGNAL and known is not None and name.of not in known:
                what = f"when: the config has no signal {shown(name.of)}, so the rule would never be known"
                yield document.mistake(("rules", number, "when"), what, "", nearest_hint(name.of, known))


class UnknownSymbol(Struct, frozen=True):
    """A literal `match.symbol` that no market of the venue has."""

    rule: str
    symbol: str
    nearest: str | None

    @property
    def text(self) -> str:
        """The warning on one line."""
        hint = f"; did you mean {self.nearest}?" if self.nearest else ""
        return f"{self.rule}: match.symbol {self.symbol} is no market of the venue{hint}"


def unknown_symbols(
    rules: RuleSet, account: str, venue: str, symbols: Collection[str], tags: tuple[str, ...] = ()
) -> tuple[UnknownSymbol, ...]:
    """Find literal symbols that are none of `symbols`, in the rules that apply to this account."""
    known = {symbol.upper(): symbol for symbol in symbols}
    found: list[UnknownSymbol] = []
    for rule in rules.rules:
        match = rule.match
        if not matches_account(match, account, venue, tags):
            continue
        found += [
            UnknownSymbol(rule.name, symbol, _nearest_symbol(symbol, known))
            for symbol in match.symbol
            if not WILD & set(symbol) and symbol not in known
        ]
    return tuple(found)


def _nearest_symbol(symbol: str, known: dict[str, str]) -> str | None:
    """Return the nearest by base, or else by the rest; whole symbols are all alike at their ends."""
    base, _, rest = symbol.partition("/")
    bases = {one.partition("/")[0]: one for one in known if one.endswith(f"/{rest}")}
    guess = nearest(base, [one for one in bases if one[:1] == base[:1]]) or nearest(base, bases)
    if guess is not None:
        return known[bases[guess]]
    near = nearest(symbol, [one for one in known if one.startswith(f"{base}/")])
    return None if near is None else known[near]
