"""Names in conditions: metrics, figures of markets, signals; with the nearest word where there is none."""

import re
from collections.abc import Callable

from bot.documents import nearest_hint, plain_percent
from bot.risk.catalogue import market_metric
from bot.risk.definitions import METRICS, Scope, Unit
from bot.risk.market_definitions import MARKET_METRICS
from bot.rules.conditions import Name, Source
from bot.rules.limits import NEVER_ABOVE_ONE
from bot.rules.tokens import ExpressionError, Token

FIGURES = {name.removeprefix("market."): definition for name, definition in MARKET_METRICS.items()}
PLAIN = {name: definition for name, definition in METRICS.items() if not definition.parameters}
"""Metrics that need nothing beside the snapshot."""
LARGE = 10.0
"""A percentage that is compared with such a number was hardly meant as a fraction."""

_BASE = re.compile(r"[A-Za-z0-9]{1,20}")
_LOOPS = frozenset({"all", "exists", "exists_one", "map", "filter", "reduce"})
_CALLS = 'market("BTC").fall_24h and signal("name") alone'


def read_metric(token: Token, dotted: str) -> Name | ExpressionError:
    """Return the metric of a name with dots, or what is wrong with it."""
    definition = METRICS.get(dotted)
    if definition is None:
        return _no_metric(token, dotted)
    if definition.parameters:
        what = f"{dotted} needs scenarios, which a condition does not have"
        hint = f"write metric: {dotted} with its limit beside when"
        return ExpressionError(token.at, what, "", hint)
    source = Source.POSITION if definition.scope is Scope.POSITION else Source.ACCOUNT
    return Name(dotted, source, dotted.replace(".", "_"))


def _no_metric(token: Token, dotted: str) -> ExpressionError:
    head, _, tail = dotted.partition(".")
    if head == "market":
        figure = tail if tail in FIGURES else "fall_24h"
        return ExpressionError(token.at, f"{dotted!r} names no market", f'market("BTC").{figure}')
    if head == "signal":
        return ExpressionError(token.at, f"{dotted!r} names no signal", 'signal("name")')
    known = [name for name in PLAIN if name.startswith(f"{head}.")] or list(PLAIN)
    hint = nearest_hint(dotted, known)
    return ExpressionError(token.at, f"{dotted!r} is not a metric", "", hint)


def read_call(
    token: Token, called: str, argument: Callable[[], Token], dotted: Callable[[], str]
) -> Name | ExpressionError:
    """Return what market("...") or signal("...") names, or what is wrong. Raises `ExpressionError`."""
    if called.rpartition(".")[2] in _LOOPS:
        hint = "write the comparisons out, with && and ||"
        raise ExpressionError(token.at, f"{called} is a loop, and there are none", "", hint)
    if called not in ("market", "signal"):
        raise ExpressionError(token.at, f"{called} is a function, and there are none", _CALLS)
    text = argument()
    if called == "signal":
        return _signal(text)
    found = dotted()
    if not found.startswith("."):
        what = f'market("{text.text}") alone is no number'
        return ExpressionError(token.at, what, f'a figure, such as market("{text.text}").fall_24h')
    return _market(text, found.removeprefix("."))


def _signal(text: Token) -> Name | ExpressionError:
    name = text.text
    if not name.strip() or not name.isprintable():
        return ExpressionError(text.at, f"{text.shown} is not the name of a signal", 'signal("name")')
    return Name(f'signal("{name}")', Source.SIGNAL, f"signal_{name.encode().hex()}", name)


def _market(text: Token, figure: str) -> Name | ExpressionError:
    base = text.text
    if not _BASE.fullmatch(base):
        return ExpressionError(
            text.at, f"{text.shown} is not a base currency", 'letters and digits such as "BTC"'
        )
    if base.islower():
        return ExpressionError(
            text.at, f"{text.shown} is not a base currency", "", f"did you mean {base.upper()}?"
        )
    if figure not in FIGURES:
        what = f"{figure!r} is not a figure of a market"
        return ExpressionError(text.at, what, "", nearest_hint(figure, FIGURES))
    return Name(market_metric(base, figure), Source.MARKET, f"market_{base}_{figure}", base, figure)


def percent_trouble(name: Name, number: float) -> tuple[str, str, str] | None:
    """Say that a name in percent is compared with what must be meant as percent; None where it is not."""
    definition = FIGURES.get(name.figure) if name.source is Source.MARKET else PLAIN.get(name.text)
    if definition is None or definition.unit is not Unit.PERCENT:
        return None
    size = abs(number)
    if size < LARGE and not (name.text in NEVER_ABOVE_ONE and size > 1.0):
        return None
    fraction = plain_percent(number / 10_000).removesuffix(" %")
    return f"{number:g} means {plain_percent(number)} of {name.text}", "a fraction", f"write {fraction}"
