"""Client order ids that come out the same whenever the same step is decided again."""

import hashlib

PREFIX = "reef"
"""What the id of every order of the guard begins with."""

OPENING = "reef0"
"""What the id of an order begins with that may open: none of the others has a 0 there. So an execution tells
by itself whether the guard meant to open."""

_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"
_PAIRS = [first + second for first in _LETTERS for second in _LETTERS]
"""Two base32 characters for each ten bits."""
_SHIFTS = range(120, -1, -10)
"""Where the ten bits of each of thirteen pairs begin in 130 bits."""


def client_order_id(
    account: str, rule: str, target: str, episode: str, number: int, *, opens: bool = False
) -> str:
    """Return the id of one step of one episode: PREFIX and 26 lower-case base32 characters.

    Thirty characters, letters and digits only: it fits the client order id of every supported venue.
    26 base32 characters keep 130 bits of SHA-256. One that opens has `OPENING` and 25 of them.
    """
    text = "|".join((account, rule, target, episode, str(number)))
    digest = hashlib.sha256(text.encode()).digest()
    bits = int.from_bytes(digest[:17], "big") >> 6
    letters = "".join([_PAIRS[bits >> shift & 1023] for shift in _SHIFTS])
    return OPENING + letters[1:] if opens else PREFIX + letters


def is_own(order_id: str, prefix: str = PREFIX) -> bool:
    """Whether a client order id is the guard's own."""
    return order_id.startswith(prefix)
