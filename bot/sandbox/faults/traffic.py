"""Faults of the venue's door: its meter of requests and its clock."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from bot.sandbox.faults.checks import LONGEST_S, not_count, not_decimal
from bot.sandbox.faults.connection import ALL
from bot.sandbox.faults.fault import Fault
from bot.sandbox.faults.kinds import REQUEST_FIELDS, Kind, Strike, Venue, named
from bot.sandbox.faults.meter import Meter, Standing
from bot.sandbox.http import Response

BAN_S = 600.0


def _meter(strike: Strike) -> Meter:
    seconds = BAN_S if strike.fault.seconds is None else strike.fault.seconds
    meter: Meter = strike.memory.setdefault("meter", Meter(int(strike.fault.value), round(seconds * 1000)))
    return meter


def _is_refused(strike: Strike) -> bool:
    """Count a request; only one that is refused is a strike, so that the others may meet other faults."""
    standing = strike.memory["standing"] = _meter(strike).count(strike.now_ms)
    return standing is not Standing.FREE


def _refuse(strike: Strike) -> Response:
    wait_ms = _meter(strike).wait_ms(strike.now_ms)
    if strike.memory["standing"] is Standing.LIMITED:
        return strike.venue.limited(wait_ms)
    return strike.venue.banned(418 if strike.fault.variant == "418" else 403, wait_ms)


def _counts(memory: Mapping[str, Any]) -> dict[str, Any]:
    meter: Meter | None = memory.get("meter")
    return {"bans": meter.bans if meter else 0, "during_ban": meter.during_ban if meter else 0}


def _skew(venue: Venue, fault: Fault) -> None:
    venue.engine.disturbances.skew_clock(float(fault.value))


def _unskew(venue: Venue, _fault: Fault) -> None:
    venue.engine.disturbances.skew_clock(0.0)


def _no_skew(fault: Fault) -> str:
    if problem := not_decimal(fault):
        return problem
    longest = f"value must lie between -{LONGEST_S:.0f} and {LONGEST_S:.0f} seconds, got {fault.value}"
    return "" if abs(Decimal(fault.value)) <= Decimal(LONGEST_S) else longest


TRAFFIC = named(
    Kind(
        name="rate_ban",
        rows=(24,),
        meaning="lets `value` requests a second pass over all keys; the next one is answered 429 with the"
        " time to wait, and one that comes before that is over brings a ban of `seconds` (600),"
        " answered by `variant` 403 (a page without a time) or 418 (with Retry-After); GET"
        " /sandbox/faults counts `bans` and `during_ban`, the requests that came all the same",
        path=ALL,
        uses=(*REQUEST_FIELDS, "value", "seconds", "variant"),
        needs=("value",),
        variants=("403", "418"),
        check=not_count,
        concerns=_is_refused,
        shows=_counts,
        answer=_refuse,
    ),
    Kind(
        name="clock_skew",
        rows=(26,),
        meaning="lets the venue's clock run `value` seconds ahead (negative: behind): server time, envelopes"
        " and the check of timestamps; times in rows stay",
        uses=("value", "seconds"),
        needs=("value",),
        check=_no_skew,
        lasts=True,
        apply=_skew,
        lift=_unskew,
    ),
)
