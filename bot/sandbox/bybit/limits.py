"""The rate limit of a key and a path: so many calls within each second."""

from collections.abc import Mapping

from bot.sandbox.bybit.envelope import BybitError


class RateLimiter:
    """Counts calls in windows of one second of server time."""

    def __init__(self, per_second: int = 50) -> None:
        self._limit = per_second
        self._windows: dict[tuple[str, str], tuple[int, int]] = {}

    def count(self, api_key: str, path: str, now_ms: int) -> Mapping[str, str]:
        """Count one call and return the headers about it. Raises BybitError 10006 beyond the limit."""
        second = now_ms // 1000
        window, used = self._windows.get((api_key, path), (second, 0))
        used = used + 1 if window == second else 1
        self._windows[api_key, path] = (second, used)
        if used > self._limit:
            raise BybitError(10006, "Too many visits. Exceeded the API Rate Limit.")
        return {"X-Bapi-Limit": str(self._limit), "X-Bapi-Limit-Status": str(self._limit - used)}
