"""Closed form: how many USD of a perpetual, opened against it, bring a limit back to its goal.

Each face of a limit (see `sizing`) is linear in what is opened, too. With h USD of a perpetual whose weight
in the face is w, factor f and maintenance brackets (r, D), opened at a cost of c a USD,

    gap + w h + MM(f (n + h)) - MM(f n) + kappa c h <= 0

n being what is open of it already. So for each bracket h = part / (-w - kappa c - r f), and the size is the
largest over brackets and faces. For a stress limit that is h = (Loss - X E) / (gain of one USD - c). A slope
of 0 or less means that a hedge costs more of the limit than it brings back.
"""

from math import isfinite

from msgspec import Struct
from msgspec.structs import replace

from bot.planning.book import Book, open_book
from bot.planning.hedge_seats import Seat
from bot.planning.request import PlanRequest, Watch
from bot.planning.sizing import CannotHelp, Face, faces
from bot.planning.spread import maintenance, missing

_TOLERANCE = 1e-12


class Begun(Struct, frozen=True):
    """The account with a hedge that is named in it: one lot of it, unless some is open."""

    book: Book
    """Nobody may take from it."""
    usd: float
    """What of the hedge was opened."""


def begun_with(seat: Seat, request: PlanRequest) -> Begun:
    """Open one lot of a hedge, where none of it is open yet."""
    extended, usd = opened(seat, request)
    return Begun(open_book(extended), usd)


def needed(watch: Watch, seat: Seat, cost: float, begun: Begun) -> float | CannotHelp:
    """Return the USD of a hedge that bring a limit to its goal; 0 where it is there, or why none would do.

    `cost` is that of one USD of it.
    """
    book = begun.book
    found = faces(watch, book)
    if isinstance(found, CannotHelp):
        return found
    most = 0.0
    for face in found:
        size = _for_face(face, book, seat.unit.key, cost)
        if isinstance(size, CannotHelp):
            return size
        most = max(most, size)
    return most + begun.usd if most > 0.0 else 0.0


def opened(seat: Seat, request: PlanRequest) -> tuple[PlanRequest, float]:
    """Open one lot of a hedge, where none of it is open yet; return the account, and the USD of the lot."""
    portfolio, snapshot, unit = request.portfolio, request.snapshot, seat.unit
    if portfolio.holding(unit.key) is not None:
        return request, 0.0
    step = seat.market.amount_step
    share = float(step)
    part = replace(
        unit, size=unit.size * share, notional=unit.notional * share, maintenance=unit.maintenance * share
    )
    extended = replace(
        request,
        snapshot=replace(snapshot, positions=(*snapshot.positions, replace(seat.one, contracts=step))),
        portfolio=replace(portfolio, holdings=(*portfolio.holdings, part)),
    )
    return extended, part.notional


def _for_face(face: Face, book: Book, key: str, cost: float) -> float | CannotHelp:
    gap = missing(face, book)
    if not isfinite(gap):
        return CannotHelp("the figures of this limit are not finite numbers", "unknown_figure")
    tolerance = _TOLERANCE * max(1.0, abs(face.budget))
    if gap <= tolerance:
        return 0.0
    leg = book.by_key[key]
    assert leg.holding is not None
    gain = -face.weights.get(key, 0.0) - (face.cost_weight * cost if key in face.payers else 0.0)
    factor = face.factors.get(key)
    lines = [(gain, gap)]
    if factor is not None:
        rest = gap - maintenance(leg, leg.left, factor)
        lines = [(gain - rate, rest + margin) for rate, margin in leg.holding.asked(leg.left, factor)]
    most = 0.0
    for slope, part in lines:
        if part <= tolerance:
            continue
        if slope <= 0.0:
            reason = f"a hedge with {key} costs more of this limit than it brings back"
            return CannotHelp(reason, "hedge_cannot_help")
        most = max(most, part / slope)
    return most
