"""Settings of accounts and positions: leverage, modes, isolated margin."""

from decimal import Decimal

from bot.sandbox.engine import margin
from bot.sandbox.engine.accounts import Account
from bot.sandbox.engine.core import Core, money
from bot.sandbox.engine.instruments import Instrument
from bot.sandbox.engine.positions import tell_position
from bot.sandbox.engine.types import (
    ZERO,
    EngineRefusal,
    Leg,
    MarginMode,
    Position,
    PositionMode,
    Reason,
)
from bot.sandbox.engine.views import position_view


def set_leverage(core: Core, account_id: str, symbol: str, buy: Decimal, sell: Decimal) -> None:
    """Set a symbol's leverage (see `Engine.set_leverage`)."""
    account, instrument = core.account(account_id), core.market(symbol).instrument
    for leverage in (buy, sell):
        check_leverage(instrument, leverage)
    isolated = account.margin_mode(symbol) is MarginMode.ISOLATED
    hedged = account.position_mode(symbol) is PositionMode.HEDGE
    if buy != sell and not (isolated and hedged):
        raise EngineRefusal(
            Reason.LEVERAGE_MUST_MATCH,
            f"buy leverage {buy} and sell leverage {sell} of {symbol} may differ only in isolated hedge mode",
        )
    wanted = {Leg.NET: buy, Leg.LONG: buy, Leg.SHORT: sell}
    before = {leg: account.leverage(instrument, leg) for leg in wanted}
    if before == wanted:
        raise EngineRefusal(Reason.NOT_MODIFIED, f"the leverage of {symbol} is {buy} / {sell} already")
    moves = _margin_moves(core, account, instrument, wanted)
    _set(account, symbol, wanted)
    needed = sum(moves.values(), ZERO)
    if margin.figures(core, account).free < needed and _costs_more(before, wanted):
        _set(account, symbol, before)
        raise EngineRefusal(
            Reason.INSUFFICIENT_MARGIN,
            f"{symbol} at leverage {buy} / {sell} needs more margin than is available",
        )
    for leg, amount in moves.items():
        account.held[(symbol, leg)].isolated_margin += amount
        tell_position(core, account, account.held[(symbol, leg)])


def check_leverage(instrument: Instrument, leverage: Decimal) -> None:
    """A leverage is from 1 to the instrument's maximum."""
    if not leverage.is_finite() or not 1 <= leverage <= instrument.max_leverage:
        raise EngineRefusal(
            Reason.LEVERAGE_OUT_OF_RANGE,
            f"leverage {leverage} of {instrument.symbol} must be from 1 to {instrument.max_leverage}",
        )


def _set(account: Account, symbol: str, leverages: dict[Leg, Decimal]) -> None:
    for leg, leverage in leverages.items():
        account.leverages[(symbol, leg)] = leverage
    account.order_margin = None


def _costs_more(before: dict[Leg, Decimal], wanted: dict[Leg, Decimal]) -> bool:
    return any(wanted[leg] < before[leg] for leg in wanted)


def _margin_moves(
    core: Core, account: Account, instrument: Instrument, wanted: dict[Leg, Decimal]
) -> dict[Leg, Decimal]:
    # an isolated position keeps what was added by hand and has its initial margin at the new leverage
    moves: dict[Leg, Decimal] = {}
    for leg, leverage in wanted.items():
        state = account.held.get((instrument.symbol, leg))
        if state is not None and state.isolated:
            value = instrument.value(abs(state.qty), state.entry_price)
            change = money(value / leverage - value / account.leverage(instrument, leg))
            left = margin.isolated_equity(core, account, state) + change
            if change < 0 and left <= margin.maintenance(core, account, state):
                raise EngineRefusal(
                    Reason.MARGIN_TOO_LOW,
                    f"at leverage {leverage} the isolated {instrument.symbol} position would be liquidated",
                )
            moves[leg] = change
    return moves


def set_position_mode(core: Core, account_id: str, mode: PositionMode, symbol: str | None) -> None:
    """Set one-way or hedge mode (see `Engine.set_position_mode`)."""
    account = core.account(account_id)
    if symbol is None:
        if account.position_default is mode and all(m is mode for m in account.position_modes.values()):
            raise EngineRefusal(Reason.NOT_MODIFIED, f"the account is in {mode.value} mode already")
        _refuse_busy(account, None, "position mode")
        account.position_default = mode
        account.position_modes.clear()
        return
    core.market(symbol)
    if account.position_mode(symbol) is mode:
        raise EngineRefusal(Reason.NOT_MODIFIED, f"{symbol} is in {mode.value} mode already")
    _refuse_busy(account, symbol, "position mode")
    account.position_modes[symbol] = mode


def set_margin_mode(core: Core, account_id: str, mode: MarginMode, symbol: str | None) -> None:
    """Set cross or isolated margin (see `Engine.set_margin_mode`)."""
    account = core.account(account_id)
    if symbol is None:
        if account.margin_default is mode and all(m is mode for m in account.margin_modes.values()):
            raise EngineRefusal(Reason.NOT_MODIFIED, f"the account is in {mode.value} margin already")
        _refuse_busy(account, None, "margin mode")
        account.margin_default = mode
        account.margin_modes.clear()
    else:
        core.market(symbol)
        if account.margin_mode(symbol) is mode:
            raise EngineRefusal(Reason.NOT_MODIFIED, f"{symbol} is in {mode.value} margin already")
        _refuse_busy(account, symbol, "margin mode")
        account.margin_modes[symbol] = mode
    for state in account.positions.values():
        state.isolated = account.margin_mode(state.symbol) is MarginMode.ISOLATED


def _refuse_busy(account: Account, symbol: str | None, what: str) -> None:
    if account.is_busy(symbol):
        raise EngineRefusal(
            Reason.HAS_POSITION_OR_ORDERS,
            f"the {what} of {symbol or 'the account'} cannot change with open positions or orders",
        )


def add_isolated_margin(core: Core, account_id: str, symbol: str, amount: Decimal, leg: Leg) -> Position:
    """Move money between the wallet and an isolated position (see `Engine.add_isolated_margin`)."""
    account, market = core.account(account_id), core.market(symbol)
    account.require_leg(symbol, leg)
    state = account.state(market.instrument, leg)
    if not amount.is_finite() or not amount:
        raise EngineRefusal(Reason.INVALID_VALUE, f"margin {amount} must be a number other than 0")
    if not state.qty:
        raise EngineRefusal(Reason.POSITION_FLAT, f"{symbol} {leg.name} has no position")
    if not state.isolated:
        raise EngineRefusal(Reason.NOT_ISOLATED, f"the {symbol} position is in cross margin")
    free = margin.figures(core, account).free
    if amount > free:
        raise EngineRefusal(
            Reason.INSUFFICIENT_BALANCE, f"margin {amount} is more than the {max(ZERO, free):.8f} available"
        )
    if amount < 0:
        needed = margin.initial(core, account, state)
        left = margin.isolated_equity(core, account, state) + amount
        if left < needed:
            raise EngineRefusal(
                Reason.MARGIN_TOO_LOW, f"{left:.8f} would be left of the initial margin {needed:.8f}"
            )
    state.isolated_margin += amount
    state.updated_ms = core.now_ms()
    state.sequence = core.next_sequence()
    tell_position(core, account, state)
    return position_view(core, account, state)
