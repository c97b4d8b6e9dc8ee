"""Words of `match` that name nothing: a rule that they hold back would guard nothing, in silence."""

from collections.abc import Collection, Iterator
from fnmatch import fnmatchcase

from msgspec import Struct

from bot.documents import Document, Mistake, nearest, nearest_hint, shown
from bot.rules.ruleset import RuleSet
from bot.rules.schema import WILD


class Names(Struct, frozen=True):
    """What literal words of `match.account` and `match.venue` may name: all that the config has."""

    accounts: tuple[str, ...]
    venues: tuple[str, ...]


def misnamed(document: Document, names: Names) -> list[Mistake]:
    """Find accounts and venues in a rule file that the config does not have, right rules or not."""
    data = document.data
    entries = data.get("rules") if isinstance(data, dict) else None
    mistakes: list[Mistake] = []
    for number, raw in enumerate(entries if isinstance(entries, list) else []):
        match = raw.get("match") if isinstance(raw, dict) else None
        if not isinstance(match, dict):
            continue
        for key, known in (("account", names.accounts), ("venue", names.venues)):
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
            what = f"match.{key}: the config has no {key} {shown(word)}, so the rule would guard nothing"
            yield document.mistake((*path, index), what, "", nearest_hint(named, known))


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
    rules: RuleSet, account: str, venue: str, symbols: Collection[str]
) -> tuple[UnknownSymbol, ...]:
    """Find literal symbols that are none of `symbols`, in the rules that apply to this account."""
    known = {symbol.upper(): symbol for symbol in symbols}
    found: list[UnknownSymbol] = []
    for rule in rules.rules:
        match = rule.match
        if not (_applies(match.account, account) and _applies(match.venue, venue.lower())):
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


def _applies(patterns: tuple[str, ...], word: str) -> bool:
    return not patterns or any(fnmatchcase(word, pattern) for pattern in patterns)
