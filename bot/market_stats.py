"""Keeps betas, ATR and daily volatility of markets, refreshed from candles now and then."""

from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec
import structlog

from bot.exchange.errors import GatewayError
from bot.exchange.protocol import Gateway
from bot.model import Beta, Candle, MarketStats
from bot.risk.betas import atr, beta_from_candles, daily_sigma, fallback_beta

REFERENCE = "BTC"
"""Betas refer to this market."""
REFERENCE_SYMBOLS = {"bybit": "BTC/USDT:USDT"}
TIMEFRAME = "1h"
CANDLES = 720
"""Thirty days of hours: enough for betas, recent enough to tell today's market."""
REFRESH_AFTER = timedelta(hours=1)
RETRY_AFTER = timedelta(minutes=5)

log = structlog.get_logger(__name__)


class StatsKeeper:
    """Statistics of the markets of one account. Reading them never waits for the venue."""

    def __init__(self, gateway: Gateway, reference_symbol: str, reference: str, at: datetime) -> None:
        self._gateway = gateway
        self.reference_symbol = reference_symbol
        self._tried: dict[str, datetime] = {}
        self.stats = MarketStats(reference=reference, betas={}, atr={}, daily_sigma={}, at=at)

    def missing(self, symbols: Iterable[str], now: datetime) -> tuple[str, ...]:
        """Return the symbols whose statistics are absent or old, and were not asked for just now."""
        return tuple(symbol for symbol in sorted(set(symbols)) if self._due(symbol, now))

    def _due(self, symbol: str, now: datetime) -> bool:
        tried = self._tried.get(symbol)
        if tried is None:
            return True
        return now - tried >= (REFRESH_AFTER if symbol in self.stats.betas else RETRY_AFTER)

    async def refresh(self, symbols: Iterable[str], now: datetime) -> None:
        """Read candles and replace what they tell; a symbol that cannot be read keeps what it had."""
        due = self.missing(symbols, now)
        if not due:
            return
        reference = await self._candles(self.reference_symbol, now)
        for symbol in due:
            candles = reference if symbol == self.reference_symbol else await self._candles(symbol, now)
            self._tried[symbol] = now
            if candles:
                self._learn(symbol, candles, reference, now)

    async def _candles(self, symbol: str, now: datetime) -> tuple[Candle, ...]:
        try:
            return await self._gateway.candles(symbol, TIMEFRAME, CANDLES)
        except GatewayError as error:
            self._tried[symbol] = now
            log.warning("candles could not be read", symbol=symbol, error=str(error))
            return ()

    def _learn(
        self, symbol: str, candles: tuple[Candle, ...], reference: tuple[Candle, ...], now: datetime
    ) -> None:
        base = symbol.split("/")[0]
        beta = beta_from_candles(base, candles, reference) if reference else fallback_beta(base)
        self.stats = msgspec.structs.replace(
            self.stats,
            betas={**self.stats.betas, symbol: beta},
            atr=_with(self.stats.atr, symbol, atr(candles)),
            daily_sigma=_with(self.stats.daily_sigma, symbol, daily_sigma(candles)),
            at=now,
        )

    def beta(self, symbol: str) -> Beta | None:
        """Return the beta of a symbol, None where it was not measured yet."""
        return self.stats.betas.get(symbol)


def _with(known: dict[str, float], symbol: str, value: object) -> dict[str, float]:
    if isinstance(value, float):
        return {**known, symbol: value}
    return {name: figure for name, figure in known.items() if name != symbol}
