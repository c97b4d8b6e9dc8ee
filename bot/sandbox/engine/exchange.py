"""The engine's front door: commands, the passing of time, and administration.

The engine is synchronous and keeps no thread. Commands act on the market as of the last `advance()`; whoever
drives it calls `advance()` before a request and on a timer. Every refused command raises `EngineRefusal` and
changes nothing.
"""

from collections.abc import Callable, Iterable
from decimal import Decimal

from bot.sandbox.engine import administration, controls, spot, timeline, wallets
from bot.sandbox.engine.clocks import Clock
from bot.sandbox.engine.core import Core
from bot.sandbox.engine.disturbances import Disturbances
from bot.sandbox.engine.events import Subscriber
from bot.sandbox.engine.feeds import Feed
from bot.sandbox.engine.hooks import Hooks
from bot.sandbox.engine.instruments import Instrument, default_instruments
from bot.sandbox.engine.moves import SpotOrder, SpotRequest, WalletMove
from bot.sandbox.engine.options.settings import OptionSettings
from bot.sandbox.engine.orders import OrderDesk
from bot.sandbox.engine.queries import Queries
from bot.sandbox.engine.state import EngineState, MoneyTotals
from bot.sandbox.engine.terms import VenueTerms
from bot.sandbox.engine.types import (
    AccountInfo,
    AccountSpec,
    Leg,
    LogEntry,
    MarginMode,
    Order,
    OrderRequest,
    Position,
    PositionMode,
    Side,
    TriggerBy,
)


class Engine(Queries):
    """A derivatives exchange for linear and inverse perpetuals: several accounts, one venue's terms.

    `clock` gives server and market time; `feed` the prices; `instruments` what is listed (default: some 25
    USDT perpetuals and two inverse ones; those that the feed does not know keep their reference price until
    `set_price`). The market moves in steps of `market_step_ms` on a fixed grid and stops at every breakpoint
    of the feed, so that no low of a candle is skipped and two runs with the same feed agree. `rebase_feed`
    shifts the feed so that it starts now (for a clock whose market time is the present). `seed` makes the
    history that is invented for the time before the start. `options` lists options (default: none).
    """

    def __init__(
        self,
        clock: Clock,
        feed: Feed,
        instruments: Iterable[Instrument] | None = None,
        *,
        terms: VenueTerms | None = None,
        hooks: Hooks | None = None,
        market_step_ms: int = 1000,
        seed: int = 0,
        rebase_feed: bool = False,
        options: OptionSettings | None = None,
    ) -> None:
        listed = default_instruments() if instruments is None else list(instruments)
        core = Core(
            clock, feed, listed, terms or VenueTerms(), hooks or Hooks(), market_step_ms, seed, rebase_feed
        )
        if options is not None:
            core.list_options(options)
        super().__init__(core)
        self._desk = OrderDesk(core)
        self._disturbances = Disturbances(core)

    @property
    def clock(self) -> Clock:
        """The clock that the engine reads."""
        return self._core.clock

    @property
    def disturbances(self) -> Disturbances:
        """What a venue, its market or an account's owner may do to everybody's surprise."""
        return self._disturbances

    @property
    def hooks(self) -> Hooks:
        """The fault seam; assign another `Hooks` to bend what the engine does or shows."""
        return self._core.hooks

    @hooks.setter
    def hooks(self, hooks: Hooks) -> None:
        self._core.hooks = hooks

    # Time and events

    def advance(self, until_ms: int | None = None) -> int:
        """Bring the market up to the clock's market time and return how many steps that took.

        `until_ms`: only to this market time, where that is earlier.

        In each step, in this order: prices, resting orders, liquidations (where the terms put them
        before stops), conditional orders, options (orders, expiries), funding, liquidations.
        """
        return timeline.advance(self._core, self._desk, self._options, until_ms)

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Call `subscriber` with every event, inside the call that caused it; returns the way to stop."""
        return self._core.subscribe(subscriber)

    # Orders

    def place(self, account_id: str, request: OrderRequest) -> Order:
        """Accept an order, match it at once, and return how it stands afterwards.

        A client id that the account has ever used is refused (DUPLICATE_CLIENT_ID). A reduce-only order is
        clipped to the position, and refused where there is none or it would increase it. IOC, FOK and market
        orders that cannot trade come back CANCELLED with their `cause`; they are not refusals.
        """
        order = self._desk.place(account_id, request)
        self._core.flush_market_events()
        return order

    def amend(
        self,
        account_id: str,
        *,
        order_id: str = "",
        client_id: str = "",
        symbol: str = "",
        qty: Decimal | None = None,
        price: Decimal | None = None,
        trigger_price: Decimal | None = None,
    ) -> Order:
        """Change an open order (found by either id.

        `symbol`, where given, must agree). None leaves a field alone.

        `qty` is the new total, filled part included. Refusals: ORDER_NOT_FOUND, TOO_LATE_TO_CHANGE,
        NOT_MODIFIED and all that `place` refuses for.
        """
        order = self._desk.amend(account_id, order_id, client_id, symbol, qty, price, trigger_price)
        self._core.flush_market_events()
        return order

    def cancel(self, account_id: str, *, order_id: str = "", client_id: str = "", symbol: str = "") -> Order:
        """Cancel an open order. Refusals: ORDER_NOT_FOUND, TOO_LATE_TO_CHANGE."""
        order = self._desk.cancel(account_id, order_id, client_id, symbol)
        self._core.flush_market_events()
        return order

    def cancel_all(
        self, account_id: str, *, symbol: str | None = None, conditional: bool | None = None
    ) -> list[Order]:
        """Cancel the account's open orders and return them as they ended.

        `conditional` True takes only orders that wait for a trigger (stops of the position included), False
        only the others, None both.
        """
        orders = self._desk.cancel_all(account_id, symbol, conditional)
        self._core.flush_market_events()
        return orders

    # Settings of accounts and positions

    def set_leverage(self, account_id: str, symbol: str, buy: Decimal, sell: Decimal | None = None) -> None:
        """Set a symbol's leverage; `sell` defaults to `buy`, and may differ only in isolated hedge mode.

        Refusals: NOT_MODIFIED, LEVERAGE_OUT_OF_RANGE, LEVERAGE_MUST_MATCH, INSUFFICIENT_MARGIN.
        """
        controls.set_leverage(self._core, account_id, symbol, buy, buy if sell is None else sell)

    def set_position_mode(self, account_id: str, mode: PositionMode, symbol: str | None = None) -> None:
        """Set the mode of one symbol, or of all (None). Refusals: NOT_MODIFIED, HAS_POSITION_OR_ORDERS."""
        controls.set_position_mode(self._core, account_id, mode, symbol)

    def set_margin_mode(self, account_id: str, mode: MarginMode, symbol: str | None = None) -> None:
        """Set cross or isolated for the account (None) or for one symbol.

        Refusals: NOT_MODIFIED, HAS_POSITION_OR_ORDERS.
        """
        controls.set_margin_mode(self._core, account_id, mode, symbol)

    def set_trading_stop(
        self,
        account_id: str,
        symbol: str,
        leg: Leg = Leg.NET,
        *,
        stop_loss: Decimal | None = None,
        take_profit: Decimal | None = None,
        stop_loss_trigger_by: TriggerBy | None = None,
        take_profit_trigger_by: TriggerBy | None = None,
    ) -> Position:
        """Set the stops attached to a position; 0 removes one, None leaves it alone.

        A stop closes the whole position at market when its trigger price is reached, follows the position's
        size, and goes with the position. Refusals: POSITION_FLAT, STOP_ON_WRONG_SIDE, PRICE_NOT_A_TICK,
        NOT_MODIFIED, POSITION_MODE_MISMATCH.
        """
        return self._desk.set_trading_stop(
            account_id, symbol, leg, (stop_loss, stop_loss_trigger_by), (take_profit, take_profit_trigger_by)
        )

    def add_isolated_margin(
        self, account_id: str, symbol: str, amount: Decimal, leg: Leg = Leg.NET
    ) -> Position:
        """Add margin to an isolated position (negative: take out).

        Refusals: POSITION_FLAT, NOT_ISOLATED, INSUFFICIENT_BALANCE, MARGIN_TOO_LOW.
        """
        return controls.add_isolated_margin(self._core, account_id, symbol, amount, leg)

    # Administration

    def add_account(self, spec: AccountSpec) -> AccountInfo:
        """Open an account. Refusal: ACCOUNT_EXISTS where the key or the id is taken."""
        return administration.add_account(self._core, spec)

    def transfer(self, account_id: str, coin: str, amount: Decimal) -> LogEntry:
        """Deposit (positive) or withdraw (negative). Refusals: INVALID_VALUE, INSUFFICIENT_BALANCE."""
        return administration.transfer(self._core, account_id, coin, amount)

    def move_between_wallets(
        self, account_id: str, transfer_id: str, coin: str, amount: Decimal, source: str, target: str
    ) -> WalletMove:
        """Move a coin between the wallets UNIFIED and FUND; each transfer id is taken once.

        Refusals: DUPLICATE_TRANSFER, INVALID_VALUE, INSUFFICIENT_BALANCE.
        """
        return wallets.move(self._core, account_id, transfer_id, coin, amount, source, target)

    def trade_spot(self, account_id: str, request: SpotRequest) -> SpotOrder:
        """Buy or sell a coin for the settle coin, at once or not at all; nothing is borrowed.

        Refusals: UNKNOWN_SYMBOL, DUPLICATE_CLIENT_ID, those of quantity, INSUFFICIENT_BALANCE.
        """
        return spot.place(self._core, account_id, request)

    def set_price(self, symbol: str, price: Decimal, index: Decimal | None = None) -> None:
        """Set last, mark and index price now and hold them (over a running feed too) until `release_price`.

        Symbols that follow this one, as inverse ones follow their coin's linear one, move along.

        Orders, stops and liquidations that follow from the new price happen inside the call.
        """
        timeline.set_price(self._core, self._desk, self._options, symbol, price, index)

    def release_price(self, symbol: str) -> None:
        """Give a symbol's price back to the feed."""
        timeline.release_price(self._core, symbol)

    def open_position(
        self,
        account_id: str,
        symbol: str,
        side: Side,
        qty: Decimal,
        entry_price: Decimal | None = None,
        leverage: Decimal | None = None,
    ) -> Position:
        """Give the account a position without touching the book or charging a fee (entry: mark where None).

        In hedge mode the leg follows the side. It is added to what is there, as a trade would be.
        Refusals: those of quantity and symbol, LEVERAGE_OUT_OF_RANGE, INSUFFICIENT_MARGIN.
        """
        return administration.open_position(self._core, account_id, symbol, side, qty, entry_price, leverage)

    def state(self) -> EngineState:
        """Everything that an operator wants to see at once (secrets left out)."""
        return administration.state(self, self._core)

    def totals(self, coin: str | None = None) -> MoneyTotals:
        """Where all of a coin is (None: the settle coin).

        `MoneyTotals.difference` is 0 but for rounding of single payments.
        """
        return administration.totals(self._core, coin or self._core.terms.settle_coin)
