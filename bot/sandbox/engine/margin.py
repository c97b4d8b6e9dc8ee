"""Margin mathematics of linear perpetuals.

For a position of signed size s q at mark p: value v = q p, maintenance margin MM(v) = max over tiers of (r_k
v - D_k), where r_k holds the taker rate if the venue counts the fee to close. The account is liquidated when
MM >= margin balance M. Moving one symbol's price to x changes M by (sum of s q)(x - p), so M(x) - MM(x) is
the least of linear functions of x; for a single position its root is p - s (M - MM) / (q (1 - s r)) with r of
the tier at that root.
"""

from decimal import Decimal

import msgspec

from bot.sandbox.engine import collateral
from bot.sandbox.engine.accounts import Account, PositionState
from bot.sandbox.engine.core import Core
from bot.sandbox.engine.instruments import Instrument
from bot.sandbox.engine.types import ZERO, Leg, OrderStatus, Side


class Figures(msgspec.Struct, frozen=True):
    """An account's sums in the settle coin (see `Wallet` for their meaning); `free` may be negative."""

    balance: Decimal
    pnl: Decimal
    margin_balance: Decimal
    position_margin: Decimal
    order_margin: Decimal
    isolated_margin: Decimal
    isolated_maintenance: Decimal
    maintenance: Decimal
    free: Decimal
    haircut: Decimal
    coins: Decimal
    """What coins other than the settle coin are worth; the margin balance holds them less their haircut."""

    @property
    def ratio(self) -> Decimal | None:
        """Maintenance margin / margin balance; 0 without positions, None where no balance is left."""
        if not self.maintenance:
            return ZERO
        return self.maintenance / self.margin_balance if self.margin_balance > 0 else None


def close_rate(core: Core, account: Account, instrument: Instrument) -> Decimal:
    """The rate of the fee to close that margin includes (0 where the venue's terms leave it out)."""
    return account.fee_rate(instrument, maker=False) if core.terms.close_fee_in_margin else ZERO


def maintenance(core: Core, account: Account, state: PositionState, price: Decimal | None = None) -> Decimal:
    """Maintenance margin of a position at a price (default: its mark), the fee to close included."""
    value = abs(state.qty) * (core.mark(state) if price is None else price)
    return state.instrument.maintenance(value) + value * close_rate(core, account, state.instrument)


def initial_rate(core: Core, account: Account, instrument: Instrument, leg: Leg, value: Decimal) -> Decimal:
    """Initial margin rate at a position value: 1 / leverage, at least the tier's, plus the fee to close."""
    rate = max(1 / account.leverage(instrument, leg), instrument.tier(value).initial_rate)
    return rate + close_rate(core, account, instrument)


def initial(core: Core, account: Account, state: PositionState) -> Decimal:
    """Initial margin of a position at its mark."""
    value = abs(state.qty) * core.mark(state)
    return value * initial_rate(core, account, state.instrument, state.leg, value)


def isolated_equity(core: Core, account: Account, state: PositionState) -> Decimal:
    """What stands behind an isolated position: its own margin (less the haircut) and its own PnL."""
    return state.isolated_margin - account.cut(state.isolated_margin) + state.pnl(core.mark(state))


def figures(core: Core, account: Account) -> Figures:
    """All sums of an account at the present marks."""
    cross_pnl = isolated_pnl = position_margin = upkeep = set_apart = isolated_upkeep = haircut = ZERO
    for state in account.held.values():
        pnl = state.pnl(core.mark(state))
        if state.isolated:
            isolated_pnl += pnl
            set_apart += state.isolated_margin
            haircut += account.cut(state.isolated_margin)
            isolated_upkeep += maintenance(core, account, state)
        else:
            cross_pnl += pnl
            upkeep += maintenance(core, account, state)
            position_margin += initial(core, account, state)
    balance = account.balance
    cross_cut = account.cut(balance - set_apart)
    coins = collateral.worth(core, account)
    margin_balance = balance - set_apart + cross_pnl - cross_cut + collateral.as_margin(core, coins)
    orders = order_margin(core, account)
    return Figures(
        balance=balance,
        pnl=cross_pnl + isolated_pnl,
        margin_balance=margin_balance,
        position_margin=position_margin,
        order_margin=orders,
        isolated_margin=set_apart,
        isolated_maintenance=isolated_upkeep,
        maintenance=upkeep,
        free=margin_balance - position_margin - orders,
        haircut=haircut + cross_cut,
        coins=coins,
    )


def cross_state(core: Core, account: Account) -> tuple[Decimal, Decimal]:
    """(margin balance, maintenance margin) of the cross positions: the quick form that every step needs."""
    cash, upkeep = account.balance, ZERO
    balance = cash + collateral.as_margin(core, collateral.worth(core, account))
    for state in account.held.values():
        if state.isolated:
            balance -= state.isolated_margin
            cash -= state.isolated_margin
        else:
            mark = core.mark(state)
            balance += state.pnl(mark)
            upkeep += maintenance(core, account, state, mark)
    return balance - account.cut(cash), upkeep


def debt(core: Core, account: Account) -> Decimal:
    """What the cross positions have lost beyond the account's own coins; a haircut owes nobody anything."""
    cash = account.balance - sum((one.isolated_margin for one in account.held.values() if one.isolated), ZERO)
    return max(ZERO, -cross_state(core, account)[0] - account.cut(cash))


# Orders


class Candidate(msgspec.Struct, frozen=True):
    """An order that is not placed yet, for the initial margin check."""

    symbol: str
    leg: Leg
    side: Side
    qty: Decimal
    price: Decimal


def order_margin(core: Core, account: Account) -> Decimal:
    """Initial margin of the resting orders that could open or enlarge a position."""
    if account.order_margin is None:
        account.order_margin = _order_margin(core, account, None)
    return account.order_margin


def margin_with(core: Core, account: Account, candidate: Candidate, without: str = "") -> Decimal:
    """Initial margin of the resting orders with one more (and without the order of id `without`)."""
    return _order_margin(core, account, candidate, without)


def _order_margin(core: Core, account: Account, candidate: Candidate | None, without: str = "") -> Decimal:
    sums: dict[tuple[str, Leg], dict[Side, list[Decimal]]] = {}
    wanted = [
        Candidate(order.symbol, order.leg, order.side, order.leaves_qty, order.price or ZERO)
        for order in account.orders.values()
        if not order.reduce_only and order.status is not OrderStatus.UNTRIGGERED and order.order_id != without
    ]
    for one in [*wanted, candidate] if candidate else wanted:
        sides = sums.setdefault((one.symbol, one.leg), {Side.BUY: [ZERO, ZERO], Side.SELL: [ZERO, ZERO]})
        sides[one.side][0] += one.qty
        sides[one.side][1] += one.qty * one.price
    return sum((_leg_margin(core, account, key, sides) for key, sides in sums.items()), ZERO)


def _leg_margin(
    core: Core, account: Account, key: tuple[str, Leg], sides: dict[Side, list[Decimal]]
) -> Decimal:
    # the larger side counts: only one of them can end up as the position
    instrument = core.markets[key[0]].instrument
    held = account.held.get(key)
    largest = ZERO
    for side, (qty, value) in sides.items():
        opposite = max(ZERO, -side.sign * held.qty) if held else ZERO
        opening = max(ZERO, qty - opposite)
        if opening:
            cost = value * opening / qty
            largest = max(largest, cost * initial_rate(core, account, instrument, key[1], cost))
    return largest


# Liquidation and bankruptcy prices


Cross = tuple[Decimal, Decimal]
"""(margin balance, maintenance margin) of an account, as `cross_state` gives it."""


def liquidation_price(
    core: Core, account: Account, state: PositionState, cross: Cross | None = None
) -> Decimal | None:
    """The price of this symbol at which the position is liquidated if no other price moves.

    None where there is none.

    In cross margin every cross leg of the symbol moves along: a long's price is the root below which MM
    exceeds M, a short's the root above which it does. `cross` saves computing the account's sums again.
    """
    legs, slack = _moving(core, account, state, cross)
    lines = [(ZERO, slack - sum((leg.pnl(core.mark(leg)) for leg in legs), ZERO))]
    for leg in legs:
        rate, size = close_rate(core, account, leg.instrument), abs(leg.qty)
        lines = [
            (
                slope + leg.qty - size * (tier.maintenance_rate + rate),
                base - leg.qty * leg.entry_price + tier.deduction,
            )
            for slope, base in lines
            for tier in leg.instrument.tiers
        ]
    return _root(lines, is_long=state.qty > 0)


def bankruptcy_price(
    core: Core, account: Account, state: PositionState, cross: Cross | None = None
) -> Decimal | None:
    """The price of this symbol at which nothing is left behind the position; None where there is none."""
    mark = core.mark(state)
    if state.isolated:
        price = mark - isolated_equity(core, account, state) / state.qty
    else:
        net = sum((leg.qty for leg in _cross_legs(account, state.symbol)), ZERO)
        balance = (cross or cross_state(core, account))[0]
        price = mark - balance / net if net else ZERO
    return price if price > 0 else None


def _cross_legs(account: Account, symbol: str) -> list[PositionState]:
    return [one for one in account.held.values() if one.symbol == symbol and not one.isolated]


def _moving(
    core: Core, account: Account, state: PositionState, cross: Cross | None
) -> tuple[list[PositionState], Decimal]:
    # the legs that move with the price, and M less the maintenance margin of everything that does not
    if state.isolated:
        return [state], isolated_equity(core, account, state)
    legs = _cross_legs(account, state.symbol)
    balance, upkeep = cross or cross_state(core, account)
    return legs, balance - upkeep + sum((maintenance(core, account, leg) for leg in legs), ZERO)


def _root(lines: list[tuple[Decimal, Decimal]], *, is_long: bool) -> Decimal | None:
    # f(x) = min over lines of slope x + base is concave: it is >= 0 exactly between its two roots
    rising = [-base / slope for slope, base in lines if slope > 0]
    falling = [-base / slope for slope, base in lines if slope < 0]
    low, high = max(rising, default=None), min(falling, default=None)
    if low is not None and high is not None and low > high:
        return None
    root = low if is_long else high
    return root if root is not None and root > 0 else None
