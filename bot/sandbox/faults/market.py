"""Faults of a market: its book, its limits, its marks, its being there at all."""

from decimal import Decimal

from bot.sandbox.faults.checks import not_decimal
from bot.sandbox.faults.fault import Fault
from bot.sandbox.faults.kinds import REQUEST_FIELDS, Act, Kind, Strike, Venue, named
from bot.sandbox.http import Response

EVERYTHING, NOTHING = Decimal(1), Decimal(0)
READS = "/v5/*"
MARKS = frozenset({"/v5/market/tickers", "/v5/position/list"})
"""Calls that show marks."""
VALUED = MARKS | {"/v5/account/wallet-balance"}
"""Calls whose figures depend on marks."""


def _thin(venue: Venue, fault: Fault) -> None:
    venue.engine.disturbances.thin_book(fault.symbol, fault.share or NOTHING)


def _empty(venue: Venue, fault: Fault) -> None:
    venue.engine.disturbances.thin_book(fault.symbol, NOTHING)


def _refill(venue: Venue, fault: Fault) -> None:
    venue.engine.disturbances.thin_book(fault.symbol, EVERYTHING)


def _band(venue: Venue, fault: Fault) -> None:
    venue.engine.disturbances.set_price_band(fault.symbol, fault.share)


def _unband(venue: Venue, fault: Fault) -> None:
    venue.engine.disturbances.set_price_band(fault.symbol, None)


def _min_notional(venue: Venue, fault: Fault) -> None:
    venue.engine.disturbances.set_min_notional(fault.symbol, Decimal(fault.value))


def _listed_notional(venue: Venue, fault: Fault) -> None:
    venue.engine.disturbances.set_min_notional(fault.symbol, None)


def _step(venue: Venue, fault: Fault) -> None:
    contract = venue.engine.instrument(fault.symbol).contract_size
    venue.engine.disturbances.set_qty_step(fault.symbol, Decimal(fault.value) * contract)


def _listed_step(venue: Venue, fault: Fault) -> None:
    venue.engine.disturbances.set_qty_step(fault.symbol, None)


def _contract(venue: Venue, fault: Fault) -> None:
    venue.engine.disturbances.set_contract_size(fault.symbol, Decimal(fault.value))


def _listed_contract(venue: Venue, fault: Fault) -> None:
    venue.engine.disturbances.set_contract_size(fault.symbol, None)


def _delist(venue: Venue, fault: Fault) -> None:
    venue.engine.disturbances.delist(fault.symbol)


def _list_again(venue: Venue, fault: Fault) -> None:
    venue.engine.disturbances.list_again(fault.symbol)


def _reads(strike: Strike, paths: frozenset[str]) -> bool:
    """Whether the call reads one of these, and of the fault's symbol or of all."""
    call = strike.call
    symbol = strike.fault.symbol
    listed = symbol in strike.venue.engine.instruments
    return listed and call.act is Act.READ and call.path in paths and call.symbol in ("", symbol)


def _reads_values(strike: Strike) -> bool:
    return _reads(strike, VALUED)


def _reads_marks(strike: Strike) -> bool:
    return _reads(strike, MARKS)


def _wick(strike: Strike) -> Response:
    fault, disturbances = strike.fault, strike.venue.engine.disturbances
    share = fault.share or NOTHING
    disturbances.wick(fault.symbol, -share if fault.variant == "down" else share)
    try:
        return strike.execute()
    finally:
        disturbances.wick(fault.symbol, NOTHING)


def _zero_price(strike: Strike) -> Response:
    answer, fields = strike.execute(), strike.venue.fields
    rows = strike.venue.rows(answer)
    for row in rows:
        if row.get(fields.symbol) == strike.fault.symbol and fields.mark_price in row:
            row[fields.mark_price] = "" if strike.fault.variant == "blank" else "0"
    return strike.venue.with_rows(answer, rows)


MARKET = named(
    Kind(
        name="thin_book",
        rows=(7,),
        meaning="leaves `share` of the depth of `symbol`, one step a level at least",
        uses=("symbol", "share", "seconds"),
        needs=("symbol", "share"),
        lasts=True,
        apply=_thin,
        lift=_refill,
    ),
    Kind(
        name="empty_book",
        rows=(14,),
        meaning="takes all depth of `symbol` away: market and IOC orders are cancelled with nothing filled,"
        " and so is a stop that triggers (it is gone, the position stays open); what rests goes on"
        " resting",
        uses=("symbol", "seconds"),
        needs=("symbol",),
        lasts=True,
        apply=_empty,
        lift=_refill,
    ),
    Kind(
        name="price_band",
        rows=(14,),
        meaning="refuses limit orders of `symbol` whose price crosses the mark by more than `share` of it",
        uses=("symbol", "share", "seconds"),
        needs=("symbol", "share"),
        lasts=True,
        apply=_band,
        lift=_unband,
    ),
    Kind(
        name="min_notional",
        rows=(12,),
        meaning="sets the least worth of an order of `symbol` to `value`; what only reduces is exempt",
        uses=("symbol", "value", "seconds"),
        needs=("symbol", "value"),
        check=not_decimal,
        lasts=True,
        apply=_min_notional,
        lift=_listed_notional,
    ),
    Kind(
        name="qty_step",
        rows=(12,),
        meaning="sets the quantity step of `symbol` to `value` contracts, and the least quantity with it; a"
        " reduce-only order of the whole position is exempt",
        uses=("symbol", "value", "seconds"),
        needs=("symbol", "value"),
        check=not_decimal,
        lasts=True,
        apply=_step,
        lift=_listed_step,
    ),
    Kind(
        name="contract_size",
        rows=(13,),
        meaning="makes a contract of `symbol` `value` coins: every quantity of it is in contracts, and its"
        " instrument row has a field contractSize",
        uses=("symbol", "value", "seconds"),
        needs=("symbol", "value"),
        check=not_decimal,
        lasts=True,
        apply=_contract,
        lift=_listed_contract,
    ),
    Kind(
        name="wick",
        rows=(19,),
        meaning="shows the mark of `symbol` off by `share` of it, by `variant` up or down, in tickers,"
        " positions and the wallet's figures; nothing is decided by it; ends after `seconds`",
        path=READS,
        uses=(*REQUEST_FIELDS, "share", "seconds", "variant"),
        needs=("symbol", "share"),
        variants=("up", "down"),
        concerns=_reads_values,
        picks_rows=True,
        lasts=True,
        answer=_wick,
    ),
    Kind(
        name="zero_price",
        rows=(19,),
        meaning="shows the mark of `symbol` as 0, or with `variant` blank as '', in tickers and positions;"
        " ends after `seconds`",
        path=READS,
        uses=(*REQUEST_FIELDS, "seconds", "variant"),
        needs=("symbol",),
        variants=("zero", "blank"),
        concerns=_reads_marks,
        picks_rows=True,
        lasts=True,
        answer=_zero_price,
    ),
    Kind(
        name="delisted",
        rows=(28,),
        meaning="takes `symbol` away: its orders are cancelled, lists of instruments and tickers leave it"
        " out, orders are refused, positions stay in the list",
        uses=("symbol", "seconds"),
        needs=("symbol",),
        lasts=True,
        apply=_delist,
        lift=_list_again,
    ),
)
