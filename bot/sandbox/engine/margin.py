"""Margin mathematics of perpetuals.

A position's own figures are in its settle coin: value v, maintenance margin MM(v) = max over tiers of (r_k v
- D_k), where r_k holds the taker rate if the venue counts the fee to close. An account's are in its own
settle coin, other coins at their index price. It is liquidated when MM >= margin balance M.

Prices of one base currency move together, and so does the coin itself where it is collateral. With the price
of a symbol at x, M(x) - MM(x) is the least of linear functions of x: a linear leg of signed size s q gives
s q (x - p) - (r_k q x - D_k); an inverse one of s Q from entry e, in USD at x, gives s Q (x / e - 1) -
(r_k Q - D_k x); B coins of the base give B x. For a single linear position the root is
p - s (M - MM) / (q (1 - s r)) with r of the tier at that root.
"""

from decimal import Decimal

import msgspec

from bot.sandbox.engine import collateral
from bot.sandbox.engine.accounts import Account, PositionState
from bot.sandbox.engine.core import Core
from bot.sandbox.engine.instruments import Instrument
from bot.sandbox.engine.options import backing
from bot.sandbox.engine.types import ZERO, Leg, OrderStatus, Side


class Figures(msgspec.Struct, frozen=True):
    """An account's sums in its settle coin (see `Wallet` for their meaning); `free` may be negative."""

    balance: Decimal
    pnl: Decimal
    margin_balance: Decimal
    position_margin: Decimal
    order_margin: Decimal
    isolated_margin: Decimal
    maintenance: Decimal
    free: Decimal
    haircut: Decimal
    coins: Decimal
    """What coins other than the settle coin are worth; the margin balance holds them less their haircut."""
    options: Decimal
    """What options are worth, of which the margin balance holds what the venue credits."""

    @property
    def ratio(self) -> Decimal | None:
        """Maintenance margin / margin balance; 0 without positions, None where no balance is left."""
        if not self.maintenance:
            return ZERO
        return self.maintenance / self.margin_balance if self.margin_balance > 0 else None


class CoinSums(msgspec.Struct, frozen=True):
    """What positions and orders that settle in one coin come to, in that coin."""

    pnl: Decimal
    position_margin: Decimal
    order_margin: Decimal
    maintenance: Decimal
    cumulative_pnl: Decimal


def rate(core: Core, account: Account, instrument: Instrument) -> Decimal:
    """What one of an instrument's settle coin is worth in the account's."""
    return collateral.rate_of(core, account, instrument.settle)


def close_rate(core: Core, account: Account, instrument: Instrument) -> Decimal:
    """The rate of the fee to close that margin includes (0 where the venue's terms leave it out)."""
    return account.fee_rate(instrument, maker=False) if core.terms.close_fee_in_margin else ZERO


def maintenance(core: Core, account: Account, state: PositionState, price: Decimal | None = None) -> Decimal:
    """Maintenance margin of a position at a price (default: its mark), the fee to close included."""
    instrument = state.instrument
    value = instrument.value(abs(state.qty), core.mark(state) if price is None else price)
    return instrument.maintenance(value) + value * close_rate(core, account, instrument)


def initial_rate(core: Core, account: Account, instrument: Instrument, leg: Leg, value: Decimal) -> Decimal:
    """Initial margin rate at a position value: 1 / leverage, at least the tier's, plus the fee to close."""
    wanted = max(1 / account.leverage(instrument, leg), instrument.tier(value).initial_rate)
    return wanted + close_rate(core, account, instrument)


def initial(core: Core, account: Account, state: PositionState) -> Decimal:
    """Initial margin of a position at its mark."""
    value = state.instrument.value(abs(state.qty), core.mark(state))
    return value * initial_rate(core, account, state.instrument, state.leg, value)


def isolated_equity(core: Core, account: Account, state: PositionState) -> Decimal:
    """What stands behind an isolated position: its own margin (less the haircut) and its own PnL."""
    return state.isolated_margin - account.cut(state.isolated_margin) + state.pnl(core.mark(state))


def figures(core: Core, account: Account) -> Figures:
    """All sums of an account at the present marks."""
    cross_pnl = isolated_pnl = position_margin = upkeep = set_apart = haircut = ZERO
    for state in account.held.values():
        pnl = state.pnl(core.mark(state))
        if state.isolated:
            isolated_pnl += pnl
            set_apart += state.isolated_margin
            haircut += account.cut(state.isolated_margin)
        else:
            worth = rate(core, account, state.instrument)
            cross_pnl += pnl * worth
            upkeep += maintenance(core, account, state) * worth
            position_margin += initial(core, account, state) * worth
    balance = account.balance
    cross_cut = account.cut(balance - set_apart)
    margin_balance = balance - set_apart + cross_pnl - cross_cut + collateral.margin_of(core, account)
    margin_balance += backing.credited(core, account)
    orders = order_margin(core, account) + backing.reserved(core, account)
    return Figures(
        balance=balance,
        pnl=cross_pnl + isolated_pnl,
        margin_balance=margin_balance,
        position_margin=position_margin,
        order_margin=orders,
        isolated_margin=set_apart,
        maintenance=upkeep,
        free=margin_balance - position_margin - orders,
        haircut=haircut + cross_cut,
        coins=collateral.worth(core, account),
        options=backing.worth(core, account),
    )


def coin_sums(core: Core, account: Account, coin: str) -> CoinSums:
    """What positions and orders that settle in a coin come to."""
    pnl = position_margin = upkeep = cumulative = ZERO
    for state in account.positions.values():
        if state.instrument.settle != coin:
            continue
        cumulative += state.cumulative_pnl
        if state.qty:
            pnl += state.pnl(core.mark(state))
            upkeep += maintenance(core, account, state)
            position_margin += state.isolated_margin if state.isolated else initial(core, account, state)
    orders = _orders_by_coin(core, account).get(coin, ZERO) + backing.reserved_in(core, account, coin)
    return CoinSums(pnl, position_margin, orders, upkeep, cumulative)


def cross_state(core: Core, account: Account) -> tuple[Decimal, Decimal]:
    """(margin balance, maintenance margin) of the cross positions: the quick form that every step needs."""
    cash, upkeep = account.balance, ZERO
    balance = cash + collateral.margin_of(core, account)
    if account.options is not None:
        balance += backing.credited(core, account)
    for state in account.held.values():
        if state.isolated:
            balance -= state.isolated_margin
            cash -= state.isolated_margin
        else:
            mark, worth = core.mark(state), rate(core, account, state.instrument)
            balance += state.pnl(mark) * worth
            upkeep += maintenance(core, account, state, mark) * worth
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
    return _together(core, account, _orders_by_coin(core, account))


def margin_with(core: Core, account: Account, candidate: Candidate, without: str = "") -> Decimal:
    """Initial margin of the resting orders with one more (and without the order of id `without`)."""
    return _together(core, account, _order_margin(core, account, candidate, without))


def _together(core: Core, account: Account, by_coin: dict[str, Decimal]) -> Decimal:
    return sum((amount * collateral.rate_of(core, account, coin) for coin, amount in by_coin.items()), ZERO)


def _orders_by_coin(core: Core, account: Account) -> dict[str, Decimal]:
    if account.order_margin is None:
        account.order_margin = _order_margin(core, account, None)
    return account.order_margin


def _order_margin(
    core: Core, account: Account, candidate: Candidate | None, without: str = ""
) -> dict[str, Decimal]:
    sums: dict[tuple[str, Leg], dict[Side, list[Decimal]]] = {}
    wanted = [
        Candidate(order.symbol, order.leg, order.side, order.leaves_qty, order.price or ZERO)
        for order in account.orders.values()
        if not order.reduce_only and order.status is not OrderStatus.UNTRIGGERED and order.order_id != without
    ]
    for one in [*wanted, candidate] if candidate else wanted:
        sides = sums.setdefault((one.symbol, one.leg), {Side.BUY: [ZERO, ZERO], Side.SELL: [ZERO, ZERO]})
        sides[one.side][0] += one.qty
        sides[one.side][1] += core.markets[one.symbol].instrument.value(one.qty, one.price)
    found: dict[str, Decimal] = {}
    for key, both in sums.items():
        coin = core.markets[key[0]].instrument.settle
        found[coin] = found.get(coin, ZERO) + _leg_margin(core, account, key, both)
    return found


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

Line = tuple[Decimal, Decimal]
"""Slope and value at 0 of a linear function of the price."""


def liquidation_price(
    core: Core, account: Account, state: PositionState, cross: Cross | None = None
) -> Decimal | None:
    """The price of this symbol at which the position is liquidated if no other base's price moves.

    None where there is none.

    In cross margin all that the account has of the base moves along: a long's price is the root below which
    MM exceeds M, a short's the root above which it does. `cross` saves computing the account's sums again.
    """
    legs, slack, coins = _moving(core, account, state, cross)
    lines = [coins]
    for leg in legs:
        slack -= leg.pnl(core.mark(leg)) * rate(core, account, leg.instrument)
        mine = _leg_lines(core, account, leg, core.mark(state))
        lines = [(slope + more, base + rest) for slope, base in lines for more, rest in mine]
    return _root([(slope, base + slack) for slope, base in lines], is_long=state.qty > 0)


def bankruptcy_price(
    core: Core, account: Account, state: PositionState, cross: Cross | None = None
) -> Decimal | None:
    """The price of this symbol at which nothing is left behind the position; None where there is none."""
    mark = core.mark(state)
    if state.isolated:
        price = mark - isolated_equity(core, account, state) / state.qty
        return price if price > 0 else None
    balance, upkeep = cross or cross_state(core, account)
    legs, _, (slope, base) = _moving(core, account, state, (balance, upkeep))
    base += balance
    for leg in legs:
        base -= leg.pnl(core.mark(leg)) * rate(core, account, leg.instrument)
        more, rest = _profit_line(core, account, leg, mark)
        slope, base = slope + more, base + rest
    price = -base / slope if slope else ZERO
    return price if price > 0 else None


def _of_base(account: Account, base: str) -> list[PositionState]:
    return [one for one in account.held.values() if one.instrument.base == base and not one.isolated]


def _moving(
    core: Core, account: Account, state: PositionState, cross: Cross | None
) -> tuple[list[PositionState], Decimal, Line]:
    # the legs that move with the price, M less the maintenance margin of what does not, and what coins gain
    if state.isolated:
        return [state], isolated_equity(core, account, state), (ZERO, ZERO)
    base = state.instrument.base
    legs = _of_base(account, base)
    balance, upkeep = cross or cross_state(core, account)
    for leg in legs:
        upkeep -= maintenance(core, account, leg) * rate(core, account, leg.instrument)
    coins = collateral.as_margin(core, collateral.worth_of(core, account, base))
    return legs, balance - upkeep, (coins / core.mark(state), -coins)


def _profit_line(core: Core, account: Account, leg: PositionState, mark: Decimal) -> Line:
    """PnL of a leg as a function of the price of a symbol that is at `mark` now; its own moves along."""
    moves = core.mark(leg) / mark
    if not leg.instrument.inverse:
        return leg.qty * moves, -leg.qty * leg.entry_price
    # a coin is worth rate x / m at x, m the leg's mark: times (Q / e - Q / x) that is linear in x
    worth = rate(core, account, leg.instrument) / core.mark(leg)
    return worth * leg.qty / leg.entry_price * moves, -worth * leg.qty


def _leg_lines(core: Core, account: Account, leg: PositionState, mark: Decimal) -> list[Line]:
    """As `_profit_line`, less maintenance margin: a line for each tier."""
    slope, base = _profit_line(core, account, leg, mark)
    fee, size, moves = close_rate(core, account, leg.instrument), abs(leg.qty), core.mark(leg) / mark
    tiers = leg.instrument.tiers
    if not leg.instrument.inverse:
        return [(slope - size * (t.maintenance_rate + fee) * moves, base + t.deduction) for t in tiers]
    worth = rate(core, account, leg.instrument) / core.mark(leg)
    return [
        (slope + worth * t.deduction * moves, base - worth * size * (t.maintenance_rate + fee)) for t in tiers
    ]


def _root(lines: list[Line], *, is_long: bool) -> Decimal | None:
    # f(x) = min over lines of slope x + base is concave: it is >= 0 exactly between its two roots
    rising = [-base / slope for slope, base in lines if slope > 0]
    falling = [-base / slope for slope, base in lines if slope < 0]
    low, high = max(rising, default=None), min(falling, default=None)
    if low is not None and high is not None and low > high:
        return None
    root = low if is_long else high
    return root if root is not None and root > 0 else None
