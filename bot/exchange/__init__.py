"""Reads an account and sends its orders.

`Gateway` is what the other rooms see; `bot.exchange.factory.make_gateway` makes the one that speaks
through ccxt, which is imported only there.
"""

from bot.exchange.errors import GatewayError
from bot.exchange.library import lighten
from bot.exchange.protocol import Gateway

lighten()

__all__ = ["Gateway", "GatewayError"]
