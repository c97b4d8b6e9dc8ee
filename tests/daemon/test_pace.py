"""When a hinted poll may come, over any course of hints and polls, in virtual time."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.daemon.hints import Pace

START = datetime(2025, 11, 21, tzinfo=UTC)
INTERVAL, LEAST = 2_000, 250


def at(ms: int) -> datetime:
    return START + timedelta(milliseconds=ms)


class Course:
    """Polls of a schedule, each as long as it is told, and hints between them; all in milliseconds."""

    def __init__(self, lasts: dict[int, int], fails: set[int]) -> None:
        self.pace = Pace(timedelta(milliseconds=LEAST))
        self.lasts = lasts
        self.fails = fails
        self.begun: list[tuple[int, bool]] = []
        self._ends: list[tuple[int, bool]] = []
        self._due: int | None = None

    def run(self, hints: list[int], until: int) -> None:
        coming = Counter(hints)
        for now in range(until):
            for _ in range(coming[now]):
                self.ask(now)
            while self._ends and self._ends[0][0] <= now:
                self._end(now)
            if now % INTERVAL == 0:
                self._begin(now, hinted=False)
            elif self._due == now:
                self._begin(now, hinted=True)

    def ask(self, now: int) -> None:
        scheduled = at((now // INTERVAL + 1) * INTERVAL)
        due = self.pace.asked(at(now), scheduled)
        if due is not None:
            self._due = (due - START) // timedelta(milliseconds=1)

    def _begin(self, now: int, *, hinted: bool) -> None:
        """Begin a poll; one that meets another waits for it, as guards do."""
        number = len(self.begun)
        self.begun.append((now, hinted))
        self.pace.began(at(now))
        self._due = None if hinted else self._due
        free = max(now, self._ends[-1][0] if self._ends else now)
        self._ends.append((free + self.lasts.get(number, 40), number not in self.fails))

    def _end(self, now: int) -> None:
        _, well = self._ends.pop(0)
        if self.pace.ended(well=well):
            self.ask(now)


moments = st.lists(st.integers(0, 19_999), max_size=200)
lengths = st.dictionaries(st.integers(0, 30), st.integers(1, 5_000), max_size=6)


@settings(deadline=None)
@given(moments, lengths, st.sets(st.integers(0, 30), max_size=6))
def test_scheduled_polls_stay_and_hinted_ones_keep_their_distance(
    hints: list[int], lasts: dict[int, int], fails: set[int]
) -> None:
    course = Course(lasts, fails)
    course.run(hints, 20_000)
    assert [now for now, hinted in course.begun if not hinted] == list(range(0, 20_000, INTERVAL))
    starts = [now for now, _ in course.begun]
    assert all(later - earlier >= LEAST for earlier, later in pairwise(starts))


@settings(deadline=None)
@given(moments)
def test_every_hint_is_followed_by_a_poll_soon(hints: list[int]) -> None:
    course = Course({}, set())
    course.run(hints, 20_000)
    starts = [now for now, _ in course.begun]
    for hint in hints:
        if 40 < hint < 18_000:  # the first poll must have gone well
            assert any(hint <= start <= hint + 2 * LEAST for start in starts)


def test_a_hint_during_a_poll_asks_again_after_it() -> None:
    course = Course({1: 600}, set())
    course.run([100, 300, 310], 2_000)
    assert [now for now, _ in course.begun] == [0, 250, 850]


def test_no_hint_is_heard_while_polls_fail() -> None:
    course = Course({}, {0, 1, 2})
    course.run(list(range(0, 8_000, 10)), 8_000)
    starts = [now for now, _ in course.begun]
    assert starts[:4] == [0, 2_000, 4_000, 6_000]
    assert len(starts) > 6


def test_a_flood_asks_for_no_more_than_the_least_interval_allows() -> None:
    course = Course({}, set())
    course.run(sorted(list(range(20_000)) * 2), 20_000)
    assert len(course.begun) <= 20_000 // LEAST + 1
    assert len(course.begun) >= 60


def test_a_poll_that_is_near_will_do() -> None:
    course = Course({}, set())
    course.run([1_751, 1_900], 2_000)
    assert [now for now, _ in course.begun] == [0]
