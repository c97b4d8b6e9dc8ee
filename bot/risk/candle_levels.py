"""What candles say of a market: averages, volatilities, oscillators, and the highs and closes of windows.

Averages and oscillators are of candles that are over: the running one would count as a whole hour from its
first second, and its figures would flicker. Highs count the running candle too. Candles must follow each
other without a gap: what lies behind a gap, or behind a candle without a price, is not looked at, and where
too few are left the figure is unknown.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from math import log, sqrt
from statistics import fmean, stdev

from msgspec import Struct
from talipp.indicators import EMA, MACD, RSI

from bot.model import Candle, Number, Unknown
from bot.risk.betas import atr

HOUR = timedelta(hours=1)
FIVE_MINUTES = timedelta(minutes=5)
TIMEFRAMES = {HOUR: ("1h", 750), FIVE_MINUTES: ("5m", 300)}
"""Name of each step of candles, and how many are needed: 720 hours that are over, and a day."""

HOURS_A_YEAR = 8760
AHEAD = timedelta(minutes=1)
"""A candle that begins so far after now has a time that cannot be believed."""

LEAST, MOST = Decimal("1e-12"), Decimal("1e12")
"""Prices beyond are none."""

Levels = Mapping[str, Number]
"""Figures by name; prices in the quote currency."""


class Tail(Struct, frozen=True):
    """The newest candles that follow each other without a gap, oldest first."""

    candles: tuple[Candle, ...]
    step: timedelta
    why: str
    """What stands before the first one; '' where the venue gave no more."""

    def closed(self, at: datetime) -> tuple[Candle, ...]:
        """Return those that are over."""
        return tuple(one for one in self.candles if one.at + self.step <= at)

    def lacking(self, what: str, needed: int, came: int) -> Unknown:
        """Say that there are too few."""
        name, _ = TIMEFRAMES[self.step]
        why = f": {self.why}" if self.why else ""
        return Unknown(f"{what} needs {needed} candles of {name} in a row, {came} came{why}")


def tail_of(candles: Sequence[Candle], step: timedelta) -> Tail:
    """Return the newest candles that follow each other at `step`, each with prices."""
    kept: list[Candle] = []
    for candle in reversed(candles):
        if kept and candle.at != kept[-1].at - step:
            return Tail(tuple(reversed(kept)), step, f"there is a gap before {kept[-1].at:%Y-%m-%d %H:%M}")
        if not all(LEAST <= one <= MOST for one in (candle.open, candle.high, candle.low, candle.close)):
            why = f"that of {candle.at:%Y-%m-%d %H:%M} has no price"
            return Tail(tuple(reversed(kept)), step, why)
        kept.append(candle)
    return Tail(tuple(reversed(kept)), step, "")


def series_trouble(last: datetime | None, step: timedelta, now: datetime) -> str:
    """Say why candles whose newest began at `last` cannot be used at `now`, of the venue's clock; else ''.

    The next candle may come late by a whole step, since venues make one only once something was traded.
    """
    name, _ = TIMEFRAMES[step]
    if last is None:
        return f"the venue gave no candles of {name}"
    if last > now + AHEAD:
        return f"the newest candle of {name} begins at {last:%Y-%m-%d %H:%M} UTC, which is yet to come"
    if now >= last + 2 * step:
        return f"the newest candle of {name} is of {last:%Y-%m-%d %H:%M} UTC, which is too old"
    return ""


def hourly_levels(candles: Sequence[Candle], at: datetime) -> Levels:
    """Read everything that hourly candles tell, at the venue's time `at`."""
    tail = tail_of(candles, HOUR)
    over = tail.closed(at)
    closes = [float(one.close) for one in over]
    return {
        "realized_vol_24h": _volatility(tail, closes, 24),
        "realized_vol_7d": _volatility(tail, closes, 168),
        "rsi_14h": _rsi(tail, closes),
        "ema_24h": _of(tail, "an EMA(24)", closes, 24, lambda: EMA(24, closes)[-1]),
        "sma_24h": _mean(tail, closes, 24),
        "sma_7d": _mean(tail, closes, 168),
        "sma_30d": _mean(tail, closes, 720),
        "atr": _atr(tail, over),
        "macd": _of(tail, "a MACD(12, 26, 9)", closes, 34, lambda: MACD(12, 26, 9, closes)[-1].histogram),
        "high_7d": _high(tail, "the high of 7 days", at - timedelta(days=7)),
    }


def five_minute_levels(candles: Sequence[Candle], at: datetime) -> Levels:
    """Read the closes and highs of the last hour and day, at the venue's time `at`."""
    tail = tail_of(candles, FIVE_MINUTES)
    hour_ago, day_ago = at - HOUR, at - timedelta(days=1)
    return {
        "close_1h": _close(tail, "the close one hour ago", hour_ago),
        "close_24h": _close(tail, "the close 24 hours ago", day_ago),
        "high_1h": _high(tail, "the high of one hour", hour_ago),
        "high_24h": _high(tail, "the high of 24 hours", day_ago),
    }


def _of(tail: Tail, what: str, closes: list[float], needed: int, compute: Callable[[], float]) -> Number:
    return compute() if len(closes) >= needed else tail.lacking(what, needed, len(closes))


def _mean(tail: Tail, closes: list[float], count: int) -> Number:
    return _of(tail, f"a mean of {count} closes", closes, count, lambda: fmean(closes[-count:]))


def _volatility(tail: Tail, closes: list[float], count: int) -> Number:
    def compute() -> float:
        last = closes[-count - 1 :]
        returns = [log(later / earlier) for earlier, later in pairwise(last)]
        return stdev(returns) * sqrt(HOURS_A_YEAR)

    return _of(tail, f"a volatility of {count} hours", closes, count + 1, compute)


def _rsi(tail: Tail, closes: list[float]) -> Number:
    if len(closes) >= 15 and min(closes) == max(closes):
        return Unknown("an RSI needs closes that move, and all of them are the same")
    return _of(tail, "an RSI(14)", closes, 15, lambda: RSI(14, closes)[-1])


def _atr(tail: Tail, over: tuple[Candle, ...]) -> Number:
    if len(over) < 15:
        return tail.lacking("an ATR(14)", 15, len(over))
    share = atr(over)
    return share if isinstance(share, Unknown) else share * float(over[-1].close)


def _close(tail: Tail, what: str, moment: datetime) -> Number:
    """Return the close of the newest candle that was over at a moment."""
    before = [one for one in tail.candles if one.at + tail.step <= moment]
    return float(before[-1].close) if before else _too_short(tail, what)


def _high(tail: Tail, what: str, since: datetime) -> Number:
    """Return the highest price of all candles that were not over at a moment."""
    if not tail.candles or tail.candles[0].at > since:
        return _too_short(tail, what)
    highs = [float(one.high) for one in tail.candles if one.at + tail.step > since]
    return max(highs) if highs else Unknown(f"{what} needs candles of it, and the newest one is older")


def _too_short(tail: Tail, what: str) -> Unknown:
    name, _ = TIMEFRAMES[tail.step]
    why = tail.why or "the venue gave no older ones"
    if not tail.candles:
        return Unknown(f"{what} needs candles of {name}: {why}")
    return Unknown(f"{what} needs candles of {name} before {tail.candles[0].at:%Y-%m-%d %H:%M}: {why}")
