"""What a failure proves about the request: executed, not executed, or unknown."""

from collections.abc import Callable
from datetime import datetime

import ccxt

from bot.exchange.failures import (
    BrokenAnswerError,
    HeldError,
    IncompleteViewError,
    NotSentError,
    OldBodyError,
    VenueRefusalError,
)
from bot.exchange.scrub import Scrubber
from bot.model import Answer, Sendable, Verdict

CodeVerdict = Callable[[str, str, Sendable | None], Verdict]
"""Code, message and request (None: a reading call) in; what the refusal proves out."""

NOT_SENT = "not_sent"
INCOMPLETE = "incomplete"
OLD_BODY = "old_body"
NO_PROOF = "no_order_id"


def judge(
    error: Exception,
    verdict_of: CodeVerdict,
    throttled_status: frozenset[int],
    request: Sendable | None = None,
) -> tuple[Verdict, str]:
    """Return what `error` proves, and the venue's code or the kind of failure.

    Only the venue's own codes prove a refusal. A timeout, a broken connection, an answer that is not
    the venue's envelope and an error of ccxt's own prove nothing. ccxt's AuthenticationError,
    NotSupported and ArgumentsRequired come from before sending, since the venue's codes never reach
    ccxt's own translation.
    """
    if isinstance(error, VenueRefusalError):
        return verdict_of(error.code, error.message, request), error.code
    if isinstance(error, BrokenAnswerError):
        verdict = Verdict.THROTTLED if error.status in throttled_status else Verdict.UNKNOWN
        return verdict, f"http_{error.status}"
    if isinstance(error, IncompleteViewError):
        return Verdict.UNKNOWN, INCOMPLETE
    if isinstance(error, OldBodyError):
        return Verdict.UNKNOWN, OLD_BODY
    if isinstance(error, HeldError):
        return Verdict.THROTTLED, error.code
    if isinstance(error, ccxt.AuthenticationError):
        return Verdict.AUTH, "credentials"
    if isinstance(error, NotSentError | ccxt.NotSupported | ccxt.ArgumentsRequired):
        return Verdict.REJECTED, NOT_SENT
    return Verdict.UNKNOWN, type(error).__name__


def failed(error: Exception, verdict: Verdict, code: str, scrub: Scrubber, at: datetime) -> Answer:
    """Build the answer to a request that failed."""
    return Answer(verdict, "", code, scrub.clean(f"{type(error).__name__}: {error}"), at)
