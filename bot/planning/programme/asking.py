"""What the demands ask of the programme: their faces, and who may trim what for them."""

from collections.abc import Mapping, Sequence, Set
from decimal import Decimal
from math import isfinite

from msgspec import Struct
from msgspec.structs import replace

from bot.model import Action, Demand
from bot.planning.book import Book, Priced
from bot.planning.drafting import Prices, Proposed, legs_of
from bot.planning.effort import Effort
from bot.planning.rounding import round_down
from bot.planning.sizing import CannotHelp, Face
from bot.planning.spread import Candidate, amount, lines, missing, relief_of

_TOLERANCE = 1e-12
_ROUNDING = 1e-9
_DUST = Decimal("0.0001")
"""Share of a lot that is no more than what the solver's own tolerance leaves."""

_WEIGHTS = {
    "account.joint_distance": 1e4,
    "account.margin_ratio": 3e3,
    "position.liquidation_distance": 3e3,
    "position.liquidation_distance_atr": 3e3,
    "position.liquidation_distance_sigma": 3e3,
    "account.stress_loss": 1e3,
    "account.cushion": 1e3,
    "account.leverage": 300.0,
    "position.leverage": 300.0,
}
_ALONE = 1e4
_OTHER = 100.0


class Asked(Struct, frozen=True):
    """One demand as the programme sees it."""

    index: int
    """Place among the demands."""
    demand: Demand
    faces: tuple[Face, ...]
    gaps: tuple[float, ...]
    """USD that each face is past its budget before anything is done; below 0 it is inside."""
    priced: dict[str, Priced]
    paid: dict[str, float]
    """What one USD of each position costs at the worst price that the demand permits."""
    whole: bool = True
    """Whether all faces are there; one that no trim can mend is left out."""


def weight_of(demand: Demand, face: Face) -> float:
    """What a unit costs that is missing to a limit: the graver the limit, the more."""
    return _ALONE if face.alone else _WEIGHTS.get(demand.metric, _OTHER)


def asked_of(
    demands: Sequence[Demand],
    efforts: Sequence[Effort],
    book: Book,
    prices: Prices,
    left_out: Set[str],
    mended: Set[str] = frozenset(),
) -> list[Asked]:
    """Return what of the demands the programme can answer; the closed forms tell of the others.

    Positions in `left_out` are not trimmed; to those in `mended` margin may be added. A demand that permits
    no trims is there for hedges or margin alone.
    """
    found: list[Asked] = []
    for index, (demand, effort) in enumerate(zip(demands, efforts, strict=True)):
        trims = Action.TRIM in demand.permits
        made = prices.faces(demand, effort.tightness, book)
        if isinstance(made, CannotHelp):
            continue
        legs = [leg for leg in legs_of(demand, book) if leg.holding is not None]
        known, _ = prices.of(demand, legs if trims else [], whole=False)
        priced = {key: one for key, one in known.items() if key not in left_out} if left_out else known
        kept = _within_reach(demand, made, priced, book, mended)
        if kept and (priced or mended or not trims):
            kept_faces, gaps = zip(*kept, strict=True)
            paid = {key: one.cost for key, one in priced.items()}
            found.append(Asked(index, demand, kept_faces, gaps, priced, paid, len(kept) == len(made)))
    return found


def asked_again(known: Asked, effort: Effort, prices: Prices) -> Asked | None:
    """Return a demand that was asked before at a tighter goal; None where it is out of reach there."""
    made = prices.faces(known.demand, effort.tightness, prices.book)
    if isinstance(made, CannotHelp):
        return None
    kept = _within_reach(known.demand, made, known.priced, prices.book, frozenset())
    if not kept:
        return None
    faces, gaps = zip(*kept, strict=True)
    return replace(known, faces=faces, gaps=gaps, whole=len(kept) == len(made))


def _within_reach(
    demand: Demand, found: tuple[Face, ...], priced: dict[str, Priced], book: Book, mended: Set[str]
) -> list[tuple[Face, float]]:
    """Leave out what nothing can mend: the limit of one position whole, of an account the face alone."""
    strict = demand.target.position is not None
    kept: list[tuple[Face, float]] = []
    for face in found:
        gap = missing(face, book)
        if not isfinite(gap):
            return []
        open_to_margin = face.alone and face.payers <= mended
        if open_to_margin or not (strict or face.released) or is_enough(face, gap, priced, book):
            kept.append((face, gap))
        elif strict:
            return []
    return kept


def is_enough(face: Face, gap: float, priced: dict[str, Priced], book: Book) -> bool:
    """Whether some position alone can meet a face."""
    tolerance = _TOLERANCE * max(1.0, abs(face.budget))
    if gap <= tolerance:
        return True
    for key, terms in priced.items():
        leg = book.by_key[key]
        usd = amount(lines(face, Candidate(leg, terms, terms.cost), gap), tolerance)
        if usd is not None and usd <= leg.left * (1.0 + _ROUNDING):
            return True
    return False


def shared_out(
    amounts: dict[str, float], asked: Sequence[Asked], short: Set[int], book: Book, count: int
) -> list[Proposed]:
    """Give each position's amount, in USD, to the demand that needs most of it; the result is by demand.

    The order goes out under that demand's rule and at its price, so it must permit as much. `short` are the
    demands that the programme cannot answer in full: for them the closed forms may add nothing.
    """
    answered = {one.index for one in asked} - short
    final = short if any(amounts.values()) else frozenset()
    given = [Proposed({}, {}, index in final, index in answered) for index in range(count)]
    past = {one.index: _past(one) for one in asked}
    for key, usd in amounts.items():
        if usd <= 0.0:
            continue
        leg = book.by_key[key]
        assert leg.holding is not None
        assert leg.market is not None
        contracts = leg.position.contracts * Decimal(repr(usd / leg.holding.notional))
        whole = round_down(contracts, leg.market.amount_step)
        if contracts - whole <= leg.market.amount_step * _DUST:
            contracts = whole
        if contracts <= 0:
            continue
        rooms = [(one, one.priced[key].room) for one in asked if key in one.priced]
        enough = min(contracts, max([room for _, room in rooms]))
        able = [one for one, room in rooms if room >= enough]
        best = able[0] if len(able) == 1 else _neediest(able, key, usd, book, past)
        given[best.index].amounts[key] = contracts
        given[best.index].priced[key] = best.priced[key]
    return given


def _past(one: Asked) -> list[tuple[Face, float]]:
    """Faces of a demand that are past their budget, and by how much."""
    return [(face, gap) for face, gap in zip(one.faces, one.gaps, strict=True) if gap > 0.0]


def _neediest(
    able: Sequence[Asked], key: str, usd: float, book: Book, past: Mapping[int, Sequence[tuple[Face, float]]]
) -> Asked:
    """The demand that would need most USD of a position if nobody else gave anything, at most what is taken:
    the first of those that need the same."""
    best, most = able[0], -1.0
    for one in able:
        need = _need(past[one.index], Candidate(book.by_key[key], one.priced[key], one.priced[key].cost), usd)
        if need > most:
            best, most = one, need
        if need >= usd:
            break
    return best


def _need(past: Sequence[tuple[Face, float]], candidate: Candidate, usd: float) -> float:
    """USD of a position that a demand would need, at most what is taken."""
    most = 0.0
    for face, gap in past:
        relief = relief_of(face, candidate)
        if relief > 0.0:
            most = max(most, gap / relief)
        if most >= usd:
            return usd
    return most
