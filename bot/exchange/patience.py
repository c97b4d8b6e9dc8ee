"""How long a venue is left alone after it asked for fewer requests."""

from datetime import datetime, timedelta

FIRST_PAUSE = timedelta(seconds=1)
LONGEST_PAUSE = timedelta(seconds=30)


class Patience:
    """The pause between polls that the venue turns away: what it names, else twice the last one."""

    def __init__(self) -> None:
        self._pause = timedelta(0)
        self.until: datetime | None = None
        """Nothing is polled before; None where nothing holds polls."""

    def turned_away(self, now: datetime, named: timedelta | None) -> None:
        """Begin a pause; several refusals of one poll make one. `named` is what the venue asked for."""
        if self.until is not None and now < self.until:
            return
        self._pause = min(max(2 * self._pause, FIRST_PAUSE), LONGEST_PAUSE)
        wait = self._pause if named is None else min(max(named, FIRST_PAUSE), LONGEST_PAUSE)
        self.until = now + wait

    def waiting(self, now: datetime) -> datetime | None:
        """Return the end of the pause where it is still to come; a clock set back does not lengthen it."""
        if self.until is None or not timedelta(0) < self.until - now <= LONGEST_PAUSE:
            return None
        return self.until

    def welcome(self) -> None:
        """Forget pauses: a whole poll was answered."""
        self._pause = timedelta(0)
        self.until = None
