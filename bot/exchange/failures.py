"""What goes wrong below the gateway, before it is told as a `GatewayError` or an `Answer`."""

from datetime import datetime, timedelta

import aiohttp
import ccxt

BANNED = "banned"
"""Code of what was not sent because the venue turned the whole host away."""
WAITING = "waiting"
"""Code of what was not sent because fewer requests are wanted for now."""


class AnsweredError(Exception):
    """An answer came, and is no success."""

    wait: timedelta | None = None
    """How long the venue asks to wait; None where it does not say."""


class VenueRefusalError(AnsweredError):
    """The venue answered in its own envelope, with a code that is not success."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"code {code}: {message}")
        self.code = code
        self.message = message


class BrokenAnswerError(AnsweredError):
    """The answer is not the venue's envelope: nothing in it can be believed."""

    def __init__(self, status: int, came: str) -> None:
        super().__init__(f"HTTP {status} without the venue's envelope: {came}")
        self.status = status
        self.came = came


class MalformedDataError(Exception):
    """The envelope is right but a row in it lacks what must be there."""


class IncompleteViewError(MalformedDataError):
    """Two sources that the venue has for the same thing do not agree, after they were asked twice."""


class OldBodyError(MalformedDataError):
    """A call was answered with an older state than before."""


class NotSentError(Exception):
    """A request was wrong before it left; it certainly was not executed."""


class HeldError(Exception):
    """A request was held back before it left, so that the venue is asked less."""

    def __init__(self, code: str, until: datetime, why: str) -> None:
        super().__init__(f"{why}, so nothing is asked before {until:%H:%M:%S} UTC")
        self.code = code
        self.until = until


VENUE_FAILURES: tuple[type[Exception], ...] = (
    VenueRefusalError,
    BrokenAnswerError,
    MalformedDataError,
    NotSentError,
    HeldError,
    ccxt.BaseError,
    aiohttp.ClientError,
    OSError,
    TimeoutError,
    LookupError,
    TypeError,
    AttributeError,
    ValueError,
    RuntimeError,
)
"""Everything that ccxt and the network are known to raise, errors of programming inside ccxt included."""
