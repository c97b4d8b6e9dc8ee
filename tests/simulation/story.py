"""What happened, line by line: the last lines to be told, all of them in a digest."""

import hashlib
from collections import deque
from pathlib import Path

from tests.simulation.virtual import HostClock

KEPT = 80


class Story:
    """The story of one seed. Two runs of a seed tell it in the same bytes."""

    def __init__(self, clock: HostClock, folder: Path) -> None:
        self._clock = clock
        self._folder = f"{folder}/"
        self._hash = hashlib.sha256()
        self.lines: deque[str] = deque(maxlen=KEPT)
        self._last = ("", "")

    def tell(self, kind: str, what: str) -> None:
        """Add a line: when, what kind of thing, and what."""
        line = f"{self._clock.true():%H:%M:%S.%f} {kind:<9} {what}".replace(self._folder, "")
        self._hash.update(line.encode() + b"\n")
        if (kind, what) != self._last:  # the same again is no news, but part of the digest
            self.lines.append(line)
        self._last = kind, what

    @property
    def digest(self) -> str:
        """Digest of every line so far."""
        return self._hash.hexdigest()
