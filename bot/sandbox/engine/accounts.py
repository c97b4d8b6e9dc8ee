"""Accounts and positions as the engine holds them; everything here is mutable and stays inside the engine."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from bot.sandbox.engine.instruments import Instrument
from bot.sandbox.engine.types import (
    ZERO,
    AccountInfo,
    AccountSpec,
    EngineRefusal,
    Execution,
    Leg,
    LogEntry,
    MarginMode,
    Order,
    PositionMode,
    Reason,
    Side,
)

if TYPE_CHECKING:
    from bot.sandbox.engine.moves import SpotOrder, WalletMove
    from bot.sandbox.engine.options.holdings import OptionBooks

DEFAULT_LEVERAGE = Decimal(10)


@dataclass(slots=True)
class PositionState:
    """One leg of one symbol. `qty` is signed; `isolated_margin` is wallet money set apart (0 in cross)."""

    instrument: Instrument
    leg: Leg
    isolated: bool
    qty: Decimal = ZERO
    entry_price: Decimal = ZERO
    isolated_margin: Decimal = ZERO
    realised_pnl: Decimal = ZERO
    cumulative_pnl: Decimal = ZERO
    stop_loss_id: str = ""
    take_profit_id: str = ""
    created_ms: int = 0
    updated_ms: int = 0
    sequence: int = 0

    @property
    def symbol(self) -> str:
        """The instrument's symbol."""
        return self.instrument.symbol

    @property
    def side(self) -> Side | None:
        """Long, short, or None where flat."""
        if not self.qty:
            return None
        return Side.BUY if self.qty > 0 else Side.SELL

    def pnl(self, mark: Decimal) -> Decimal:
        """Unrealised PnL at a mark, in the instrument's settle coin."""
        return self.instrument.profit(self.qty, self.entry_price, mark)


@dataclass(slots=True)
class Account:
    """One account: identity, settings, wallets, positions, orders and their history."""

    account_id: str
    spec: AccountSpec
    created_ms: int
    settle_coin: str
    margin_default: MarginMode
    position_default: PositionMode
    wallets: dict[str, Decimal] = field(default_factory=dict)
    fund: dict[str, Decimal] = field(default_factory=dict)
    """The funding wallet, out of reach of positions."""
    transfers: "dict[str, WalletMove]" = field(default_factory=dict)
    spot_orders: "list[SpotOrder]" = field(default_factory=list)
    spot_ids: set[str] = field(default_factory=set)
    options: "OptionBooks | None" = None
    """Options and their orders; None where the account never traded one."""
    positions: dict[tuple[str, Leg], PositionState] = field(default_factory=dict)
    """Every leg ever held, flat ones included, so that cumulative figures stay."""
    held: dict[tuple[str, Leg], PositionState] = field(default_factory=dict)
    """The legs that are not flat."""
    orders: dict[str, Order] = field(default_factory=dict)
    history: dict[str, Order] = field(default_factory=dict)
    client_ids: dict[str, str] = field(default_factory=dict)
    executions: list[Execution] = field(default_factory=list)
    log: list[LogEntry] = field(default_factory=list)
    leverages: dict[tuple[str, Leg], Decimal] = field(default_factory=dict)
    margin_modes: dict[str, MarginMode] = field(default_factory=dict)
    position_modes: dict[str, PositionMode] = field(default_factory=dict)
    order_margin: dict[str, Decimal] | None = None
    """Initial margin of resting orders by settle coin; None where it must be computed again."""
    one_way: frozenset[str] = frozenset()
    """Symbols that know no hedge mode."""
    liquidated_ms: int | None = None
    counts_reduce_only: bool = False
    """Whether resting reduce-only orders count against the position that a further one may reduce."""
    opens_opposite: bool = False
    """Whether orders that should reduce open the opposite leg instead."""
    modes_before: dict[str | None, PositionMode] = field(default_factory=dict)
    """The position modes of symbols (None: the account) that were put into the other one for a time."""
    haircut: Decimal = ZERO
    """Share that the collateral is worth less than its coins (a valuation; the coins stay)."""

    @property
    def balance(self) -> Decimal:
        """Wallet balance in the settle coin."""
        return self.wallets[self.settle_coin]

    def cut(self, coins: Decimal) -> Decimal:
        """What the haircut takes off a positive amount of collateral."""
        return self.haircut * max(ZERO, coins)

    def info(self) -> AccountInfo:
        """Identity and settings as a value."""
        spec = self.spec
        return AccountInfo(
            account_id=self.account_id,
            api_key=spec.api_key,
            secret=spec.secret,
            permissions=spec.permissions,
            read_only=spec.read_only,
            margin_mode=self.margin_default,
            position_mode=self.position_default,
            taker_fee=spec.taker_fee,
            maker_fee=spec.maker_fee,
            created_ms=self.created_ms,
            liquidated_ms=self.liquidated_ms,
        )

    def fee_rate(self, instrument: Instrument, *, maker: bool) -> Decimal:
        """The account's fee rate, or the instrument's where it has none of its own."""
        own = self.spec.maker_fee if maker else self.spec.taker_fee
        if own is not None:
            return own
        return instrument.maker_fee if maker else instrument.taker_fee

    def leverage(self, instrument: Instrument, leg: Leg) -> Decimal:
        """The leverage that was set, else 10 or the instrument's maximum where that is less."""
        found = self.leverages.get((instrument.symbol, leg))
        return min(DEFAULT_LEVERAGE, instrument.max_leverage) if found is None else found

    def margin_mode(self, symbol: str) -> MarginMode:
        """The symbol's margin mode, else the account's."""
        return self.margin_modes.get(symbol, self.margin_default)

    def position_mode(self, symbol: str) -> PositionMode:
        """The symbol's position mode, else the account's."""
        if symbol in self.one_way:
            return PositionMode.ONE_WAY
        return self.position_modes.get(symbol, self.position_default)

    def legs(self, symbol: str) -> tuple[Leg, ...]:
        """The legs that the symbol's mode has."""
        if self.position_mode(symbol) is PositionMode.HEDGE:
            return (Leg.LONG, Leg.SHORT)
        return (Leg.NET,)

    def require_leg(self, symbol: str, leg: Leg) -> None:
        """Refuse a leg that the symbol's position mode does not have."""
        if leg not in self.legs(symbol):
            raise EngineRefusal(
                Reason.POSITION_MODE_MISMATCH,
                f"{symbol} is in {self.position_mode(symbol).value} mode, which has no leg {leg.name}; "
                f"use one of {[one.name for one in self.legs(symbol)]}",
            )

    def state(self, instrument: Instrument, leg: Leg) -> PositionState:
        """The leg's state, made flat where it was never held."""
        key = (instrument.symbol, leg)
        found = self.positions.get(key)
        if found is None:
            isolated = self.margin_mode(instrument.symbol) is MarginMode.ISOLATED
            found = self.positions[key] = PositionState(instrument=instrument, leg=leg, isolated=isolated)
        return found

    def find(self, order_id: str, client_id: str) -> Order | None:
        """An order of any state by either id."""
        key = order_id or self.client_ids.get(client_id, "")
        return self.orders.get(key) or self.history.get(key)

    def is_busy(self, symbol: str | None) -> bool:
        """Whether the symbol (None: any) has a position or an open order."""
        if symbol is None:
            return bool(self.held or self.orders)
        return any(state.symbol == symbol for state in self.held.values()) or any(
            order.symbol == symbol for order in self.orders.values()
        )
