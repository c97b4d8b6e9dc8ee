"""How patiently orders are followed up."""

from msgspec import Struct

OWN_PREFIX = "reef"
"""Client order ids of the guard begin with this."""

OPENS_PREFIX = "reef0"
"""Those of orders that may open begin with this, and no others."""


class ExecutionTerms(Struct, frozen=True):
    """Limits in seconds and tries."""

    reread_after_seconds: float = 2.0
    """A position is read again before an order when the snapshot is older than this."""
    look_tries: int = 4
    """Look-ups of an order at once after it was accepted.

    What is still open then is followed up next cycle.
    """
    look_pause_seconds: float = 0.25
    look_budget_seconds: float = 2.0
    """The look-ups of one cycle, made side by side, are given up after this long; so is each one at once
    after an order. What was not answered stays open, and its symbol blocked, until a later cycle.
    """
    explain_seconds: float = 5.0
    """For this long after a fill was found, a position that fell by less than the fill is not believed."""
    recv_window_seconds: float = 5.0
    """After this long the venue no longer takes a signed request."""
    ahead_seconds: float = 1.0
    """The venue takes requests that are stamped at most this far ahead of its own clock."""
    most_sends: int = 2
    """An order that never arrived is sent so often in all, under one client order id."""
    resend_within_seconds: float = 20.0
    """An order that was prepared longer ago is not sent again: what it was for is planned anew."""
    visibility_seconds: float = 30.0
    """For this long an order may stay invisible in the venue's lists after it was taken."""
    second_look_seconds: float = 1.0
    """Least time between the two look-ups that prove absence."""
    record_tries: int = 3
    """Attempts to record an answer before it is kept in memory."""
    record_pause_seconds: float = 0.2
