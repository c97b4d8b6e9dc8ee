"""Quantities on the wire are in contracts, inside the engine in coins; contracts of two categories.

A linear contract of the real venue is one coin; a market whose contract is another amount is this sandbox's
own extension. An inverse contract is one USD, on the wire as in the engine.
"""

from decimal import Decimal

from bot.sandbox.bybit.envelope import bad_params
from bot.sandbox.bybit.formats import number
from bot.sandbox.bybit.params import Params
from bot.sandbox.engine.exchange import Engine
from bot.sandbox.engine.instruments import Instrument

LINEAR, INVERSE = "linear", "inverse"
CATEGORIES = (LINEAR, INVERSE)


def in_contracts(engine: Engine, symbol: str, coins: Decimal) -> str:
    """A quantity as the venue writes it."""
    return number(coins / engine.instrument(symbol).contract_size)


def in_coins(engine: Engine, symbol: str, contracts: Decimal) -> Decimal:
    """A quantity that a client gave."""
    return contracts * engine.instrument(symbol).contract_size


def category_of(engine: Engine, symbol: str) -> str:
    """The category that a symbol belongs to."""
    return INVERSE if engine.instrument(symbol).inverse else LINEAR


def of_category(instruments: dict[str, Instrument], category: str) -> list[Instrument]:
    """The instruments of a category; none of one that has no contracts here."""
    if category not in CATEGORIES:
        return []
    return [one for one in instruments.values() if one.inverse == (category == INVERSE)]


def contract_symbol(engine: Engine, params: Params) -> str:
    """The symbol of a private call.

    Raises BybitError where the category has no contracts here, or the symbol is none of it.
    """
    category = contract_category(params)
    symbol = engine.instrument(params.required("symbol")).symbol
    if category_of(engine, symbol) != category:
        raise bad_params(f"params error: symbol invalid {symbol}")
    return symbol


def contract_category(params: Params) -> str:
    """The category of a private call. Raises BybitError where it has no contracts here."""
    category = params.category()
    if category not in CATEGORIES:
        raise bad_params(f"params error: category {category} has no symbols here, only {CATEGORIES}.")
    return category
