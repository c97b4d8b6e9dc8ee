"""Records that the engine keeps and market values that it shows; offered through `types.py`."""

from decimal import Decimal

import msgspec

from bot.sandbox.engine.enums import LogKind, MarginMode, PositionMode, Side


class AccountSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What is needed to open an account. `deposit` is in the settle coin; `coins` are further balances."""

    api_key: str
    secret: str
    deposit: Decimal = Decimal(0)
    coins: dict[str, Decimal] = {}
    account_id: str = ""
    """Chosen by the engine (a number) where empty."""
    permissions: frozenset[str] = frozenset({"read", "trade"})
    """Words that the protocol checks and shows; the engine gives them no meaning."""
    read_only: bool = False
    margin_mode: MarginMode = MarginMode.CROSS
    position_mode: PositionMode = PositionMode.ONE_WAY
    taker_fee: Decimal | None = None
    maker_fee: Decimal | None = None

    def __repr__(self) -> str:
        return f"AccountSpec(account_id={self.account_id!r}, deposit={self.deposit})"


class LogEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One change of a wallet.

    `change` = `cash_flow` + `funding` - `fee`, and `balance` is what stood after it.

    `reference` is the execution's id for trades, liquidations and funding, the transfer's id for transfers.
    """

    entry_id: str
    account_id: str
    kind: LogKind
    coin: str
    symbol: str
    side: Side | None
    qty: Decimal
    price: Decimal
    cash_flow: Decimal
    funding: Decimal
    fee: Decimal
    fee_rate: Decimal
    change: Decimal
    balance: Decimal
    order_id: str
    client_id: str
    reference: str
    time_ms: int


class LiquidationRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One step of the liquidation engine.

    `margin_ratio_before` and `_after` are of the account (cross) or of the position (isolated), None where no
    margin balance was left. `equity_before` and `equity_after` are of the whole account. `taker_fee` is the
    trading fee of the step, `fee` the liquidation fee, both in the position's settle coin; `insurance` what
    the fund paid (positive) or took (negative), in the account's.
    """

    record_id: str
    account_id: str
    symbol: str
    position_side: Side
    qty: Decimal
    price: Decimal
    mark_price: Decimal
    bankruptcy_price: Decimal | None
    taker_fee: Decimal
    fee: Decimal
    insurance: Decimal
    equity_before: Decimal
    equity_after: Decimal
    margin_ratio_before: Decimal | None
    margin_ratio_after: Decimal | None
    margin_mode: MarginMode
    cancelled_orders: int
    time_ms: int
    market_ms: int


class FundingRate(msgspec.Struct, frozen=True, kw_only=True):
    """A funding rate that was settled at `time_ms` (market time)."""

    symbol: str
    rate: Decimal
    mark_price: Decimal
    time_ms: int


class Ticker(msgspec.Struct, frozen=True, kw_only=True):
    """One symbol's market as of the last market step.

    `volume_24h` and `turnover_24h` are in coins and settle coin; `funding_rate` is the rate of the coming
    settlement at `next_funding_ms` (market time).
    """

    symbol: str
    last_price: Decimal
    mark_price: Decimal
    index_price: Decimal
    bid_price: Decimal | None
    bid_qty: Decimal
    ask_price: Decimal | None
    ask_qty: Decimal
    previous_price_24h: Decimal
    previous_price_1h: Decimal
    high_24h: Decimal
    low_24h: Decimal
    volume_24h: Decimal
    turnover_24h: Decimal
    open_interest: Decimal
    funding_rate: Decimal
    next_funding_ms: int
    time_ms: int


class BookLevel(msgspec.Struct, frozen=True, array_like=True):
    """Price and quantity of one level."""

    price: Decimal
    qty: Decimal


class BookDepth(msgspec.Struct, frozen=True, kw_only=True):
    """The best levels of both sides, best first. `update_id` grows whenever the book may have changed."""

    symbol: str
    bids: tuple[BookLevel, ...]
    asks: tuple[BookLevel, ...]
    update_id: int
    time_ms: int


class Candle(msgspec.Struct, frozen=True, kw_only=True):
    """One candle; `start_ms` is its opening in market time, `closed` whether its time is over."""

    start_ms: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    turnover: Decimal
    closed: bool
