"""One account at one moment: positions, balance, orders, marks, each with the venue's time."""

from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from operator import attrgetter

from msgspec import Struct

from bot.model.markets import Mark, Market, SpotMarket, Tier, coins_of
from bot.model.options import OptionMarket, OptionQuote
from bot.model.unknown import Figure


class Side(StrEnum):
    """Side of a position."""

    LONG = "long"
    SHORT = "short"

    @property
    def sign(self) -> int:
        """+1 for long, -1 for short."""
        return 1 if self is Side.LONG else -1


class OrderSide(StrEnum):
    """Side of an order."""

    BUY = "buy"
    SELL = "sell"


class MarginMode(StrEnum):
    """How margin is shared between positions."""

    CROSS = "cross"
    ISOLATED = "isolated"


class PositionMode(StrEnum):
    """One position a symbol, or a long and a short leg beside each other."""

    ONE_WAY = "one_way"
    HEDGE = "hedge"


class Position(Struct, frozen=True, dict=True):
    """An open position. `contracts` is positive; the side says the direction."""

    symbol: str
    side: Side
    contracts: Decimal
    contract_size: Decimal
    """Coins in one contract; USD in one of an inverse contract."""
    entry_price: Figure
    mark_price: Figure
    margin_mode: MarginMode
    leverage: Figure
    position_index: int
    """The venue's leg number: 0 one-way, 1 long leg, 2 short leg."""
    isolated_margin: Figure | None
    """Wallet balance set apart for an isolated position, without unrealised PnL; None in cross margin. Money
    is in USD, of an inverse position too: the venue's coins at mark price."""
    unrealised_pnl: Figure
    maintenance_margin: Figure
    """The venue's own figure."""
    liquidation_price: Figure
    """The venue's own figure."""
    stop_price: Figure | None
    """Trigger of the stop attached to the position, None where there is none."""
    updated_at: datetime
    inverse: bool = False
    """Whether it is sized in USD and settled in the coin."""

    @cached_property
    def key(self) -> str:
        """Identity of the position inside its account, for example BTC/USDT:USDT#long."""
        return position_key(self.symbol, self.side)

    @property
    def is_open(self) -> bool:
        """Whether it has a size that can be worked with."""
        return self.contracts.is_finite() and self.contracts > 0

    @property
    def size(self) -> Decimal:
        """Size in coins, of an inverse position at mark price; NaN where that is no price."""
        if not self.inverse:
            return self.contracts * self.contract_size
        return self.coins(self.mark_price) if isinstance(self.mark_price, Decimal) else Decimal("NaN")

    def coins(self, price: Decimal) -> Decimal:
        """Size in coins at a price; NaN where it is none and the size depends on it."""
        return coins_of(self.contracts, self.contract_size, price, inverse=self.inverse)

    def notional(self, contracts: Decimal, price: Decimal) -> Decimal:
        """What contracts of it are worth in USD at a price."""
        return contracts * self.contract_size * (1 if self.inverse else price)


def position_key(symbol: str, side: str) -> str:
    """Join symbol and side to the identity of a position inside its account."""
    return symbol + "#" + side


class OptionPosition(Struct, frozen=True):
    """What an account holds of one option, with what it is quoted at."""

    position: Position
    """Contracts, side and prices; no margin stands behind what is bought."""
    market: OptionMarket
    quote: OptionQuote

    @property
    def key(self) -> str:
        """Identity of the position inside its account."""
        return self.position.key


class Balance(Struct, frozen=True):
    """Account figures in the account's margin currency (USD value), as the venue states them."""

    equity: Figure
    margin_balance: Figure
    """What stands against maintenance margin, with unrealised PnL."""
    maintenance_margin: Figure
    initial_margin: Figure
    wallet: Figure
    """Wallet balance, without unrealised PnL."""
    available: Figure
    coins: dict[str, Figure] = {}
    """Wallet balance of each coin, in coins."""
    worth: dict[str, Figure] = {}
    """What the venue values each coin at, in USD, before any haircut."""


class OrderKind(StrEnum):
    """What an order waits for."""

    LIMIT = "limit"
    MARKET = "market"
    STOP = "stop"


class Order(Struct, frozen=True):
    """A resting order, plain or conditional."""

    order_id: str
    client_order_id: str
    symbol: str
    side: OrderSide
    kind: OrderKind
    price: Decimal | None
    trigger_price: Decimal | None
    trigger_by: str
    """mark, index, last, or '' for a plain order."""
    contracts: Decimal
    filled: Decimal
    reduce_only: bool
    attached: bool
    """Whether it is attached to the position, whose size it follows: its stop loss, take profit or trail."""
    position_index: int
    created_at: datetime
    stop_loss: bool = False
    """Whether it is the position's own stop loss."""

    @property
    def remaining(self) -> Decimal:
        """Contracts that may still be filled."""
        return self.contracts - self.filled


class Transfer(Struct, frozen=True):
    """Money moved into (positive) or out of (negative) the account, in USD value."""

    transfer_id: str
    at: datetime
    amount: Decimal


class WalletChange(Struct, frozen=True):
    """One row of the venue's log of the wallet."""

    change_id: str
    at: datetime
    coin: str
    amount: Decimal
    """What the coin's balance moved by, in coins."""
    transfer: Decimal | None
    """Its worth in USD where it is a deposit or a withdrawal; None where trading made it."""


class PartTimes(Struct, frozen=True):
    """The venue's time of each part of a snapshot."""

    positions: datetime
    balance: datetime
    orders: datetime
    stops: datetime
    marks: datetime

    @property
    def oldest(self) -> datetime:
        """Time of the oldest part."""
        return min(self.positions, self.balance, self.orders, self.stops, self.marks)

    @property
    def newest(self) -> datetime:
        """Time of the newest part."""
        return max(self.positions, self.balance, self.orders, self.stops, self.marks)


class Snapshot(Struct, frozen=True, dict=True):
    """Everything that one account showed at one moment. It is complete, or it does not exist."""

    account: str
    venue: str
    network: str
    taken_at: datetime
    """The guard's clock when the last answer had arrived."""
    times: PartTimes
    positions: tuple[Position, ...]
    balance: Balance
    orders: tuple[Order, ...]
    stops: tuple[Order, ...]
    """Conditional orders, the positions' own stops included."""
    marks: dict[str, Mark]
    markets: dict[str, Market]
    """Markets of every symbol that a position or order names, or that the gateway was told to show."""
    tiers: dict[str, tuple[Tier, ...]]
    position_mode: PositionMode | None
    """None where no position and no answer of the venue tells."""
    clock_offset_seconds: float = 0.0
    """How far the venue's clock is ahead of the guard's; negative where it is behind."""
    spots: dict[str, SpotMarket] = {}
    """Where coins of the wallet may be sold, by unified symbol, as far as that is known."""
    options: tuple[OptionPosition, ...] = ()
    """What is held of options, where they were read: no margin of the account counts on them."""
    options_read: bool = False
    """Whether options were read, or at least asked for."""
    options_unread: str = ""
    """Why options could not be read although they were asked for; '' where they were, or were not."""

    def venue_time(self, at: datetime) -> datetime:
        """Return a moment of the guard's clock as the venue's clock showed it."""
        return at + timedelta(seconds=self.clock_offset_seconds)

    def position(self, key: str) -> Position | None:
        """Find a position by its key, an option's too."""
        return self._by_key.get(key)

    @cached_property
    def open_positions(self) -> tuple[Position, ...]:
        """Positions with a size that can be worked with, in the order of their keys."""
        return tuple(sorted((one for one in self.positions if one.is_open), key=attrgetter("key")))

    def option(self, key: str) -> OptionPosition | None:
        """Find what is held of an option by its key."""
        return next((one for one in self.options if one.key == key), None)

    @cached_property
    def _by_key(self) -> dict[str, Position]:
        held = [*self.positions, *(one.position for one in self.options)]
        return {position.key: position for position in reversed(held)}
