"""How long orders wait after the venue turned the whole account away."""

from datetime import datetime, timedelta

from bot.model import Answer

FIRST = timedelta(seconds=2)
LONGEST = timedelta(seconds=30)


class Pause:
    """A pause that doubles with every such answer, from `FIRST` to `LONGEST`, until the venue opens again.

    Orders sent meanwhile would fare the same, or make a ban longer. One stop may be tried in each pause.
    """

    def __init__(self) -> None:
        self._length = timedelta(0)
        self._since: datetime | None = None
        self._why = ""
        self._stop_tried = False

    def begin(self, answer: Answer, now: datetime) -> None:
        """Pause after an answer, longer than the last time."""
        self._length = min(max(self._length * 2, FIRST), LONGEST)
        self._since = now
        self._why = f"the venue answered {answer.verdict.value}: {answer.message}"
        self._stop_tried = False

    def end(self) -> None:
        """The venue takes requests again."""
        self._length = timedelta(0)
        self._since = None

    def holds_orders(self, now: datetime) -> str:
        """Why no order may be sent now, '' where one may.

        A clock that was set back does not make a pause longer.
        """
        if self._since is None:
            return ""
        left = self._since + self._length - now
        if not timedelta(0) < left <= self._length:
            return ""
        return f"{self._why}; it is tried again in {left.total_seconds():.0f} s"

    def holds_stops(self, now: datetime) -> str:
        """Why no stop may be sent now, '' where one may: the first one in each pause."""
        why = self.holds_orders(now)
        if not why or self._stop_tried:
            return why
        self._stop_tried = True
        return ""
