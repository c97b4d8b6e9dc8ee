"""A desk with options on BTC in virtual time."""

from decimal import Decimal
from typing import Any

from bot.sandbox.engine.options.settings import DAY_MS, CoinOptions, OptionSettings
from bot.sandbox.engine.types import Order, OrderKind, OrderRequest, Side, TimeInForce
from tests.sandbox.engine.support import Desk, dec, open_desk

PUT = "BTC-28NOV25-90000-P-USDT"
"""Fourteen days out."""
SOON = "BTC-15NOV25-110000-P-USDT"
"""Expires 32 hours after the start."""


def open_options(
    deposit: object = 100_000,
    *,
    credit: str = "0",
    usdc: str = "0",
    market_step_ms: int = 60_000,
    **settings: Any,
) -> Desk:
    """A desk with one account and options on BTC."""
    given = {"settles": ("USDT", "USDC"), "expiries": (DAY_MS, 7 * DAY_MS, 14 * DAY_MS), **settings}
    options = OptionSettings(coins={"BTC": CoinOptions(**given)}, credit=dec(credit))
    desk = open_desk(deposit, market_step_ms=market_step_ms, options=options)
    if dec(usdc):
        desk.engine.transfer(desk.account, "USDC", dec(usdc))
    return desk


def trade(desk: Desk, side: Side, qty: object, symbol: str = PUT, **more: Any) -> Order:
    """Place an order for an option; a price makes it a limit order."""
    if "price" in more:
        more["price"] = dec(more["price"])
        more.setdefault("kind", OrderKind.LIMIT)
        more.setdefault("time_in_force", TimeInForce.IOC)
    request = OrderRequest(symbol=symbol, side=side, qty=dec(qty), **more)
    return desk.engine.options.place(desk.account, request)


def ask(desk: Desk, symbol: str = PUT) -> Decimal:
    """The best ask."""
    found = desk.engine.options.quote(symbol).ask
    assert found is not None
    return found


def bid(desk: Desk, symbol: str = PUT) -> Decimal:
    """The best bid."""
    found = desk.engine.options.quote(symbol).bid
    assert found is not None
    return found
