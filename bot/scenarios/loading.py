"""Files of scenarios: YAML in, scenarios or all mistakes out."""

from collections.abc import Iterable
from pathlib import Path

from bot.documents import (
    Document,
    DocumentError,
    Mistake,
    MistakesError,
    Words,
    check_shape,
    nearest_hint,
    parse_document,
    plain_percent,
    read_text,
    shipped_path,
)
from bot.scenarios.schema import FileShape, FundingShape, LadderShape, ScenarioShape
from bot.scenarios.values import Funding, StressScenario

SCENARIO_WORDS: Words = {("funding",): FundingShape.known_keys()}
FILE_WORDS: Words = {("ladder",): LadderShape.known_keys()}
SHIPPED = "stress.yaml"


def shipped_file() -> Path:
    """Return the file of scenarios that ships. Raises `DocumentError`."""
    return shipped_path(SHIPPED)


def load_stress(path: Path, listed: Iterable[str] = ()) -> tuple[StressScenario, ...]:
    """Load scenarios. Raises `MistakesError` with every mistake, each with its place.

    `listed` are the symbols of the venue's markets: with them, a market that is none of them is a mistake.
    """
    return load_stress_text(read_text(path), str(path), listed)


def load_stress_text(text: str, name: str, listed: Iterable[str] = ()) -> tuple[StressScenario, ...]:
    """Load scenarios from text; `name` stands for the file in mistakes. Raises as `load_stress`."""
    document = parse_document(text, name)
    file, checked = check_shape(FileShape, document.data, document, words=FILE_WORDS)
    mistakes = list(checked.mistakes)
    if "version" not in checked.broken and file.version is None:
        mistakes.append(document.mistake((), "'version' is missing", "", "write version: 1"))
    if not checked.broken and not file.scenarios and file.ladder is None:
        mistakes.append(document.mistake((), "there is no scenario", "scenarios, a ladder, or both"))
    found = [_scenario(document, number, raw, mistakes) for number, raw in enumerate(file.scenarios)]
    if file.ladder is not None:
        found += _rungs(document, file.ladder, mistakes)
    mistakes += _doubled(document, [one.name for one in found])
    if listed:
        mistakes += _unlisted(document, frozenset(listed))
    if mistakes:
        raise MistakesError(mistakes)
    return tuple(found)


def chosen(scenarios: tuple[StressScenario, ...], names: Iterable[str]) -> tuple[StressScenario, ...]:
    """Return the scenarios of these names, all where none is given. Raises `DocumentError`."""
    known = {one.name: one for one in scenarios}
    wanted = tuple(names)
    for name in wanted:
        if name not in known:
            raise DocumentError(name, "there is no scenario of this name", hint=nearest_hint(name, known))
    return tuple(known[name] for name in wanted) if wanted else scenarios


def _scenario(document: Document, number: int, raw: object, mistakes: list[Mistake]) -> StressScenario:
    path = ("scenarios", number)
    shape, checked = check_shape(ScenarioShape, raw, document, path, SCENARIO_WORDS)
    mistakes += checked.mistakes
    if not checked.broken:
        if not shape.name:
            mistakes.append(document.mistake(path, "'name' is missing"))
        if not (any(shape.moves.values()) or shape.haircuts or shape.funding or shape.volatility > 1.0):
            what = "the scenario does nothing"
            mistakes.append(document.mistake(path, what, "some of moves, haircuts, funding, volatility"))
        if shape.funding is not None and not (shape.funding.rate and shape.funding.hold):
            what = "funding: it pays nothing"
            mistakes.append(document.mistake((*path, "funding"), what, "{rate: 0.5%, for: 24h}"))
    funding = shape.funding
    return StressScenario(
        name=shape.name,
        moves=shape.moves,
        about=" ".join(shape.about.split()),
        others=shape.others,
        residual=shape.residual,
        haircuts=shape.haircuts,
        spread=shape.spread,
        funding=None if funding is None else Funding(funding.rate, funding.hold.total_seconds() / 3600.0),
        volatility=shape.volatility,
    )


def _rungs(document: Document, ladder: LadderShape, mistakes: list[Mistake]) -> list[StressScenario]:
    for key in ("of", "rungs"):
        mistakes += [] if getattr(ladder, key) else [document.mistake(("ladder",), f"'{key}' is missing")]
    return [
        StressScenario(
            name=f"{ladder.of} {plain_percent(rung)}",
            moves={ladder.of: rung},
            about="a rung of the ladder",
            residual=ladder.residual,
            spread=ladder.spread,
        )
        for rung in ladder.rungs
    ]


def _doubled(document: Document, names: list[str]) -> list[Mistake]:
    first: dict[str, int] = {}
    mistakes = []
    for number, name in enumerate(names):
        other = first.setdefault(name.casefold(), number)
        if not name or other == number:
            continue
        path = ("scenarios", number, "name") if ("scenarios", number) in document.values else ("ladder",)
        mistakes.append(document.mistake(path, f"name: {name!r} is the name of another scenario"))
    return mistakes


def _unlisted(document: Document, listed: frozenset[str]) -> list[Mistake]:
    """Find markets that the venue does not have; coins of the wallet may be anything."""
    known = listed | {symbol.split("/")[0] for symbol in listed}
    data = document.data if isinstance(document.data, dict) else {}
    places: list[tuple[tuple[str | int, ...], str, bool]] = []
    for number, raw in enumerate(data.get("scenarios") or ()):
        moves = raw.get("moves") if isinstance(raw, dict) else None
        if isinstance(moves, dict):
            places += [(("scenarios", number, "moves", name), name, True) for name in moves]
    ladder = data.get("ladder")
    if isinstance(ladder, dict) and isinstance(ladder.get("of"), str):
        places.append((("ladder", "of"), ladder["of"], False))
    return [
        document.mistake(path, f"the venue has no market of {name!r}", "", nearest_hint(name, known), key=key)
        for path, name, key in places
        if name not in known
    ]
