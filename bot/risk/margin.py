"""Maintenance margin and liquidation price of perpetuals.

A position of q coins at mark p (s = +1 long, -1 short) is liquidated at the price x where the margin balance
no longer exceeds maintenance margin, only its own symbol moving, and what moves with it:

    M + s q (x - p) <= MM_others + max_k (r_k q x - D_k)

Inside one bracket that is x = p - s (M - MM) / (q (1 - s r)), with r of the bracket *at the liquidation
price*; over brackets it is the largest such root for a long and the smallest for a short.

Positions on its side in other symbols of its base move along: two contracts of bitcoin fall together. One
against it there is not counted as help. The wallet's coins of its base move along: they add their margin to
the slope, as a long position that needs no maintenance margin. An inverse position of c USD moves like c / p
coins, and needs max_k (r_k c - D_k x), D_k in coins. For a long from p0 with B coins behind it:
x = c (1 + r) / (B + c / p0).
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache

from bot.model import Number, Tier, Unknown
from bot.risk.portfolio import Bracket, Coin, Holding

DISTANCE_BOUND = 10.0
"""A short's liquidation price is sought up to this many times mark above mark, and never given further."""


@lru_cache(maxsize=4096)
def brackets_of(tiers: tuple[Tier, ...], close_fee: float) -> tuple[Bracket, ...]:
    """Turn a venue's tiers into brackets whose maximum is the maintenance margin.

    `close_fee` is the taker fee as a fraction where the venue counts it in maintenance margin, else 0. Tiers
    may come in any order; one that is nowhere the largest is left out, so the result is an upper envelope.
    """
    return _envelope((float(one.maintenance_rate) + close_fee, float(one.deduction)) for one in tiers)


def inverse_brackets(
    tiers: tuple[Tier, ...], close_fee: float, contracts: float, size: float
) -> tuple[Bracket, ...]:
    """Turn tiers in coins into brackets of an inverse position: `contracts` USD that move like `size` coins.

    At value v the price is v / size, and each tier asks rate * contracts - deduction * price.
    """
    return _envelope(
        (-float(one.deduction) / size, -(float(one.maintenance_rate) + close_fee) * contracts)
        for one in tiers
    )


def _envelope(given: Iterable[tuple[float, float]]) -> tuple[Bracket, ...]:
    lines: dict[float, float] = {}
    for rate, deduction in given:
        lines[rate] = min(deduction, lines.get(rate, deduction))
    envelope: list[Bracket] = []
    for rate, deduction in sorted(lines.items()):
        floor = 0.0
        while envelope:
            last = envelope[-1]
            floor = max((deduction - last.deduction) / (rate - last.rate), 0.0)
            if floor > last.floor:
                break
            envelope.pop()
        envelope.append(Bracket(floor if envelope else 0.0, rate, deduction))
    return tuple(envelope)


def bracket_at(brackets: Sequence[Bracket], notional: float) -> Bracket:
    """Return the bracket that sets the maintenance margin of `notional` USD."""
    chosen = brackets[0]
    best = chosen.rate * notional - chosen.deduction
    for bracket in brackets:
        margin = bracket.rate * notional - bracket.deduction
        if margin < best:
            break
        chosen, best = bracket, margin
    return chosen


def maintenance_of(brackets: Sequence[Bracket], notional: float) -> float:
    """Return the maintenance margin in USD of `notional` USD: max_k (r_k v - D_k)."""
    bracket = bracket_at(brackets, notional)
    return bracket.rate * notional - bracket.deduction


def room_at(price: float, legs: Sequence[Holding], free: float, coins: float = 0.0) -> tuple[float, float]:
    """Return M - MM at `price` and its slope in USD a price unit.

    `price` is the first leg's; the others' keep their proportion to it. `free` is the margin balance at
    today's mark less all maintenance margin but the legs' own recomputed one, `coins` what of it are coins of
    the same base.
    """
    room, slope = free, 0.0
    mark = legs[0].price
    if coins:
        room, slope = free + coins * (price / mark - 1.0), coins / mark
    for leg in legs:
        size, sign = leg.size, leg.sign
        if leg.price != mark:
            size *= leg.price / mark
        bracket = bracket_at(leg.brackets, size * price)
        room += sign * size * (price - mark) - (bracket.rate * size * price - bracket.deduction)
        slope += size * (sign - bracket.rate)
    return room, slope


def liquidation_price(sign: int, legs: Sequence[Holding], free: float, coins: float = 0.0) -> float:
    """Return the price at which falling (`sign` +1) or rising (-1) liquidates `legs`.

    `legs` is the position itself, then what shares its cross margin and moves with it. The result is 0 where
    no fall liquidates and `1 + DISTANCE_BOUND` times mark where no rise up to it does. It is at or past mark
    where the legs are liquidated already.

    M - MM is concave and piecewise linear in price, so Newton's method from the far end rises to the root
    without passing it and ends on the very bracket that holds there: the closed form above, found bracket
    by bracket.
    """
    mark = legs[0].price
    price = 0.0 if sign > 0 else (1.0 + DISTANCE_BOUND) * mark
    room, slope = room_at(price, legs, free, coins)
    if room > 0.0:
        return price
    while slope * sign > 0.0:
        nearer = price - room / slope
        if (nearer - price) * sign <= 1e-14 * mark:
            return price
        price = nearer
        room, slope = room_at(price, legs, free, coins)
    return mark


def cross_maintenance(holdings: Iterable[Holding], excess: float) -> float:
    """Return the maintenance margin in USD of the cross block; `excess` is the account's own."""
    total = excess
    for holding in holdings:
        if holding.isolated_equity is None:
            total += holding.maintenance
    return total


def moves_along(holding: Holding, other: Holding) -> bool:
    """Whether another position moves with the price of one: of its symbol, or of its base on its side."""
    if other.base != holding.base:
        return False
    return other.symbol == holding.symbol or other.sign == holding.sign


class Margins:
    """The margin that stands behind each of a portfolio's positions."""

    def __init__(
        self, holdings: Iterable[Holding], margin_balance: Number, excess: float, coins: Iterable[Coin] = ()
    ) -> None:
        """Take the holdings, the cross margin balance, the account's own maintenance excess in USD, and what
        coins are among the margin.
        """
        self._coins = {coin.base: coin.margin for coin in coins}
        self._bases: dict[str, list[Holding]] = {}
        self._margin_balance = margin_balance
        self._maintenance = excess
        for holding in holdings:
            if holding.isolated_equity is None:
                self._bases.setdefault(holding.base, []).append(holding)
                self._maintenance += holding.maintenance

    def legs(self, holding: Holding) -> Sequence[Holding]:
        """Return what moves with the position, itself first: both legs of its symbol, and others of its base
        on its side.
        """
        if holding.isolated_equity is not None:
            return (holding,)
        of_base = self._bases[holding.base]
        if len(of_base) == 1:
            return of_base
        found = [one for one in of_base if moves_along(holding, one)]
        return sorted(found, key=lambda one: one.key != holding.key)

    def has_other_leg(self, holding: Holding) -> bool:
        """Whether something of its base is held against it, in cross margin like itself."""
        others = () if holding.isolated_equity is not None else self._bases[holding.base]
        return any(one.sign != holding.sign for one in others)

    def coins(self, holding: Holding) -> float:
        """Return the USD of cross margin that are coins of the position's own base."""
        return self._coins.get(holding.base, 0.0) if holding.isolated_equity is None else 0.0

    def free(self, holding: Holding) -> Number:
        """Return margin less all maintenance margin but what the legs' brackets ask, in USD.

        Unknown in cross margin where the margin balance is.
        """
        if holding.isolated_equity is not None:
            return holding.isolated_equity - holding.maintenance_excess - holding.liquidation_excess
        if isinstance(self._margin_balance, Unknown):
            return self._margin_balance
        free = self._margin_balance - self._maintenance - holding.liquidation_excess
        for leg in self.legs(holding):
            free += leg.maintenance - leg.maintenance_excess
        return free

    def liquidation_price(self, holding: Holding) -> Number:
        """Recompute the liquidation price, `liquidation_excess` counted in; unknown as `free` is."""
        free = self.free(holding)
        if isinstance(free, Unknown):
            return free
        return liquidation_price(holding.sign, self.legs(holding), free, self.coins(holding))
