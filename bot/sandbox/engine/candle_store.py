"""Candles: what the market did since the start, minute by minute, and their sums over longer intervals."""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, replace

from bot.sandbox.engine.feeds import Bar
from bot.sandbox.engine.history import HOUR_MS, MINUTE_MS, PriceHistory
from bot.sandbox.engine.types import CandleKind

DAY_MS = 24 * HOUR_MS


@dataclass(slots=True)
class Row:
    """A candle as floats; `turnover` is in settle coin."""

    start_ms: int
    open: float
    high: float
    low: float
    close: float
    volume: float = 0.0
    turnover: float = 0.0

    def absorb(self, later: "Row") -> None:
        """Take in a candle that follows."""
        self.high = max(self.high, later.high)
        self.low = min(self.low, later.low)
        self.close = later.close
        self.volume += later.volume
        self.turnover += later.turnover


@dataclass(slots=True)
class DayFigures:
    """A ticker's figures over the last 24 hours, to the hour."""

    previous_24h: float
    previous_1h: float
    high: float
    low: float
    volume: float
    turnover: float


class CandleStore:
    """Candles of one symbol.

    Last, mark and index price. Minutes in which nothing moved are filled when asked for.
    """

    def __init__(self, history: PriceHistory) -> None:
        self._history = history
        self._rows: dict[CandleKind, list[Row]] = {kind: [] for kind in CandleKind}
        self._complete: dict[tuple[CandleKind, int], Row] = {}
        self._begun: dict[CandleKind, tuple[Row, int]] = {}
        """An hour that is not over, and until when it is added up."""
        self._day: tuple[int, DayFigures] | None = None

    def update(self, time_ms: int, last: float, mark: float, index: float, volume: float) -> None:
        """Take in the prices at a market time; `volume` (coins) belongs to the last price."""
        start_ms = time_ms - time_ms % MINUTE_MS
        self._put(CandleKind.LAST, start_ms, last)
        self._put(CandleKind.MARK, start_ms, mark)
        self._put(CandleKind.INDEX, start_ms, index)
        row = self._rows[CandleKind.LAST][-1]
        row.volume += volume
        row.turnover += volume * last

    def trade(self, time_ms: int, price: float, qty: float) -> None:
        """Take in a user's trade."""
        self._put(CandleKind.LAST, time_ms - time_ms % MINUTE_MS, price)
        row = self._rows[CandleKind.LAST][-1]
        row.volume += qty
        row.turnover += qty * price

    def _put(self, kind: CandleKind, start_ms: int, price: float) -> None:
        rows = self._rows[kind]
        if rows and rows[-1].start_ms == start_ms:
            row = rows[-1]
            row.close = price
            if price > row.high:
                row.high = price
            elif price < row.low:
                row.low = price
        else:
            rows.append(Row(start_ms, price, price, price, price))

    def sums(self, kind: CandleKind, interval_ms: int, from_ms: int, now_ms: int, until_ms: int) -> list[Row]:
        """Candles of `interval_ms` that open within [from_ms, until_ms]; both on the interval's grid."""
        found: list[Row] = []
        end_ms = min(until_ms + interval_ms, now_ms + 1)
        hourly = interval_ms % HOUR_MS == 0 and from_ms % HOUR_MS == 0
        for row in (self._hours if hourly else self._minutes)(kind, from_ms, end_ms):
            start_ms = row.start_ms - row.start_ms % interval_ms
            if found and found[-1].start_ms == start_ms:
                found[-1].absorb(row)
            else:
                found.append(Row(start_ms, row.open, row.high, row.low, row.close, row.volume, row.turnover))
        return found

    def _hours(self, kind: CandleKind, from_ms: int, until_ms: int) -> Iterator[Row]:
        for hour_ms in range(from_ms, until_ms, HOUR_MS):
            row = self._complete.get((kind, hour_ms)) or self._hour(kind, hour_ms, until_ms)
            if row is not None:
                yield row

    def _hour(self, kind: CandleKind, hour_ms: int, until_ms: int) -> Row | None:
        """Add up an hour; minutes before the last one never change again, so each is added once."""
        if hour_ms + HOUR_MS <= until_ms and (whole := self._history.hour(hour_ms)) is not None:
            self._complete[kind, hour_ms] = _summed(kind, *whole)
            return self._complete[kind, hour_ms]
        settled_ms = min(self._rows[kind][-1].start_ms, until_ms - until_ms % MINUTE_MS, hour_ms + HOUR_MS)
        begun, done_ms = self._begun.get(kind, (None, hour_ms))
        if begun is None or begun.start_ms != hour_ms or done_ms > settled_ms:
            begun, done_ms = None, hour_ms
        row = self._add(begun, kind, done_ms, settled_ms)
        if row is not None and settled_ms == hour_ms + HOUR_MS:
            self._complete[kind, hour_ms] = row
            return row
        if row is not None:
            self._begun[kind] = (replace(row), settled_ms)
        return self._add(row, kind, max(settled_ms, hour_ms), min(hour_ms + HOUR_MS, until_ms))

    def _add(self, row: Row | None, kind: CandleKind, from_ms: int, until_ms: int) -> Row | None:
        if from_ms >= until_ms:
            return row
        for minute in self._minutes(kind, from_ms, until_ms):
            if row is None:
                row = replace(minute, start_ms=from_ms - from_ms % HOUR_MS)
            else:
                row.absorb(minute)
        return row

    def _minutes(self, kind: CandleKind, from_ms: int, until_ms: int) -> Iterator[Row]:
        rows = self._rows[kind]
        if from_ms < rows[0].start_ms:
            for bar in self._history.rows(from_ms, min(until_ms, rows[0].start_ms)):
                volume = bar.volume if kind is CandleKind.LAST else 0.0
                yield Row(bar.start_ms, bar.open, bar.high, bar.low, bar.close, volume, volume * bar.close)
        start_ms = max(from_ms, rows[0].start_ms)
        number = max(0, bisect_left(rows, start_ms + 1, key=lambda row: row.start_ms) - 1)
        for start in range(start_ms, until_ms, MINUTE_MS):
            if number + 1 < len(rows) and rows[number + 1].start_ms == start:
                number += 1
            row = rows[number]
            yield row if row.start_ms == start else Row(start, row.close, row.close, row.close, row.close)

    def day(self, now_ms: int) -> DayFigures:
        """Figures over the last 24 hours, computed once a minute."""
        minute_ms = now_ms - now_ms % MINUTE_MS
        if self._day is None or self._day[0] != minute_ms:
            first_ms = minute_ms - DAY_MS - minute_ms % HOUR_MS
            hours = self.sums(CandleKind.LAST, HOUR_MS, first_ms, now_ms, minute_ms)
            self._day = (
                minute_ms,
                DayFigures(
                    previous_24h=hours[0].close if len(hours) > 1 else hours[0].open,
                    previous_1h=hours[-1].open,
                    high=max(row.high for row in hours[-24:]),
                    low=min(row.low for row in hours[-24:]),
                    volume=sum(row.volume for row in hours[-24:]),
                    turnover=sum(row.turnover for row in hours[-24:]),
                ),
            )
        return self._day[1]


def _summed(kind: CandleKind, bar: Bar, turnover: float) -> Row:
    """Turn an hour of the history into a row; only last prices are traded."""
    if kind is not CandleKind.LAST:
        return Row(bar.start_ms, bar.open, bar.high, bar.low, bar.close)
    return Row(bar.start_ms, bar.open, bar.high, bar.low, bar.close, bar.volume, turnover)
