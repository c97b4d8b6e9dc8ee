"""Spot markets of the coins that an account holds beside dollars: where they may be sold."""

import asyncio
from datetime import datetime, timedelta
from decimal import Decimal

from bot.exchange.errors import GatewayError
from bot.exchange.parts import Profile
from bot.exchange.reading import Reads
from bot.model import Balance, SpotMarket, Stable

MAX_AGE = timedelta(hours=1)
RETRY_AFTER = timedelta(minutes=1)
READ_SECONDS = 2.0
"""How long a snapshot waits for one market."""
LEAST_WORTH = Decimal(10)
"""USD: what is worth less is not sold, so its market is not read."""


class Spots:
    """Reads one market a snapshot at the most, so that no snapshot waits long.

    What cannot be read is left out, and what was known serves on: nothing but a conversion needs it.
    """

    def __init__(self, venue: Profile) -> None:
        self._venue = venue
        self._known: dict[str, SpotMarket] = {}
        self._due: dict[str, datetime] = {}

    async def of(self, reads: Reads, balance: Balance, now: datetime) -> dict[str, SpotMarket]:
        """Return the markets known so far of the coins that are worth selling."""
        wanted = [(coin, stable) for coin in worth_selling(balance) for stable in Stable]
        for coin, stable in wanted:
            symbol = f"{coin}/{stable}"
            due = self._due.get(symbol)
            if due is None or now >= due:
                await self._read(reads, coin, stable, now)
                break
        symbols = (f"{coin}/{stable}" for coin, stable in wanted)
        return {symbol: self._known[symbol] for symbol in symbols if symbol in self._known}

    async def _read(self, reads: Reads, coin: str, stable: str, now: datetime) -> None:
        symbol = f"{coin}/{stable}"
        self._due[symbol] = now + RETRY_AFTER
        try:
            async with asyncio.timeout(READ_SECONDS):
                found = await self._venue.spot_market(reads, coin, stable)
        except (GatewayError, TimeoutError):
            return
        self._due[symbol] = now + MAX_AGE
        self._known.pop(symbol, None)
        if found is not None:
            self._known[symbol] = found


def worth_selling(balance: Balance) -> list[str]:
    """Name the coins beside dollars that are worth more than a trifle."""
    dollars = {*Stable, "USD"}
    return [
        coin
        for coin, worth in sorted(balance.worth.items())
        if coin not in dollars and isinstance(worth, Decimal) and worth >= LEAST_WORTH
    ]
