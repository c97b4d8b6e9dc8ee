"""Metrics of a recomputed state, each by its definition rather than by a closed form."""

from collections.abc import Callable, Mapping, Sequence
from math import inf

from msgspec import Struct

from bot.model import Number, Scenario, Unknown
from bot.planning.nature import MOVES_ALL
from bot.planning.papers import leaning, paper_gain
from bot.planning.recomputation import Entry, Purse, State, margin_for
from bot.planning.request import Watch
from bot.planning.roots import concave_root
from bot.risk.context import MetricContext

BEYOND = 1e9
"""A ratio to equity or margin where none is left: finite, and past every limit."""

LONG_BOUND = 1.0
"""Distance of a long that no fall liquidates."""

SHORT_BOUND = 10.0
"""Furthest distance at which a short is looked at."""

JOINT_BOUND = 1.0
"""Largest move of the market that is looked at, either way."""


def _ratio(part: float, whole: Number) -> Number:
    if isinstance(whole, Unknown):
        return whole
    if part == 0.0:
        return 0.0
    return part / whole if whole > 0.0 else BEYOND


def _leverage(watch: Watch, state: State, context: MetricContext) -> Number:
    return _ratio(sum(entry.value for entry in state.entries), state.equity)


def _net_leverage(watch: Watch, state: State, context: MetricContext) -> Number:
    net = sum(entry.sign * entry.beta * entry.value for entry in state.entries)
    net += sum(coin.beta * coin.worth for coin in state.coins)
    net += sum(paper.beta * leaning(paper) for paper in state.papers)
    return _ratio(abs(net), state.equity)


def _margin_ratio(watch: Watch, state: State, context: MetricContext) -> Number:
    worst: Number = 0.0
    if state.cross:
        worst = _ratio(state.needed + state.surcharge, state.balance)
    if isinstance(worst, Unknown):
        return worst
    for entry in state.isolated:
        own = _ratio(margin_for(entry, 1.0), entry.equity or 0.0)
        assert not isinstance(own, Unknown)
        worst = max(worst, own)
    return worst


def _own(watch: Watch, state: State) -> Entry | Unknown:
    entry = state.entry(watch.target.position)
    return Unknown("the position is closed") if entry is None else entry


def _position_leverage(watch: Watch, state: State, context: MetricContext) -> Number:
    entry = _own(watch, state)
    if isinstance(entry, Unknown):
        return entry
    return _ratio(entry.value, state.equity if entry.equity is None else entry.equity)


def _equity_share(watch: Watch, state: State, context: MetricContext) -> Number:
    entry = _own(watch, state)
    return entry if isinstance(entry, Unknown) else _ratio(entry.value, state.equity)


def _room_of(legs: tuple[Entry, ...], state: State) -> Number:
    """Margin above maintenance before any move, for legs that move together."""
    if legs[0].equity is not None:
        return legs[0].equity - margin_for(legs[0], 1.0)
    if isinstance(state.balance, Unknown):
        return state.balance
    return state.balance - state.surcharge - state.needed


def _edges(legs: tuple[Entry, ...], *, upward: bool) -> list[float]:
    """Prices, as shares of mark and in the order they are met, at which some leg enters another slice."""
    found = {_edge(leg, floor) for leg in legs for floor, _, _ in leg.slices if floor > 0.0}
    bound = 1.0 + SHORT_BOUND if upward else 0.0
    ahead = [edge for edge in found if (1.0 < edge < bound if upward else bound < edge < 1.0)]
    return [*sorted(ahead, reverse=not upward), bound]


def _edge(leg: Entry, floor: float) -> float:
    return leg.value / (floor * leg.price) if leg.inverse else floor / leg.value


def walk_to_liquidation(sign: int, legs: tuple[Entry, ...], room: float, coins: float = 0.0) -> float:
    """Walk the price from slice to slice until the room is used up; the distance as a fraction of mark.

    `sign` +1 walks down, -1 up; not beyond LONG_BOUND or SHORT_BOUND. At most 0 where no room is left.
    `coins` is the margin that moves with the price.
    """
    if room <= 0.0:
        return room / legs[0].value
    upward = sign < 0
    share = 1.0
    for edge in _edges(legs, upward=upward):
        move = edge - share
        left = room + coins * move
        for leg in legs:
            left += leg.sign * leg.value * move - (margin_for(leg, edge) - margin_for(leg, share))
        if left <= 0.0:
            return abs(1.0 - share) + abs(move) * room / (room - left)
        room, share = left, edge
    return abs(1.0 - share)


def _falls_along(other: Entry, entry: Entry) -> bool:
    """Whether another position of its base counts: its symbol's other leg does, and what is on its side."""
    return other.symbol == entry.symbol or other.sign == entry.sign


def _distance(watch: Watch, state: State, context: MetricContext) -> Number:
    entry = _own(watch, state)
    if isinstance(entry, Unknown):
        return entry
    legs: tuple[Entry, ...] = (entry,)
    if entry.equity is None and entry.base in state.unpriced_coins:
        return Unknown(state.unpriced_coins[entry.base])
    if entry.equity is None:
        legs += tuple(
            one for one in state.cross_of(entry.base) if one.key != entry.key and _falls_along(one, entry)
        )
    room = _room_of(legs, state)
    if isinstance(room, Unknown):
        return room
    coins = sum(coin.margin for coin in state.coins if coin.base == entry.base and entry.equity is None)
    return walk_to_liquidation(entry.sign, legs, room - entry.early, coins)


def _in_units(table: str) -> Callable[[Watch, State, MetricContext], Number]:
    def measured(watch: Watch, state: State, context: MetricContext) -> Number:
        unit = getattr(context.stats, table).get(watch.target.symbol)
        distance = _distance(watch, state, context)
        if isinstance(distance, Unknown):
            return distance
        return distance / unit if unit else Unknown(f"no candles of {watch.target.symbol}")

    return measured


def _rates(movers: Sequence[Entry | Purse], sides: Mapping[str, int], direction: float) -> list[float]:
    """Adverse move of every position or coin for one unit of the market's move; the floor at 0 left out.

    All that is held of a base shares the residual of its net side.
    """
    return [one.beta * direction - sides[one.base] * one.residual for one in movers]


def _sides(entries: tuple[Entry, ...], coins: tuple[Purse, ...]) -> dict[str, int]:
    """Return the side of what is held of each base: the one that its residual hurts; 0 where it cancels."""
    nets: dict[str, float] = {}
    for entry in entries:
        nets[entry.base] = nets.get(entry.base, 0.0) + entry.sign * entry.value
    for coin in coins:
        nets[coin.base] = nets.get(coin.base, 0.0) + coin.worth
    return {base: 1 if net > 0 else -1 if net < 0 else 0 for base, net in nets.items()}


_Lane = tuple[float, float, float, tuple[tuple[float, float, float], ...], Entry | None]


def _lanes(entries: Sequence[Entry]) -> list[_Lane]:
    """What a move does to positions: pull, value, surcharge, slices; and the whole of an inverse one."""
    return [
        (one.sign * one.value, one.value, one.surcharge, one.slices, one if one.inverse else None)
        for one in entries
    ]


class _Block(Struct, frozen=True):
    """Positions and coins behind which one margin stands, `room` of it before maintenance."""

    lanes: list[_Lane]
    coins: tuple[Purse, ...]
    room: float

    def left(self, rates: Sequence[float], past: float) -> Callable[[float], tuple[float, float]]:
        """Return what gives the margin above maintenance after a move of the market, and its slope there.

        Each position and coin moves by its own rate. What loses goes on losing below price 0, unless it was
        there after the move `past`: so the margin falls ever faster, and is never told too high.
        It is asked a few times for each root, so the maintenance margin of what is linear is written out:
        `margin_for`, slice by slice.
        """
        moving = [
            (rate, -1.0 if rate * past <= -1.0 or lane[0] < 0.0 else -inf, lane)
            for rate, lane in zip(rates, self.lanes, strict=False)
        ]
        coins = [
            (rate, -1.0 if rate * past <= -1.0 or coin.margin < 0.0 else -inf, coin.margin)
            for rate, coin in zip(rates[len(moving) :], self.coins, strict=True)
        ]

        def left(move: float) -> tuple[float, float]:
            room, slope = self.room, 0.0
            for rate, least, (pull, whole, surcharge, slices, inverse) in moving:
                change, steep = rate * move, rate
                if change < least:
                    change, steep = least, 0.0
                if inverse is not None:
                    needed, growth = _inverse_margin(inverse, 1.0 + change)
                    room += pull * change - needed
                    slope += steep * (pull - growth)
                    continue
                value, needed, last = whole * (1.0 + change), 0.0, 0.0
                for floor, cap, asked in slices:
                    if value <= floor:
                        break
                    needed += asked * ((value if value < cap else cap) - floor)
                    last = asked
                room += pull * change - (surcharge + needed)
                slope += steep * (pull - whole * last)
            for rate, least, margin in coins:
                change = rate * move
                room += margin * max(change, least)
                slope += margin * rate if change >= least else 0.0
            return room, slope

        return left


def _inverse_margin(entry: Entry, share: float) -> tuple[float, float]:
    """Maintenance margin of an inverse position at a share of its mark price, and how it grows with that.

    Below price 0 it goes on growing as it does there.
    """
    at, growth = max(share, 0.0), 0.0
    unit = entry.price * at
    for floor, cap, rate in entry.slices:
        if entry.value <= floor * unit:
            break
        growth += -rate * floor if cap == inf or entry.value <= cap * unit else rate * (cap - floor)
    growth *= entry.price
    return margin_for(entry, at) + growth * (share - at), growth


def _first_root(block: _Block, rates: Sequence[float], bound: float) -> float:
    """Smallest move in one direction, up to a bound, that uses the room up.

    What is at price 0 by then loses no more: it is looked for again from there on.
    """
    past, gone = 0.0, 0
    while True:
        left = block.left(rates, past)
        at_bound = left(bound)
        if at_bound[0] > 0.0:
            return bound
        past = concave_root(left, past, bound, at_bound)
        known, gone = gone, sum(rate * past <= -1.0 for rate in rates)
        if gone == known:
            return past


def _nearest(entries: tuple[Entry, ...], coins: tuple[Purse, ...], room: float, bound: float) -> float:
    """Smallest move of the market either way, up to a bound, that uses the room of a block up."""
    block, sides = _Block(_lanes(entries), coins, room), _sides(entries, coins)
    movers: tuple[Entry | Purse, ...] = (*entries, *coins)
    for direction in (-1.0, 1.0):
        bound = _first_root(block, _rates(movers, sides, direction), bound)
    return bound


def _reaches(entry: Entry, bound: float) -> bool:
    """Whether a move of the market up to a bound, either way, uses up an isolated position's margin.

    What is left falls ever faster with the price: where it is above 0 at the bounds, it is between them.
    """
    equity, side = entry.equity or 0.0, 0 if entry.value == 0.0 else entry.sign
    for move in (0.0, -bound, bound):
        change = max(entry.beta * move - side * entry.residual * abs(move), -1.0)
        if equity + entry.sign * entry.value * change - margin_for(entry, 1.0 + change) <= 0.0:
            return True
    return False


def _joint_distance(watch: Watch, state: State, context: MetricContext) -> Number:
    nearest = JOINT_BOUND
    if state.cross:
        if isinstance(state.balance, Unknown):
            return state.balance
        room = state.balance - state.surcharge
        nearest = _nearest(state.cross, state.coins, room, nearest) if room > state.needed else 0.0
    for entry in state.isolated:
        equity = entry.equity or 0.0
        if _reaches(entry, nearest):
            nearest = _nearest((entry,), (), equity, nearest) if equity > margin_for(entry, 1.0) else 0.0
    return nearest


def _loss(state: State, scenario: Scenario, sides: Mapping[str, int]) -> float:
    """Loss in USD at shocked prices; an isolated position loses at most its own margin."""
    shocks = scenario.shocks
    market = shocks.get(state.reference, 0.0)
    size = abs(market)
    direction = 1.0 if market > 0 else -1.0
    loss = 0.0
    for coin, rate in zip(state.coins, _rates(state.coins, sides, direction), strict=True):
        loss -= coin.worth * max(shocks.get(coin.base, rate * size), -1.0)
    for paper in state.papers:
        rate = paper.beta * direction - sides.get(paper.base, 0) * paper.residual
        loss -= paper_gain(paper, max(shocks.get(paper.base, rate * size), -1.0))
    for entry, rate in zip(state.entries, _rates(state.entries, sides, direction), strict=True):
        change = shocks.get(entry.base, rate * size)
        own = -entry.sign * entry.value * (change if change > -1.0 else -1.0)
        equity = entry.equity
        loss += own if equity is None else min(own, max(equity, 0.0))
    return loss


def _stress_loss(watch: Watch, state: State, context: MetricContext) -> Number:
    sides = _sides(state.entries, state.coins)
    worst = max((_loss(state, scenario, sides) for scenario in watch.scenarios), default=0.0)
    return _ratio(max(0.0, worst + state.cost), state.before)


def _fallen(value: Number, top: Number, share_lost: Number) -> Number:
    for number in (value, top, share_lost):
        if isinstance(number, Unknown):
            return number
    assert isinstance(value, float | int)
    assert isinstance(top, float | int)
    assert isinstance(share_lost, float | int)
    return 1.0 - value / top * (1.0 - share_lost) if top > 0 else BEYOND


def _cushion(watch: Watch, state: State, context: MetricContext) -> Number:
    return _fallen(context.units.value, context.units.peak, _stress_loss(watch, state, context))


def _drawdown(watch: Watch, state: State, context: MetricContext) -> Number:
    return _fallen(context.units.value, context.units.peak, _ratio(state.cost, state.before))


def _daily_loss(watch: Watch, state: State, context: MetricContext) -> Number:
    return _fallen(context.units.value, context.units.day_open, _ratio(state.cost, state.before))


def _equity(watch: Watch, state: State, context: MetricContext) -> Number:
    return state.equity


_MEASURES: dict[str, Callable[[Watch, State, MetricContext], Number]] = {
    "account.leverage": _leverage,
    "account.net_leverage": _net_leverage,
    "account.margin_ratio": _margin_ratio,
    "account.joint_distance": _joint_distance,
    "account.stress_loss": _stress_loss,
    "account.cushion": _cushion,
    "account.drawdown": _drawdown,
    "account.daily_loss": _daily_loss,
    "account.equity": _equity,
    "position.leverage": _position_leverage,
    "position.equity_share": _equity_share,
    "position.liquidation_distance": _distance,
    "position.liquidation_distance_atr": _in_units("atr"),
    "position.liquidation_distance_sigma": _in_units("daily_sigma"),
}


RECOMPUTED = frozenset(_MEASURES)
"""Metrics that can be measured on a recomputed state."""


def recomputed(watch: Watch, state: State, context: MetricContext) -> Number:
    """Measure a limit's metric on a recomputed state."""
    measure = _MEASURES.get(watch.metric)
    if measure is None:
        return Unknown(f"{watch.metric} is not recomputed")
    if state.unpriced and watch.metric in MOVES_ALL:
        return Unknown(state.unpriced)
    return measure(watch, state, context)
