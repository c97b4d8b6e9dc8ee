"""Quantities on the wire are in contracts, inside the engine in coins.

A linear contract of the real venue is one coin; a market whose contract is another amount is this sandbox's
own extension.
"""

from decimal import Decimal

from bot.sandbox.bybit.formats import number
from bot.sandbox.engine.exchange import Engine


def in_contracts(engine: Engine, symbol: str, coins: Decimal) -> str:
    """A quantity as the venue writes it."""
    return number(coins / engine.instrument(symbol).contract_size)


def in_coins(engine: Engine, symbol: str, contracts: Decimal) -> Decimal:
    """A quantity that a client gave."""
    return contracts * engine.instrument(symbol).contract_size
