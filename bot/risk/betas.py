"""Slow statistics from candles: betas, ATR, daily sigma."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from math import log, sqrt

from bot.model import Beta, Candle, Number, Unknown

MINIMUM_RETURNS = 100
"""Fewer common returns than this give the fallback beta."""

RESIDUAL_SPAN = 24
"""The residual is read off moves over this many candles: a day of hourly ones, as a shock may take."""

LARGE_SHARE = 0.1
"""Of these moves, the share in which the reference moved most is looked at."""

RESIDUAL_QUANTILE = 0.75
"""Three of four large moves had a smaller residual than the one that is taken."""

MINIMUM_DAYS = 7
"""Fewer daily returns' worth of candles than this leave the daily sigma unknown."""

_FALLBACKS = {"BTC": Beta(1.0, 0.1, "fallback"), "ETH": Beta(1.4, 0.3, "fallback")}
_OTHERS = Beta(1.8, 0.5, "fallback")
_DAY = timedelta(days=1)


def fallback_beta(base: str, reference: str = "BTC") -> Beta:
    """Return the beta that is assumed where candles are missing.

    The reference moves with itself: 1, residual 0. BTC 1 and 0.1, ETH 1.4 and 0.3, all others 1.8 and 0.5.
    Measured on USDT perpetuals in the weeks of 10 October and 21 November 2025: ETH 1.5 and 1.3 (residual
    0.3), SOL and XRP 1.2 to 1.8 (0.3 to 0.65), DOGE 2.7 and 1.3 (0.8 and 0.5).
    `source` begins with 'fallback'.
    """
    if base == reference:
        return Beta(1.0, 0.0, "fallback: the reference itself")
    return _FALLBACKS.get(base, _OTHERS)


def beta_from_candles(
    base: str, candles: Sequence[Candle], reference_candles: Sequence[Candle], reference: str = "BTC"
) -> Beta:
    """Measure a symbol's beta to the reference market.

    Beta is the least squares slope of log returns between closes one candle apart that both markets have. The
    residual is the RESIDUAL_QUANTILE of |move - beta * reference move| / |reference move| over the
    LARGE_SHARE of moves over RESIDUAL_SPAN candles in which the reference moved most: the part of a large
    move that the reference does not explain, as a share of it. It is taken as adverse whichever way it went.
    Fewer than MINIMUM_RETURNS, or a reference that did not move, give `fallback_beta`, and `source` says why.
    """
    if base == reference:
        return Beta(1.0, 0.0, "the reference itself")
    fallback = fallback_beta(base, reference)
    pairs = _returns(candles, reference_candles, 1)
    count = len(pairs)
    if count < MINIMUM_RETURNS:
        reason = f"fallback: {count} common returns, {MINIMUM_RETURNS} needed"
        return Beta(fallback.beta, fallback.residual, reason)
    mean_x = sum(x for x, _ in pairs) / count
    mean_y = sum(y for _, y in pairs) / count
    variance = sum((x - mean_x) ** 2 for x, _ in pairs)
    if variance <= 0.0:
        return Beta(fallback.beta, fallback.residual, f"fallback: {reference} did not move")
    beta = sum((x - mean_x) * (y - mean_y) for x, y in pairs) / variance
    residual = _residual(_returns(candles, reference_candles, RESIDUAL_SPAN), beta)
    if residual is None:
        return Beta(beta, fallback.residual, f"{count} returns; residual a fallback: too few long moves")
    return Beta(beta, residual, f"{count} returns")


def _residual(moves: Sequence[tuple[float, float]], beta: float) -> float | None:
    """Return the unexplained share of large moves; None where there are none."""
    large = sorted(moves, key=lambda move: abs(move[0]), reverse=True)[: int(len(moves) * LARGE_SHARE)]
    shares = sorted(abs(y - beta * x) / abs(x) for x, y in large if x != 0.0)
    return shares[int(len(shares) * RESIDUAL_QUANTILE)] if shares else None


def atr(candles: Sequence[Candle], period: int = 14) -> Number:
    """Return Wilder's average true range as a fraction of the last close; it needs period + 1 candles.

    The true range of a bar is the largest of high - low, |high - previous close| and |low - previous
    close|. The first `period` ranges are averaged, each later one is blended in at 1 / period.
    """
    if len(candles) <= period:
        return Unknown(f"an ATR({period}) needs {period + 1} candles, {len(candles)} came")
    ranges: list[float] = []
    for previous, candle in pairwise(candles):
        high, low, close = float(candle.high), float(candle.low), float(previous.close)
        ranges.append(max(high - low, abs(high - close), abs(low - close)))
    average = sum(ranges[:period]) / period
    for span in ranges[period:]:
        average += (span - average) / period
    last = float(candles[-1].close)
    return average / last if last > 0.0 else Unknown(f"the last close is {last:g}, which is no price")


def daily_sigma(candles: Sequence[Candle]) -> Number:
    """Return the standard deviation of daily log returns as a fraction, from candles of any step.

    The deviation of the returns between candles one step apart (the commonest distance in time), times the
    root of the steps in a day. Unknown where they cover fewer than MINIMUM_DAYS days.
    """
    closes = _closes(candles)
    step = _step(sorted(closes))
    returns = [x for x, _ in _returns(candles, candles, 1)]
    days = len(returns) * (step / _DAY)
    if days < MINIMUM_DAYS or len(returns) < 2:
        return Unknown(f"a daily sigma needs {MINIMUM_DAYS} days of candles, {days:.1f} came")
    mean = sum(returns) / len(returns)
    variance = sum((x - mean) ** 2 for x in returns) / (len(returns) - 1)
    return sqrt(variance * (_DAY / step))


def _closes(candles: Sequence[Candle]) -> dict[datetime, float]:
    """Return closes above 0 by time."""
    return {candle.at: float(candle.close) for candle in candles if candle.close > 0}


def _step(times: Sequence[datetime]) -> timedelta:
    """Return the commonest distance between neighbours, the shortest of several; 0 for fewer than two."""
    distances = Counter(later - earlier for earlier, later in pairwise(times))
    return max(distances, key=lambda distance: (distances[distance], -distance), default=timedelta())


def _returns(candles: Sequence[Candle], reference: Sequence[Candle], span: int) -> list[tuple[float, float]]:
    """Return (reference return, symbol return) between common times that are `span` steps apart."""
    ours, theirs = _closes(candles), _closes(reference)
    times = sorted(ours.keys() & theirs.keys())
    width = span * _step(times)
    found: list[tuple[float, float]] = []
    for start in times:
        end = start + width
        if end > start and end in ours and end in theirs:
            found.append((log(theirs[end] / theirs[start]), log(ours[end] / ours[start])))
    return found
