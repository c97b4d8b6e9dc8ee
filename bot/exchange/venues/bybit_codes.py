"""Bybit v5: the envelope of every answer, and what its codes prove about a request.

After the venue's list of error codes (docs/v5/error). What each class proves:

REJECTED        looked at and refused; certainly not executed, and the same again would be refused again
THROTTLED       not looked at: too many requests of this account or address
OVERLOADED      not taken for the venue's own load; what reduces a position is taken
MAINTENANCE     not taken: trading is closed, or open for post-only orders alone
AUTH            not looked at: key, address, region or account may not; it stays so until the owner acts
DUPLICATE       an order of this client id was accepted before
NOTHING_TO_DO   it already is as asked: the stop rests there, the order is gone, the position is flat

A code that is not in the tables proves nothing. Some of the list are left out on purpose: 10000 (server
timeout), 10016 (server error), 10019 (restart), 170007 and 3400214 may come after the request was executed;
10014 (duplicate request), 40004 and 110079 (the order is being processed) say that something is under way;
110001, 110008 and 110010 (no such order, or none any more) prove something of a cancellation only.
"""

from collections.abc import Mapping
from datetime import timedelta

from bot.exchange.budget import Limit
from bot.exchange.failures import AnsweredError, BrokenAnswerError, VenueRefusalError
from bot.exchange.gate import Hold
from bot.exchange.scrub import Scrubber
from bot.exchange.venues import bybit_moves as moves
from bot.model import CancelRequest, Cause, Sendable, StopRequest, Verdict, WalletMove

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
_THROTTLED = "10006 10018"
_OVERLOADED = "429 10429"
"""The venue's own load, not the caller's: it turns away what adds load and takes what reduces a position, so
nothing else waits for it. A poll that gets it is one of many, and waits like a throttled one."""
_MAINTENANCE = "110063 110066 110071 110103 3100197"
"""110103 is the stage after an upgrade in which only post-only orders are taken."""
_DUPLICATE = "110030 110072"
_NOTHING_TO_DO = "34040 110043"
_REJECTED_REQUEST = "-1 10001 10002 10017 10020 100028"
_REJECTED_ORDER = (
    "30208 30209 30228 110003 110004 110005 110006 110007 110009 110011 110012 110013 110014 110015 110016"
    " 110017 110018 110019 110020 110021 110022 110023 110025 110029 110031 110032 110033 110034 110036"
    " 110037 110038 110039 110040 110042 110044 110045 110046 110049 110050 110051 110052 110053 110054"
    " 110055 110056 110057 110058 110059 110060 110061 110062 110064 110065 110067 110068 110069 110070"
    " 110074 110080 110085 110086 110087 110088 110089 110090 110092 110093 110094 110095 110096 110097"
    " 110098 110099 110100 110118 110120 110121 110123 110124 110125 110132 3200403 3400139"
)

AUTH_HINTS: Mapping[str, str] = {
    "10003": "Check the key: it is none of this network; live, testnet and demo have keys of their own.",
    "10004": "Check the key's secret: it does not belong to the key. Copy both again.",
    "10005": "Check the key's permissions: it must read, and trade contracts (orders and positions).",
    "10010": "Check the key's list of IP addresses: this machine's is not on it.",
    "10009": "The venue does not serve this region: ask its support.",
    "10024": "The venue's compliance holds this account: ask its support.",
    "10027": "The venue has barred this account from trading: ask its support.",
    "10028": "The account is no unified account: upgrade it at the venue.",
    "10029": "Check the key's list of symbols: this one is not on it.",
    "33004": "Check the key: it has expired. Make a new one at the venue.",
    "-2015": "Check the key: it has expired. Make a new one at the venue.",
}
"""What the owner can do; for the others the general advice holds."""

CODES: Mapping[str, Verdict] = {
    **dict.fromkeys(_REJECTED_REQUEST.split(), Verdict.REJECTED),
    **dict.fromkeys(_REJECTED_ORDER.split(), Verdict.REJECTED),
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
    if isinstance(request, WalletMove) and code in moves.CODES:
        return moves.CODES[code]
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
