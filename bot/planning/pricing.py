"""Prices of trims: an immediate-or-cancel limit inside the slippage cap, later wider, later a market order.

The cap holds against mark *and* index. For a sale the limit price is therefore never below
(1 - slippage) times the higher of the two, for a purchase never above (1 + slippage) times the lower; it is
rounded to the price step toward mark, so that rounding never passes the cap. Bid and ask only decide whether
a fill inside the cap is possible at all.

A passive order rests at the best price of its own side, never beyond the cap either.

Two limits bend this. The last resort of a limit of survival, its market order, is bounded against mark alone:
mark is what liquidates, and a position that waits for the index may not live to see it. An order of a limit
on exposure waits while mark and index are further than `PRICE_BAND` apart: one of them is a wick.
"""

from datetime import datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import TypeGuard

from msgspec import Struct
from msgspec.structs import replace

from bot.model import Caps, Figure, Mark, Market, OrderPolicy, Side, Style, TrimTerms, Unknown
from bot.planning.nature import Nature
from bot.planning.rounding import exact
from bot.risk.ages import Ages, age_trouble

PRICE_BAND = Decimal("0.05")
"""Largest difference of mark and index, as a fraction of index, at which orders on exposure are priced."""
RESTS = "; it only rests there, as the best of its side"
LAST = "; last resort: bounded against mark alone, whatever the index says"
ZERO = Decimal(0)


class Quote(Struct, frozen=True):
    """How a reduction would be ordered, and what it may cost."""

    style: Style
    price: Decimal | None
    """Limit price; None for a market order."""
    mark: Decimal
    worst: Decimal
    """Worst permitted fill price: the limit price, or the slippage cap for a market order."""
    slippage: Decimal
    """The cap in force, as a fraction."""
    note: str = ""
    """What a reader of the order must be told of its price; '' for nothing."""


class NoQuote(Struct, frozen=True):
    """Why no order can be priced."""

    code: str
    reason: str


class Way(Struct, frozen=True):
    """How a demand orders now, whatever the position."""

    style: Style
    slippage: Decimal
    """The cap in force, as a fraction."""
    below: Decimal
    """1 less the cap: the worst price of a sale by its anchor."""
    above: Decimal
    share: Decimal
    """Largest share of a position in one cycle."""
    alone: bool = False
    """Whether mark alone bounds it: the last resort of a limit of survival."""
    banded: bool = False
    """Whether it waits while mark and index are a band apart: a limit on exposure."""
    note: str = ""
    """What a reader of its orders must be told; '' for nothing."""
    otherwise: "Way | None" = None
    """How it orders where an order is to rest and the venue tells no best price; None where none is to."""

    def unbanded(self) -> "Way":
        """Return the same for a limit that heeds no band."""
        return replace(self, banded=False) if self.banded else self


def round_price(price: Decimal, step: Decimal, *, up: bool) -> Decimal:
    """Round a price to the market's step, up or down."""
    return (price / step).to_integral_value(ROUND_CEILING if up else ROUND_FLOOR) * step


def taking_seconds(
    terms: TrimTerms, acting_seconds: float, nature: Nature, *, whole: bool, pressing: bool
) -> float:
    """For how long an episode has taken what rests in the book; below 0 its orders only rest there.

    A limit of survival, a limit that is far past and a close of a whole position do not wait.
    """
    waits = terms.order is OrderPolicy.PASSIVE and nature is not Nature.SURVIVAL
    if waits and not (whole or pressing):
        return acting_seconds - terms.escalate_after_seconds
    return acting_seconds


def is_last_resort(terms: TrimTerms, acting_seconds: float) -> bool:
    """Whether an episode has acted for so long that only a market order is left."""
    return acting_seconds >= 2 * terms.escalate_after_seconds


def slippage_now(terms: TrimTerms, caps: Caps, acting_seconds: float) -> tuple[Style, Decimal]:
    """Return style and slippage cap after an episode has been taking for so long (`taking_seconds`).

    First the rule's own slippage, after `escalate_after_seconds` twice as much, after twice as long a market
    order within the account's cap. `Caps.max_slippage` bounds all of them.
    """
    base = exact(terms.max_slippage)
    if acting_seconds < 0:
        return Style.PASSIVE, min(base, caps.max_slippage)
    if is_last_resort(terms, acting_seconds):
        return Style.MARKET, caps.max_slippage
    slippage = 2 * base if acting_seconds >= terms.escalate_after_seconds else base
    style = Style.MARKET if terms.order is OrderPolicy.MARKET else Style.IOC
    return style, min(slippage, caps.max_slippage)


def way_of(
    terms: TrimTerms, caps: Caps, acting_seconds: float, nature: Nature, *, whole: bool = False
) -> Way:
    """Return how a limit orders; `acting_seconds` are those of `taking_seconds`, `whole` is for a close."""
    style, slippage = slippage_now(terms, caps, acting_seconds)
    share = Decimal(1) if whole else min(exact(terms.max_share), caps.max_share)
    bounds = (style, slippage, 1 - slippage, 1 + slippage, share)
    banded = nature is Nature.EXPOSURE
    if acting_seconds < 0:
        otherwise = way_of(terms, caps, 0.0, Nature.OTHER, whole=whole)
        return Way(*bounds, banded=banded, note=RESTS, otherwise=otherwise)
    if nature is not Nature.SURVIVAL:
        return Way(*bounds, banded=banded)
    alone = is_last_resort(terms, acting_seconds)
    note = LAST if alone else ""
    if terms.order is OrderPolicy.PASSIVE:
        note = f"; a limit of survival does not wait: no passive order{note}"
    return Way(*bounds, alone=alone, note=note)


def is_price(figure: Figure) -> TypeGuard[Decimal]:
    """Whether a figure is known, and a price."""
    return isinstance(figure, Decimal) and figure.is_finite() and figure > ZERO


def _trouble(price: Figure) -> str:
    """Say why a figure is no price."""
    return f"is unknown: {price.reason}" if isinstance(price, Unknown) else f"is {price}, which is no price"


def fresh_mark(mark: Mark | None, symbol: str, at: datetime, max_age_seconds: float) -> Decimal | NoQuote:
    """Return the mark price where it is known, positive and fresh; `at` is a time of the venue's clock."""
    if mark is None:
        return NoQuote("unknown_mark", f"the snapshot holds no prices of {symbol}")
    if not is_price(mark.mark):
        return NoQuote("unknown_mark", f"mark price of {symbol} {_trouble(mark.mark)}")
    trouble = age_trouble(f"prices of {symbol}", mark.at, at, max_age_seconds)
    return NoQuote("stale_data", trouble) if trouble else mark.mark


def _resting_price(side: Side, market: Market, mark: Mark) -> Decimal | None:
    """Return the best price of the own side, None where the venue told none."""
    best = mark.ask if side is Side.LONG else mark.bid
    return round_price(best, market.price_step, up=side is Side.LONG) if is_price(best) else None


def is_apart(mark: Mark) -> bool:
    """Whether mark and index are further than `PRICE_BAND` apart; False where one of them is not known."""
    price, index = mark.mark, mark.index
    return is_price(price) and is_price(index) and abs(price / index - 1) > PRICE_BAND


def _band_trouble(price: Decimal, index: Decimal, symbol: str) -> NoQuote:
    """Say that mark and index are a band apart."""
    why = f"mark {price:f} and index {index:f} of {symbol} are {abs(price / index - 1):.1%} apart, the band"
    return NoQuote("price_band", f"{why} is {PRICE_BAND:.0%}: orders on exposure wait until they agree")


def _beyond(side: Side, best: Decimal, worst: Decimal, symbol: str, way: Way) -> NoQuote:
    """Say that the best price of a book is beyond the cap."""
    word, bounds = ("bid" if side is Side.LONG else "ask"), ("mark" if way.alone else "mark and of index")
    beyond = f"best {word} {best} is beyond {worst}, the worst price that the slippage cap permits"
    return NoQuote("cap_slippage", f"{symbol}: {beyond} ({way.slippage * 100:f} % of {bounds})")


def quote(side: Side, market: Market, mark: Mark | None, way: Way, ages: Ages) -> Quote | NoQuote:
    """Price a reduction of a position on `side`.

    NoQuote where mark or index are unknown, stale, or a band apart (a market order needs them for its cap as
    well), or where the book's best price is already beyond the cap.
    """
    if mark is None or not is_price(mark.mark) or not ages.is_fresh(mark.at):
        found = fresh_mark(mark, market.symbol, ages.now, ages.max_seconds)
        assert isinstance(found, NoQuote)
        return found
    price, index = mark.mark, mark.mark if way.alone else mark.index
    if not is_price(index):
        return NoQuote("unknown_index", f"index price of {mark.symbol} {_trouble(index)}")
    if way.banded and is_apart(mark):
        return _band_trouble(price, index, mark.symbol)
    rests = None
    if way.otherwise is not None:
        rests = _resting_price(side, market, mark)
        way = way if rests else way.otherwise
    step = market.price_step
    if side is Side.LONG:
        anchor, best = (price if price >= index else index), mark.bid
        worst = (anchor * way.below / step).to_integral_value(ROUND_CEILING) * step
        beyond = is_price(best) and best < worst
    else:
        anchor, best = (price if price <= index else index), mark.ask
        worst = (anchor * way.above / step).to_integral_value(ROUND_FLOOR) * step
        beyond = is_price(best) and best > worst
    if beyond:
        assert isinstance(best, Decimal)
        return _beyond(side, best, worst, market.symbol, way)
    if rests:
        at = max(rests, worst) if side is Side.LONG else min(rests, worst)
        return Quote(way.style, at, price, at, way.slippage, way.note)
    return Quote(way.style, worst if way.style is Style.IOC else None, price, worst, way.slippage, way.note)
