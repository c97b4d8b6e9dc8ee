"""`hedge` of a rule: its shape, what goes across its keys, and the terms as a value."""

import re
from collections.abc import Callable
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from bot.documents import KeyPath, Shape, WordingError, percent, shown, span, word_of
from bot.model import Action, HedgeTerms, OptionTerms
from bot.risk.definitions import HEDGEABLE, METRICS, OPTIONS_HELP, MetricDefinition

LATER_VENUES = ("bybit", "binance", "binanceusdm", "okx", "hyperliquid", "deribit")

_SYMBOL = re.compile(r"[^/:*?\[]+/[^/:*?\[]+:[^/:*?\[-]+")
_DEFAULT = HedgeTerms()
_OPTION = OptionTerms()
MOST_DAYS = 120


class Instrument(StrEnum):
    """What may hedge."""

    PERP = "perp"
    PUT = "put"
    CALL = "call"


class Place(StrEnum):
    """Where a hedge is opened."""

    SAME = "same"


class Unwinding(StrEnum):
    """When a hedge is closed, beside the cases in which it always is."""

    RESTORE = "restore"


def _instruments(value: object) -> tuple[object, ...]:
    if not isinstance(value, list) or not value:
        raise WordingError(f"{shown(value)} is not a list", "a list such as [perp]")
    for entry in value:
        if value.count(entry) > 1:
            raise WordingError(f"{shown(entry)} is given twice")
    return tuple(value)


def _symbol(value: object) -> str:
    if not isinstance(value, str) or not _SYMBOL.fullmatch(value.strip()):
        raise WordingError(f"{shown(value)} is no perpetual", "a symbol such as BTC/USDT:USDT")
    return value.strip()


def _days(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise WordingError(f"{shown(value)} is not a number of days", "a whole number such as 14")
    if not 1 <= value <= MOST_DAYS:
        raise WordingError(f"{shown(value)} is out of range", f"1 to {MOST_DAYS}")
    return value


class OptionShape(Shape):
    """`put` and `call` of `hedge`: which options may be bought."""

    protect_below: Annotated[float, percent(0.01, 0.9)] = _OPTION.protect_below
    min_days: Annotated[int, BeforeValidator(_days)] = _OPTION.min_days
    max_premium: Annotated[float, percent(0.0001, 0.5)] = _OPTION.max_premium


class HedgeShape(Shape):
    """`hedge`: what positions are hedged with, and how much of them."""

    instruments: Annotated[
        tuple[Annotated[Instrument, BeforeValidator(word_of(Instrument))], ...],
        BeforeValidator(_instruments),
    ] = Field(default=(Instrument.PERP,), alias="with")
    venue: Annotated[Place, BeforeValidator(word_of(Place, LATER_VENUES))] = Place.SAME
    symbol: Annotated[str, BeforeValidator(_symbol)] = _DEFAULT.symbol
    max_share: Annotated[float, percent(0.01, 1.0)] = _DEFAULT.max_share
    max_slippage: Annotated[float, percent(0.0001, 0.1)] = _DEFAULT.max_slippage
    horizon: Annotated[timedelta, span(timedelta(hours=1), timedelta(days=30))] = timedelta(
        seconds=_DEFAULT.horizon_seconds
    )
    stop: Annotated[float, percent(0.01, 0.5)] = _DEFAULT.stop
    unwind: Annotated[Unwinding, BeforeValidator(word_of(Unwinding))] = Unwinding.RESTORE
    put: OptionShape | None = None
    call: OptionShape | None = None


LATER_KEYS = ("ratio",)
OPTIONS = (Instrument.PUT, Instrument.CALL)

Add = Callable[..., None]
"""Notes a mistake: path, what, what was expected, a hint, and `key` where the key itself is meant."""


def check_hedge(
    shape: HedgeShape | None,
    do: tuple[Action, ...],
    definition: MetricDefinition,
    add: Add,
    *,
    readable: bool,
) -> None:
    """Refuse a hedge that could do nothing for its rule. `readable` says that `do` could be read."""
    if Action.HEDGE not in do:
        if shape is not None and readable:
            add(("hedge",), "hedge: there is no hedge in do", key=True)
        return
    place: KeyPath = ("do", do.index(Action.HEDGE))
    if Action.HALT in do:
        what = "do: a halted account could not unwind its hedge"
        add(place, what, "hedge or halt", "write two rules")
    others = set(do) & {Action.TRIM, Action.CLOSE, Action.CLOSE_ALL}
    if definition.name not in METRICS:
        return  # it has no level to go back to, and that is said of all that needs one
    if not definition.alert_only and definition.name not in HEDGEABLE and not others:
        what = f"do: a hedge cannot bring {definition.name} back"
        add(place, what, "trim beside it, or a rule on another metric", _why_not(definition))
    if shape is not None:
        _check_options(shape, definition, add, alone=not others)


def _check_options(shape: HedgeShape, definition: MetricDefinition, add: Add, *, alone: bool) -> None:
    for word in OPTIONS:
        if getattr(shape, word.value) is not None and word not in shape.instruments:
            what = f"hedge.{word}: there is no {word} in hedge.with"
            add(("hedge", word.value), what, f"with: [{word}]", key=True)
    short = definition.name in HEDGEABLE and definition.name not in OPTIONS_HELP
    if alone and short and Instrument.PERP not in shape.instruments:
        what = f"hedge.with: an option cannot bring {definition.name} back"
        why = f"it helps {', '.join(OPTIONS_HELP)}"
        add(("hedge", "with"), what, "perp beside it, or a rule on another metric", why)


def _why_not(definition: MetricDefinition) -> str:
    hurt = definition.name in ("account.leverage", "account.margin_ratio")
    why = "it adds notional and maintenance margin; " if hurt else ""
    return f"{why}it helps {', '.join(HEDGEABLE)}"


def hedge_terms(shape: HedgeShape | None, do: tuple[Action, ...]) -> HedgeTerms | None:
    """Return the terms of a rule that hedges, None for one that does not."""
    if Action.HEDGE not in do:
        return None
    if shape is None:
        return _DEFAULT
    given: dict[str, Any] = {
        "symbol": shape.symbol,
        "max_share": shape.max_share,
        "horizon_seconds": shape.horizon.total_seconds(),
        "max_slippage": shape.max_slippage,
        "stop": shape.stop,
        "perp": Instrument.PERP in shape.instruments,
        "put": _option_terms(shape.put, Instrument.PUT, shape),
        "call": _option_terms(shape.call, Instrument.CALL, shape),
    }
    return HedgeTerms(**given)


def _option_terms(given: OptionShape | None, word: Instrument, shape: HedgeShape) -> OptionTerms | None:
    if word not in shape.instruments:
        return None
    one = given or OptionShape()
    return OptionTerms(one.protect_below, one.min_days, one.max_premium)
