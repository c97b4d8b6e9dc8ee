"""The rate limit of a key and a path: so many calls within each second."""

from collections.abc import Mapping


class RateLimiter:
    """Counts calls in windows of one second of server time."""

    def __init__(self, per_second: int = 50) -> None:
        self._limit = per_second
        self._windows: dict[tuple[str, str], tuple[int, int]] = {}

    def count(self, api_key: str, path: str, now_ms: int) -> tuple[bool, Mapping[str, str]]:
        """Count one call: whether it is within the limit, and the headers that tell of it."""
        second = now_ms // 1000
        window, used = self._windows.get((api_key, path), (second, 0))
        used = used + 1 if window == second else 1
        self._windows[api_key, path] = (second, used)
        headers = {
            "X-Bapi-Limit": str(self._limit),
            "X-Bapi-Limit-Status": str(max(0, self._limit - used)),
            "X-Bapi-Limit-Reset-Timestamp": str((second + 1) * 1000),
        }
        return used <= self._limit, headers
