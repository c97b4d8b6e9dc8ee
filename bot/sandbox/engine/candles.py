"""Candles from CSV files, and the feed that runs along them.

A file has the columns timestamp_ms, open, high, low, close, volume (a header is optional; plain or .gz).
Every candle must follow the one before at the same distance: a file with gaps, duplicates or anything but
numbers is refused, since the path would be a lie.
"""

import gzip
import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

from bot.sandbox.engine.bars import path as bar_path
from bot.sandbox.engine.bars import price_at
from bot.sandbox.engine.feeds import Bar, FeedError, Tick

COLUMNS = ("timestamp_ms", "open", "high", "low", "close", "volume")
_MINUTE_MS = 60_000


class CandleFileError(FeedError):
    """A candle file that cannot be used: which file, which line, and why."""

    def __init__(self, path: Path, line: int | None, reason: str) -> None:
        where = f"{path}" if line is None else f"{path}:{line}"
        super().__init__(f"{where}: {reason}")
        self.path = path
        self.line = line
        self.reason = reason


def read_candles(path: Path) -> list[Bar]:
    """All candles of a file, oldest first. Raises `CandleFileError`."""
    rows: list[tuple[int, int, list[float]]] = []
    for line, text in _lines(path):
        row = _parse(path, line, text)
        _check_values(path, line, row[1])
        rows.append((line, row[0], row[1]))
    if not rows:
        raise CandleFileError(path, None, "holds no candle")
    distances = [after[1] - before[1] for before, after in pairwise(rows)]
    length_ms = min((one for one in distances if one > 0), default=_MINUTE_MS)
    for (line, start_ms, _), distance in zip(rows, [length_ms, *distances], strict=True):
        _check_time(path, line, start_ms, distance, length_ms)
    return [Bar(start_ms, length_ms, *values) for _, start_ms, values in rows]


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    try:
        raw = path.read_bytes()
        text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode("utf-8-sig")
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise CandleFileError(path, None, f"cannot be read: {error}") from error
    for number, line in enumerate(text.splitlines(), start=1):
        if number == 1 and [name.strip().lower() for name in line.split(",")] == list(COLUMNS):
            continue
        if line.strip():
            yield number, line


def _parse(path: Path, line: int, text: str) -> tuple[int, list[float]]:
    fields = [field.strip() for field in text.split(",")]
    if len(fields) != len(COLUMNS):
        raise CandleFileError(path, line, f"has {len(fields)} columns; expected {', '.join(COLUMNS)}")
    if not (fields[0].isascii() and fields[0].isdigit()):
        raise CandleFileError(path, line, f"timestamp_ms {fields[0]!r} is no whole number of milliseconds")
    values = []
    for name, field in zip(COLUMNS[1:], fields[1:], strict=True):
        try:
            value = float(field)
        except ValueError:
            raise CandleFileError(path, line, f"{name} {field!r} is no number") from None
        if not math.isfinite(value) or "_" in field:
            raise CandleFileError(path, line, f"{name} {field!r} is no finite number")
        values.append(value)
    return int(fields[0]), values


def _check_values(path: Path, line: int, values: Sequence[float]) -> None:
    opening, high, low, closing, volume = values
    if min(opening, high, low, closing) <= 0:
        raise CandleFileError(path, line, "a price is not positive")
    if volume < 0:
        raise CandleFileError(path, line, f"volume {volume} is negative")
    if high < low:
        raise CandleFileError(path, line, f"high {high} is below low {low}")
    if not (low <= opening <= high and low <= closing <= high):
        raise CandleFileError(
            path, line, f"open {opening} or close {closing} is outside of low {low} to high {high}"
        )


def _check_time(path: Path, line: int, start_ms: int, distance_ms: int, length_ms: int) -> None:
    if start_ms % _MINUTE_MS:
        raise CandleFileError(path, line, f"time {start_ms} does not stand on a whole minute")
    if distance_ms == 0:
        raise CandleFileError(path, line, f"time {start_ms} is a duplicate of the candle before")
    if distance_ms < 0:
        raise CandleFileError(path, line, f"time {start_ms} is out of order")
    if distance_ms > length_ms:
        missing = distance_ms / length_ms - 1
        raise CandleFileError(path, line, f"gap: {missing:g} candles missing before {start_ms}")


def load_candles(paths: Mapping[str, Path], start_ms: int | None = None) -> "CandleFeed":
    """The feed of one file for each symbol, from `start_ms` on (default.

    The first time that all files know).
    """
    return CandleFeed({symbol: read_candles(Path(path)) for symbol, path in paths.items()}, start_ms)


class CandleFeed:
    """Runs along candles.

    Open, the two extremes at the thirds, close; what lies before the start is history.
    """

    def __init__(
        self,
        candles: Mapping[str, Sequence[Bar]],
        start_ms: int | None = None,
        *,
        funding_rate: float = 0.0001,
    ) -> None:
        if not candles:
            raise FeedError("no candles were given: name at least one SYMBOL=FILE")
        self._bars = {symbol: tuple(rows) for symbol, rows in candles.items()}
        self._funding_rate = funding_rate
        first = max(rows[0].start_ms for rows in self._bars.values())
        self._end_ms = min(rows[-1].start_ms + rows[-1].length_ms for rows in self._bars.values())
        self._start_ms = first if start_ms is None else start_ms
        if not first <= self._start_ms < self._end_ms:
            raise FeedError(
                f"start {self._start_ms} is outside of what all candle files know: {first} to {self._end_ms}"
            )
        self._paths: dict[str, tuple[int, tuple[tuple[int, float], ...]]] = {}

    @property
    def symbols(self) -> Sequence[str]:
        """The symbols that have a file."""
        return tuple(self._bars)

    @property
    def start_ms(self) -> int:
        """Where the run begins."""
        return self._start_ms

    @property
    def end_ms(self) -> int | None:
        """The end of the shortest file."""
        return self._end_ms

    def tick(self, symbol: str, time_ms: int) -> Tick:
        """The price inside the candle of that time; the last close after the end."""
        rows = self._bars[symbol]
        length = rows[0].length_ms
        number = min((time_ms - rows[0].start_ms) // length, len(rows) - 1)
        cached = self._paths.get(symbol)
        if cached is None or cached[0] != number:
            cached = self._paths[symbol] = (number, bar_path(rows[number]))
        price = price_at(cached[1], time_ms - rows[number].start_ms)
        return Tick(last=price, index=price, funding_rate=self._funding_rate)

    def next_breakpoint(self, after_ms: int) -> int | None:
        """The next open, extreme or close of any symbol's candle."""
        if after_ms >= self._end_ms:
            return None
        return min(self._next(rows[0], after_ms) for rows in self._bars.values())

    @staticmethod
    def _next(first: Bar, after_ms: int) -> int:
        offset = (after_ms - first.start_ms) % first.length_ms
        start_ms = after_ms - offset
        return next(
            (start_ms + at_ms for at_ms, _ in bar_path(first) if at_ms > offset), start_ms + first.length_ms
        )

    def beta(self, symbol: str) -> float | None:
        """None: candles say nothing of it."""
        return None

    def bars(self, symbol: str) -> Sequence[Bar]:
        """The candles before the start."""
        rows = self._bars[symbol]
        return rows[: (self._start_ms - rows[0].start_ms) // rows[0].length_ms]
