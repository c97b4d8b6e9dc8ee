"""Funding: at its hours of market time longs pay shorts (or the reverse) rate x position value at mark."""

from decimal import Decimal

from bot.sandbox.engine import margin
from bot.sandbox.engine.accounts import Account, PositionState
from bot.sandbox.engine.core import Core, money
from bot.sandbox.engine.markets import Market
from bot.sandbox.engine.positions import tell_execution, tell_position
from bot.sandbox.engine.types import (
    ZERO,
    Execution,
    ExecutionKind,
    FundingRate,
    LogKind,
    OrderKind,
    Side,
    StopKind,
)


def settle_due(core: Core) -> None:
    """Settle every symbol whose funding hour has come."""
    for market in core.markets.values():
        while market.next_funding_ms <= core.market_ms:
            _settle(core, market, market.next_funding_ms)
            market.next_funding_ms += market.interval_ms


def next_due_ms(core: Core) -> int:
    """The next funding hour of any symbol."""
    return min(market.next_funding_ms for market in core.markets.values())


def _settle(core: Core, market: Market, due_ms: int) -> None:
    rate = market.funding_rate
    market.funding_history.append(
        FundingRate(symbol=market.symbol, rate=rate, mark_price=market.mark, time_ms=due_ms)
    )
    for account in core.accounts.values():
        for state in [one for one in account.held.values() if one.symbol == market.symbol]:
            _pay(core, market, account, state, rate)


def _pay(core: Core, market: Market, account: Account, state: PositionState, rate: Decimal) -> None:
    size = abs(state.qty)
    side = Side.BUY if state.qty > 0 else Side.SELL
    value = state.instrument.value(size, market.mark)
    payment = money(side.sign * value * rate)
    execution = Execution(
        execution_id=core.new_id(),
        order_id=core.new_id(),
        client_id="",
        account_id=account.account_id,
        symbol=market.symbol,
        side=side,
        leg=state.leg,
        kind=ExecutionKind.FUNDING,
        qty=size,
        price=market.mark,
        value=value,
        fee=payment,
        fee_rate=rate,
        is_maker=False,
        closed_qty=ZERO,
        realised_pnl=ZERO,
        mark_price=market.mark,
        index_price=market.index,
        order_kind=OrderKind.MARKET,
        order_qty=ZERO,
        order_price=None,
        leaves_qty=ZERO,
        stop_kind=StopKind.NONE,
        sequence=core.next_sequence(),
        time_ms=core.now_ms(),
    )
    core.credit(
        account,
        LogKind.FUNDING,
        funding=-payment,
        fee_rate=rate,
        coin=state.instrument.settle,
        symbol=market.symbol,
        side=side,
        qty=size,
        price=market.mark,
        reference=execution.execution_id,
    )
    core.pool(state.instrument.settle).funding += payment
    state.realised_pnl -= payment
    state.cumulative_pnl -= payment
    if state.isolated and payment > 0:
        # what the free balance cannot pay comes out of the position's own margin
        short = max(ZERO, -margin.figures(core, account).free)
        state.isolated_margin -= min(short, payment)
    tell_execution(core, account, execution)
    tell_position(core, account, state)
