"""A small venue in memory: positions, orders by client id, and faults on demand."""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from bot.clock import VirtualClock
from bot.exchange.errors import GatewayError
from bot.model import (
    Answer,
    Balance,
    CancelRequest,
    Candle,
    Fill,
    MarginMode,
    Market,
    Move,
    NotFound,
    Order,
    OrderBook,
    OrderReport,
    OrderSide,
    OrderStatus,
    PartTimes,
    Position,
    PositionMode,
    Request,
    Side,
    Snapshot,
    StopRequest,
    Verdict,
    WalletChange,
    WalletMove,
    position_key,
)
from tests.execution.fake_moves import found, moved

START = datetime(2025, 11, 21, 7, 30, tzinfo=UTC)
BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"
MARKS = {BTC: Decimal(90000), ETH: Decimal(3000)}
RECV_WINDOW = timedelta(seconds=5)


class Fault(StrEnum):
    """What goes wrong with a submission."""

    NONE = "none"
    LOSE_ANSWER = "lose_answer"
    DROP = "drop"
    LATE = "late"
    """Arrives 4 s later, the answer is lost."""
    HIDE = "hide"
    """Executed at once, invisible in the lists for 20 s, the answer is lost."""
    HIDE_ACKNOWLEDGED = "hide_acknowledged"
    HIDE_EMPTY = "hide_empty"
    """Taken and ended without a fill, invisible in the lists for 20 s, the answer is lost."""
    PARTIAL = "partial"
    SLOW = "slow"
    """Stays open until `finish_slow`."""
    REJECT = "reject"
    THROTTLE = "throttle"
    AUTH = "auth"
    MAINTENANCE = "maintenance"
    CRASH_BEFORE = "crash_before"
    CRASH_AFTER = "crash_after"


REFUSALS = {
    Fault.REJECT: Verdict.REJECTED,
    Fault.THROTTLE: Verdict.THROTTLED,
    Fault.AUTH: Verdict.AUTH,
    Fault.MAINTENANCE: Verdict.MAINTENANCE,
}


class Listed(Struct):
    """An order as the venue keeps it."""

    report: OrderReport
    visible_at: datetime


class FakeGateway:
    """Implements the gateway protocol for one account; the venue's clock is the virtual one."""

    account = "main"
    venue = "fake"
    guards_client_ids = True

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.held: dict[str, Position] = {}
        self.resting: list[Order] = []
        self.stops: list[Order] = []
        self.listed: dict[str, Listed] = {}
        self.executions: list[Fill] = []
        self.faults: deque[Fault] = deque()
        self.late: list[tuple[datetime, Request]] = []
        self.submitted: list[Request] = []
        self.accepted: Counter[str] = Counter()
        self.broken_reads = 0
        self.forgotten: list[str] = []
        self.looks = 0
        self.rereads = 0
        self.before_submit: Callable[[Request], None] = lambda request: None

    def forget_market(self, symbol: str) -> None:
        """Remember what was asked for."""
        self.forgotten.append(symbol)

    def show(self, symbols: Iterable[str]) -> None:
        """Nothing: every market is shown."""

    def show_options(self, wanted: bool) -> None:
        """Nothing: it has none."""

    def market_symbols(self) -> frozenset[str]:
        return frozenset(MARKS)

    def open(self, symbol: str, side: Side, contracts: str, *, entry: str = "100000") -> Position:
        """Open a position by hand."""
        position = Position(
            symbol=symbol,
            side=side,
            contracts=Decimal(contracts),
            contract_size=Decimal(1),
            entry_price=Decimal(entry),
            mark_price=MARKS[symbol],
            margin_mode=MarginMode.CROSS,
            leverage=Decimal(5),
            position_index=0,
            isolated_margin=None,
            unrealised_pnl=Decimal(0),
            maintenance_margin=Decimal(100),
            liquidation_price=Decimal(80000),
            stop_price=None,
            updated_at=self.clock.now(),
        )
        self.held[position.key] = position
        return position

    def trade_outside(self, key: str, contracts: Decimal, *, listed: bool = True) -> None:
        """Somebody else closes a part of a position."""
        position = self.held[key]
        amount = min(contracts, position.contracts)
        if listed:
            self._execution("by-hand", position, amount)
        self._shrink(position, amount)

    def buy_outside(self, key: str, contracts: Decimal) -> None:
        """Somebody else adds to a long position."""
        position = self.held[key]
        self._execution("by-hand", position, contracts)
        self.executions[-1] = replace(self.executions[-1], side=OrderSide.BUY)
        self.held[key] = replace(position, contracts=position.contracts + contracts)

    def finish_slow(self) -> None:
        """Fill every order that is open."""
        for name, listed in self.listed.items():
            if listed.report.status is OrderStatus.OPEN:
                filled = Decimal(0)
                for position in [p for p in self.held.values() if p.symbol == listed.report.symbol]:
                    filled = min(listed.report.contracts, position.contracts)
                    self._execution(name, position, filled)
                    self._shrink(position, filled)
                self._list(name, listed.report.symbol, listed.report.contracts, filled)

    @property
    def known(self) -> set[str]:
        """Client ids that the venue took, or may still take."""
        return set(self.accepted) | {request.client_order_id for _, request in self.late}

    async def snapshot(self) -> Snapshot:
        """The account as it is now."""
        self._read("snapshot")
        now = self.clock.now()
        unused = Decimal(0)
        return Snapshot(
            account=self.account,
            venue=self.venue,
            network="sandbox",
            taken_at=now,
            times=PartTimes(now, now, now, now, now),
            positions=tuple(self.held.values()),
            balance=Balance(unused, unused, unused, unused, unused, unused),
            orders=tuple(self.resting),
            stops=tuple(self.stops),
            marks={},
            markets={symbol: market(symbol) for symbol in MARKS},
            tiers={},
            position_mode=PositionMode.ONE_WAY,
        )

    async def positions(self, symbol: str) -> tuple[Position, ...]:
        """Positions of one symbol."""
        self._read("positions")
        self.rereads += 1
        return tuple(position for position in self.held.values() if position.symbol == symbol)

    async def submit(self, request: Request) -> Answer:
        """Take a request, with the next fault in line."""
        self._arrive()
        self.before_submit(request)
        self.submitted.append(request)
        fault = self.faults.popleft() if self.faults else Fault.NONE
        await asyncio.sleep(0)
        if fault is Fault.CRASH_BEFORE:
            raise asyncio.CancelledError
        if fault in REFUSALS:
            return self._answer(REFUSALS[fault], code=fault.value, message=f"{fault.value} by script")
        if fault is Fault.DROP:
            return self._answer(Verdict.UNKNOWN, code="timeout")
        if fault is Fault.LATE:
            self.late.append((self.clock.now() + timedelta(seconds=4), request))
            return self._answer(Verdict.UNKNOWN, code="timeout")
        answer = self._execute(request, fault)
        if fault is Fault.CRASH_AFTER:
            raise asyncio.CancelledError
        if fault in {Fault.LOSE_ANSWER, Fault.HIDE, Fault.HIDE_EMPTY}:
            return self._answer(Verdict.UNKNOWN, code="timeout")
        return answer

    async def find_order(self, symbol: str, client_order_id: str) -> OrderReport | NotFound:
        """Look an order up, as far as it is visible."""
        self._read("find_order")
        self.looks += 1
        listed = self.listed.get(client_order_id)
        if listed is None or listed.visible_at > self.clock.now():
            return NotFound(client_order_id, self.clock.now())
        return replace(listed.report, at=self.clock.now())

    async def find_move(self, request: WalletMove) -> OrderReport | NotFound:
        """Look a transfer or a conversion up."""
        return await self.find_order(request.symbol, request.client_order_id)

    async def fills(self, symbol: str, since: datetime) -> tuple[Fill, ...]:
        """Executions since a moment."""
        self._read("fills")
        return tuple(fill for fill in self.executions if fill.symbol == symbol and fill.at >= since)

    async def wallet_changes(self, since: datetime) -> tuple[WalletChange, ...]:
        """None."""
        return ()

    async def order_book(self, symbol: str) -> OrderBook:
        """Nobody is in it."""
        return OrderBook(symbol, (), (), self.clock.now())

    async def candles(self, symbol: str, timeframe: str, limit: int) -> tuple[Candle, ...]:
        """None."""
        return ()

    async def close(self) -> None:
        """Nothing to close."""

    def _read(self, call: str) -> None:
        self._arrive()
        if self.broken_reads:
            self.broken_reads -= 1
            raise GatewayError(
                account=self.account,
                call=call,
                verdict=Verdict.UNKNOWN,
                code="timeout",
                came="nothing came in time",
                hint="It is tried again.",
            )

    def _arrive(self) -> None:
        due = [(at, request) for at, request in self.late if at <= self.clock.now()]
        self.late = [(at, request) for at, request in self.late if at > self.clock.now()]
        for _, request in due:
            self._execute(request, Fault.NONE)

    def _execute(self, request: Request, fault: Fault) -> Answer:
        if isinstance(request, CancelRequest):
            return self._cancel(request)
        if isinstance(request, Move):
            return self._move(request)
        key = position_key(request.symbol, request.position_side)
        position = self.held.get(key)
        if isinstance(request, StopRequest):
            return self._set_stop(request, position)
        if request.client_order_id in self.accepted:
            return self._answer(Verdict.DUPLICATE, code="110072", message="duplicate")
        if position is None:
            return self._answer(Verdict.NOTHING_TO_DO, code="110017", message="position is flat")
        self.accepted[request.client_order_id] += 1
        hidden = fault in {Fault.HIDE, Fault.HIDE_ACKNOWLEDGED, Fault.HIDE_EMPTY}
        visible_at = self.clock.now() + timedelta(seconds=20 if hidden else 0)
        if fault is Fault.SLOW:
            self._list(request.client_order_id, request.symbol, request.contracts, None)
            return self._answer(Verdict.ACCEPTED)
        filled = min(request.contracts, position.contracts)
        if fault is Fault.PARTIAL:
            filled /= 2
        if fault is Fault.HIDE_EMPTY:
            filled = Decimal(0)
        if filled:
            self._execution(request.client_order_id, position, filled)
            self._shrink(position, filled)
        self._list(request.client_order_id, request.symbol, request.contracts, filled, visible_at)
        return self._answer(Verdict.ACCEPTED)

    def _move(self, request: Move) -> Answer:
        self.accepted[request.client_order_id] += 1
        self.held.update(moved(self.held, request))
        if isinstance(request, WalletMove):
            report = found(request, self.clock.now())
            self.listed[request.client_order_id] = Listed(report, self.clock.now())
        return self._answer(Verdict.ACCEPTED)

    def _cancel(self, request: CancelRequest) -> Answer:
        if all(order.order_id != request.order_id for order in self.resting):
            return self._answer(Verdict.NOTHING_TO_DO, code="110001", message="order not there")
        self.resting = [order for order in self.resting if order.order_id != request.order_id]
        return self._answer(Verdict.ACCEPTED)

    def _set_stop(self, request: StopRequest, position: Position | None) -> Answer:
        if position is None:
            return self._answer(Verdict.NOTHING_TO_DO, code="10001", message="zero position")
        self.held[position.key] = replace(position, stop_price=request.trigger_price)
        return self._answer(Verdict.ACCEPTED)

    def _list(
        self,
        name: str,
        symbol: str,
        contracts: Decimal,
        filled: Decimal | None,
        visible_at: datetime | None = None,
    ) -> None:
        done = filled or Decimal(0)
        status = OrderStatus.FILLED if done == contracts else OrderStatus.CANCELLED
        report = OrderReport(
            order_id=f"v-{name}",
            client_order_id=name,
            symbol=symbol,
            status=OrderStatus.OPEN if filled is None else status,
            contracts=contracts,
            filled=done,
            average_price=MARKS[symbol] if done else None,
            fee=done * MARKS[symbol] * Decimal("0.00055"),
            reason="" if filled is None or done == contracts else "the rest of an IOC",
            at=self.clock.now(),
        )
        self.listed[name] = Listed(report, visible_at or self.clock.now())

    def _execution(self, name: str, position: Position, contracts: Decimal) -> None:
        fill = Fill(
            fill_id=f"f{len(self.executions)}",
            order_id=f"v-{name}",
            client_order_id=name,
            symbol=position.symbol,
            side=OrderSide.SELL if position.side is Side.LONG else OrderSide.BUY,
            contracts=contracts,
            price=MARKS[position.symbol],
            fee=contracts * MARKS[position.symbol] * Decimal("0.00055"),
            liquidation=False,
            at=self.clock.now(),
        )
        self.executions.append(fill)

    def _shrink(self, position: Position, contracts: Decimal) -> None:
        left = position.contracts - contracts
        if left:
            self.held[position.key] = replace(position, contracts=left)
        else:
            del self.held[position.key]

    def _answer(self, verdict: Verdict, *, code: str = "", message: str = "") -> Answer:
        return Answer(verdict, "v" if verdict is Verdict.ACCEPTED else "", code, message, self.clock.now())


def market(symbol: str) -> Market:
    """A linear perpetual."""
    return Market(
        symbol=symbol,
        venue_symbol=symbol.split("/")[0] + "USDT",
        base=symbol.split("/")[0],
        quote="USDT",
        settle="USDT",
        linear=True,
        contract_size=Decimal(1),
        amount_step=Decimal("0.001"),
        amount_min=Decimal("0.001"),
        amount_max=None,
        market_amount_max=None,
        price_step=Decimal("0.1"),
        notional_min=Decimal(5),
        taker_fee=Decimal("0.00055"),
        maker_fee=Decimal("0.0002"),
        active=True,
    )
