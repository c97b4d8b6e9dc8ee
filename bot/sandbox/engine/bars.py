"""The path that a price takes inside a candle."""

from bot.sandbox.engine.feeds import Bar

CLOSE_LEAD_MS = 1000
Point = tuple[int, float]


def path(bar: Bar) -> tuple[Point, Point, Point, Point]:
    """(offset in ms, price): open, the two extremes at the thirds, close just before the end.

    A falling candle goes up first and a rising one down first, so that the extreme against the close comes
    late.
    """
    length = bar.length_ms
    first, second = (bar.high, bar.low) if bar.close < bar.open else (bar.low, bar.high)
    lead = min(CLOSE_LEAD_MS, length // 60)
    return ((0, bar.open), (length // 3, first), (2 * length // 3, second), (length - lead, bar.close))


def price_at(points: tuple[Point, ...], offset_ms: int) -> float:
    """Linear interpolation along a candle's path; its close after the last point."""
    before_ms, before = points[0]
    for at_ms, price in points[1:]:
        if offset_ms < at_ms:
            return before + (price - before) * (offset_ms - before_ms) / (at_ms - before_ms)
        before_ms, before = at_ms, price
    return before


def minutes(bar: Bar) -> list[Bar]:
    """A longer candle cut into candles of a minute along its path."""
    points, rows = path(bar), []
    count = bar.length_ms // 60_000
    for number in range(count):
        start = number * 60_000
        opening, closing = price_at(points, start), price_at(points, start + 60_000)
        inside = [price for at_ms, price in points if start <= at_ms < start + 60_000]
        rows.append(
            Bar(
                start_ms=bar.start_ms + start,
                length_ms=60_000,
                open=opening,
                high=max(opening, closing, *inside),
                low=min(opening, closing, *inside),
                close=closing,
                volume=bar.volume / count,
            )
        )
    return rows
