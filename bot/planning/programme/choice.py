"""What belongs to the cheapest plan: trims, perpetual hedges, options and added margin in one programme.

Each costs what it is expected to: a trim by the chords of its book, a hedge both ways and its funding, an
option half its spread, its fee and what time takes of it, margin nothing but the purse. Limits have to bear
what each costs at worst. What is chosen beside trims is then fixed: its amounts are rounded, the account is
taken as it stands with it, the trims are solved again, and the independent check judges.

A perpetual is a leg that grows. To be named in the faces it is opened in the book, one lot of it.
"""

from collections.abc import Iterable, Mapping, Sequence, Set
from functools import partial

from msgspec import Struct
from msgspec.structs import replace

from bot.model import Action, Binding, Demand, Reasoning
from bot.planning.book import Book, Leg, open_book
from bot.planning.caps import Allowance
from bot.planning.demands import is_trading
from bot.planning.drafting import Prices, Proposed
from bot.planning.effort import Effort
from bot.planning.hedge_sizing import opened
from bot.planning.lifting import margin_rooms
from bot.planning.nature import SURVIVAL
from bot.planning.offers import Opening
from bot.planning.options.columns import Bought
from bot.planning.programme.asking import Asked, asked_of
from bot.planning.programme.columns import Beside, Candidate, Margin, trims
from bot.planning.programme.proposal import (
    Programme,
    Proposal,
    Written,
    capped,
    demanded,
    nearest,
    reasoning_of,
    shares_of,
    unit_of,
)
from bot.planning.programme.rows import Rows
from bot.planning.programme.solver import Failed, Solution, solve
from bot.planning.purse import Purse
from bot.planning.quotes import Quotes
from bot.planning.request import PlanRequest
from bot.planning.sizing import Face
from bot.risk.definitions import MARGIN_HELPS

USED = 0.01
"""A hedge or a trim below this share of what it may be is none."""


class Chosen(Struct, frozen=True):
    """What the cheapest plan consists of, in USD."""

    hedges: Mapping[str, float]
    """Notional of the perpetuals that are opened, by key."""
    options: Mapping[str, float]
    """Premium of the options that are bought, by key."""
    margin: Mapping[str, float] | None
    """What is added to isolated positions, by key; None where it does not speak of all that ask for some."""
    trims: bool
    """Whether something is trimmed beside them."""
    answers: frozenset[int]
    """Places of the demands that it speaks of."""
    reasoning: Reasoning
    trimmed: tuple[tuple[Demand, Proposed], ...] = ()
    """What is trimmed for each demand, where nothing else is done."""
    programme: Programme | None = None
    """What it was read from, where no margin could be added: the search for trims goes on with it."""

    def proposal(self, demands: Sequence[Demand]) -> Proposal | None:
        """Return the trims for these demands; None where they are not all that it speaks of."""
        shares = [share for one in demands for demand, share in self.trimmed if one is demand]
        if not demands or not len(shares) == len(demands) == len(self.trimmed):
            return None
        if self.programme is None:
            return Proposal(shares, self.reasoning)
        places = {id(demand): place for place, demand in enumerate(demands)}
        order = [places[id(demand)] for demand, _ in self.trimmed]
        return Proposal(shares, self.reasoning, partial(self.programme.again, order))

    def told(self, made: Reasoning | None) -> Reasoning:
        """Join how it was chosen with how the trims beside it were found."""
        if made is None or self.hedges or self.options:
            return self.reasoning
        if made.method != self.reasoning.method:
            return made
        known = {one.item for one in made.alternatives}
        others = [one for one in self.reasoning.alternatives if one.item not in known]
        return replace(made, alternatives=nearest([*made.alternatives, *others]))


class _Columns(Struct, frozen=True):
    """All that may be done."""

    trims: list[Candidate]
    hedges: list[Candidate]
    bought: Sequence[Bought]
    margin: list[Margin]

    @property
    def beside(self) -> list[Beside]:
        return [*self.bought, *self.margin]


def choose(
    request: PlanRequest,
    allowance: Allowance,
    quotes: Quotes,
    openings: Mapping[str, Opening] | None = None,
    bought: Sequence[Bought] = (),
) -> Chosen | None:
    """Return what the cheapest plan of all demands does; None where there is nothing to choose among, or the
    programme cannot tell.

    It cannot tell of hedges where some stand already: they go with their parents, and not beside them.
    """
    open_to = openings or {}
    if (open_to or bought) and request.hedges:
        return None
    rooms = margin_rooms(request, Purse(request), allowance)
    if not (open_to or bought or rooms):
        return None
    book = _with(request, open_to.values())
    prices, none = Prices(book.request, quotes, book), frozenset[str]()
    places = [place for place, demand in enumerate(request.demands) if _is_answered(demand)]
    demands = [request.demands[place] for place in places]
    efforts = [Effort() for _ in demands]
    asked = asked_of(demands, efforts, book, prices, none, rooms.keys())
    legs = [leg for leg in book.legs if leg.holding is not None and leg.key not in open_to]
    hedges = [_hedge(book.by_key[key], offer) for key, offer in open_to.items()]
    columns = _Columns(
        trims(legs, asked, book.request, quotes),
        [one for one in hedges if _helps(one, asked)],
        bought,
        [Margin(key, rooms[key]) for key in sorted(rooms.keys() & _short_of_margin(asked))],
    )
    if not (open_to or columns.beside):
        return None
    moved = [*columns.trims, *columns.hedges]
    rows = Rows(list(book.legs), moved, unit_of(request, legs), columns.beside)
    written = [one for ask in asked for one in demanded(ask, rows, columns.beside)]
    written += capped(moved, asked, rows, allowance)
    bounds = _bounded(columns, asked, rows, request)
    found = solve(rows.matrix)
    if isinstance(found, Failed):
        return None
    answers = frozenset(places[one.index] for one in asked)
    usd = rows.usd(found.values)
    reasoning = reasoning_of(found, usd, rows, [*moved, *columns.beside], [*written, *bounds])
    made = _chosen(columns, usd, answers, reasoning)
    if not (any((made.margin or {}).values()) or made.hedges or made.options):
        trimmed = _trimmed(columns, demands, asked, written, found, usd, book)
        programme = Programme(asked, columns.trims, prices, rows, written, len(demands))
        made = replace(made, trimmed=trimmed, programme=None if rooms else programme)
    spoken = bool(columns.margin) and _speaks_of_margin(request, answers)
    return made if spoken else replace(made, margin=None)


def _trimmed(
    columns: _Columns,
    demands: Sequence[Demand],
    asked: Sequence[Asked],
    written: Sequence[Written],
    found: Solution,
    usd: Mapping[str, float],
    book: Book,
) -> tuple[tuple[Demand, Proposed], ...]:
    """Return what is trimmed where that is all that is done: without what was not taken it is the same."""
    if len(columns.trims) < 2 or not all(map(is_trading, demands)):
        return ()
    shares = shares_of(found, usd, columns.trims, asked, written, book, len(demands))
    return tuple(zip(demands, shares, strict=True))


def _is_answered(demand: Demand) -> bool:
    """Whether what the programme knows may answer a demand: it knows no closing of whole positions."""
    if is_trading(demand):
        return Action.TRIM in demand.permits
    return Action.ADD_MARGIN in demand.permits or demand.hedge is not None


def _short_of_margin(asked: Sequence[Asked]) -> set[str]:
    """Name the isolated positions that are past a limit of their own."""
    return {
        key
        for ask in asked
        for face, gap in zip(ask.faces, ask.gaps, strict=True)
        if face.alone and gap > 0.0
        for key in face.payers
    }


def _speaks_of_margin(request: PlanRequest, answers: Set[int]) -> bool:
    """Whether no demand that margin may answer was left out."""
    return all(
        place in answers
        for place, demand in enumerate(request.demands)
        if Action.ADD_MARGIN in demand.permits and demand.metric in MARGIN_HELPS
    )


def _with(request: PlanRequest, openings: Iterable[Opening]) -> Book:
    """Open what may be opened, so that faces name it, and count nothing of it yet."""
    keys: list[str] = []
    for one in openings:
        request = opened(one.seat, request)[0]
        keys.append(one.seat.unit.key)
    book = open_book(request)
    for key in keys:
        book.by_key[key].left = 0.0
    return book


def _helps(hedge: Candidate, asked: Sequence[Asked]) -> bool:
    """Whether the first USD of a hedge brings some limit nearer that is passed."""
    return any(
        gap > 0.0 and _first_usd(hedge, face) < 0.0
        for ask in asked
        for face, gap in zip(ask.faces, ask.gaps, strict=True)
    )


def _first_usd(hedge: Candidate, face: Face) -> float:
    """What it adds to the left side of a face, at its worst permitted price."""
    key, holding = hedge.key, hedge.leg.holding
    assert holding is not None
    adds = face.weights.get(key, 0.0) + (face.cost_weight * hedge.paid if key in face.payers else 0.0)
    factor = face.factors.get(key)
    if factor is not None:
        adds += min((slope for slope, _ in holding.asked(0.0, factor)), default=0.0)
    return adds


def _hedge(leg: Leg, offer: Opening) -> Candidate:
    room = offer.seat.unit.notional * float(offer.priced.room)
    chords = ((room, 2 * offer.priced.expected + offer.carried),)
    return Candidate(leg, 1, room, offer.priced.cost, chords, offer.seat.parent.key)


def _bounded(columns: _Columns, asked: Sequence[Asked], rows: Rows, request: PlanRequest) -> list[Written]:
    """Bound what hedges come to together, what rules pay for options, and what cross positions can spare."""
    found: list[Written] = []
    against: dict[str, list[tuple[str, float]]] = {}
    for one in columns.hedges:
        assert one.leg.holding is not None
        against.setdefault(one.parent, []).append((one.key, one.leg.holding.beta))
    for option in columns.bought:
        against.setdefault(option.case.parent.key, []).append((option.key, option.exposure))
    for parent, weights in against.items():
        holding = request.portfolio.holding(parent)
        assert holding is not None
        found.append(_written(rows.bound(weights, holding.beta * holding.notional), "hedge_room", parent))
    if against:
        every = [weight for weights in against.values() for weight in weights]
        found.append(_written(rows.bound(every, abs(request.net_exposure)), "net_exposure"))
    premiums: dict[str, float] = {}
    for option in columns.bought:
        rule = option.case.demand.rule
        premiums[rule] = max(premiums.get(rule, 0.0), option.premiums)
    for rule, most in premiums.items():
        paid = [(one.key, 1.0) for one in columns.bought if one.case.demand.rule == rule]
        found.append(_written(rows.bound(paid, most), "max_premium", rule=rule))
    if columns.margin:
        taken = [(one.key, 1.0) for one in columns.margin]
        most = max(one.room for one in columns.margin)
        found.append(_written(rows.bound(taken, most), "free_margin"))
        found += [_written(rows.bound(taken, usd), "spare_margin") for usd in _spare(asked)]
    return found


def _written(row: int, what: str, target: str = "", rule: str = "") -> Written:
    return Written(row, Binding(rule, what, target, 0.0))


def _spare(asked: Sequence[Asked]) -> list[float]:
    """Return what each face of the cross balance can do without: what is taken of it is gone before anything
    is trimmed, so no trim may have to make it good."""
    return [
        max(-gap, 0.0) / face.cost_weight
        for ask in asked
        if ask.demand.metric in SURVIVAL
        for face, gap in zip(ask.faces, ask.gaps, strict=True)
        if not face.alone
    ]


def _chosen(
    columns: _Columns, usd: Mapping[str, float], answers: frozenset[int], reasoning: Reasoning
) -> Chosen:
    every: list[Candidate | Bought] = [*columns.trims, *columns.hedges, *columns.bought]
    used = {one.key for one in every if usd[one.key] > USED * one.room}
    left = {
        one.key: 1.0 - usd[one.key] / one.leg.left
        for one in columns.trims
        if one.leg.holding is not None and one.leg.holding.releases_margin
    }
    return Chosen(
        hedges={one.key: usd[one.key] for one in columns.hedges if one.key in used},
        options={one.key: usd[one.key] for one in columns.bought if one.key in used},
        margin={one.position: _added(usd[one.key], left.get(one.position, 1.0)) for one in columns.margin},
        trims=any(one.key in used for one in columns.trims),
        answers=answers,
        reasoning=reasoning,
    )


def _added(usd: float, left: float) -> float:
    """Margin that leaves with what is trimmed of its position must be more beforehand; none for a close."""
    return usd / left if left > USED else 0.0
