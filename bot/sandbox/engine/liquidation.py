"""The liquidation engine.

A unit is the whole of an account's cross positions, or one isolated position. When its maintenance margin
reaches what stands behind it, its open orders are cancelled; where that is not enough, positions are reduced
at the book step by step (to the next lower risk tier, in the lowest tier by the terms' share of what was
held) until the unit is safe again or flat. Each step pays the taker fee and a liquidation fee. The insurance
fund pays what a unit owes beyond its margin and takes what is left of an isolated margin whose position is
gone; what is left of a cross account stays with its owner. A cross account that its own orders closed below
nothing (a stop in a gap) is settled by the fund in the same way.
"""

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

import msgspec

from bot.sandbox.engine import collateral, margin, matching
from bot.sandbox.engine.accounts import Account, PositionState
from bot.sandbox.engine.core import Core, money
from bot.sandbox.engine.drafts import draft
from bot.sandbox.engine.events import LiquidationEvent
from bot.sandbox.engine.positions import Fill, apply_fill, tell_position
from bot.sandbox.engine.stops import settle
from bot.sandbox.engine.types import (
    ZERO,
    CancelCause,
    Execution,
    ExecutionKind,
    LiquidationRecord,
    LogKind,
    MarginMode,
    Order,
    OrderKind,
    OrderRequest,
    Origin,
    Side,
    StopKind,
    TimeInForce,
)


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """What stood before a step (own isolated margin, wallet balance) and the fills that it made."""

    own_margin: Decimal
    balance: Decimal
    fills: list[Execution]


def check(core: Core) -> None:
    """Liquidate every unit that is not safe at the present marks."""
    for account in core.accounts.values():
        if not account.held:
            if any(balance < 0 for balance in account.wallets.values()):
                _settle_bankrupt(core, account)
            continue
        balance, upkeep = margin.cross_state(core, account)
        if upkeep and upkeep >= balance:
            _Unit(core, account, None).liquidate()
        for state in [one for one in account.held.values() if one.isolated]:
            if margin.maintenance(core, account, state) >= margin.isolated_equity(core, account, state):
                _Unit(core, account, state).liquidate()
        if margin.cross_state(core, account)[0] < 0:
            _settle_bankrupt(core, account)


def _settle_bankrupt(core: Core, account: Account) -> None:
    """Let the fund pay what a cross account owes that its own fills left flat."""
    if not account.executions or any(not one.isolated for one in account.held.values()):
        return
    last = account.executions[-1]
    owed = money(margin.debt(core, account))
    if not owed:
        return
    before = _equity(core, account)
    account.liquidated_ms = account.liquidated_ms or core.now_ms()
    _pay_debts(core, account, last)
    record = LiquidationRecord(
        record_id=core.new_id(),
        account_id=account.account_id,
        symbol=last.symbol,
        position_side=last.side.opposite,
        qty=last.qty,
        price=last.price,
        mark_price=core.markets[last.symbol].mark,
        bankruptcy_price=None,
        taker_fee=ZERO,
        fee=ZERO,
        insurance=owed,
        equity_before=before,
        equity_after=_equity(core, account),
        margin_ratio_before=None,
        margin_ratio_after=ZERO,
        margin_mode=MarginMode.CROSS,
        cancelled_orders=0,
        time_ms=core.now_ms(),
        market_ms=core.market_ms,
    )
    core.liquidations.append(record)
    core.emit(LiquidationEvent(record))
    tell_position(core, account, account.state(core.markets[last.symbol].instrument, last.leg))


def _pay_debts(core: Core, account: Account, last: Execution) -> None:
    """Let the fund pay what a flat account owes of each coin, for what it has of the settle coin."""

    def pay(coin: str, amount: Decimal) -> None:
        if not amount:
            return
        core.credit(
            account,
            LogKind.INSURANCE,
            cash_flow=amount,
            coin=coin,
            symbol=last.symbol,
            side=last.side,
            qty=last.qty,
            price=last.price,
            order_id=last.order_id,
            reference=last.execution_id,
        )
        core.pool(coin).insurance_gain -= amount

    apart = sum((one.isolated_margin for one in account.held.values()), ZERO)
    worth = ZERO
    for coin, balance in list(account.wallets.items()):
        if balance < 0 and coin != account.settle_coin:
            worth += -balance * collateral.rate_of(core, account, coin)
            pay(coin, -balance)
    free = account.balance - apart
    pay(account.settle_coin, money(-free if free < 0 else -min(free, worth)))


def _equity(core: Core, account: Account) -> Decimal:
    sums = margin.figures(core, account)
    return sums.balance + sums.pnl + sums.coins


class _Unit:
    """One thing that is liquidated together.

    An account's cross positions (`state` None), or an isolated one.
    """

    def __init__(self, core: Core, account: Account, state: PositionState | None) -> None:
        self._core, self._account, self._state = core, account, state
        self._shares: dict[tuple[str, int], Decimal] = {}
        self._cancelled = 0

    def liquidate(self) -> None:
        """Cancel orders, then reduce until the unit is safe or flat."""
        self._cancel_orders()
        while self._positions() and not self._is_safe():
            if self._account.liquidated_ms is None:
                self._account.liquidated_ms = self._core.now_ms()
            self._step(max(self._positions(), key=self._upkeep))
        self._core.flush_market_events()

    def _upkeep(self, state: PositionState) -> Decimal:
        worth = margin.rate(self._core, self._account, state.instrument)
        return margin.maintenance(self._core, self._account, state) * worth

    def _positions(self) -> list[PositionState]:
        if self._state is not None:
            return [self._state] if self._state.qty else []
        return [one for one in self._account.held.values() if not one.isolated]

    def _sums(self) -> tuple[Decimal, Decimal]:
        if self._state is None:
            return margin.cross_state(self._core, self._account)
        upkeep = margin.maintenance(self._core, self._account, self._state)
        return margin.isolated_equity(self._core, self._account, self._state), upkeep

    def _is_safe(self) -> bool:
        balance, upkeep = self._sums()
        return upkeep < balance

    def _ratio(self) -> Decimal | None:
        balance, upkeep = self._sums()
        return upkeep / balance if balance > 0 else None

    def _cancel_orders(self) -> None:
        account, state = self._account, self._state
        for order in list(account.orders.values()):
            if state is not None and (order.symbol, order.leg) != (state.symbol, state.leg):
                continue
            if state is None and account.margin_mode(order.symbol) is MarginMode.ISOLATED:
                continue
            if order.stop_kind in {StopKind.STOP_LOSS, StopKind.TAKE_PROFIT}:
                continue  # goes with the position; a part that stays keeps its protection
            matching.end(self._core, order, CancelCause.LIQUIDATION)
            self._cancelled += 1

    def _equity(self) -> Decimal:
        return _equity(self._core, self._account)

    def _step(self, state: PositionState) -> None:
        core, account, market = self._core, self._account, self._core.markets[state.symbol]
        side = Side.BUY if state.qty > 0 else Side.SELL
        before, ratio = self._equity(), self._ratio()
        bankrupt = margin.bankruptcy_price(core, account, state)
        own_margin, balance = state.isolated_margin, account.balance
        qty = self._step_qty(state)
        fills = self._close(state, side, qty, bankrupt)
        step = Step(own_margin=own_margin, balance=balance, fills=fills)
        value = sum((one.value for one in fills), ZERO)
        fee = self._charge(state, step, value * core.terms.liquidation_fee_rate)
        insurance = self._settle_with_fund(state, step)
        record = LiquidationRecord(
            record_id=core.new_id(),
            account_id=account.account_id,
            symbol=state.symbol,
            position_side=side,
            qty=qty,
            price=state.instrument.average(qty, value),
            mark_price=market.mark,
            bankruptcy_price=bankrupt,
            taker_fee=sum((one.fee for one in fills), ZERO),
            fee=fee,
            insurance=insurance,
            equity_before=before,
            equity_after=self._equity(),
            margin_ratio_before=ratio,
            margin_ratio_after=self._ratio(),
            margin_mode=MarginMode.ISOLATED if state.isolated else MarginMode.CROSS,
            cancelled_orders=self._cancelled,
            time_ms=core.now_ms(),
            market_ms=core.market_ms,
        )
        self._cancelled = 0
        core.liquidations.append(record)
        core.emit(LiquidationEvent(record))
        tell_position(core, account, state)

    def _step_qty(self, state: PositionState) -> Decimal:
        instrument, size = state.instrument, abs(state.qty)
        mark = self._core.mark(state)
        if self._sums()[0] <= 0:
            return size
        tier = instrument.tier(instrument.value(size, mark))
        if tier.tier_id > instrument.tiers[0].tier_id:
            lower = instrument.tiers[tier.tier_id - 2]
            wanted = size - instrument.quantity(lower.cap, mark)
        else:
            share = self._shares.setdefault((state.symbol, state.leg), size)
            terms = self._core.terms
            least = instrument.of_notional(terms.liquidation_min_notional, mark)
            wanted = max(share * terms.liquidation_fraction, least)
        steps = (wanted / instrument.qty_step).to_integral_value(ROUND_CEILING)
        qty = max(instrument.min_qty, min(size, steps * instrument.qty_step))
        return size if size - qty < instrument.min_qty else qty

    def _close(
        self, state: PositionState, side: Side, qty: Decimal, bankrupt: Decimal | None
    ) -> list[Execution]:
        # what the book cannot take, the fund takes over at the bankruptcy price
        core, account = self._core, self._account
        first = len(account.executions)
        limit = self._limit(state, side, bankrupt)
        order = core.save(self._order(state, side.opposite, qty, limit))
        order = matching.execute(core, order, ExecutionKind.LIQUIDATION)
        left = qty - order.filled_qty
        if left:
            rest = core.save(self._order(state, side.opposite, left, None))
            price = bankrupt or core.mark(state)
            whole = Fill(
                order=rest,
                qty=left,
                price=price,
                fee_rate=ZERO,
                is_maker=False,
                kind=ExecutionKind.LIQUIDATION,
                leaves_qty=ZERO,
            )
            core.save(matching.booked(rest, apply_fill(core, account, whole)))
            settle(core, account, state)
        return [one for one in account.executions[first:] if one.kind is ExecutionKind.LIQUIDATION]

    def _limit(self, state: PositionState, side: Side, bankrupt: Decimal | None) -> Decimal | None:
        # the book is swept as far as the bankruptcy price; without a limit where the mark is beyond it
        mark, tick = self._core.mark(state), state.instrument.tick
        if bankrupt is None or side.sign * (mark - bankrupt) <= 0:
            return None
        rounding = ROUND_CEILING if side is Side.BUY else ROUND_FLOOR
        return (bankrupt / tick).to_integral_value(rounding) * tick

    def _order(self, state: PositionState, side: Side, qty: Decimal, limit: Decimal | None) -> Order:
        request = OrderRequest(
            symbol=state.symbol,
            side=side,
            qty=qty,
            kind=OrderKind.MARKET if limit is None else OrderKind.LIMIT,
            price=limit,
            time_in_force=TimeInForce.IOC,
            reduce_only=True,
            leg=state.leg,
        )
        return draft(self._core, self._account.account_id, request, origin=Origin.LIQUIDATION)

    def _charge(self, state: PositionState, step: Step, fee: Decimal) -> Decimal:
        # the fee takes at most what is there; it never makes a debt
        gone = self._state is not None and not self._state.qty
        there = step.own_margin + self._account.balance - step.balance if gone else self._sums()[0]
        there /= margin.rate(self._core, self._account, state.instrument)
        fee = money(max(ZERO, min(fee, there)))
        if fee:
            self._pay(LogKind.LIQUIDATION_FEE, state, step, fee=fee)
            self._core.pool(state.instrument.settle).insurance_gain += fee
            if self._state is not None and not gone:
                self._state.isolated_margin -= fee
            state.realised_pnl -= fee
            state.cumulative_pnl -= fee
        return fee

    def _settle_with_fund(self, state: PositionState, step: Step) -> Decimal:
        """Positive: what the fund paid; negative: what it took."""
        account = self._account
        if self._state is None:
            owed = ZERO if self._positions() else money(margin.debt(self._core, account))
            if owed:
                _pay_debts(self._core, account, step.fills[-1])
            return owed
        # an isolated position can lose its own margin and nothing else
        released = step.own_margin - state.isolated_margin
        owed = -(account.balance - step.balance + released)
        owed = money(max(ZERO, owed) if state.qty else owed)
        if owed:
            self._pay(LogKind.INSURANCE, state, step, cash_flow=owed)
            self._core.pool(account.settle_coin).insurance_gain -= owed
        return owed

    def _pay(
        self,
        kind: LogKind,
        state: PositionState,
        step: Step,
        cash_flow: Decimal = ZERO,
        fee: Decimal = ZERO,
    ) -> None:
        last = step.fills[-1]
        self._core.credit(
            self._account,
            kind,
            cash_flow=cash_flow,
            fee=fee,
            coin=state.instrument.settle,
            symbol=state.symbol,
            side=last.side,
            qty=last.qty,
            price=last.price,
            order_id=last.order_id,
            reference=last.execution_id,
        )
