"""What can be asked of the engine.

Queries change nothing; lists are oldest first where not said otherwise.
"""

from decimal import Decimal
from typing import TYPE_CHECKING

from bot.sandbox.engine import views
from bot.sandbox.engine.core import Core
from bot.sandbox.engine.instruments import Instrument
from bot.sandbox.engine.options.desk import OptionDesk
from bot.sandbox.engine.types import (
    AccountInfo,
    BookDepth,
    Candle,
    CandleKind,
    Execution,
    FundingRate,
    Leg,
    LiquidationRecord,
    LogEntry,
    MarginMode,
    Order,
    Position,
    PositionMode,
    Ticker,
    Wallet,
)

if TYPE_CHECKING:
    from bot.sandbox.engine.moves import SpotOrder, WalletMove


class Queries:
    """The reading half of `Engine`."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._options = OptionDesk(core)

    @property
    def options(self) -> OptionDesk:
        """The options that are listed here (perhaps none), and all that can be done with them."""
        return self._options

    @property
    def instruments(self) -> dict[str, Instrument]:
        """Every instrument that ever was listed, by symbol; options are none of them."""
        return {symbol: market.instrument for symbol, market in self._core.markets.items()}

    @property
    def listed(self) -> dict[str, Instrument]:
        """The instruments that can be traded: all but the delisted ones."""
        return {
            symbol: market.instrument for symbol, market in self._core.markets.items() if not market.delisted
        }

    def venue_ms(self) -> int:
        """The time that the venue's own clock shows: the server time, but for a skew."""
        return self._core.clock.server_ms() + self._core.clock_skew_ms

    @property
    def market_ms(self) -> int:
        """Market time of the last step."""
        return self._core.market_ms

    @property
    def start_ms(self) -> int:
        """Market time at which the engine began; candles before it are history from the feed or invented."""
        return self._core.start_ms

    def instrument(self, symbol: str) -> Instrument:
        """One instrument. Refusal: UNKNOWN_SYMBOL."""
        return self._core.market(symbol).instrument

    def account(self, account_id: str) -> AccountInfo:
        """One account's identity and settings. Refusal: UNKNOWN_ACCOUNT."""
        return self._core.account(account_id).info()

    def account_by_key(self, api_key: str) -> AccountInfo | None:
        """The account of an API key, None where there is none."""
        account = self._core.accounts_by_key.get(api_key)
        return account.info() if account else None

    def accounts(self) -> list[AccountInfo]:
        """All accounts in the order of their opening."""
        return [account.info() for account in self._core.accounts.values()]

    def leverage(self, account_id: str, symbol: str, leg: Leg = Leg.NET) -> Decimal:
        """The leverage set for a symbol (leg)."""
        return self._core.account(account_id).leverage(self._core.market(symbol).instrument, leg)

    def position_mode(self, account_id: str, symbol: str) -> PositionMode:
        """One-way or hedge, for a symbol."""
        return self._core.account(account_id).position_mode(self._core.market(symbol).symbol)

    def margin_mode(self, account_id: str, symbol: str) -> MarginMode:
        """Cross or isolated, for a symbol."""
        return self._core.account(account_id).margin_mode(self._core.market(symbol).symbol)

    def positions(self, account_id: str, symbol: str | None = None, *, flat: bool = False) -> list[Position]:
        """Open positions in the order of symbol and leg.

        `flat` adds the empty legs of each symbol asked for: in one-way mode NET, in hedge mode LONG and SHORT
        (without `symbol`: of every symbol that the account ever traded).
        """
        account = self._core.account(account_id)
        found = views.positions(self._core, account, symbol, flat)
        return list(self._core.hooks.positions(account_id, found))

    def position(self, account_id: str, symbol: str, leg: Leg = Leg.NET) -> Position:
        """One position, flat or not."""
        return views.position(self._core, self._core.account(account_id), self._core.market(symbol), leg)

    def wallet(self, account_id: str) -> Wallet:
        """The account's figures at the present marks."""
        return views.wallet(self._core, self._core.account(account_id))

    def open_orders(self, account_id: str, symbol: str | None = None) -> list[Order]:
        """Resting orders and orders that wait for a trigger (told apart by `status`)."""
        account = self._core.account(account_id)
        found = [o for o in account.orders.values() if symbol in {None, o.symbol}]
        return list(self._core.hooks.orders(account_id, found))

    def order_history(self, account_id: str, symbol: str | None = None) -> list[Order]:
        """Orders that have ended, in the order in which they ended."""
        account = self._core.account(account_id)
        found = [o for o in account.history.values() if symbol in {None, o.symbol}]
        return list(self._core.hooks.orders(account_id, found))

    def find_order(self, account_id: str, *, order_id: str = "", client_id: str = "") -> Order | None:
        """An order of any state by either id, None where there is none (or a fault hides it)."""
        order = self._core.account(account_id).find(order_id, client_id)
        return next(iter(self._core.hooks.orders(account_id, [order])), None) if order else None

    def executions(
        self, account_id: str, symbol: str | None = None, order_id: str | None = None
    ) -> list[Execution]:
        """Fills, funding payments and liquidation steps."""
        account = self._core.account(account_id)
        found = [
            e for e in account.executions if symbol in {None, e.symbol} and order_id in {None, e.order_id}
        ]
        return list(self._core.hooks.executions(account_id, found))

    def transaction_log(self, account_id: str) -> list[LogEntry]:
        """Every change of the account's wallets."""
        return list(self._core.account(account_id).log)

    def fund(self, account_id: str) -> dict[str, Decimal]:
        """What the funding wallet holds."""
        return dict(self._core.account(account_id).fund)

    def wallet_moves(self, account_id: str) -> "list[WalletMove]":
        """Transfers between the wallets."""
        return list(self._core.account(account_id).transfers.values())

    def spot_orders(self, account_id: str) -> "list[SpotOrder]":
        """Spot orders, which have all ended."""
        return list(self._core.account(account_id).spot_orders)

    def liquidations(self, account_id: str | None = None) -> list[LiquidationRecord]:
        """Steps of the liquidation engine, of one account or all."""
        return [r for r in self._core.liquidations if account_id in {None, r.account_id}]

    def ticker(self, symbol: str) -> Ticker:
        """A symbol's market. Refusal: UNKNOWN_SYMBOL."""
        return views.ticker(self._core, self._core.market(symbol))

    def depth(self, symbol: str, levels: int = 50) -> BookDepth:
        """The best `levels` of each side, synthetic depth and users' orders together."""
        return views.depth(self._core, self._core.market(symbol), levels)

    def candles(
        self,
        symbol: str,
        interval_ms: int,
        kind: CandleKind = CandleKind.LAST,
        *,
        start_ms: int | None = None,
        end_ms: int | None = None,
        limit: int = 200,
    ) -> list[Candle]:
        """The latest `limit` candles that open within [start_ms, end_ms], oldest first.

        `interval_ms` is a multiple of a minute; candles stand on multiples of it since the epoch. The running
        candle is the last.
        """
        return views.candles(
            self._core, self._core.market(symbol), interval_ms, kind, (start_ms, end_ms), limit
        )

    def funding_history(
        self, symbol: str, *, start_ms: int | None = None, end_ms: int | None = None, limit: int = 200
    ) -> list[FundingRate]:
        """The latest `limit` settled rates within [start_ms, end_ms], oldest first."""
        history = self._core.market(symbol).funding_history
        low, high = start_ms or 0, end_ms if end_ms is not None else self._core.market_ms
        return [r for r in history if low <= r.time_ms <= high][-limit:]
