"""Summaries for an operator."""

from decimal import Decimal

import msgspec

from bot.sandbox.engine.options.values import OptionPosition
from bot.sandbox.engine.types import LiquidationRecord, Order, Position, Ticker, Wallet


class AccountState(msgspec.Struct, frozen=True, kw_only=True):
    """One account at one moment."""

    account_id: str
    api_key: str
    wallet: Wallet
    positions: tuple[Position, ...]
    options: tuple[OptionPosition, ...]
    open_orders: tuple[Order, ...]
    order_count: int
    execution_count: int
    liquidated_ms: int | None


class MoneyTotals(msgspec.Struct, frozen=True, kw_only=True):
    """Where one coin is. `difference` = all holdings - all deposits; 0 but for rounding.

    `counterparty` is the equity of the synthetic book, which stands opposite to every user's fill, `funding`
    the pool that receives and pays funding, and `options` what accounts' options are worth.
    """

    deposits: Decimal
    wallets: Decimal
    unrealised_pnl: Decimal
    options: Decimal
    fees: Decimal
    insurance_gain: Decimal
    funding: Decimal
    counterparty: Decimal
    difference: Decimal


class EngineState(msgspec.Struct, frozen=True, kw_only=True):
    """The whole exchange at one moment."""

    server_ms: int
    market_ms: int
    start_ms: int
    feed_end_ms: int | None
    insurance_fund: Decimal
    tickers: tuple[Ticker, ...]
    accounts: tuple[AccountState, ...]
    liquidations: tuple[LiquidationRecord, ...]
    totals: MoneyTotals
