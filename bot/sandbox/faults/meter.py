"""A meter of all requests that come from one address."""

from enum import Enum

LIMITED_MS = 1_000
"""How long an address has to wait that went past the limit."""


class Standing(Enum):
    """How a request is received."""

    FREE = "free"
    LIMITED = "limited"
    BANNED = "banned"


class Meter:
    """So many requests a second over all accounts, in windows of one second of server time.

    The first request past them is told to wait; one that comes before the wait is over brings a ban. What
    comes during a ban is counted and does not lengthen it.
    """

    def __init__(self, per_second: int, ban_ms: int) -> None:
        self._per_second = per_second
        self._ban_ms = ban_ms
        self._window = (0, 0)
        self._until_ms = 0
        self._standing = Standing.FREE
        self.bans = 0
        self.during_ban = 0

    def count(self, now_ms: int) -> Standing:
        """Count one request and say how it is received."""
        if self._standing is not Standing.FREE and now_ms >= self._until_ms:
            self._standing = Standing.FREE
        match self._standing:
            case Standing.BANNED:
                self.during_ban += 1
            case Standing.LIMITED:
                self.bans += 1
                self._standing, self._until_ms = Standing.BANNED, now_ms + self._ban_ms
            case Standing.FREE:
                self._count_free(now_ms)
        return self._standing

    def wait_ms(self, now_ms: int) -> int:
        """How long until the address is free again."""
        return max(0, self._until_ms - now_ms)

    def _count_free(self, now_ms: int) -> None:
        second, (window, used) = now_ms // 1000, self._window
        used = used + 1 if window == second else 1
        self._window = (second, used)
        if used > self._per_second:
            self._standing, self._until_ms = Standing.LIMITED, now_ms + LIMITED_MS
