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

from msgspec import Struct

from bot.model import Caps, Figure, Mark, Market, OrderPolicy, Side, Style, TrimTerms, Unknown
from bot.planning.nature import Nature
from bot.planning.rounding import exact
from bot.risk.ages import age_trouble

PRICE_BAND = Decimal("0.05")
"""Largest difference of mark and index, as a fraction of index, at which orders on exposure are priced."""


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


def is_plain(nature: Nature, terms: TrimTerms, acting_seconds: float, mark: Mark | None) -> bool:
    """Whether `quote` prices a reduction as that of any other limit, whatever its nature."""
    if nature is Nature.SURVIVAL:
        return terms.order is not OrderPolicy.PASSIVE and not is_last_resort(terms, acting_seconds)
    return nature is not Nature.EXPOSURE or mark is None or _band_trouble(mark) is None


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


def _trouble(price: Figure) -> str:
    """Say why a figure is no price; '' where it is one."""
    if isinstance(price, Unknown):
        return f"is unknown: {price.reason}"
    return "" if price.is_finite() and price > 0 else f"is {price}, which is no price"


def fresh_mark(mark: Mark | None, symbol: str, at: datetime, max_age_seconds: float) -> Decimal | NoQuote:
    """Return the mark price where it is known, positive and fresh; `at` is a time of the venue's clock."""
    if mark is None:
        return NoQuote("unknown_mark", f"the snapshot holds no prices of {symbol}")
    trouble = _trouble(mark.mark)
    if isinstance(mark.mark, Unknown) or trouble:
        return NoQuote("unknown_mark", f"mark price of {symbol} {trouble}")
    trouble = age_trouble(f"prices of {symbol}", mark.at, at, max_age_seconds)
    return NoQuote("stale_data", trouble) if trouble else mark.mark


def _out_of_reach(side: Side, worst: Decimal, mark: Mark) -> str | None:
    best = mark.bid if side is Side.LONG else mark.ask
    if isinstance(best, Unknown) or _trouble(best):
        return None
    if (best - worst) * side.sign >= 0:
        return None
    word = "bid" if side is Side.LONG else "ask"
    return f"best {word} {best} is beyond {worst}, the worst price that the slippage cap permits"


def _resting_price(side: Side, market: Market, mark: Mark) -> Decimal | None:
    """Return the best price of the own side, None where the venue told none."""
    best = mark.ask if side is Side.LONG else mark.bid
    if isinstance(best, Unknown) or _trouble(best):
        return None
    return round_price(best, market.price_step, up=side is Side.LONG)


def _reference(mark: Mark, nature: Nature) -> Decimal | NoQuote:
    """Return the index price, where it is known and not a band apart from mark for a limit on exposure."""
    index = mark.index
    trouble = _trouble(index)
    if isinstance(index, Unknown) or trouble:
        return NoQuote("unknown_index", f"index price of {mark.symbol} {trouble}")
    return (_band_trouble(mark) if nature is Nature.EXPOSURE else None) or index


def _band_trouble(mark: Mark) -> NoQuote | None:
    """Say that mark and index are a band apart; None where they are not, or one of them is not known."""
    price, index = mark.mark, mark.index
    if isinstance(price, Unknown) or isinstance(index, Unknown) or _trouble(price) or _trouble(index):
        return None
    apart = abs(price / index - 1)
    if apart <= PRICE_BAND:
        return None
    why = f"mark {price:f} and index {index:f} of {mark.symbol} are {apart:.1%} apart, the band is"
    return NoQuote("price_band", f"{why} {PRICE_BAND:.0%}: orders on exposure wait until they agree")


def quote(
    side: Side,
    market: Market,
    mark: Mark | None,
    terms: TrimTerms,
    caps: Caps,
    at: datetime,
    acting_seconds: float,
    max_age_seconds: float,
    nature: Nature,
) -> Quote | NoQuote:
    """Price a reduction of a position on `side`; `acting_seconds` are those of `taking_seconds`.

    NoQuote where mark or index are unknown, stale, or a band apart (a market order needs them for its cap as
    well), or where the book's best price is already beyond the cap.
    """
    price = fresh_mark(mark, market.symbol, at, max_age_seconds)
    if isinstance(price, NoQuote):
        return price
    assert mark is not None
    alone = nature is Nature.SURVIVAL and is_last_resort(terms, acting_seconds)
    index = price if alone else _reference(mark, nature)
    if isinstance(index, NoQuote):
        return index
    rests = None if acting_seconds >= 0 else _resting_price(side, market, mark)
    style, slippage = slippage_now(terms, caps, acting_seconds if rests else max(acting_seconds, 0.0))
    selling = side is Side.LONG
    anchor = max(price, index) if selling else min(price, index)
    worst = round_price(anchor * (1 - side.sign * slippage), market.price_step, up=selling)
    beyond = _out_of_reach(side, worst, mark)
    if beyond is not None:
        bounds = "of mark" if alone else "of mark and of index"
        return NoQuote("cap_slippage", f"{market.symbol}: {beyond} ({slippage * 100:f} % {bounds})")
    if rests:
        price_at = max(rests, worst) if selling else min(rests, worst)
        note = "; it only rests there, as the best of its side"
        return Quote(style, price_at, price, price_at, slippage, note)
    note = "; last resort: bounded against mark alone, whatever the index says" if alone else ""
    if terms.order is OrderPolicy.PASSIVE and nature is Nature.SURVIVAL:
        note = f"; a limit of survival does not wait: no passive order{note}"
    return Quote(style, worst if style is Style.IOC else None, price, worst, slippage, note)
