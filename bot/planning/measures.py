"""Metrics of a recomputed state, each by its definition rather than by a closed form."""

from collections.abc import Callable, Mapping

from bot.model import Number, Scenario, Sense, Unknown
from bot.planning.nature import MOVES_ALL
from bot.planning.papers import leaning, paper_gain
from bot.planning.recomputation import Entry, State, margin_for
from bot.planning.request import Watch
from bot.planning.swings import breaking_move, rates_of, reaches, sides_of
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
    standing = _standing(entry, state)
    return standing if isinstance(standing, Unknown) else walk_to_liquidation(entry.sign, *standing)


def _standing(entry: Entry, state: State) -> tuple[tuple[Entry, ...], float, float] | Unknown:
    """What moves with a position, the margin above maintenance before any move, and what of it are coins that
    move, too."""
    if entry.equity is not None:
        return (entry,), entry.equity - margin_for(entry, 1.0) - entry.early, 0.0
    if entry.base in state.unpriced_coins:
        return Unknown(state.unpriced_coins[entry.base])
    if isinstance(state.balance, Unknown):
        return state.balance
    others = state.cross_of(entry.base)
    legs: tuple[Entry, ...] = (entry,)
    if len(others) > 1:
        legs += tuple(one for one in others if one.key != entry.key and _falls_along(one, entry))
    coins = sum([coin.margin for coin in state.coins if coin.base == entry.base])
    return legs, state.balance - state.surcharge - state.needed - entry.early, coins


def _is_distant(watch: Watch, entry: Entry, state: State) -> bool:
    """Whether margin is left at the limit: it falls ever faster, so that some is left all the way."""
    share, standing = 1.0 - entry.sign * watch.limit, _standing(entry, state)
    if watch.sense is Sense.MAX or share <= 0.0 or isinstance(standing, Unknown):
        return False
    legs, room, coins = standing
    left = room + coins * (share - 1.0)
    for leg in legs:
        left += leg.sign * leg.value * (share - 1.0) - (margin_for(leg, share) - margin_for(leg, 1.0))
    return room > 0.0 and left > 0.0


def _is_small(watch: Watch, entry: Entry, state: State) -> bool:
    own = entry.equity if watch.metric == "position.leverage" else None
    equity = state.equity if own is None else own
    return (
        watch.sense is Sense.MAX
        and not isinstance(equity, Unknown)
        and equity > 0.0
        and entry.value <= watch.limit * equity
    )


_KEPT: dict[str, Callable[[Watch, Entry, State], bool]] = {
    "position.leverage": _is_small,
    "position.equity_share": _is_small,
    "position.liquidation_distance": _is_distant,
}


def is_kept(watch: Watch, state: State) -> bool:
    """Whether the limit of a position certainly holds; False where it must be measured to be told."""
    kept = _KEPT.get(watch.metric)
    entry = None if kept is None else state.entry(watch.target.position)
    return kept is not None and entry is not None and kept(watch, entry, state)


def _in_units(table: str) -> Callable[[Watch, State, MetricContext], Number]:
    def measured(watch: Watch, state: State, context: MetricContext) -> Number:
        unit = getattr(context.stats, table).get(watch.target.symbol)
        distance = _distance(watch, state, context)
        if isinstance(distance, Unknown):
            return distance
        return distance / unit if unit else Unknown(f"no candles of {watch.target.symbol}")

    return measured


def _joint_distance(watch: Watch, state: State, context: MetricContext) -> Number:
    nearest = JOINT_BOUND
    if state.cross:
        if isinstance(state.balance, Unknown):
            return state.balance
        room = state.balance - state.surcharge
        nearest = breaking_move(state.cross, state.coins, room, nearest) if room > state.needed else 0.0
    for entry in state.isolated:
        equity = entry.equity or 0.0
        if reaches(entry, nearest):
            nearest = breaking_move((entry,), (), equity, nearest) if equity > margin_for(entry, 1.0) else 0.0
    return nearest


def _loss(state: State, scenario: Scenario, sides: Mapping[str, int]) -> float:
    """Loss in USD at shocked prices; an isolated position loses at most its own margin."""
    shocks = scenario.shocks
    market = shocks.get(state.reference, 0.0)
    size = abs(market)
    direction = 1.0 if market > 0 else -1.0
    loss = 0.0
    for coin, rate in zip(state.coins, rates_of(state.coins, sides, direction), strict=True):
        loss -= coin.worth * max(shocks.get(coin.base, rate * size), -1.0)
    for paper in state.papers:
        rate = paper.beta * direction - sides.get(paper.base, 0) * paper.residual
        loss -= paper_gain(paper, max(shocks.get(paper.base, rate * size), -1.0))
    for entry, rate in zip(state.entries, rates_of(state.entries, sides, direction), strict=True):
        change = shocks.get(entry.base, rate * size)
        own = -entry.sign * entry.value * (change if change > -1.0 else -1.0)
        equity = entry.equity
        loss += own if equity is None else min(own, max(equity, 0.0))
    return loss


def _stress_loss(watch: Watch, state: State, context: MetricContext) -> Number:
    sides = sides_of(state.entries, state.coins)
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
