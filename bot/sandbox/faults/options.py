"""Faults of an option chain: quotes and surfaces that cannot be trusted."""

from collections.abc import Callable
from fnmatch import fnmatchcase

from bot.sandbox.engine.options.bad_data import BadData
from bot.sandbox.faults.fault import Fault, FaultError
from bot.sandbox.faults.kinds import Kind, Venue, named

USES = ("symbol", "seconds")
GLOB = "; `symbol` is a glob (all unless given)"


def _check(venue: Venue, fault: Fault, way: BadData) -> None:
    """Raises FaultError where there is nothing to lie about; what has expired is not listed yet."""
    options = venue.engine.options
    listed = [one.symbol for one in options.listed()]
    pattern = "*" if way is BadData.EXPIRED else fault.symbol or "*"
    if not any(fnmatchcase(symbol, pattern) for symbol in listed):
        raise FaultError(f"fault {fault.name!r}: no option here matches symbol {pattern!r}")


def _begin(way: BadData) -> Callable[[Venue, Fault], None]:
    def begin(venue: Venue, fault: Fault) -> None:
        _check(venue, fault, way)
        venue.engine.options.bad_data.begin(way, fault.symbol)

    return begin


def _end(way: BadData) -> Callable[[Venue, Fault], None]:
    def end(venue: Venue, fault: Fault) -> None:
        venue.engine.options.bad_data.end(way, fault.symbol)

    return end


def _kind(name: str, way: BadData, meaning: str, row: int = 19) -> Kind:
    return Kind(
        name=name,
        rows=(row,),
        meaning=meaning + GLOB,
        uses=USES,
        lasts=True,
        apply=_begin(way),
        lift=_end(way),
    )


OPTIONS = named(
    _kind(
        "option_crossed",
        BadData.CROSSED,
        "shows the bid of options above their ask, in tickers and books; orders meet the true book",
    ),
    _kind(
        "option_unquoted",
        BadData.ABSENT,
        "takes bids and asks of options away: they are shown as 0, and nothing trades; marks stay",
    ),
    _kind(
        "option_zero_iv",
        BadData.NO_VOLATILITY,
        "shows volatilities and greeks of options as 0, prices as they are",
    ),
    _kind(
        "option_holes",
        BadData.HOLES,
        "leaves every second strike out of instruments and tickers; who holds one may trade it",
        28,
    ),
    _kind(
        "option_expired",
        BadData.EXPIRED,
        "lists the expiry of the last 08:00 UTC as if it traded, with quotes; orders are refused",
        28,
    ),
)
