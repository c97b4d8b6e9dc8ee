"""Candle files, the path inside a candle, and the candles that the engine shows."""

import gzip
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.sandbox.engine import bars
from bot.sandbox.engine.candles import CandleFeed, CandleFileError, load_candles, read_candles
from bot.sandbox.engine.feeds import Bar, FeedError
from bot.sandbox.engine.types import CandleKind, Reason
from tests.sandbox.engine.support import BTC, BUY, ETH, START_MS, Desk, dec, open_desk, refused

MINUTE = 60_000
HOUR = 60 * MINUTE
GOOD = [
    f"{START_MS},100,110,90,105,5",
    f"{START_MS + MINUTE},105,106,80,85,7",
    f"{START_MS + 2 * MINUTE},85,120,84,119.5,9",
]


def written(path: Path, rows: list[str], header: str = "") -> Path:
    path.write_text("\n".join([header, *rows] if header else rows) + "\n")
    return path


def test_reads_plain_and_gzip_with_and_without_header(tmp_path: Path) -> None:
    plain = read_candles(written(tmp_path / "a.csv", GOOD))
    headed = read_candles(written(tmp_path / "b.csv", GOOD, "timestamp_ms,open,high,low,close,volume"))
    packed = tmp_path / "c.csv.gz"
    packed.write_bytes(gzip.compress("\n".join(GOOD).encode()))
    assert plain == headed == read_candles(packed)
    assert plain[1] == Bar(START_MS + MINUTE, MINUTE, 105.0, 106.0, 80.0, 85.0, 7.0)
    assert read_candles(written(tmp_path / "one.csv", GOOD[:1]))[0].length_ms == MINUTE


@pytest.mark.parametrize(
    ("line", "row", "reason"),
    [
        (2, "x,105,106,80,85,7", "timestamp_ms 'x'"),
        (2, f"{START_MS + MINUTE},text,106,80,85,7", "open 'text' is no number"),
        (2, f"{START_MS + MINUTE},nan,106,80,85,7", "no finite number"),
        (2, f"{START_MS + MINUTE},105,inf,80,85,7", "high 'inf' is no finite number"),
        (2, f"{START_MS + MINUTE},1_05,106,80,85,7", "no finite number"),
        (2, f"{START_MS + MINUTE},105,106,-80,85,7", "not positive"),
        (2, f"{START_MS + MINUTE},105,106,80,85,-7", "negative"),
        (2, f"{START_MS + MINUTE},105,80,106,85,7", "below low"),
        (2, f"{START_MS + MINUTE},105,106,80,107,7", "outside"),
        (2, f"{START_MS + MINUTE},105,106,80,85", "5 columns"),
        (2, GOOD[0], "duplicate"),
        (2, f"{START_MS - MINUTE},105,106,80,85,7", "out of order"),
        (3, f"{START_MS + MINUTE},105,106,80,85,7", "duplicate"),
        (3, f"{START_MS},105,106,80,85,7", "out of order"),
        (3, f"{START_MS + 5 * MINUTE},105,106,80,85,7", "3 candles missing"),
        (3, f"{START_MS + 2 * MINUTE + 5},105,106,80,85,7", "whole minute"),
    ],
)
def test_bad_rows_are_refused_with_line_and_reason(tmp_path: Path, line: int, row: str, reason: str) -> None:
    rows = [*GOOD]
    rows[line - 1] = row
    path = written(tmp_path / "bad.csv", rows)
    with pytest.raises(CandleFileError) as caught:
        read_candles(path)
    assert caught.value.line == line
    assert reason in caught.value.reason
    assert str(caught.value).startswith(f"{path}:{line}: ")


def test_bad_files_are_refused(tmp_path: Path) -> None:
    broken = tmp_path / "broken.csv.gz"
    broken.write_bytes(b"no gzip at all")
    binary = tmp_path / "binary.csv"
    binary.write_bytes(b"\xff\xfe\x00")
    for path in (tmp_path / "missing.csv", broken, binary, written(tmp_path / "empty.csv", [])):
        with pytest.raises(CandleFileError) as caught:
            read_candles(path)
        assert caught.value.line is None
    with pytest.raises(FeedError):
        CandleFeed({})


finite = st.floats(1, 1e6)


@given(finite, finite, finite, finite)
def test_the_path_is_open_extremes_close(a: float, b: float, c: float, d: float) -> None:
    low, opening, closing, high = min(a, b, c, d), b, c, max(a, b, c, d)
    bar = Bar(0, MINUTE, opening, high, low, closing, 1.0)
    path = bars.path(bar)
    prices = [bars.price_at(path, at) for at in range(0, MINUTE, 1000)]
    assert (prices[0], prices[-1]) == (opening, closing)
    assert (min(prices), max(prices)) == (low, high)
    first = prices.index(high) if closing < opening else prices.index(low)
    assert first <= 20
    assert bars.price_at(path, MINUTE) == closing


def feed_desk(rows: list[Bar], start_ms: int | None = None, *, market_step_ms: int = 1000) -> Desk:
    feed = CandleFeed({BTC: rows}, start_ms)
    return open_desk(feed=feed, start_ms=feed.start_ms, market_step_ms=market_step_ms)


def bar(number: int, opening: float, high: float, low: float, closing: float, length_ms: int = MINUTE) -> Bar:
    return Bar(START_MS + number * length_ms, length_ms, opening, high, low, closing, 1.0)


ROWS = [
    bar(0, 100.0, 110.0, 90.0, 105.0),
    bar(1, 105.0, 106.0, 80.0, 85.0),
    bar(2, 86.0, 120.0, 84.0, 119.5),
]


@pytest.mark.parametrize("market_step_ms", [1000, 7000, 3_600_000])
def test_no_low_is_skipped_however_long_the_steps(market_step_ms: int) -> None:
    desk = feed_desk(ROWS, market_step_ms=market_step_ms)
    desk.run(180)
    shown = desk.engine.candles(BTC, MINUTE, limit=4)[-4:-1]
    assert [(c.open, c.high, c.low, c.close) for c in shown] == [
        tuple(dec(p) for p in (r.open, r.high, r.low, r.close)) for r in ROWS
    ]
    assert all(c.closed for c in shown)


def test_the_last_close_holds_after_the_end() -> None:
    desk = feed_desk(ROWS)
    desk.run(1000)
    assert desk.engine.ticker(BTC).last_price == dec("119.5")
    assert desk.engine.state().feed_end_ms == START_MS + 3 * MINUTE


def test_start_inside_a_file_makes_history_of_the_rest() -> None:
    desk = feed_desk(ROWS, START_MS + 2 * MINUTE)
    shown = desk.engine.candles(BTC, MINUTE, limit=3)
    assert [c.low for c in shown] == [90, 80, 86]
    with pytest.raises(FeedError):
        CandleFeed({BTC: ROWS}, START_MS + 3 * MINUTE)
    with pytest.raises(FeedError):
        CandleFeed({BTC: ROWS}, START_MS - MINUTE)


def test_longer_candles_of_a_file_are_cut_into_minutes() -> None:
    rows = [
        bar(0, 100.0, 120.0, 90.0, 110.0, length_ms=5 * MINUTE),
        bar(1, 110.0, 110.0, 100.0, 101.0, length_ms=5 * MINUTE),
    ]
    feed = CandleFeed({BTC: rows}, START_MS + 5 * MINUTE)
    desk = open_desk(feed=feed, start_ms=feed.start_ms)
    minutes = desk.engine.candles(BTC, MINUTE, limit=6)[:-1]
    assert min(c.low for c in minutes) == 90
    assert max(c.high for c in minutes) == 120
    assert minutes[0].open == 100
    desk.run(300)
    assert desk.engine.candles(BTC, 5 * MINUTE, limit=2)[0].low == 100


def test_at_least_200_hours_of_history_that_hang_together() -> None:
    desk = open_desk(seed=3)
    shown = desk.engine.candles(BTC, HOUR, limit=200)
    assert len(shown) == 200
    assert [b.start_ms - a.start_ms for a, b in pairwise(shown)] == [HOUR] * 199
    assert all(c.low <= min(c.open, c.close) <= max(c.open, c.close) <= c.high for c in shown)
    assert all(a.close == b.open for a, b in pairwise(shown))
    assert shown[-1].open == 100_000
    assert desk.engine.candles(BTC, HOUR, limit=5000)[0].start_ms < START_MS - 1400 * HOUR
    assert open_desk(seed=3).engine.candles(BTC, HOUR) == shown
    assert open_desk(seed=4).engine.candles(BTC, HOUR) != shown


def test_invented_history_has_betas() -> None:
    desk = open_desk()
    changes = [
        [float(c.close / c.open) - 1 for c in desk.engine.candles(symbol, HOUR, limit=500)[:-1]]
        for symbol in (BTC, ETH)
    ]
    covariance = sum(a * b for a, b in zip(*changes, strict=True))
    assert 1.1 < covariance / sum(a * a for a in changes[0]) < 1.5


def test_candles_of_mark_and_index_and_quiet_minutes() -> None:
    desk = open_desk()
    desk.run(90)
    desk.price(BTC, 90_000)
    desk.engine.set_price(BTC, dec(91_000), dec(90_500))
    desk.run(300)
    engine = desk.engine
    last = engine.candles(BTC, MINUTE, limit=7)
    assert [c.close for c in last] == [100_000, 91_000, 91_000, 91_000, 91_000, 91_000, 91_000]
    assert last[1].low == 90_000
    assert engine.candles(BTC, MINUTE, CandleKind.INDEX, limit=1)[0].close == dec(90_500)
    assert engine.candles(BTC, MINUTE, CandleKind.MARK, limit=1)[0].volume == 0
    span = engine.candles(BTC, MINUTE, start_ms=START_MS, end_ms=START_MS + 2 * MINUTE)
    assert [c.start_ms for c in span] == [START_MS, START_MS + MINUTE, START_MS + 2 * MINUTE]
    assert engine.candles(BTC, MINUTE, start_ms=START_MS + HOUR) == []
    for wrong in (1500, 0):
        with refused(Reason.INVALID_VALUE):
            engine.candles(BTC, wrong)


def test_trades_of_users_count_as_volume() -> None:
    desk = open_desk()
    before = desk.engine.candles(BTC, MINUTE, limit=1)[0].volume
    desk.place(BTC, BUY, "0.01")
    assert desk.engine.candles(BTC, MINUTE, limit=1)[0].volume == before + dec("0.01")


def test_recorded_candles_can_be_read(shared_dir: Path) -> None:
    for name, length_ms in (
        ("btcusdt-spot-1m-2025-10-06_2025-10-14", MINUTE),
        ("ethusdt-perp-5m-2025-11-14_2025-11-23", 5 * MINUTE),
        ("btcusdt-perp-1m-2025-11-21T0720_0759", MINUTE),
    ):
        rows = read_candles(shared_dir / "data" / f"{name}.csv.gz")
        assert len(rows) >= 40
        assert rows[0].length_ms == length_ms


def test_a_file_for_each_symbol(tmp_path: Path) -> None:
    first = written(tmp_path / "a.csv", GOOD)
    second = written(tmp_path / "b.csv", GOOD[1:])
    feed = load_candles({BTC: first, ETH: second})
    assert feed.start_ms == START_MS + MINUTE
    assert set(feed.symbols) == {BTC, ETH}
    assert len(feed.bars(BTC)) == 1
    assert feed.beta(BTC) is None
    with pytest.raises(ValueError, match="not listed"):
        open_desk(feed=load_candles({"NOPE": first}), start_ms=START_MS)
