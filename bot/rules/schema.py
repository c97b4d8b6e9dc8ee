"""The shape of a rule file: every key, its type and its range. What goes across keys is in `checks`."""

import re
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, GetPydanticSchema
from pydantic_core.core_schema import ValidatorFunctionWrapHandler, no_info_wrap_validator_function

from bot.documents import (
    Shape,
    WordingError,
    nearest_hint,
    percent,
    show_percent,
    shown,
    span,
    word_of,
)
from bot.model import Action, BlindAction, MarginMode, OrderPolicy, Scenario, Severity, Side
from bot.risk.market_definitions import MARKET_METRICS
from bot.risk.metrics import METRICS
from bot.rules.hedges import HedgeShape
from bot.rules.moves import AddMarginShape, LowerLeverageShape, SecureShape
from bot.rules.named import EXPECTED_SCENARIOS, named_scenario
from bot.rules.ruleset import Gates
from bot.rules.schema_hours import ActiveShape

SIZED = frozenset(Action) - frozenset(BlindAction)
"""Actions that are made from what is seen."""
MAX_RULES = 200
MAX_SCENARIOS = 50
MAX_NAME = 80

_SYMBOL = re.compile(r"[^/:]+/[^/:]+:[^/:]+")
_BASE = re.compile(r"[A-Za-z0-9]{1,20}")
WILD = frozenset("*?[")


def _name(value: object) -> str:
    if not isinstance(value, str):
        raise WordingError(f"{shown(value)} is not a name", "text such as leverage cap")
    if not value.isprintable() or not any(character.isalnum() for character in value):
        raise WordingError(f"{shown(value)} is not a name", "words on one line")
    if len(value) > MAX_NAME:
        raise WordingError(f"the name is longer than {MAX_NAME} characters")
    return value.strip()


def _metric(value: object) -> str:
    known = {**METRICS, **MARKET_METRICS}
    if isinstance(value, str) and value in known:
        return value
    if isinstance(value, str):
        raise WordingError(f"{shown(value)} is not a metric", hint=nearest_hint(value, known))
    raise WordingError(f"{shown(value)} is not a metric", "a name such as account.leverage")


def _limit(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise WordingError(f"{shown(value)} is not a number", "a number such as 5 or 15%")
    return value


def _listed(value: object) -> tuple[object, ...]:
    entries = value if isinstance(value, list) else [value]
    if not entries:
        raise WordingError("the list is empty", hint="leave the key out to match everything")
    return tuple(entries)


def _pattern(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise WordingError(f"{shown(value)} is not a pattern", "text, where * stands for anything")
    return value.strip()


def _symbol(value: object) -> str:
    pattern = _pattern(value)
    if not WILD & set(pattern) and not _SYMBOL.fullmatch(pattern):
        expected = "a symbol such as BTC/USDT:USDT"
        raise WordingError(f"{shown(pattern)} matches no symbol", expected, "or BTC* for all of BTC")
    return pattern


def _actions(value: object) -> tuple[object, ...]:
    if not isinstance(value, list):
        hint = f"write [{value}]" if isinstance(value, str) else ""
        raise WordingError(f"{shown(value)} is not a list", "a list such as [cancel_orders, trim]", hint)
    if not value:
        raise WordingError("the list is empty", hint="a rule that only tells has [notify]")
    return _once(value)


def _blind_action(value: object) -> BlindAction:
    """Read one action of `if_blind`; what would trade is refused with the reason."""
    word = value if isinstance(value, str) else ""
    if word in SIZED:
        what = f"{word} is made from what is seen, and nothing is: it could be wrong in size or side"
        raise WordingError(what, f"some of {', '.join(BlindAction)}")
    return word_of(BlindAction)(value)


def _blind_actions(value: object) -> tuple[object, ...]:
    if not isinstance(value, list):
        hint = f"write [{value}]" if isinstance(value, str) else ""
        raise WordingError(f"{shown(value)} is not a list", "a list such as [notify, protect]", hint)
    if not value:
        raise WordingError("the list is empty", hint="leave if_blind out to wait")
    return _once(value)


def _once(value: list[object]) -> tuple[object, ...]:
    for entry in value:
        if value.count(entry) > 1:
            raise WordingError(f"{shown(entry)} is given twice")
    return tuple(value)


def _stronger(value: object) -> tuple[object, ...]:
    names = value if isinstance(value, list) else [value]
    if not names:
        raise WordingError("the list is empty", hint="leave the key out")
    return _once(names)


def _condition(value: object) -> str:
    if not isinstance(value, str):
        raise WordingError(f"{shown(value)} is not a condition", "text such as account.leverage > 3")
    return value


def _gates(value: object) -> Gates:
    if isinstance(value, bool):
        word = "on" if value else "off"
        raise WordingError(f"{shown(value)} is not known", "one of on, off", f"write {word}")
    return word_of(Gates)(value)


def _scenarios(value: object) -> tuple[object, ...]:
    if not isinstance(value, list) or not value:
        raise WordingError(f"{shown(value)} is not a list of scenarios", EXPECTED_SCENARIOS)
    if len(value) > MAX_SCENARIOS:
        raise WordingError(f"more than {MAX_SCENARIOS} scenarios")
    return tuple(value)


def _moves(value: object) -> dict[object, object]:
    if not isinstance(value, dict) or not value:
        raise WordingError(f"{shown(value)} is not a scenario", EXPECTED_SCENARIOS)
    if not any(move for move in value.values()):
        raise WordingError("the scenario moves nothing", EXPECTED_SCENARIOS)
    return value


def _scenario(value: object, read_moves: ValidatorFunctionWrapHandler) -> Scenario:
    """Read a scenario: the name of one that ships, or moves."""
    if isinstance(value, str):
        return named_scenario(value.strip())
    moves: dict[str, float] = read_moves(value)
    return Scenario(", ".join(f"{base} {show_percent(move)}" for base, move in moves.items()), moves)


def _base(value: object) -> str:
    if not isinstance(value, str) or not _BASE.fullmatch(value):
        raise WordingError(f"{shown(value)} is not a base currency", "letters and digits such as BTC")
    if value.islower():
        raise WordingError(f"{shown(value)} is not a base currency", hint=f"did you mean {value.upper()}?")
    return value


def _version(value: object) -> int:
    if value == 1 and not isinstance(value, bool | str | float):
        return 1
    raise WordingError(f"{shown(value)} is not a version that is known", "version: 1")


def _rules(value: object) -> tuple[object, ...]:
    if not isinstance(value, list) or not value:
        raise WordingError(f"{shown(value)} is not a list of rules", "a list of at least one rule")
    if len(value) > MAX_RULES:
        raise WordingError(f"more than {MAX_RULES} rules")
    return tuple(value)


_NOTHING = timedelta(0)
Hold = Annotated[timedelta, span(_NOTHING, timedelta(days=1))]
Cooldown = Annotated[timedelta, span(_NOTHING, timedelta(days=7))]
SeverityWord = Annotated[Severity, BeforeValidator(word_of(Severity))]
ActionWord = Annotated[Action, BeforeValidator(word_of(Action))]
GatesWord = Annotated[Gates, BeforeValidator(_gates)]
SideWord = Annotated[Side, BeforeValidator(word_of(Side))]
ModeWord = Annotated[MarginMode, BeforeValidator(word_of(MarginMode))]
NameWord = Annotated[str, BeforeValidator(_name)]
Pattern = Annotated[str, BeforeValidator(_pattern)]
Patterns = Annotated[tuple[Pattern, ...], BeforeValidator(_listed)]
SymbolPattern = Annotated[str, BeforeValidator(_symbol)]
Shocks = Annotated[
    dict[Annotated[str, BeforeValidator(_base)], Annotated[float, percent(-1.0, 10.0)]],
    BeforeValidator(_moves),
]
ScenarioGiven = Annotated[
    Scenario,
    GetPydanticSchema(lambda _, schema_of: no_info_wrap_validator_function(_scenario, schema_of(Shocks))),
]
Limit = Annotated[Any, BeforeValidator(_limit)]


class TrimShape(Shape):
    """`trim`: how positions are trimmed."""

    max_share: Annotated[float, percent(0.01, 1.0)] = 1.0
    max_slippage: Annotated[float, percent(0.0001, 0.1)] = 0.005
    order: Annotated[OrderPolicy, BeforeValidator(word_of(OrderPolicy))] = OrderPolicy.IOC
    escalate_after: Annotated[timedelta, span(_NOTHING, timedelta(hours=1))] = timedelta(seconds=20)
    keep: Annotated[tuple[SymbolPattern, ...], BeforeValidator(_listed)] = ()


class MatchShape(Shape):
    """`match`: where a rule applies."""

    account: Patterns = ()
    venue: Patterns = ()
    symbol: Annotated[tuple[SymbolPattern, ...], BeforeValidator(_listed)] = ()
    side: Annotated[tuple[SideWord, ...], BeforeValidator(_listed)] = ()
    margin_mode: Annotated[tuple[ModeWord, ...], BeforeValidator(_listed)] = ()
    tags: Patterns = ()


class IfBlindShape(Shape):
    """`if_blind`: what a rule does while its metric cannot be known."""

    after: Annotated[timedelta, span(_NOTHING, timedelta(days=1))] = timedelta(seconds=60)
    do: Annotated[
        tuple[Annotated[BlindAction, BeforeValidator(_blind_action)], ...], BeforeValidator(_blind_actions)
    ] = ()


class DefaultsShape(Shape):
    """`defaults`: what holds for every rule that does not say otherwise."""

    hold: Hold = Field(default=timedelta(0), alias="for")
    cooldown: Cooldown = timedelta(seconds=30)
    severity: SeverityWord = Severity.CRITICAL
    gates: GatesWord = Gates.ON
    approve: bool = False


class RuleShape(Shape):
    """One rule. None, '' and () stand for keys that are not there."""

    name: NameWord = ""
    metric: Annotated[str, BeforeValidator(_metric)] = ""
    market: Annotated[str, BeforeValidator(_base)] = ""
    when: Annotated[str | None, BeforeValidator(_condition)] = None
    max: Limit = None
    min: Limit = None
    restore: Limit = None
    hold: Hold | None = Field(default=None, alias="for")
    cooldown: Cooldown | None = None
    match: MatchShape = MatchShape()
    severity: SeverityWord | None = None
    do: Annotated[tuple[ActionWord, ...], BeforeValidator(_actions)] = ()
    trim: TrimShape | None = None
    hedge: HedgeShape | None = None
    add_margin: AddMarginShape | None = None
    lower_leverage: LowerLeverageShape | None = None
    secure: SecureShape | None = None
    scenarios: Annotated[tuple[ScenarioGiven, ...], BeforeValidator(_scenarios)] = ()
    gates: GatesWord | None = None
    if_blind: IfBlindShape | None = None
    active: ActiveShape | None = None
    inhibited_by: Annotated[tuple[NameWord, ...], BeforeValidator(_stronger)] = ()
    approve: bool | None = None


class FileShape(Shape):
    """The whole file; the rules are validated one by one."""

    version: Annotated[Literal[1] | None, BeforeValidator(_version)] = None
    defaults: DefaultsShape = Field(default_factory=DefaultsShape)
    rules: Annotated[tuple[Any, ...], BeforeValidator(_rules)] = ()
