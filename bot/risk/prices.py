"""How far a mark price is from what else is known of its symbol.

Three other prices may be known: index, last trade, and the middle of bid and ask. A mark price is *apart*
where it is further than the band from their median, which one of them that is wrong moves little. It is apart
too where it jumped and the others do not bear it out: the index, which comes from other venues, must agree
with it, and the last trade or the book as well. A venue whose own trades run away takes mark, last and book
along, and leaves the index behind.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from statistics import median

from msgspec import Struct

from bot.model import Mark, Unknown
from bot.risk.figures import price_of

JUMP_WINDOW = timedelta(minutes=1)
"""A move since an accepted price that is older than this is no jump."""

_ROUNDING = 1e-9

INDEX, LAST, BOOK = "index", "last", "the middle of bid and ask"


class Witness(Struct, frozen=True):
    """Another price of the symbol."""

    name: str
    price: float


class Apart(Struct, frozen=True):
    """Why a mark price is not believed at once."""

    why: str
    sane: float
    """What the price would be by the others."""


def witnesses(mark: Mark) -> tuple[Witness, ...]:
    """Return the other prices that are known. A book whose sides cross, or of one side, tells nothing."""
    found = []
    for name, figure in ((INDEX, mark.index), (LAST, mark.last)):
        price = price_of(figure, name)
        if not isinstance(price, Unknown):
            found.append(Witness(name, price))
    bid, ask = price_of(mark.bid, "bid"), price_of(mark.ask, "ask")
    if not isinstance(bid, Unknown) and not isinstance(ask, Unknown) and bid <= ask:
        found.append(Witness(BOOK, (bid + ask) / 2.0))
    return tuple(found)


def is_near(price: float, other: float, band: float) -> bool:
    """Whether two prices lie within a band, as a fraction of the other."""
    return abs(price / other - 1.0) <= band + _ROUNDING


def apart_by_band(price: float, others: tuple[Witness, ...], band: float) -> Apart | None:
    """Say whether a price is further than the band from the median of the others."""
    if not others:
        return None
    middle = median(other.price for other in others)
    if is_near(price, middle, band):
        return None
    far = [other for other in others if not is_near(price, other.price, band)]
    named = _listed(far)
    distance = show_share(abs(price / median(other.price for other in far) - 1.0))
    return Apart(f"mark {show_price(price)} is {distance} from {named}", middle)


def apart_by_jump(
    price: float,
    at: datetime,
    others: tuple[Witness, ...],
    before: float,
    before_at: datetime,
    jump: float,
    band: float,
) -> Apart | None:
    """Say whether a price jumped since the last accepted one without a witness. Times are the venue's."""
    passed = at - before_at
    if is_near(price, before, jump) or not timedelta(0) <= passed <= JUMP_WINDOW:
        return None
    agree = {other.name for other in others if is_near(price, other.price, band)}
    if INDEX in agree and len(agree) > 1:
        return None
    sane = next((other.price for other in others if other.name == INDEX), before)
    moved = show_share(abs(price / before - 1.0))
    against = [other for other in others if other.name not in agree]
    told = f", against {_listed(against)}" if against else ", and too little confirms it"
    return Apart(
        f"mark {show_price(price)} is {moved} from {show_price(before)} "
        f"{passed.total_seconds():.0f} s before{told}",
        sane if not is_near(price, sane, band) else before,
    )


def _listed(others: Sequence[Witness]) -> str:
    *first, last = [f"{other.name} {show_price(other.price)}" for other in others]
    return f"{', '.join(first)} and {last}" if first else last


def show_price(price: float) -> str:
    """Return a price for people, in six digits."""
    return f"{price:,.0f}" if price >= 1e5 else f"{price:,.6g}"


def show_share(share: float) -> str:
    """Return a fraction as a percentage for people."""
    return f"{share * 100:.1f}".removesuffix(".0") + " %"
