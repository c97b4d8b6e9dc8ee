"""The shape of a file of scenarios, by pydantic; what its parts mean together is checked in `loading`."""

import re
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from bot.documents import Shape, WordingError, parse_multiple, percent, shown, span, within

MAX_SCENARIOS = 100
MAX_NAME = 60
LEAST, MOST = -1.0, 10.0
"""A price falls to 0 at most; a rise is bounded where a typing error is likelier than a scenario."""

_BASE = re.compile(r"[A-Z0-9]{1,20}")
_SYMBOL = re.compile(r"[A-Z0-9]{1,20}/[A-Z0-9]{1,20}:[A-Z0-9]{1,20}")


def _version(value: object) -> int:
    if value == 1 and not isinstance(value, bool | str | float):
        return 1
    raise WordingError(f"{shown(value)} is not a version that is known", "version: 1")


def _name(value: object) -> str:
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        raise WordingError(f"{shown(value)} is not a name", "text on one line such as march 2020")
    if len(value) > MAX_NAME:
        raise WordingError(f"the name is longer than {MAX_NAME} characters")
    return value.strip()


def _moved(value: object) -> str:
    if isinstance(value, str) and (_BASE.fullmatch(value) or _SYMBOL.fullmatch(value)):
        return value
    expected = "a base currency such as BTC, or a symbol such as BTC/USDT:USDT"
    hint = f"did you mean {value.upper()}?" if isinstance(value, str) and value.islower() else ""
    raise WordingError(f"{shown(value)} is not a market", expected, hint)


def _coin(value: object) -> str:
    if isinstance(value, str) and _BASE.fullmatch(value):
        return value
    raise WordingError(f"{shown(value)} is not a coin", "letters and digits such as USDT")


def _others(value: object) -> bool:
    if value in ("beta", "still"):
        return value == "beta"
    raise WordingError(f"{shown(value)} is not known", "one of beta, still")


def _list(value: object) -> tuple[object, ...]:
    if not isinstance(value, list) or not value:
        raise WordingError(f"{shown(value)} is not right", "a list of at least one entry")
    if len(value) > MAX_SCENARIOS:
        raise WordingError(f"more than {MAX_SCENARIOS} entries")
    return tuple(value)


def _times(value: object) -> float:
    return float(parse_multiple(value))


Name = Annotated[str, BeforeValidator(_name)]
Move = Annotated[float, percent(LEAST, MOST)]
Moves = dict[Annotated[str, BeforeValidator(_moved)], Move]
Cut = Annotated[float, percent(0.0, 1.0)]
Haircuts = dict[Annotated[str, BeforeValidator(_coin)], Cut]
Times = Annotated[float, BeforeValidator(within(_times, 1.0, 1000.0))]


class FundingShape(Shape):
    """`funding`: what is paid along the way."""

    rate: Annotated[float, percent(-0.1, 0.1)] = 0.0
    hold: Annotated[timedelta, span(timedelta(0), timedelta(days=90))] = Field(
        default=timedelta(0), alias="for"
    )


class ScenarioShape(Shape):
    """One scenario."""

    name: Name = ""
    about: str = ""
    moves: Moves = Field(default_factory=dict)
    others: Annotated[bool, BeforeValidator(_others)] = True
    residual: Annotated[float, percent(0.0, 5.0)] = 1.0
    haircuts: Haircuts = Field(default_factory=dict)
    spread: Times = 1.0
    funding: FundingShape | None = None
    volatility: Times = 1.0


class LadderShape(Shape):
    """`ladder`: one market at ever deeper falls, a scenario a rung."""

    of: Annotated[str, BeforeValidator(_coin)] = ""
    rungs: Annotated[tuple[Move, ...], BeforeValidator(_list)] = ()
    residual: Annotated[float, percent(0.0, 5.0)] = 1.0
    spread: Times = 1.0


class FileShape(Shape):
    """The whole file; scenarios are validated one by one."""

    version: Annotated[Literal[1] | None, BeforeValidator(_version)] = None
    scenarios: Annotated[tuple[Any, ...], BeforeValidator(_list)] = ()
    ladder: LadderShape | None = None
