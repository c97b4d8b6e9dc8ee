"""The shape of a file of rule tests: every key, its type and its range."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from bot.documents import (
    Shape,
    WordingError,
    nearest_hint,
    parse_number,
    percent,
    shown,
    span,
    within,
    word_of,
)
from bot.model import BlindAction, OrderSide, Side, State, StepKind, Unknown

UNKNOWN = Unknown("the test does not know it")
START = datetime(2025, 11, 21, 7, 30, tzinfo=UTC)
MAX_TESTS = 200
MAX_STEPS = 500
NOWHERE = "none"
"""In place of a state: the rule applies to nothing there."""
STATES = (*(state.value for state in State), NOWHERE)
PLANNED = (*(kind.value for kind in StepKind if kind is not StepKind.PROTECT), "halt")
ALONE = ("halt", StepKind.SECURE.value, StepKind.CONVERT.value)
"""Deeds that name no position."""

_SYMBOL = re.compile(r"[A-Za-z0-9]{1,20}|[^/:\s]+/[^/:\s]+:[^/:\s]+")
EXPECTED_SYMBOL = "a symbol such as BTC/USDT:USDT, or its base BTC"


def _symbol(value: object) -> str:
    if not isinstance(value, str) or not _SYMBOL.fullmatch(value):
        raise WordingError(f"{shown(value)} is not a symbol", EXPECTED_SYMBOL)
    return full_symbol(value)


def full_symbol(text: str) -> str:
    """Return the symbol that a base stands for: that of its perpetual in USDT."""
    return text if "/" in text else f"{text}/USDT:USDT"


def _unknown_or(parse: Any) -> Any:
    def parsed(value: object) -> object:
        return UNKNOWN if value == "unknown" else parse(value)

    return parsed


def _start(value: object) -> datetime:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        moment = None
    if moment is None:
        raise WordingError(f"{shown(value)} is not a time", "a time such as 2025-11-21 07:30")
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _listed(most: int, what: str) -> Any:
    def parsed(value: object) -> tuple[object, ...]:
        if not isinstance(value, list) or not value:
            raise WordingError(f"{shown(value)} is not a list of {what}", f"a list of at least one of {what}")
        if len(value) > most:
            raise WordingError(f"more than {most} {what}")
        return tuple(value)

    return parsed


def _many(value: object) -> tuple[object, ...]:
    if not isinstance(value, list):
        hint = f"write [{value}]" if isinstance(value, str) else ""
        raise WordingError(f"{shown(value)} is not a list", "a list", hint)
    return tuple(value)


def _state(value: object) -> str:
    if isinstance(value, str) and value in STATES:
        return str(value)
    hint = nearest_hint(value, STATES) if isinstance(value, str) else ""
    expected = f"one of {', '.join(STATES)}"
    raise WordingError(f"{shown(value)} is not a state", expected, "" if hint.startswith("known") else hint)


def _expected(value: object) -> object:
    if isinstance(value, dict):
        return {target_text(key): _state(state) for key, state in value.items()}
    return _state(value)


def target_text(value: object) -> str:
    """Return `BTC/USDT:USDT` or `BTC/USDT:USDT short` of what may be written `BTC` or `BTC short`."""
    words = str(value).split()
    if not 1 <= len(words) <= 2 or (len(words) == 2 and words[1] not in list(Side)):
        raise WordingError(
            f"{shown(value)} is not a position", "a symbol or base, with long or short behind it"
        )
    return " ".join([_symbol(words[0]), *words[1:]])


def _deed(value: object) -> str:
    words = value.split(maxsplit=1) if isinstance(value, str) else []
    example = "such as trim BTC, close ETH short, cancel BTC or halt"
    if not words or words[0] not in PLANNED:
        hint = nearest_hint(words[0], PLANNED) if words else ""
        raise WordingError(f"{shown(value)} is nothing that is planned", f"a deed {example}", hint)
    if (words[0] in ALONE) is (len(words) == 2):
        raise WordingError(f"{shown(value)} is not right", f"a deed {example}")
    return " ".join([words[0], *(target_text(word) for word in words[1:])])


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise WordingError(f"{shown(value)} is not a name", "text")
    return value.strip()


def _positive(value: object) -> Decimal:
    number = parse_number(value)
    if number <= 0:
        raise WordingError(f"{shown(value)} is not above 0", "a number above 0")
    return number


def _money(value: object) -> Decimal:
    return parse_number(value)


Name = Annotated[str, BeforeValidator(_text)]
Symbol = Annotated[str, BeforeValidator(_symbol)]
Amount = Annotated[Decimal, BeforeValidator(_positive)]
MaybeAmount = Annotated[Any, BeforeValidator(_unknown_or(_positive))]
After = Annotated[timedelta, span(timedelta(0), timedelta(days=366))]


class PositionShape(Shape):
    """One position. Without `margin` it is in cross margin."""

    symbol: Symbol = ""
    side: Annotated[Side, BeforeValidator(word_of(Side))] = Side.LONG
    size: Amount | None = None
    entry: Amount | None = None
    mark: MaybeAmount = None
    margin: Amount | None = None
    leverage: Annotated[Decimal | None, BeforeValidator(within(parse_number, Decimal(1), Decimal(500)))] = (
        None
    )


class OrderShape(Shape):
    """A resting order of somebody else."""

    symbol: Symbol = ""
    side: Annotated[OrderSide | None, BeforeValidator(word_of(OrderSide))] = None
    size: Amount | None = None
    price: Amount | None = None


class StatsShape(Shape):
    """Statistics of one market."""

    beta: Annotated[float | None, BeforeValidator(lambda value: float(parse_number(value)))] = None
    residual: Annotated[float, percent(0.0, 5.0)] = 0.0
    atr: Annotated[float | None, percent(0.00001, 1.0)] = None
    daily_sigma: Annotated[float | None, percent(0.00001, 5.0)] = None


class StepShape(Shape):
    """One look. What it does not say stays as it was."""

    after: After | None = None
    equity: Annotated[Any, BeforeValidator(_unknown_or(_money))] = None
    free: Annotated[Any, BeforeValidator(_unknown_or(_money))] = None
    positions: Annotated[tuple[Any, ...] | None, BeforeValidator(_many)] = None
    orders: Annotated[tuple[Any, ...] | None, BeforeValidator(_many)] = None
    marks: dict[Symbol, MaybeAmount] = Field(default_factory=dict)
    markets: dict[str, dict[str, Any]] = Field(default_factory=dict)
    signals: dict[
        str, Annotated[Any, BeforeValidator(_unknown_or(lambda value: float(parse_number(value))))]
    ] = Field(default_factory=dict)
    blind: bool = False
    filled: bool = False
    expect: dict[str, Annotated[Any, BeforeValidator(_expected)]] = Field(default_factory=dict)
    plan: Annotated[tuple[Annotated[str, BeforeValidator(_deed)], ...] | None, BeforeValidator(_many)] = None
    if_blind: dict[
        str,
        Annotated[
            tuple[Annotated[BlindAction, BeforeValidator(word_of(BlindAction))], ...], BeforeValidator(_many)
        ],
    ] = Field(default_factory=dict)
    silenced: dict[str, str] = Field(default_factory=dict)


class TestShape(Shape):
    """One test: an account and the looks at it."""

    __test__ = False

    name: Name = ""
    account: Name = "main"
    venue: Name = "bybit"
    tags: Annotated[tuple[Name, ...], BeforeValidator(_many)] = ()
    start: Annotated[datetime, BeforeValidator(_start)] = START
    maintenance: Annotated[float, percent(0.0001, 0.5)] = 0.005
    stats: dict[Symbol, StatsShape] = Field(default_factory=dict)
    steps: Annotated[tuple[Any, ...], BeforeValidator(_listed(MAX_STEPS, "steps"))] = ()


class FileShape(Shape):
    """The whole file."""

    rules: Name = ""
    tests: Annotated[tuple[Any, ...], BeforeValidator(_listed(MAX_TESTS, "tests"))] = ()
