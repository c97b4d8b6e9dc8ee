"""Hours are added up as they pass; they must be what their minutes say, whenever and however often asked."""

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.sandbox.engine.candle_store import CandleStore, Row
from bot.sandbox.engine.history import HOUR_MS, MINUTE_MS, PriceHistory
from bot.sandbox.engine.types import CandleKind
from tests.sandbox.engine.support import START_MS

OPENED_MS = START_MS + 17 * MINUTE_MS


def store() -> CandleStore:
    made = CandleStore(PriceHistory("BTCUSDT", OPENED_MS, 100.0, (), shift_ms=0, beta=None, seed=1))
    made.update(OPENED_MS, 100.0, 100.0, 100.0, 1.0)
    return made


def added_up(minutes: list[Row]) -> list[Row]:
    hours: list[Row] = []
    for minute in minutes:
        hour_ms = minute.start_ms - minute.start_ms % HOUR_MS
        if hours and hours[-1].start_ms == hour_ms:
            hours[-1].absorb(minute)
        else:
            hours.append(
                Row(
                    hour_ms,
                    minute.open,
                    minute.high,
                    minute.low,
                    minute.close,
                    minute.volume,
                    minute.turnover,
                )
            )
    return hours


Looks = st.lists(
    st.tuples(
        st.integers(0, 50 * MINUTE_MS), st.floats(50.0, 150.0), st.booleans(), st.integers(0, 150 * MINUTE_MS)
    ),
    min_size=1,
    max_size=30,
)


@settings(deadline=None)
@given(Looks)
def test_an_hour_is_the_sum_of_its_minutes(looks: list[tuple[int, float, bool, int]]) -> None:
    made, now_ms = store(), OPENED_MS
    hour_ms = OPENED_MS - OPENED_MS % HOUR_MS
    first_ms = hour_ms - 2 * HOUR_MS
    for passed_ms, price, traded, back_ms in looks:
        now_ms += passed_ms
        if traded:
            made.trade(now_ms, price, 0.5)
        made.update(now_ms, price, price, price, 1.0)
        for until_ms in (max(hour_ms, now_ms - back_ms), now_ms):
            last_ms = until_ms - until_ms % HOUR_MS
            hours = made.sums(CandleKind.LAST, HOUR_MS, first_ms, now_ms, last_ms)
            minutes = made.sums(CandleKind.LAST, MINUTE_MS, first_ms, now_ms, last_ms + HOUR_MS - MINUTE_MS)
            assert hours == added_up(minutes)
