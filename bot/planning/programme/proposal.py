"""One solve: all demands, all limits that may not get worse, all caps, at the least expected cost."""

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from decimal import Decimal
from math import isfinite
from operator import attrgetter

from msgspec import Struct
from msgspec.structs import replace

from bot.model import Action, Alternative, Binding, Demand, Reasoning, Unknown
from bot.planning.book import Book, Leg, Priced
from bot.planning.caps import Allowance, Draft, loss_per_contract
from bot.planning.check import Meter, is_inside
from bot.planning.demands import tightened
from bot.planning.drafting import Drawing, Prices, Proposed
from bot.planning.effort import Effort
from bot.planning.folding import folded
from bot.planning.nature import SURVIVAL
from bot.planning.programme.asking import Asked, asked_again, asked_of, shared_out, weight_of
from bot.planning.programme.columns import Beside, Candidate, trims
from bot.planning.programme.rows import Rows
from bot.planning.programme.solver import Failed, Solution, solve
from bot.planning.recomputation import State
from bot.planning.request import PlanRequest, Watch
from bot.planning.sizing import CannotHelp, Face, faces
from bot.planning.spread import Candidate as Trim
from bot.planning.spread import missing, relief_of

_INDEX = attrgetter("index")
_DEARNESS = attrgetter("dearer", "item")
_MOST_ALTERNATIVES = 5
_BINDS = 1e-9
_EDGE = 1e-9
_SHORT = 1e-7
"""Share of equity below which nothing is missing to a limit."""


class Proposal(Struct, frozen=True):
    """What to take, by demand, and why."""

    amounts: list[Proposed]
    reasoning: Reasoning
    again: "Callable[[], Programme] | None" = None
    """What writes the programme that it was read from, so that the search goes on with it."""


_FIRST = Effort()


class Kept(Struct, frozen=True):
    """A limit that nobody asks to mend, and that may not get worse."""

    watch: Watch
    bears_cost: bool
    """Whether what the trades' cost alone takes of it is no worsening."""
    effort: Effort | None = None
    """How its level was tightened; None where it stands past it, and there is no room."""


class Written(Struct, frozen=True):
    """A row, and what it stands for."""

    row: int
    binding: Binding
    short: tuple[int, ...] = ()
    """Columns of what is missing to it; none where nothing may be."""
    index: int = -1
    """Place of its demand; -1 for a limit that nobody asks to mend, or a cap."""
    reachable: bool = True
    """Whether trims can meet the goal at all."""


def kept_of(watch: Watch, meter: Meter, before: State, effort: Effort = _FIRST) -> Kept:
    """Return a limit with the level that must hold: its own, or where it is past that, where it stands.

    `effort` moves its own level to the safe side, where rounding would carry the trims past it.
    """
    now = meter.read(watch, before)
    past = not isinstance(now, Unknown) and not is_inside(now, watch.limit, watch.sense)
    bears = watch.metric not in SURVIVAL
    if past and not isinstance(now, Unknown):
        return Kept(replace(watch, goal=now), bears)
    return Kept(tightened(replace(watch, goal=watch.limit), effort.tightness), bears, effort)


def harming(limit: Kept, drawing: Drawing) -> set[str]:
    """Return the trims of a plan that work against a limit, where it is past its level after them."""
    made = faces(limit.watch, drawing.book)
    if isinstance(made, CannotHelp):
        return set()
    past = [one for one in made if missing(one, drawing.book) > -_EDGE * max(1.0, abs(one.budget))]
    found: set[str] = set()
    for outcome in drawing.outcomes:
        for key in outcome.taken:
            trim = Trim(drawing.book.by_key[key], outcome.priced[key], outcome.priced[key].cost)
            if any(relief_of(face, trim) < 0.0 for face in past):
                found.add(key)
    return found


class Programme:
    """The cheapest trims that answer all demands at once. Limits that may not get worse are added to it."""

    def __init__(
        self,
        asked: Sequence[Asked],
        candidates: Sequence[Candidate],
        prices: Prices,
        rows: Rows,
        written: Sequence[Written],
        count: int,
    ) -> None:
        self._asked = list(asked)
        self._candidates = candidates
        self._prices = prices
        self._book = prices.book
        self._rows = rows
        self._written = list(written)
        self._count = count

    def again(self, places: Sequence[int]) -> "Programme":
        """Return the same for demands in another order, to be written on, with nothing but its trims.

        `places` says where each demand stands there.
        """
        asked = sorted([replace(one, index=places[one.index]) for one in self._asked], key=_INDEX)
        written = [replace(one, index=places[one.index]) if one.index >= 0 else one for one in self._written]
        rows = self._rows.narrowed(self._candidates)
        return Programme(asked, self._candidates, self._prices, rows, written, len(places))

    def keep(self, limits: Iterable[Kept]) -> None:
        """Add limits."""
        for limit in limits:
            self._written += _kept(limit, self._rows, self._book)

    def tighten(self, index: int, effort: Effort) -> bool:
        """Ask more of one demand; False where it cannot be written so, and all must be written anew."""
        place = next((place for place, one in enumerate(self._asked) if one.index == index), None)
        if place is None:
            return False
        known, prices = self._asked[place], self._prices
        again = asked_again(known, effort, prices)
        if again is None:
            return False
        for one in self._written:
            if one.index == index:
                self._rows.free(one.row)
        self._written = [one for one in self._written if one.index != index]
        self._written += demanded(again, self._rows)
        self._asked[place] = again
        return True

    def propose(self) -> Proposal | Failed:
        """Solve; Failed where the solver gives nothing."""
        found, rows = solve(self._rows.matrix), self._rows
        if isinstance(found, Failed):
            return found
        given = (self._asked, self._written, self._book, self._count)
        usd = rows.usd(found.values)
        shares = shares_of(found, usd, self._candidates, *given)
        return Proposal(shares, reasoning_of(found, usd, rows, self._candidates, self._written))


def programme_of(
    request: PlanRequest,
    demands: Sequence[Demand],
    efforts: Sequence[Effort],
    prices: Prices,
    left_out: Set[str],
    allowance: Allowance,
) -> Programme | None:
    """Write the programme of demands; None where nothing is to choose."""
    if any(Action.TRIM not in demand.permits for demand in demands):
        return None
    asked = asked_of(demands, efforts, prices.book, prices, left_out)
    legs = [leg for leg in prices.book.legs if leg.holding is not None]
    candidates = trims(legs, asked, request, prices.quotes)
    if len(candidates) < 2:
        return None
    rows = Rows(list(prices.book.legs), candidates, unit_of(prices.book.request, legs))
    written = [one for ask in asked for one in demanded(ask, rows)]
    written += capped(candidates, asked, rows, allowance)
    return Programme(asked, candidates, prices, rows, written, len(demands))


def shares_of(
    found: Solution,
    usd: Mapping[str, float],
    candidates: Sequence[Candidate],
    asked: Sequence[Asked],
    written: Sequence[Written],
    book: Book,
    count: int,
) -> list[Proposed]:
    """Read back the trims, by demand; `usd` is what is moved, by key."""
    amounts = {one.leg.key: usd[one.leg.key] for one in candidates}
    return shared_out(amounts, asked, _short(found, written), book, count)


def _short(found: Solution, written: Sequence[Written]) -> frozenset[int]:
    """Name the demands to which something is missing."""
    values = found.values
    return frozenset(
        [
            one.index
            for one in written
            if not one.reachable or sum([values[column] for column in one.short]) > _SHORT
        ]
    )


def unit_of(request: PlanRequest, legs: Sequence[Leg]) -> float:
    """Return what amounts are measured in: the account's equity, in USD."""
    equity = request.portfolio.equity
    if not isinstance(equity, Unknown) and isfinite(equity) and equity > 0.0:
        return equity
    return max(sum(leg.left for leg in legs), 1.0)


def demanded(ask: Asked, rows: Rows, beside: Sequence[Beside] = ()) -> list[Written]:
    """Write the faces of a demand, with what else than trims and hedges may answer it: all that may bind."""
    demand = ask.demand
    found: list[Written] = []
    binding = Binding(demand.rule, demand.metric, demand.target.text, 0.0)
    for number, (face, gap) in enumerate(zip(ask.faces, ask.gaps, strict=True)):
        reachable = face.reachable and ask.whole
        if face.alone and gap <= 0.0 and reachable and rows.stays_inside(face, ask.paid):
            continue
        effects = [(one.key, one.effect(demand, number, face)) for one in beside] if beside else ()
        row, short = rows.demand(face, gap, weight_of(demand, face), ask.paid, effects)
        found.append(Written(row, binding, short, ask.index, reachable))
    return found


def _kept(limit: Kept, rows: Rows, book: Book) -> list[Written]:
    watch = limit.watch
    made = faces(watch, book)
    if isinstance(made, CannotHelp):
        return []
    found: list[Written] = []
    for face in made:
        one: Face = folded(face, book) if book.request.hedges else face
        gap = missing(one, book)
        if one.alone and gap <= 0.0 and rows.stays_inside(one, {}):
            continue
        row = rows.keep(one, gap, bears_cost=limit.bears_cost)
        found.append(Written(row, Binding(watch.rule, watch.metric, watch.target.text, 0.0)))
    return found


def capped(
    candidates: Sequence[Candidate], asked: Sequence[Asked], rows: Rows, allowance: Allowance
) -> list[Written]:
    """Bound what is traded by the caps on a day's notional and loss."""
    found: list[Written] = []
    if allowance.notional is not None:
        row = rows.bound(((one.key, 1.0) for one in candidates), float(allowance.notional))
        found.append(Written(row, Binding("", "notional_per_day", "", 0.0)))
    if allowance.loss is not None:
        losses = [(one.key, _loss(one, asked)) for one in candidates]
        row = rows.bound(losses, float(allowance.loss))
        found.append(Written(row, Binding("", "loss_per_day", "", 0.0)))
    return found


def _loss(one: Candidate, asked: Sequence[Asked]) -> float:
    """Realised loss of one USD of a trim, at the worst price that some demand permits."""
    leg = one.leg
    assert leg.holding is not None
    most = 0.0
    for ask in asked:
        priced = ask.priced.get(one.key)
        loss = Decimal(0) if priced is None else loss_per_contract(_draft(leg, priced, ask.demand))
        whole = leg.holding.notional if isinstance(loss, Unknown) else float(loss * leg.position.contracts)
        most = max(most, whole / leg.holding.notional)
    return most


def _draft(leg: Leg, priced: Priced, demand: Demand) -> Draft:
    assert leg.market is not None
    return Draft(
        rule=demand.rule,
        episode=demand.episode,
        target=demand.target.text,
        position=leg.position,
        market=leg.market,
        quote=priced.quote,
        contracts=leg.position.contracts,
        trade_cost=priced.expected,
        lifeline=False,
        reason="",
    )


def reasoning_of(
    found: Solution,
    usd: Mapping[str, float],
    rows: Rows,
    candidates: Sequence[Candidate | Beside],
    written: Sequence[Written],
) -> Reasoning:
    """Read back which rows bind, and by how much each action that is not taken would have been dearer.

    `usd` is what is moved, by key.
    """
    prices: dict[tuple[str, str, str], float] = {}
    duals, reduced = found.row_duals, found.column_duals
    for one in written:
        price = -duals[one.row]
        if price > _BINDS:
            what = one.binding
            named = (what.rule, what.metric, what.target)
            prices[named] = prices.get(named, 0.0) + price
    binding = tuple([Binding(*named, price) for named, price in prices.items()])
    cost = 0.0
    left: list[Alternative] = []
    for candidate in candidates:
        key = candidate.key
        moved = usd[key]
        if moved:
            cost += candidate.expected(moved)
        if moved <= _BINDS * candidate.room:
            dearer = rows.dearer(key, reduced)
            left.append(Alternative(candidate.name, candidate.chords[0][1], dearer))
    return Reasoning("programme", "", "", cost, binding, nearest(left))


def nearest(others: Iterable[Alternative]) -> tuple[Alternative, ...]:
    """Return the few that would have been the least dearer, each once, and of each sort at least one."""
    first: dict[str, Alternative] = {}
    rest: list[Alternative] = []
    known: set[str] = set()
    for other in sorted(others, key=_DEARNESS):
        item = other.item
        if item in known:
            continue
        known.add(item)
        sort = item.partition(" ")[0] if " " in item else ""
        if first.setdefault(sort, other) is not other:
            rest.append(other)
    return tuple(sorted([*first.values(), *rest][:_MOST_ALTERNATIVES], key=_DEARNESS))
