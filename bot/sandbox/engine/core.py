"""The engine's shared state: accounts, markets, money pools, ids and subscribers. No rules live here."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal

from bot.sandbox.engine.accounts import Account, PositionState
from bot.sandbox.engine.clocks import Clock
from bot.sandbox.engine.events import Event, MarketEvent, OrderEvent, Subscriber
from bot.sandbox.engine.feeds import Feed, Tick
from bot.sandbox.engine.history import PriceHistory
from bot.sandbox.engine.hooks import Hooks
from bot.sandbox.engine.instruments import Instrument
from bot.sandbox.engine.markets import Market
from bot.sandbox.engine.options.chains import Chains
from bot.sandbox.engine.options.settings import OptionSettings
from bot.sandbox.engine.pools import Pool
from bot.sandbox.engine.terms import VenueTerms
from bot.sandbox.engine.types import (
    ZERO,
    EngineRefusal,
    LiquidationRecord,
    LogEntry,
    LogKind,
    Order,
    OrderKind,
    OrderStatus,
    Reason,
    Side,
)

MONEY_STEP = Decimal("0.00000001")


def money(amount: Decimal) -> Decimal:
    """A payment rounded to 1e-8 of its coin."""
    return amount.quantize(MONEY_STEP)


class Core:
    """State that the engine's rules work on."""

    def __init__(
        self,
        clock: Clock,
        feed: Feed,
        instruments: Sequence[Instrument],
        terms: VenueTerms,
        hooks: Hooks,
        market_step_ms: int,
        seed: int,
        rebase_feed: bool,
    ) -> None:
        self.clock = clock
        self.feed = feed
        self.terms = terms
        self.hooks = hooks
        self.market_step_ms = market_step_ms
        self.start_ms = self.market_ms = clock.market_ms()
        self.feed_shift_ms = self.start_ms - feed.start_ms if rebase_feed else 0
        self.accounts: dict[str, Account] = {}
        self.accounts_by_key: dict[str, Account] = {}
        self.liquidations: list[LiquidationRecord] = []
        self.pools: dict[str, Pool] = {}
        self.in_step = False
        self.clock_skew_ms = 0
        self._showing = False
        self.markets: dict[str, Market] = {}
        self._subscribers: list[Subscriber] = []
        self._touched: dict[str, None] = {}
        self._sources: dict[str, str] = {}
        self._sequence = 0
        fed = set(feed.symbols)
        for instrument in instruments:
            self._list(instrument, seed, fed)
        missing = sorted(fed - set(self.markets))
        if missing:
            raise ValueError(
                f"the feed prices symbols that are not listed: {', '.join(missing)}; list them first"
            )
        self.next_funding_ms = min(market.next_funding_ms for market in self.markets.values())
        self.fed_markets = [market for market in self.markets.values() if market.fed]
        self.chains = Chains(OptionSettings(coins={}), self._index_of, self.market_ms)

    def list_options(self, settings: OptionSettings) -> None:
        """List options; raises ValueError where a coin has no perpetual to take its index from."""
        missing = [coin for coin in settings.coins if self._perpetual(coin) not in self.markets]
        if missing:
            raise ValueError(f"options need a perpetual of their coin, which {', '.join(missing)} lacks")
        self.chains = Chains(settings, self._index_of, self.market_ms)

    def _perpetual(self, coin: str) -> str:
        return f"{coin}{self.terms.settle_coin}"

    def _index_of(self, coin: str) -> Decimal:
        return self.markets[self._perpetual(coin)].index

    def _list(self, instrument: Instrument, seed: int, fed: set[str]) -> None:
        symbol = instrument.symbol
        source = self._sources[symbol] = symbol if symbol in fed else instrument.follows or symbol
        first = self.feed_tick(symbol, self.start_ms) if source in fed else None
        history = PriceHistory(
            source,
            self.start_ms,
            first.last if first else float(instrument.reference_price),
            self.feed.bars(source) if first else (),
            shift_ms=self.feed_shift_ms,
            beta=self.feed.beta(source) if first else None,
            seed=seed,
        )
        self.markets[symbol] = Market(instrument, self.terms, self.start_ms, first, history)

    def feed_tick(self, symbol: str, time_ms: int) -> Tick:
        """The feed's tick at a market time, after the fault seam."""
        feed_ms = max(self.feed.start_ms, time_ms - self.feed_shift_ms)
        return self.hooks.tick(symbol, time_ms, self.feed.tick(self._sources[symbol], feed_ms))

    def followers(self, symbol: str) -> list[Market]:
        """The markets that take their prices from a symbol."""
        return [one for one in self.markets.values() if self._sources[one.symbol] == symbol != one.symbol]

    def pool(self, coin: str) -> Pool:
        """Where the money of a coin is that no account holds."""
        return self.pools.setdefault(coin, Pool())

    def now_ms(self) -> int:
        """Server time; in virtual time, the time of the step that is being done."""
        now = self.clock.server_ms()
        return self.market_ms if self.in_step and now == self.clock.market_ms() else now

    def next_sequence(self) -> int:
        """A number greater than all before it."""
        self._sequence += 1
        return self._sequence

    def new_id(self, prefix: str = "") -> str:
        """A unique id, the same in every run: UUID-shaped, made of the sequence."""
        number = self.next_sequence()
        scrambled = (number * 0x9E3779B97F4A7C15) & 0xFFFFFFFFFFFFFFFF
        text = f"{scrambled:016x}{number:016x}"
        return f"{prefix}{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"

    def account(self, account_id: str) -> Account:
        """An account by id. Refusal: UNKNOWN_ACCOUNT."""
        found = self.accounts.get(account_id)
        if found is None:
            raise EngineRefusal(
                Reason.UNKNOWN_ACCOUNT,
                f"no account {account_id!r}; there are: {', '.join(self.accounts) or 'none'}",
            )
        return found

    def market(self, symbol: str) -> Market:
        """A market by symbol. Refusal: UNKNOWN_SYMBOL."""
        found = self.markets.get(symbol)
        if found is None:
            raise EngineRefusal(Reason.UNKNOWN_SYMBOL, f"symbol {symbol!r} is not listed")
        return found

    def mark(self, state: PositionState) -> Decimal:
        """The mark price of a position's symbol: the true one, but within `showing` the one that is shown."""
        market = self.markets[state.instrument.symbol]
        return market.shown_mark if self._showing else market.mark

    @contextmanager
    def showing(self) -> Iterator[None]:
        """While inside, figures are made of the marks that queries show, which a wick may have bent."""
        before, self._showing = self._showing, True
        try:
            yield
        finally:
            self._showing = before

    def relist(self, symbol: str, instrument: Instrument) -> None:
        """Give a market, and the positions in it, an instrument with other filters."""
        self.market(symbol).relist(instrument)
        for account in self.accounts.values():
            for state in account.positions.values():
                if state.symbol == symbol:
                    state.instrument = instrument
        self.touch(symbol)

    # Orders

    def save(self, order: Order) -> Order:
        """Keep an order's new value where its status belongs, and tell subscribers."""
        account, market = self.accounts[order.account_id], self.markets[order.symbol]
        market.waiting.pop(order.order_id, None)
        market.resting.pop(order.order_id, None)
        if order.status.is_open:
            account.orders[order.order_id] = order
            if order.status is OrderStatus.UNTRIGGERED:
                market.waiting[order.order_id] = order
            elif order.kind is OrderKind.LIMIT:
                market.resting[order.order_id] = order
        else:
            account.orders.pop(order.order_id, None)
            account.history[order.order_id] = order
        account.order_margin = None
        self.touch(order.symbol)
        self.emit(OrderEvent(order))
        return order

    # Money

    def credit(
        self,
        account: Account,
        kind: LogKind,
        *,
        cash_flow: Decimal = ZERO,
        funding: Decimal = ZERO,
        fee: Decimal = ZERO,
        fee_rate: Decimal = ZERO,
        coin: str | None = None,
        symbol: str = "",
        side: Side | None = None,
        qty: Decimal = ZERO,
        price: Decimal = ZERO,
        order_id: str = "",
        client_id: str = "",
        reference: str = "",
    ) -> LogEntry:
        """Change a wallet and write the entry that says so; the only way a wallet changes."""
        coin = coin or account.settle_coin
        change = cash_flow + funding - fee
        account.wallets[coin] = balance = account.wallets.get(coin, ZERO) + change
        entry = LogEntry(
            entry_id=self.new_id(),
            account_id=account.account_id,
            kind=kind,
            coin=coin,
            symbol=symbol,
            side=side,
            qty=qty,
            price=price,
            cash_flow=cash_flow,
            funding=funding,
            fee=fee,
            fee_rate=fee_rate,
            change=change,
            balance=balance,
            order_id=order_id,
            client_id=client_id,
            reference=reference,
            time_ms=self.now_ms(),
        )
        account.log.append(entry)
        return entry

    # Subscribers

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Add a subscriber; the answer removes it (once or often)."""
        self._subscribers.append(subscriber)

        def stop() -> None:
            if subscriber in self._subscribers:
                self._subscribers.remove(subscriber)

        return stop

    def emit(self, event: Event) -> None:
        """Tell every subscriber."""
        for subscriber in tuple(self._subscribers):
            subscriber(event)

    def touch(self, symbol: str) -> None:
        """Remember that a market may have changed, for the next `flush_market_events`."""
        self._touched[symbol] = None

    def flush_market_events(self) -> None:
        """Tell subscribers once which markets may have changed."""
        if self._touched:
            symbols = tuple(self._touched)
            self._touched.clear()
            self.emit(MarketEvent(symbols, self.market_ms))

    @property
    def has_subscribers(self) -> bool:
        """Whether anybody listens (values for events need not be built otherwise)."""
        return bool(self._subscribers)
