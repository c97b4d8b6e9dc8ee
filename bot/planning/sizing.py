"""Closed forms: how many USD of one position must go so that a limit is met, given what is already taken.

Every limit that trimming can change is one or more *faces*, each linear in the trimmed notionals n_i:

    sum w_i n_i + sum MM_i(f_i n_i) + excess + kappa C <= budget,   MM_i(v) = max over brackets (r_k v - D_k)

C is the cost of the trims, paid out of equity or of the margin concerned. Solved for one position with the
others as they are, a face gives for each bracket  x (w + r f - kappa c) >= what is missing; the amount is the
largest over the brackets, and a slope <= 0 means that trimming this position cannot help. The closed forms
for leverage, distances, margin ratio, stress loss and shares are these with their weights:

| limit                 | w_i                              | f_i              | budget       | kappa |
|-----------------------|----------------------------------|------------------|--------------|-------|
| leverage L            | 1                                | -                | L E          | L     |
| net leverage L        | +-s beta (two faces)             | -                | L E          | L     |
| share k of equity     | 1 for the position               | -                | k E          | k     |
| margin ratio R        | 0                                | 1                | R M          | R     |
| distance d            | d for the position               | 1 - s d for it   | M            | 1     |
| joint distance m      | rho m - s beta m, +-m            | 1 + beta m - ... | M            | 1     |
| stress loss X         | loss of one USD in the scenario  | -                | X E          | 1     |
| cushion D             | the same, X = 1 - (1 - D) Peak/U | -                | X E          | 1     |

Coins of the wallet are not for trimming: what they lose by a face's moves is part of its excess; so are
options, revalued. Of an
inverse position MM_i(f_i n_i) is max_k (r_k n_i - D_k f_i p), see `Holding.asked`.

An isolated position has faces of its own, with its isolated equity e for M. In a scenario it loses at most
what e was before the trim's cost, which is the safe side. Where the venue releases margin
pro rata, e shrinks with the position (w_i falls by e/N): trimming then helps only through lower brackets.
"""

from collections.abc import Callable, Sequence
from math import isfinite
from operator import add

from msgspec import Struct
from msgspec.structs import replace

from bot.model import Unknown
from bot.planning.book import Book
from bot.planning.nature import MOVES_ALL
from bot.planning.request import Watch
from bot.risk.context import MetricContext
from bot.risk.definitions import METRICS
from bot.risk.options import exposure_of, option_gain
from bot.risk.portfolio import Coin, Holding
from bot.risk.shock import scenario_moves


class CannotHelp(Struct, frozen=True):
    """Trimming cannot bring the metric back, and why. Another action must be chosen."""

    reason: str
    code: str = "trimming_cannot_help"


class Face(Struct, frozen=True):
    """One linear side of a limit; see the module's text. Keyed by position."""

    weights: dict[str, float]
    factors: dict[str, float]
    """f_i where maintenance margin stands on the left side; empty where it does not."""
    excess: float
    budget: float
    cost_weight: float
    payers: frozenset[str]
    """Positions whose costs are paid out of this face's budget."""
    alone: bool = False
    """An isolated position's own face: it is gone when the position is."""
    released: bool = False
    """An isolated position whose margin leaves with it: going part of the way changes nothing."""
    reachable: bool = True
    """Whether the goal can be met at all; where not, as much as helps is taken all the same."""


Faces = tuple[Face, ...] | CannotHelp


def _equity_face(
    book: Book, weights: dict[str, float], share: float, cost_weight: float, excess: float = 0.0
) -> Faces:
    equity = book.request.portfolio.equity
    if isinstance(equity, Unknown):
        return CannotHelp(f"equity is unknown: {equity.reason}", "unknown_figure")
    return (Face(weights, {}, excess, share * equity, cost_weight, book.keys),)


def _cross_face(
    book: Book, losses: Sequence[float], factors: Sequence[float], ratio: float, lost: float = 0.0
) -> Faces:
    """MM at shocked prices against `ratio` times what stays of the cross margin balance.

    `losses` of one USD and `factors` are by cross holding; `lost` is what coins lose there, in USD.
    """
    portfolio = book.request.portfolio
    balance = portfolio.margin_balance
    if isinstance(balance, Unknown):
        return CannotHelp(f"margin balance is unknown: {balance.reason}", "unknown_figure")
    keys = [holding.key for holding in book.cross]
    asked = [holding.maintenance_excess / holding.notional for holding in book.cross]
    weights, shocked = (
        dict(zip(keys, map(add, losses, asked), strict=True)),
        dict(zip(keys, factors, strict=True)),
    )
    excess = portfolio.maintenance_excess + lost
    return (Face(weights, shocked, excess, ratio * balance, ratio, frozenset(keys)),)


def _isolated_face(holding: Holding, loss: float, factor: float, ratio: float, extra: float = 0.0) -> Face:
    """The same for one isolated position: only its own margin stands for it."""
    equity = holding.isolated_equity or 0.0
    weight = loss + (holding.maintenance_excess + extra) / holding.notional
    budget = ratio * equity
    if holding.releases_margin:
        weight -= ratio * equity / holding.notional
        budget = 0.0
    key, released = holding.key, holding.releases_margin
    return Face(
        {key: weight}, {key: factor}, 0.0, budget, ratio, frozenset((key,)), alone=True, released=released
    )


def _leverage(watch: Watch, book: Book, context: MetricContext) -> Faces:
    weights = {leg.key: 1.0 for leg in book.legs}
    return _equity_face(book, weights, watch.goal, watch.goal)


def _net_leverage(watch: Watch, book: Book, context: MetricContext) -> Faces:
    faces: list[Face] = []
    for direction in (1.0, -1.0):
        weights = {
            leg.key: direction * leg.holding.sign * leg.holding.beta
            for leg in book.legs
            if leg.holding is not None
        }
        portfolio = book.request.portfolio
        beside = direction * sum(coin.beta * coin.worth for coin in portfolio.coins)
        beside += direction * sum(one.beta * exposure_of(one) for one in portfolio.options)
        part = _equity_face(book, weights, watch.goal, watch.goal, beside)
        if isinstance(part, CannotHelp):
            return part
        faces.extend(part)
    return tuple(faces)


def _holding(watch: Watch, book: Book) -> Holding | CannotHelp:
    leg = book.leg(watch.target.position or "")
    if leg is None:
        return CannotHelp(f"there is no open position {watch.target.text}", "position_gone")
    if leg.holding is None:
        why = book.request.portfolio.missing.get(leg.key, "its figures could not be read")
        return CannotHelp(f"{watch.target.text} cannot be sized: {why}", "unknown_figure")
    return leg.holding


def _equity_share(watch: Watch, book: Book, context: MetricContext) -> Faces:
    holding = _holding(watch, book)
    if isinstance(holding, CannotHelp):
        return holding
    return _equity_face(book, {holding.key: 1.0}, watch.goal, watch.goal)


def _position_leverage(watch: Watch, book: Book, context: MetricContext) -> Faces:
    holding = _holding(watch, book)
    if isinstance(holding, CannotHelp) or holding.isolated_equity is None:
        return holding if isinstance(holding, CannotHelp) else _equity_share(watch, book, context)
    weight, budget = 1.0, watch.goal * holding.isolated_equity
    if holding.releases_margin:
        weight, budget = 1.0 - budget / holding.notional, 0.0
    own = frozenset((holding.key,))
    return (
        Face(
            {holding.key: weight},
            {},
            0.0,
            budget,
            watch.goal,
            own,
            alone=True,
            released=holding.releases_margin,
        ),
    )


def _distance(watch: Watch, book: Book, context: MetricContext) -> Faces:
    return _distance_of(watch, book, watch.goal)


def _scaled(table: str) -> Callable[[Watch, Book, MetricContext], Faces]:
    def scaled(watch: Watch, book: Book, context: MetricContext) -> Faces:
        unit = getattr(context.stats, table).get(watch.target.symbol)
        if unit is None:
            return CannotHelp(f"{watch.metric} needs candles of {watch.target.symbol}", "unknown_figure")
        return _distance_of(watch, book, watch.goal * unit)

    return scaled


def _distance_of(watch: Watch, book: Book, distance: float) -> Faces:
    holding = _holding(watch, book)
    if isinstance(holding, CannotHelp):
        return holding
    factor = max(0.0, 1.0 - holding.sign * distance)
    if holding.isolated_equity is not None:
        return (_isolated_face(holding, distance, factor, 1.0, holding.liquidation_excess),)
    unpriced = book.request.portfolio.unpriced_coins
    if holding.base in unpriced:
        return CannotHelp(unpriced[holding.base], "unknown_figure")
    losses: list[float] = []
    factors: list[float] = []
    for leg in book.cross:
        along = leg.base == holding.base and (leg.symbol == holding.symbol or leg.sign == holding.sign)
        loss = leg.sign * holding.sign * distance if along else 0.0
        losses.append(loss + leg.liquidation_excess / leg.notional if leg is holding else loss)
        factors.append(factor if along else 1.0)
    coins = sum(coin.margin for coin in book.request.portfolio.coins if coin.base == holding.base)
    return _cross_face(book, losses, factors, 1.0, holding.sign * distance * coins)


def _margin_ratio(watch: Watch, book: Book, context: MetricContext) -> Faces:
    own = tuple(_isolated_face(holding, 0.0, 1.0, watch.goal) for holding in book.isolated)
    count = len(book.cross)
    cross = _cross_face(book, [0.0] * count, [1.0] * count, watch.goal) if count else ()
    return cross if isinstance(cross, CannotHelp) else cross + own


def _joint_distance(watch: Watch, book: Book, context: MetricContext) -> Faces:
    faces: list[Face] = []
    members, coins, sides = book.cross, book.request.portfolio.coins, book.sides
    ways = [(one.sign, one.beta, sides[one.base] * one.residual) for one in members]
    for move in (-watch.goal, watch.goal):
        if members:
            size = abs(move)
            changes = [max(-1.0, beta * move - residual * size) for _, beta, residual in ways]
            losses = [-way[0] * change for way, change in zip(ways, changes, strict=True)]
            factors = [1.0 + change for change in changes]
            lost = -sum([coin.margin * _change(coin, move, sides[coin.base]) for coin in coins])
            cross = _cross_face(book, losses, factors, 1.0, lost)
            if isinstance(cross, CannotHelp):
                return cross
            faces.extend(cross)
        for holding in book.isolated:
            change = _change(holding, move, holding.sign)
            faces.append(_isolated_face(holding, -holding.sign * change, 1.0 + change, 1.0))
    return tuple(faces)


def _change(one: Holding | Coin, move: float, adverse: int) -> float:
    return max(-1.0, one.beta * move - adverse * one.residual * abs(move))


def _stress(watch: Watch, book: Book, share: float) -> Faces:
    if not watch.scenarios:
        return CannotHelp(f"{watch.metric} of no scenario cannot be sized", "unknown_figure")
    faces: list[Face] = []
    portfolio = book.request.portfolio
    for scenario in watch.scenarios:
        moves = scenario_moves(portfolio, scenario)
        weights: dict[str, float] = {}
        for leg in book.holdings:
            holding = leg.holding
            assert holding is not None
            loss = -holding.sign * moves[holding.key]
            if holding.isolated_equity is not None and holding.releases_margin:
                loss = min(loss, max(holding.isolated_equity, 0.0) / holding.notional)
            weights[leg.key] = loss
        beside = -sum(coin.worth * moves[coin.key] for coin in portfolio.coins)
        beside -= sum(option_gain(one, moves[one.key]) for one in portfolio.options)
        part = _equity_face(book, weights, share, 1.0, beside)
        if isinstance(part, CannotHelp):
            return part
        faces.extend(part)
    return tuple(faces)


def _stress_loss(watch: Watch, book: Book, context: MetricContext) -> Faces:
    return _stress(watch, book, watch.goal)


def _cushion(watch: Watch, book: Book, context: MetricContext) -> Faces:
    value, peak = context.units.value, context.units.peak
    if isinstance(value, Unknown):
        return CannotHelp(f"unit value is unknown: {value.reason}", "unknown_figure")
    if isinstance(peak, Unknown):
        return CannotHelp(f"peak unit value is unknown: {peak.reason}", "unknown_figure")
    if value <= 0:
        return CannotHelp("nothing is left of the unit value")
    share = 1.0 - (1.0 - watch.goal) * peak / value
    found = _stress(watch, book, max(share, 0.0))
    if share >= 0.0 or isinstance(found, CannotHelp):
        return found
    return tuple(replace(face, reachable=False) for face in found)


def _no_trim(watch: Watch, book: Book, context: MetricContext) -> Faces:
    word = watch.metric.split(".", 1)[1].replace("_", " ")
    return CannotHelp(f"trading cannot undo a {word}; close_all or halt keep it from growing")


_FACES: dict[str, Callable[[Watch, Book, MetricContext], Faces]] = {
    "account.leverage": _leverage,
    "account.net_leverage": _net_leverage,
    "account.margin_ratio": _margin_ratio,
    "account.joint_distance": _joint_distance,
    "account.stress_loss": _stress_loss,
    "account.cushion": _cushion,
    "account.drawdown": _no_trim,
    "account.daily_loss": _no_trim,
    "position.leverage": _position_leverage,
    "position.equity_share": _equity_share,
    "position.liquidation_distance": _distance,
    "position.liquidation_distance_atr": _scaled("atr"),
    "position.liquidation_distance_sigma": _scaled("daily_sigma"),
}


def faces(watch: Watch, book: Book) -> Faces:
    """Return the faces of a limit at its goal, or why trimming cannot help it."""
    if not isfinite(watch.goal):
        return CannotHelp(f"the goal {watch.goal} is no finite number", "unknown_figure")
    definition = METRICS.get(watch.metric)
    if definition is not None and definition.sense is not watch.sense:
        return CannotHelp(f"a trim moves {watch.metric} the other way")
    build = _FACES.get(watch.metric)
    if build is None:
        return CannotHelp(f"no trim changes {watch.metric} in a way that could be sized")
    unpriced = book.request.portfolio.unpriced
    if unpriced and watch.metric in MOVES_ALL:
        return CannotHelp(unpriced, "unknown_figure")
    return build(watch, book, book.request.context)
