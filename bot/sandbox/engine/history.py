"""Candles from before the engine's start: those of the feed, and before them invented ones.

The invented prices are a random walk that ends in the first known price. All symbols share the market's part
of each hour's return (times their beta), so that betas computed from these candles are near those that were
asked for.
"""

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from random import Random

from bot.sandbox.engine import bars
from bot.sandbox.engine.feeds import Bar

HOUR_MS = 3_600_000
MINUTE_MS = 60_000
INVENTED_HOURS = 60 * 24
_MARKET_VOLATILITY = 0.005
_OWN_VOLATILITY = 0.0015
_HOURLY_VOLUME_USD = 20_000_000.0
_LEADER = "BTC"
_DEFAULT_BETA = 1.3


class PriceHistory:
    """Candles of one symbol before `start_ms`, of a minute each; the same seed gives the same candles."""

    def __init__(
        self,
        symbol: str,
        start_ms: int,
        price: float,
        known: Sequence[Bar],
        *,
        shift_ms: int,
        beta: float | None,
        seed: int,
    ) -> None:
        self.start_ms = start_ms
        self._symbol = symbol
        self._seed = seed
        self._leads = symbol.startswith(_LEADER)
        self._beta = (1.0 if self._leads else _DEFAULT_BETA) if beta is None else beta
        self._known = known
        self._shift_ms = shift_ms
        first_ms = known[0].start_ms + shift_ms if known else start_ms
        self._invented_until_ms = first_ms
        self._anchor = known[0].open if known else price
        self._closes: list[float] = []
        self._hours: dict[int, list[Bar]] = {}

    def rows(self, from_ms: int, until_ms: int) -> Iterator[Bar]:
        """Candles of a minute that open within [from_ms, until_ms) and before the start, oldest first."""
        until_ms = min(until_ms, self.start_ms)
        hour_ms = from_ms - from_ms % HOUR_MS
        while hour_ms < min(until_ms, self._invented_until_ms):
            limit = min(until_ms, self._invented_until_ms)
            yield from (row for row in self._invented(hour_ms) if from_ms <= row.start_ms < limit)
            hour_ms += HOUR_MS
        yield from (row for row in self._from_feed(from_ms, until_ms) if from_ms <= row.start_ms < until_ms)

    def hour(self, hour_ms: int) -> tuple[Bar, float] | None:
        """Sum up an hour that is invented whole, and its turnover; None for any other."""
        if hour_ms % HOUR_MS or hour_ms + HOUR_MS > min(self._invented_until_ms, self.start_ms):
            return None
        hours_back = -((hour_ms - self._invented_until_ms) // HOUR_MS)
        if hours_back > INVENTED_HOURS:
            return None
        prices = self._prices(hour_ms, hours_back)
        traded = turnover = 0.0
        for opening, closing in pairwise(prices):
            volume = _volume(opening)
            traded += volume
            turnover += volume * closing
        high, low = max(prices) * self._wick, min(prices) / self._wick
        return Bar(hour_ms, HOUR_MS, prices[0], high, low, prices[60], traded), turnover

    def _from_feed(self, from_ms: int, until_ms: int) -> Iterator[Bar]:
        if not self._known or until_ms <= self._invented_until_ms:
            return
        length = self._known[0].length_ms
        first = max(0, (from_ms - self._invented_until_ms) // length)
        last = -((self._invented_until_ms - until_ms) // length)
        for bar in self._known[first:last]:
            for row in (bar,) if length == MINUTE_MS else bars.minutes(bar):
                yield Bar(
                    row.start_ms + self._shift_ms,
                    MINUTE_MS,
                    row.open,
                    row.high,
                    row.low,
                    row.close,
                    row.volume,
                )

    def _invented(self, hour_ms: int) -> list[Bar]:
        hours_back = -((hour_ms - self._invented_until_ms) // HOUR_MS)
        if hours_back > INVENTED_HOURS:
            return []
        if hour_ms not in self._hours:
            self._hours[hour_ms] = self._walk(hour_ms, self._prices(hour_ms, hours_back))
        return self._hours[hour_ms]

    def _log_price(self, hours_back: int) -> float:
        while len(self._closes) < hours_back:
            number = self._invented_until_ms // HOUR_MS - len(self._closes)
            shared = Random(f"{self._seed}:market:{number}").gauss(0.0, _MARKET_VOLATILITY)
            own = (
                0.0
                if self._leads
                else Random(f"{self._seed}:{self._symbol}:{number}").gauss(0.0, _OWN_VOLATILITY)
            )
            before = self._closes[-1] if self._closes else math.log(self._anchor)
            self._closes.append(before - self._beta * shared - own)
        return self._closes[hours_back - 1] if hours_back else math.log(self._anchor)

    @property
    def _scale(self) -> float:
        return _MARKET_VOLATILITY * self._beta / math.sqrt(60)

    @property
    def _wick(self) -> float:
        return 1 + self._scale / 4

    def _prices(self, hour_ms: int, hours_back: int) -> list[float]:
        # a bridge from the hour's opening to its closing price
        opening, closing = self._log_price(hours_back), self._log_price(hours_back - 1)
        random = Random(f"{self._seed}:{self._symbol}:walk:{hour_ms // HOUR_MS}")
        scale = self._scale
        path = [0.0]
        for _ in range(60):
            path.append(path[-1] + random.gauss(0.0, scale))
        drift = closing - opening - path[60]
        return [math.exp(opening + drift * i / 60 + path[i]) for i in range(61)]

    def _walk(self, hour_ms: int, prices: list[float]) -> list[Bar]:
        wick = self._wick
        return [
            Bar(
                start_ms=hour_ms + i * MINUTE_MS,
                length_ms=MINUTE_MS,
                open=prices[i],
                high=max(prices[i], prices[i + 1]) * wick,
                low=min(prices[i], prices[i + 1]) / wick,
                close=prices[i + 1],
                volume=_volume(prices[i]),
            )
            for i in range(60)
        ]


def _volume(price: float) -> float:
    """Coins that are traded in a minute."""
    return _HOURLY_VOLUME_USD / 60 / price
