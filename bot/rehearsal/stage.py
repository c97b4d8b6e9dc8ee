"""The invented account of a rule test: what it holds, as a venue would show it.

Equity is what the step says, and from there on moves with marks. Every market has one bracket with the test's
maintenance rate, a fee of 0.055 %, steps of 0.0001 coins, and bid and ask 0.01 % from mark.
"""

from datetime import datetime
from decimal import Decimal

from msgspec.structs import replace

from bot.model import (
    Balance,
    Beta,
    CancelRequest,
    Figure,
    Hedge,
    MarginMode,
    MarginRequest,
    Mark,
    Market,
    MarketStats,
    Number,
    Order,
    OrderKind,
    OrderRequest,
    PartTimes,
    Plan,
    Position,
    PositionMode,
    Snapshot,
    Step,
    Surroundings,
    Tier,
    Transfer,
    TransferRequest,
    Unknown,
    begun,
    position_key,
)
from bot.rehearsal.shapes import UNKNOWN, OrderShape, PositionShape, TestShape
from bot.rehearsal.values import Look
from bot.risk.flows import Flows

REFERENCE = "BTC"
_HALF_SPREAD = Decimal("0.0001")
_NONE = Unknown("a rule test has none")


class Stage:
    """One account through all looks of a test."""

    def __init__(self, test: TestShape) -> None:
        self._test = test
        self._wallet = Decimal(0)
        self._equity_known = True
        self._marks: dict[str, Figure] = {}
        self._last: dict[str, Decimal] = {}
        self._positions: tuple[Position, ...] = ()
        self._orders: tuple[Order, ...] = ()
        self._markets: dict[str, dict[str, Number]] = {}
        self._signals: dict[str, Number] = {}
        self._free: Figure = UNKNOWN
        self._moved: tuple[Transfer, ...] = ()
        self.hedges: tuple[Hedge, ...] = ()
        """What plans opened against positions."""
        self.blind = False

    def turn(self, look: Look) -> None:
        """Let a step happen."""
        step = look.shape
        self.blind = step.blind
        if look.positions is not None:
            self._positions = tuple(self._held(one, look.at) for one in look.positions)
        for symbol, price in step.marks.items():
            self._mark(symbol, price)
        if look.orders is not None:
            self._orders = tuple(_order(number, one, look.at) for number, one in enumerate(look.orders))
        self._markets = {
            base: {**self._markets.get(base, {}), **look.markets.get(base, {})}
            for base in (*self._markets, *look.markets)
        }
        self._signals = {**self._signals, **step.signals}
        if isinstance(step.equity, Decimal):
            self._wallet = step.equity - sum((self._profit(one) for one in self._positions), Decimal(0))
        if step.equity is not None:
            self._equity_known = step.equity is not UNKNOWN
        if step.free is not None:
            self._free = step.free
        held = {one.key for one in self._positions}
        self.hedges = tuple(lot for lot in self.hedges if lot.key in held)

    def take_flows(self) -> Flows:
        """Return what was moved out since the last look."""
        moved, self._moved = self._moved, ()
        return Flows(moved)

    def carry_out(self, plan: Plan) -> None:
        """Fill the orders of a plan at mark, whole and without a fee; cancel, and move margin and money."""
        for step in plan.steps:
            request = step.request
            if isinstance(request, OrderRequest) and request.opens:
                self._open(step, request, plan.at)
            elif isinstance(request, OrderRequest):
                self._reduce(step, request)
            elif isinstance(request, MarginRequest):
                self._pay(request.amount)
                self._positions = tuple(_with_margin(one, request) for one in self._positions)
            elif isinstance(request, TransferRequest):
                self._pay(request.amount)
                self._wallet -= request.amount
                self._moved += (Transfer(request.client_order_id, plan.at, -request.amount),)
            elif isinstance(request, CancelRequest):
                self._orders = tuple(one for one in self._orders if one.order_id != request.order_id)

    @property
    def surroundings(self) -> Surroundings:
        """Figures of markets and signals."""
        return Surroundings(self._markets, self._signals)

    def snapshot(self, at: datetime) -> Snapshot:
        """Return what the venue shows."""
        held = tuple(
            replace(one, mark_price=self._marks[one.symbol], updated_at=at) for one in self._positions
        )
        equity: Figure = UNKNOWN
        if self._equity_known:
            equity = self._wallet + sum((self._profit(one) for one in held), Decimal(0))
        symbols = sorted(
            {one.symbol for one in held} | {one.symbol for one in self._orders} | set(self._marks)
        )
        return Snapshot(
            account=self._test.account,
            venue=self._test.venue,
            network="sandbox",
            taken_at=at,
            times=PartTimes(at, at, at, at, at),
            positions=held,
            balance=Balance(
                equity, equity, _NONE, _NONE, self._wallet, self._free, coins={"USDT": self._wallet}
            ),
            orders=self._orders,
            stops=(),
            marks={symbol: _mark(symbol, self._marks[symbol], at) for symbol in sorted(self._marks)},
            markets={symbol: _market(symbol) for symbol in symbols},
            tiers={symbol: (self._tier(),) for symbol in symbols},
            position_mode=PositionMode.ONE_WAY,
        )

    def stats(self, at: datetime) -> MarketStats:
        """Return the statistics that the test gives, else what is assumed without candles."""
        betas: dict[str, Beta] = {}
        atr: dict[str, float] = {}
        sigma: dict[str, float] = {}
        for symbol, one in self._test.stats.items():
            if one.beta is not None:
                betas[symbol] = Beta(one.beta, one.residual, "test")
            if one.atr is not None:
                atr[symbol] = one.atr
            if one.daily_sigma is not None:
                sigma[symbol] = one.daily_sigma
        return MarketStats(REFERENCE, betas, atr, sigma, at)

    def _mark(self, symbol: str, price: Decimal | Unknown) -> None:
        self._marks[symbol] = price
        if isinstance(price, Decimal):
            self._last[symbol] = price

    def _held(self, shape: PositionShape, at: datetime) -> Position:
        mark = shape.mark if shape.mark is not None else self._marks.get(shape.symbol, shape.entry or UNKNOWN)
        self._mark(shape.symbol, mark)
        entry = shape.entry or self._last.get(shape.symbol, Decimal(1))
        size = shape.size or Decimal(0)
        isolated = shape.margin is not None
        return Position(
            symbol=shape.symbol,
            side=shape.side,
            contracts=size,
            contract_size=Decimal(1),
            entry_price=entry,
            mark_price=mark,
            margin_mode=MarginMode.ISOLATED if isolated else MarginMode.CROSS,
            leverage=shape.leverage or _NONE,
            position_index=0,
            isolated_margin=shape.margin,
            unrealised_pnl=_NONE,
            maintenance_margin=_NONE,
            liquidation_price=_NONE,
            stop_price=None,
            updated_at=at,
        )

    def _profit(self, position: Position) -> Decimal:
        """Unrealised profit at the last mark that was known."""
        entry = position.entry_price
        assert isinstance(entry, Decimal)
        return position.side.sign * position.size * (self._last.get(position.symbol, entry) - entry)

    def _pay(self, amount: Decimal) -> None:
        if isinstance(self._free, Decimal):
            self._free -= amount

    def _open(self, step: Step, request: OrderRequest, at: datetime) -> None:
        """Open what a hedge asks for, or add it to what the hedge has."""
        link = step.hedge
        assert link is not None
        key = position_key(request.symbol, request.position_side)
        there = next((one for one in self._positions if one.key == key), None)
        opened = self._held(
            PositionShape.model_construct(
                symbol=request.symbol, side=request.position_side, size=request.contracts
            ),
            at,
        )
        if there is None:
            self._positions += (opened,)
        else:
            more = replace(there, contracts=there.contracts + opened.contracts)
            self._wallet += self._profit(there) - self._profit(more)
            self._positions = tuple(more if one is there else one for one in self._positions)
        new = begun(request, link, step.rule, step.episode, at)
        lot = next((one for one in self.hedges if one.name == new.name), new)
        lot = lot.more(request.contracts, link, step.episode, at)
        self.hedges = (*(one for one in self.hedges if one.name != lot.name), lot)

    def _reduce(self, step: Step, request: OrderRequest) -> None:
        kept: list[Position] = []
        key = position_key(request.symbol, request.position_side)
        for one in self._positions:
            if one.key != key:
                kept.append(one)
                continue
            left = one.contracts - request.contracts
            self._wallet += self._profit(one) * request.contracts / one.contracts
            if left > 0:
                margin = one.isolated_margin
                if isinstance(margin, Decimal):
                    margin = margin * left / one.contracts
                kept.append(replace(one, contracts=left, isolated_margin=margin))
        self._positions = tuple(kept)
        link = step.hedge
        if link is not None:
            name = key, link.parent, step.rule
            self.hedges = tuple(
                lot.less(request.contracts, link) if lot.name == name else lot for lot in self.hedges
            )

    def _tier(self) -> Tier:
        return Tier(Decimal(0), None, Decimal(repr(self._test.maintenance)), Decimal(0))


def _with_margin(one: Position, request: MarginRequest) -> Position:
    if one.symbol != request.symbol or not isinstance(one.isolated_margin, Decimal):
        return one
    return replace(one, isolated_margin=one.isolated_margin + request.amount)


def _mark(symbol: str, price: Figure, at: datetime) -> Mark:
    if isinstance(price, Unknown):
        return Mark(symbol, price, price, price, price, price, _NONE, at)
    return Mark(
        symbol, price, price, price, price * (1 - _HALF_SPREAD), price * (1 + _HALF_SPREAD), Decimal(0), at
    )


def _market(symbol: str) -> Market:
    base, _, rest = symbol.partition("/")
    quote, _, settle = rest.partition(":")
    return Market(
        symbol=symbol,
        venue_symbol=f"{base}{quote}",
        base=base,
        quote=quote,
        settle=settle,
        linear=True,
        contract_size=Decimal(1),
        amount_step=Decimal("0.0001"),
        amount_min=Decimal("0.0001"),
        amount_max=None,
        market_amount_max=None,
        price_step=Decimal("0.000001"),
        notional_min=Decimal(5),
        taker_fee=Decimal("0.00055"),
        maker_fee=Decimal("0.0002"),
        active=True,
    )


def _order(number: int, shape: OrderShape, at: datetime) -> Order:
    assert shape.side is not None
    return Order(
        order_id=f"order-{number + 1}",
        client_order_id="",
        symbol=shape.symbol,
        side=shape.side,
        kind=OrderKind.LIMIT,
        price=shape.price,
        trigger_price=None,
        trigger_by="",
        contracts=shape.size or Decimal(0),
        filled=Decimal(0),
        reduce_only=False,
        attached=False,
        position_index=0,
        created_at=at,
    )
