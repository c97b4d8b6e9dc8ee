"""Faults of what the venue shows: lists that lie, while the account is as it is."""

from bot.sandbox.faults.checks import not_count
from bot.sandbox.faults.connection import CREATE
from bot.sandbox.faults.kinds import REQUEST_FIELDS, Act, Kind, Row, Strike, named
from bot.sandbox.http import Response

POSITIONS = "/v5/position/list"
HIDDEN_S = 30.0


def _chosen(strike: Strike, row: Row) -> bool:
    """Whether the fault's `symbol` chooses this row."""
    return strike.fault.symbol in ("", row.get(strike.venue.fields.symbol))


def _hidden_orders(strike: Strike) -> Response:
    answer = strike.execute()
    seconds = HIDDEN_S if strike.fault.seconds is None else strike.fault.seconds
    order_id = strike.venue.placed_id(answer)
    if order_id:
        strike.memory[order_id] = strike.now_ms + seconds * 1000
    return answer


def _hide(strike: Strike, answer: Response) -> Response:
    name, now = strike.venue.fields.order_id, strike.now_ms
    rows = strike.venue.rows(answer)
    shown = [row for row in rows if strike.memory.get(str(row.get(name)), now) <= now]
    return answer if len(shown) == len(rows) else strike.venue.with_rows(answer, shown)


def _places(strike: Strike) -> bool:
    return strike.call.act is Act.PLACE


def _reads(strike: Strike) -> bool:
    return strike.call.act is Act.READ


def _shuffled_fills(strike: Strike) -> Response:
    answer = strike.execute()
    rows = strike.venue.rows(answer)
    rows += [row for row in rows if _chosen(strike, row)]
    strike.random.shuffle(rows)
    return strike.venue.with_rows(answer, rows)


def _empty_positions(strike: Strike) -> Response:
    answer = strike.execute()
    left = [row for row in strike.venue.rows(answer) if not _chosen(strike, row)]
    return strike.venue.with_rows(answer, left, last=not strike.fault.symbol)


def _cut_page(strike: Strike) -> Response:
    most = int(strike.fault.value)
    if strike.fault.variant != "lost":
        return strike.execute(page=most)
    answer = strike.execute()
    return strike.venue.with_rows(answer, strike.venue.rows(answer)[:most], last=True)


def _old(strike: Strike) -> Response | None:
    call = strike.call
    at_ms = strike.now_ms - (strike.fault.seconds or 0.0) * 1000
    return strike.history.before(call.api_key, call.path, call.query, int(at_ms))


def _has_old(strike: Strike) -> bool:
    return strike.call.act is Act.READ and _old(strike) is not None


def _old_body(strike: Strike) -> Response:
    old = _old(strike)
    fresh = strike.execute()
    return fresh if old is None else old


def _liquidation_price(strike: Strike) -> Response:
    answer = strike.execute()
    name = strike.venue.fields.liquidation_price
    rows = [
        {**row, name: strike.fault.value} if _chosen(strike, row) else row
        for row in strike.venue.rows(answer)
    ]
    return strike.venue.with_rows(answer, rows)


VIEWS = named(
    Kind(
        name="hidden_orders",
        rows=(5,),
        meaning="takes an order and works it, but for `seconds` (30) no list shows it or its fills",
        path=CREATE,
        uses=(*REQUEST_FIELDS, "seconds"),
        concerns=_places,
        answer=_hidden_orders,
        veil=_hide,
    ),
    Kind(
        name="shuffled_fills",
        rows=(8,),
        meaning="shows every fill twice and in no order",
        path="/v5/execution/list",
        uses=REQUEST_FIELDS,
        picks_rows=True,
        answer=_shuffled_fills,
    ),
    Kind(
        name="empty_positions",
        rows=(15,),
        meaning="answers an empty list (with `symbol`: without that one)",
        path=POSITIONS,
        uses=REQUEST_FIELDS,
        picks_rows=True,
        answer=_empty_positions,
    ),
    Kind(
        name="cut_page",
        rows=(16,),
        meaning="cuts lists after `value` rows; by `variant` cursor (the cursor leads on to the rest) or"
        " lost (the rest is missing and nothing says so)",
        path=POSITIONS,
        uses=(*REQUEST_FIELDS, "value", "variant"),
        needs=("value",),
        variants=("cursor", "lost"),
        check=not_count,
        concerns=_reads,
        answer=_cut_page,
    ),
    Kind(
        name="old_body",
        rows=(17,),
        meaning="answers a reading call with what the same call got `seconds` earlier, or the oldest kept",
        path=POSITIONS,
        uses=(*REQUEST_FIELDS, "seconds"),
        needs=("seconds",),
        concerns=_has_old,
        answer=_old_body,
    ),
    Kind(
        name="liquidation_price",
        rows=(18,),
        meaning="shows `value` ('' unless given) as the liquidation price of every position",
        path=POSITIONS,
        uses=(*REQUEST_FIELDS, "value"),
        picks_rows=True,
        answer=_liquidation_price,
    ),
)
