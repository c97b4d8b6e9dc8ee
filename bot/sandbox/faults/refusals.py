"""Faults that refuse: requests that a healthy venue would take, refused with its own codes."""

from bot.sandbox.faults.connection import ALL, CREATE
from bot.sandbox.faults.fault import Fault
from bot.sandbox.faults.kinds import REQUEST_FIELDS, Act, Kind, Refusal, Strike, named
from bot.sandbox.http import Response

REFUSING = (*REQUEST_FIELDS, "seconds", "code", "message")
"""Fields of refusals that stay armed for `seconds`."""

_LOST = {10003: Refusal.BAD_KEY, 10005: Refusal.NO_PERMISSION, 10010: Refusal.BAD_ADDRESS}


def _error_code(strike: Strike) -> Response:
    return strike.venue.error(strike.fault.code or 0, strike.fault.message or "Injected fault.")


def _refuse(strike: Strike, refusal: Refusal) -> Response:
    return strike.venue.refuse(refusal, strike.fault.code, strike.fault.message)


def _overload(strike: Strike) -> Response:
    return _refuse(strike, Refusal.OVERLOADED)


def _adds_load(strike: Strike) -> bool:
    call = strike.call
    return call.act is Act.STOP or (call.act in (Act.PLACE, Act.AMEND) and not call.reduce_only)


def _duplicate(strike: Strike) -> Response:
    answer = strike.execute()
    return strike.venue.refuse(Refusal.DUPLICATE_ID) if strike.venue.placed_id(answer) else answer


def _places(strike: Strike) -> bool:
    return strike.call.act is Act.PLACE


def _maintenance(strike: Strike) -> Response:
    return _refuse(strike, Refusal.MAINTENANCE)


def _is_private(strike: Strike) -> bool:
    return not strike.call.public


def _post_only(strike: Strike) -> Response:
    return _refuse(strike, Refusal.POST_ONLY_STAGE)


def _may_take(strike: Strike) -> bool:
    return strike.call.act is Act.PLACE and not strike.call.post_only


def _refused_order_type(strike: Strike) -> Response:
    return _refuse(strike, Refusal.STOP_TYPE)


def _is_that_type(strike: Strike) -> bool:
    if strike.fault.variant == "conditional":
        return strike.call.act is Act.PLACE and strike.call.conditional
    return strike.call.sets_stop


def _permission_lost(strike: Strike) -> Response:
    refusal = _LOST.get(strike.fault.code or 0, Refusal.BAD_ADDRESS)
    return strike.venue.refuse(refusal, None, strike.fault.message)


def _known_loss(fault: Fault) -> str:
    known = ", ".join(str(code) for code in _LOST)
    return "" if fault.code is None or fault.code in _LOST else f"code must be one of {known}"


REFUSALS = named(
    Kind(
        name="overload",
        rows=(4,),
        meaning="refuses orders, amendments and position stops as overloaded; what only reduces, and"
        " cancellations, pass; ends after `seconds`",
        path=ALL,
        uses=REFUSING,
        concerns=_adds_load,
        lasts=True,
        answer=_overload,
    ),
    Kind(
        name="duplicate",
        rows=(6,),
        meaning="takes an order, then refuses its client id as a duplicate",
        path=CREATE,
        uses=REQUEST_FIELDS,
        concerns=_places,
        answer=_duplicate,
    ),
    Kind(
        name="maintenance",
        rows=(27,),
        meaning="refuses every private call as under maintenance; public ones answer; ends after `seconds`",
        path=ALL,
        uses=REFUSING,
        concerns=_is_private,
        lasts=True,
        answer=_maintenance,
    ),
    Kind(
        name="post_only",
        rows=(27,),
        meaning="refuses new orders that are not post-only; all else passes; ends after `seconds`",
        path=CREATE,
        uses=REFUSING,
        concerns=_may_take,
        lasts=True,
        answer=_post_only,
    ),
    Kind(
        name="refused_order_type",
        rows=(29,),
        meaning="refuses, by `variant`, position_stop (a position's stop, or an order that carries one) or"
        " conditional (orders that wait for a trigger); ends after `seconds`",
        path=ALL,
        uses=(*REFUSING, "variant"),
        variants=("position_stop", "conditional"),
        concerns=_is_that_type,
        lasts=True,
        answer=_refused_order_type,
    ),
    Kind(
        name="permission_lost",
        rows=(30,),
        meaning="refuses every private call with `code` 10003 (key), 10005 (permission) or 10010 (address,"
        " the default); ends after `seconds`",
        path=ALL,
        uses=REFUSING,
        check=_known_loss,
        concerns=_is_private,
        lasts=True,
        answer=_permission_lost,
    ),
    Kind(
        name="error_code",
        meaning="executes nothing and refuses with the venue's `code` and `message`",
        path=ALL,
        uses=(*REQUEST_FIELDS, "code", "message"),
        needs=("code",),
        answer=_error_code,
    ),
)
