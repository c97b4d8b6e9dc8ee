"""How requests reach a venue when it is not over a real network."""

from collections.abc import Mapping
from typing import Protocol


class Transport(Protocol):
    """Carries one HTTP request. A client without one uses a real connection."""

    async def request(
        self, method: str, url: str, headers: Mapping[str, str] | None = None, body: str | bytes | None = None
    ) -> tuple[int, str, dict[str, str], str]:
        """Return status, reason, headers and text. Raises TimeoutError or OSError as a network would."""
        ...
