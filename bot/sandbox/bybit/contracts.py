"""Quantities on the wire are in contracts, inside the engine in coins; contracts of three categories.

A linear contract of the real venue is one coin; a market whose contract is another amount is this sandbox's
own extension. An inverse contract is one USD, on the wire as in the engine, and an option is on one coin.
"""

from decimal import Decimal

from bot.sandbox.bybit.envelope import bad_params
from bot.sandbox.bybit.formats import number
from bot.sandbox.bybit.params import Params
from bot.sandbox.engine.exchange import Engine
from bot.sandbox.engine.instruments import Instrument
from bot.sandbox.engine.options.contracts import OptionContract, is_option

LINEAR, INVERSE, OPTION = "linear", "inverse", "option"
CATEGORIES = (LINEAR, INVERSE)
"""The categories of perpetuals."""


def traded(engine: Engine, symbol: str) -> Instrument | OptionContract:
    """The perpetual or option of a symbol. Refusal: UNKNOWN_SYMBOL."""
    return engine.options.contract(symbol) if is_option(symbol) else engine.instrument(symbol)


def in_contracts(engine: Engine, symbol: str, coins: Decimal) -> str:
    """A quantity as the venue writes it."""
    return number(coins / traded(engine, symbol).contract_size)


def in_coins(engine: Engine, symbol: str, contracts: Decimal) -> Decimal:
    """A quantity that a client gave."""
    return contracts * traded(engine, symbol).contract_size


def category_of(engine: Engine, symbol: str) -> str:
    """The category that a symbol belongs to."""
    if is_option(symbol):
        return OPTION
    return INVERSE if engine.instrument(symbol).inverse else LINEAR


def of_category(instruments: dict[str, Instrument], category: str) -> list[Instrument]:
    """The instruments of a category; none of one that has no contracts here."""
    if category not in CATEGORIES:
        return []
    return [one for one in instruments.values() if one.inverse == (category == INVERSE)]


def contract_symbol(engine: Engine, params: Params) -> str:
    """The symbol of a private call about a perpetual.

    Raises BybitError where the category has none here, or the symbol is none of it.
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
