"""Faults of the wire: answers that come late, broken, or not at all."""

import msgspec

from bot.sandbox.faults.kinds import REQUEST_FIELDS, Kind, Strike, named
from bot.sandbox.http import NEVER, Response

HTML = (
    b"<html><head><title>502 Bad Gateway</title></head><body><center>502 Bad Gateway</center></body></html>"
)
CREATE = "/v5/order/create"
ALL = "/v5/*"
CHANCE_TO_EXECUTE = 0.5


def html(status: int) -> Response:
    """A proxy's page."""
    return Response(status=status, headers={"Content-Type": "text/html"}, body=HTML)


def _hang(strike: Strike) -> Response:
    seconds = strike.fault.seconds
    return msgspec.structs.replace(strike.execute(), delay_s=NEVER if seconds is None else seconds)


def _drop(_strike: Strike) -> Response:
    return html(504)


def _server_error(strike: Strike) -> Response:
    if strike.random.random() < CHANCE_TO_EXECUTE:
        strike.execute()
    return html(503)


def _status(strike: Strike) -> Response:
    if strike.fault.execute:
        strike.execute()
    return html(strike.fault.status)


def _refused_connection(_strike: Strike) -> Response:
    return Response(status=0, headers={}, body=b"", dropped=True)


def _corrupt(strike: Strike) -> Response:
    answer = strike.execute()
    match strike.fault.variant:
        case "empty":
            return msgspec.structs.replace(answer, body=b"")
        case "null":
            return msgspec.structs.replace(answer, body=b"null")
        case "cut":
            return msgspec.structs.replace(answer, body=answer.body[: len(answer.body) // 2])
        case "error_in_200":
            return strike.venue.without_result(answer)
        case _:
            return html(200)


CONNECTION = named(
    Kind(
        name="hang",
        rows=(1,),
        meaning="executes, then answers after `seconds` (without: never)",
        path=CREATE,
        uses=(*REQUEST_FIELDS, "seconds"),
        answer=_hang,
    ),
    Kind(
        name="drop",
        rows=(2,),
        meaning="answers 504 and executes nothing",
        path=CREATE,
        uses=REQUEST_FIELDS,
        answer=_drop,
    ),
    Kind(
        name="server_error",
        rows=(3,),
        meaning="answers 503; a seeded coin decides whether it executes first",
        path=CREATE,
        uses=REQUEST_FIELDS,
        answer=_server_error,
    ),
    Kind(
        name="corrupt",
        rows=(31,),
        meaning="executes and answers 200 with a body by `variant`: html (a proxy's page), empty, null, cut"
        " (its first half), error_in_200 (a success with null for its result)",
        path=ALL,
        uses=(*REQUEST_FIELDS, "variant"),
        variants=("html", "empty", "null", "cut", "error_in_200"),
        answer=_corrupt,
    ),
    Kind(
        name="refused_connection",
        rows=(32,),
        meaning="executes nothing and closes the connection without a byte",
        path=ALL,
        uses=REQUEST_FIELDS,
        answer=_refused_connection,
    ),
    Kind(
        name="status",
        meaning="answers HTTP `status` (503); executes only with `execute`",
        path=ALL,
        uses=(*REQUEST_FIELDS, "status", "execute"),
        answer=_status,
    ),
)
