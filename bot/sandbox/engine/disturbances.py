"""What a venue, its market or an account's owner may do to everybody's surprise.

Each method changes one thing at once, and can be taken back (but for trades: what has traded has traded). No
coin appears or vanishes by any of them.
"""

from decimal import ROUND_CEILING, Decimal

from msgspec.structs import replace

from bot.sandbox.engine import checks, liquidation, matching, modes, offbook, stops
from bot.sandbox.engine.accounts import Account, PositionState
from bot.sandbox.engine.core import Core
from bot.sandbox.engine.drafts import draft
from bot.sandbox.engine.markets import Market
from bot.sandbox.engine.positions import closing_qty
from bot.sandbox.engine.types import (
    ZERO,
    CancelCause,
    EngineRefusal,
    ExecutionKind,
    Leg,
    Order,
    OrderKind,
    OrderRequest,
    Origin,
    PositionMode,
    Reason,
    Side,
)


class Disturbances:
    """The disturbances of one engine."""

    def __init__(self, core: Core) -> None:
        self._core = core

    # The market

    def thin_book(self, symbol: str, share: Decimal) -> None:
        """Let the synthetic book hold `share` of its depth (1: all of it, 0: nothing).

        Users' orders are no part of it. In an empty book resting orders stay, market and IOC orders are
        cancelled with nothing filled, and so is a stop that triggers: it is gone, and the position is open.
        """
        _check_between(share, ZERO, Decimal(1))
        self._core.market(symbol).book.share = float(share)
        self._show(symbol)

    def set_price_band(self, symbol: str, band: Decimal | None) -> None:
        """Refuse limit prices that cross the mark by more than this share of it (None: as the terms say)."""
        if band is not None:
            _check_between(band, ZERO, Decimal(1))
        self._core.market(symbol).limit_band = band

    def set_min_notional(self, symbol: str, value: Decimal | None) -> None:
        """Set the least that an order may be worth, in the settle coin (None: as it was listed)."""
        market = self._core.market(symbol)
        wanted = market.as_listed.min_notional if value is None else _positive(value)
        self._core.relist(symbol, replace(market.instrument, min_notional=wanted))

    def set_qty_step(self, symbol: str, step: Decimal | None) -> None:
        """Set the quantity step, in coins; the least quantity is the first step that is not below the listed
        one.

        None: as it was listed.
        """
        market = self._core.market(symbol)
        listed = market.as_listed
        wanted, least = listed.qty_step, listed.min_qty
        if step is not None:
            wanted = _positive(step)
            least = _up(listed.min_qty, wanted)
        self._core.relist(symbol, replace(market.instrument, qty_step=wanted, min_qty=least))
        self._core.flush_market_events()

    def set_contract_size(self, symbol: str, coins: Decimal | None) -> None:
        """Set how many coins a contract of the venue's protocol is (None: as it was listed)."""
        market = self._core.market(symbol)
        wanted = market.as_listed.contract_size if coins is None else _positive(coins)
        self._core.relist(symbol, replace(market.instrument, contract_size=wanted))
        self._core.flush_market_events()

    def wick(self, symbol: str, share: Decimal) -> None:
        """Show the mark off by `share` of itself until that is set to 0.

        Positions and wallets are shown at that mark too, and streams with their next update. Last and index
        stay, and the true mark goes on deciding over stops, margin checks and liquidations.
        """
        _check_between(share, Decimal(-1), Decimal(100))
        self._core.market(symbol).wick = share

    def delist(self, symbol: str) -> None:
        """Take a market away: its orders are cancelled, nobody can trade it, positions stay in the list."""
        market = self._core.market(symbol)
        market.delisted = True
        for account in self._core.accounts.values():
            for order in [one for one in account.orders.values() if one.symbol == symbol]:
                stops.forget(account.state(market.instrument, order.leg), order)
                matching.end(self._core, order, CancelCause.DELISTED)
        self._core.flush_market_events()

    def list_again(self, symbol: str) -> None:
        """Let a delisted market be traded; the orders that were cancelled do not come back."""
        self._core.market(symbol).delisted = False
        self._show(symbol)

    def skew_clock(self, seconds: float) -> None:
        """Let the venue's own clock run so far ahead (negative: behind) of the engine's."""
        self._core.clock_skew_ms = round(seconds * 1000)

    # Trades that the account's program did not ask for

    def close_by_hand(self, account_id: str, symbol: str) -> list[Order]:
        """Close what the account holds of a symbol, as its owner would: plain trades at the mark, taker fee.

        Nothing where it is flat.
        """
        account, market = self._core.account(account_id), self._core.market(symbol)
        orders = [
            self._owner_trade(account, market, state.leg, _closing_side(state), abs(state.qty), reduces=True)
            for state in _held(account, symbol)
        ]
        self._core.flush_market_events()
        return orders

    def trade_by_hand(self, account_id: str, symbol: str, qty: Decimal) -> list[Order]:
        """Buy `qty` coins (negative: sell) as the account's owner would: plain trades at the mark, taker fee.

        In hedge mode the leg on the other side is closed first, and what is left opens. Refusals: those of
        quantity, DELISTED, INSUFFICIENT_MARGIN.
        """
        account, market = self._core.account(account_id), self._core.market(symbol)
        side, size = (Side.BUY if qty > 0 else Side.SELL), abs(qty)
        checks.check_listed(market)
        checks.check_qty(market.instrument, size, OrderKind.LIMIT)
        parts = _parts(account, market, side, size)
        for leg, part, reduces in parts:
            if not reduces:
                self._check_margin(account, market, leg, side, part)
        orders = [
            self._owner_trade(account, market, leg, side, part, reduces=reduces)
            for leg, part, reduces in parts
        ]
        self._core.flush_market_events()
        return orders

    def deleverage(self, account_id: str, symbol: str, share: Decimal) -> list[Order]:
        """Close `share` of what the account holds of a symbol by auto-deleveraging: at the mark, without a
        fee.

        The quantity is rounded up to the step. Nothing where it is flat.
        """
        _check_between(share, ZERO, Decimal(1))
        core, account, market = self._core, self._core.account(account_id), self._core.market(symbol)
        orders = []
        for state in _held(account, symbol) if share else ():
            size = abs(state.qty)
            qty = min(size, max(market.instrument.min_qty, _up(size * share, market.instrument.qty_step)))
            request = _request(market, state.leg, _closing_side(state), qty, reduces=True)
            orders.append(
                offbook.trade(
                    core,
                    account,
                    request,
                    market.mark,
                    fee_rate=ZERO,
                    origin=Origin.ADL,
                    kind=ExecutionKind.ADL,
                )
            )
        core.flush_market_events()
        return orders

    # How the venue treats an account

    def count_reduce_only(self, account_id: str, on: bool) -> None:
        """Refuse a reduce-only order that exceeds the position together with the resting ones.

        The refusal is REDUCE_ONLY_COVERED; see `checks.check_covered` for what counts.
        """
        self._core.account(account_id).counts_reduce_only = on

    def open_opposite(self, account_id: str, on: bool) -> None:
        """Let orders that should reduce open or enlarge the opposite leg instead.

        A one-way symbol is turned to hedge mode with the first such order.
        """
        self._core.account(account_id).opens_opposite = on

    def force_mode(self, account_id: str, mode: PositionMode, symbol: str | None = None) -> None:
        """Put a symbol (None: all) into a position mode, whatever is open; see `modes.force`."""
        modes.force(self._core, self._core.account(account_id), mode, symbol)
        self._core.flush_market_events()

    def toggle_mode(self, account_id: str, symbol: str | None = None) -> None:
        """Put a symbol (None: all) into the other position mode, until `restore_mode`."""
        account = self._core.account(account_id)
        before = account.position_default if symbol is None else account.position_mode(symbol)
        account.modes_before.setdefault(symbol, before)
        other = PositionMode.ONE_WAY if before is PositionMode.HEDGE else PositionMode.HEDGE
        self.force_mode(account_id, other, symbol)

    def restore_mode(self, account_id: str, symbol: str | None = None) -> None:
        """Put a symbol (None: all) back into the mode that it had before `toggle_mode`."""
        before = self._core.account(account_id).modes_before.pop(symbol, None)
        if before is not None:
            self.force_mode(account_id, before, symbol)

    def haircut(self, account_id: str, share: Decimal) -> None:
        """Let the account's coins be worth so much less as collateral (0: nothing less).

        The margin balance falls, and with it what keeps the positions from liquidation, which follows at once
        where it is not enough. The coins and the positions stay as they are.
        """
        _check_between(share, ZERO, Decimal(1))
        self._core.account(account_id).haircut = share
        liquidation.check(self._core)
        self._core.flush_market_events()

    def _show(self, symbol: str) -> None:
        market = self._core.market(symbol)
        market.update_id += 1
        self._core.touch(symbol)
        self._core.flush_market_events()

    def _owner_trade(
        self, account: Account, market: Market, leg: Leg, side: Side, qty: Decimal, *, reduces: bool
    ) -> Order:
        return offbook.trade(
            self._core,
            account,
            _request(market, leg, side, qty, reduces=reduces),
            market.mark,
            fee_rate=account.fee_rate(market.instrument, maker=False),
            origin=Origin.USER,
        )

    def _check_margin(self, account: Account, market: Market, leg: Leg, side: Side, qty: Decimal) -> None:
        request = _request(market, leg, side, qty, reduces=False)
        order = draft(self._core, account.account_id, request, reduce_only=False)
        checks.check_margin(self._core, account, order, qty, market.mark)


def _request(market: Market, leg: Leg, side: Side, qty: Decimal, *, reduces: bool) -> OrderRequest:
    return OrderRequest(symbol=market.symbol, side=side, qty=qty, leg=leg, reduce_only=reduces)


def _parts(account: Account, market: Market, side: Side, qty: Decimal) -> list[tuple[Leg, Decimal, bool]]:
    """The legs that a plain trade changes: how much in each, and whether it only reduces there."""
    if account.position_mode(market.symbol) is PositionMode.ONE_WAY:
        return [(Leg.NET, qty, False)]
    opened, closed = (Leg.LONG, Leg.SHORT) if side is Side.BUY else (Leg.SHORT, Leg.LONG)
    closing = closing_qty(account.state(market.instrument, closed), side, qty)
    parts = [(closed, closing, True), (opened, qty - closing, False)]
    return [part for part in parts if part[1]]


def _held(account: Account, symbol: str) -> list[PositionState]:
    return [state for state in account.held.values() if state.symbol == symbol]


def _closing_side(state: PositionState) -> Side:
    return Side.SELL if state.qty > 0 else Side.BUY


def _up(qty: Decimal, step: Decimal) -> Decimal:
    return (qty / step).to_integral_value(ROUND_CEILING) * step


def _positive(value: Decimal) -> Decimal:
    if not value.is_finite() or value <= 0:
        raise EngineRefusal(Reason.INVALID_VALUE, f"{value} must be a positive number")
    return value


def _check_between(share: Decimal, low: Decimal, high: Decimal) -> None:
    if not share.is_finite() or not low <= share <= high:
        raise EngineRefusal(Reason.INVALID_VALUE, f"{share} must lie between {low} and {high}")
