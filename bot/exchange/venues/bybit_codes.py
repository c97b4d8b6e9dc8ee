"""Bybit v5: the envelope of every answer, and what its codes prove about a request.

A code that is not in the tables proves nothing. Codes: the venue's list of error codes
(docs/v5/error), and the classes that ccxt gives them.
"""

from collections.abc import Mapping
from datetime import timedelta

from bot.exchange.budget import Limit
from bot.exchange.failures import AnsweredError, BrokenAnswerError, VenueRefusalError
from bot.exchange.gate import Hold
from bot.exchange.scrub import Scrubber
from bot.model import CancelRequest, Cause, Sendable, StopRequest, Verdict

CLOCK_CODE = "10002"
CLOCK_PATH = "v5/market/time"
LIMIT_RESET_HEADER = "x-bapi-limit-reset-timestamp"

IP_LIMIT = Limit(requests=600, seconds=5.0)
"""What one address may send over HTTP, all accounts and calls together (docs/v5/rate-limit, IP limit)."""

THROTTLED_STATUS = frozenset({403, 418, 429})
"""403 is the venue's answer to a breached IP limit. None of these requests was looked at."""

FORBIDDEN = 403
BAN_WORDS = "too frequent"
BAN = timedelta(minutes=10)
"""How long the venue wants all sessions of an address to end after 403 with those words (the same page).
A 403 without them comes of a proxy, of the region or of an empty body as well."""

_IP_CODES = frozenset({"10018"})

_AUTH = "10003 10004 10005 10007 10008 10009 10010 10024 10027 10028 10029 33004 -2015"
_THROTTLED = "429 10006 10018"
_OVERLOADED = "10429"
"""The venue's own load, not the caller's: it turns away what adds load and takes what reduces a position, so
nothing else waits for it. A poll that gets it is one of many, and waits like a throttled one."""
_MAINTENANCE = "110063 110066 110071 110103"
"""110103 is the stage after an upgrade in which only post-only orders are taken."""
_DUPLICATE = "110030 110072"
_NOTHING_TO_DO = "34040 110043"
_REJECTED = (
    "10001 10002 10017 10020 110003 110004 110005 110006 110007 110009 110011 110012 110013 110014 110015"
    " 110016 110017 110018 110019 110020 110021 110022 110023 110025 110029 110031 110032 110033 110034"
    " 110036 110037 110038 110039 110040 110042 110044 110045 110046 110049 110050 110051 110052 110053"
    " 110057 110058 110060 110061 110064 110065 110067 110068 110069 110070 110092 110093 110094 110099"
)

CODES: Mapping[str, Verdict] = {
    **dict.fromkeys(_REJECTED.split(), Verdict.REJECTED),
    **dict.fromkeys(_AUTH.split(), Verdict.AUTH),
    **dict.fromkeys(_THROTTLED.split(), Verdict.THROTTLED),
    **dict.fromkeys(_OVERLOADED.split(), Verdict.OVERLOADED),
    **dict.fromkeys(_MAINTENANCE.split(), Verdict.MAINTENANCE),
    **dict.fromkeys(_DUPLICATE.split(), Verdict.DUPLICATE),
    **dict.fromkeys(_NOTHING_TO_DO.split(), Verdict.NOTHING_TO_DO),
}

GONE_CODES = frozenset({"110001", "110008", "110010"})
"""The order does not exist, is finished or cancelled: for a cancellation that is what was wanted."""

_ZERO_POSITION = ("position is zero", "zero position")

_NOTIONAL_CODE = "110094"
_FILTER_WORDS = ("qty invalid", "price invalid", "number of contracts exceeds")
"""With 10001, a code for any wrong parameter: the size or price is none that the market takes."""


def verdict_of(code: str, message: str, request: Sendable | None) -> Verdict:
    """Say what a refusal proves about `request` (None: a reading call).

    110017 covers a position that is gone, one that turned, and one that other reduce-only orders
    already cover. Only the words "position is zero" mean that there is nothing left to reduce; the
    others are plain refusals, and the next cycle plans from a fresh position. 10001 on a position
    stop is read the same way.
    """
    if isinstance(request, CancelRequest) and code in GONE_CODES:
        return Verdict.NOTHING_TO_DO
    zero = any(words in message for words in _ZERO_POSITION)
    if zero and (code == "110017" or (code == "10001" and isinstance(request, StopRequest))):
        return Verdict.NOTHING_TO_DO
    verdict = CODES.get(code, Verdict.UNKNOWN)
    return Verdict.THROTTLED if request is None and verdict is Verdict.OVERLOADED else verdict


def cause_of(code: str, message: str) -> Cause:
    """Say what about the account or the market a refused order did not fit."""
    if code == "110017" and not any(words in message for words in _ZERO_POSITION):
        return Cause.CROWDED
    words = message.lower()
    if code == _NOTIONAL_CODE or (code == "10001" and any(part in words for part in _FILTER_WORDS)):
        return Cause.FILTERS
    return Cause.NONE


def hold_of(error: AnsweredError) -> Hold:
    """Say what an answer that means THROTTLED asks for.

    An HTTP status, and the code of the IP limit, concern the whole host; other codes one account's calls.
    """
    if isinstance(error, BrokenAnswerError):
        named_by_page = error.status == FORBIDDEN and BAN_WORDS in error.came
        return Hold(whole_host=True, least=BAN if named_by_page else timedelta(0))
    return Hold(whole_host=isinstance(error, VenueRefusalError) and error.code in _IP_CODES)


def check_envelope(scrub: Scrubber, status: int, decoded: object, body: str) -> None:
    """Let through only the venue's envelope with its code of success.

    Raises VenueRefusalError for the venue's own refusal and BrokenAnswerError for everything else: a proxy's
    page, a body cut short, null, a success with a server error's status.
    """
    if not isinstance(decoded, dict) or "retCode" not in decoded:
        raise BrokenAnswerError(status, scrub.clean(repr(body[:120])))
    code = str(decoded["retCode"])
    if code != "0":
        raise VenueRefusalError(scrub.clean(code), scrub.clean(str(decoded.get("retMsg", ""))))
    if status >= 400 or not isinstance(decoded.get("result"), dict) or not decoded.get("time"):
        raise BrokenAnswerError(status, scrub.clean(repr(body[:120])))
