"""The synthetic order book.

Depth around the feed's price that is eaten by takers and refills over market time.
"""

import math
from collections.abc import Iterator
from decimal import Decimal

from bot.sandbox.engine.instruments import Instrument
from bot.sandbox.engine.types import BookLevel, Side

LEVELS = 250
LEVELS_PER_PERCENT = 50
REFILL_SECONDS = 20.0
_SPACING = 0.01 / LEVELS_PER_PERCENT
_SMALLEST_SPREAD = 1e-6


class SyntheticBook:
    """A ladder on each side of `mid`: level k stands at half spread + k x 2 bp and holds depth_usd / 50.

    What takers eat is remembered as a quantity a side and decays with a time constant of 20 s of market time,
    so a second order soon after a first starts deeper in the ladder: that is the impact. `share` thins every
    level (to one step at least); 0 empties the book.
    """

    def __init__(self, instrument: Instrument) -> None:
        self.mid = float(instrument.reference_price)
        self.half_spread = instrument.half_spread
        self.depth_usd = instrument.depth_usd
        self.share = 1.0
        self._instrument = instrument
        self._tick = float(instrument.tick)
        self._step = float(instrument.qty_step)
        self._eaten = {Side.BUY: 0.0, Side.SELL: 0.0}

    def shape(self, half_spread: float | None, depth_usd: float | None) -> None:
        """Set spread and depth; None takes the instrument's."""
        own = self._instrument
        self.half_spread = max(_SMALLEST_SPREAD, own.half_spread if half_spread is None else half_spread)
        self.depth_usd = own.depth_usd if depth_usd is None else depth_usd

    def relist(self, instrument: Instrument) -> None:
        """Take an instrument with other steps in place of the present one."""
        self._instrument = instrument
        self._step = float(instrument.qty_step)

    def refill(self, seconds: float) -> None:
        """Let what was eaten come back over `seconds` of market time."""
        for side, qty in self._eaten.items():
            if qty:
                left = qty * math.exp(-seconds / REFILL_SECONDS)
                self._eaten[side] = left if left >= self._step else 0.0

    def eat(self, taker: Side, qty: Decimal) -> None:
        """Take `qty` off the side that a taker of side `taker` trades with."""
        self._eaten[taker] += float(qty)

    def reaches(self, taker: Side, price: Decimal) -> bool:
        """Whether the best synthetic price for a taker is at `price` or better (quick test)."""
        best = self._level_price(taker, 0)
        return best <= price if taker is Side.BUY else best >= price

    def levels(self, taker: Side) -> Iterator[BookLevel]:
        """What a taker of side `taker` finds, best first: asks for a buyer, bids for a seller."""
        if not self.share:
            return
        eaten = self._eaten[taker]
        worth = self.depth_usd * self.share / LEVELS_PER_PERCENT
        size = max(self._step, worth if self._instrument.inverse else worth / self.mid)
        skipped = int(eaten / size)
        left = size - (eaten - skipped * size)
        price, steps = self._level_price(taker, skipped), int(left / self._step + 1e-9)
        whole = int(size / self._step + 1e-9)
        for number in range(skipped + 1, LEVELS):
            following = self._level_price(taker, number)
            if following == price:
                steps += whole
                continue
            if steps and price > 0:
                yield BookLevel(price, self._instrument.qty_step * steps)
            price, steps = following, whole
        if steps and skipped < LEVELS and price > 0:
            yield BookLevel(price, self._instrument.qty_step * steps)

    def _level_price(self, taker: Side, number: int) -> Decimal:
        offset = self.half_spread + number * _SPACING
        if taker is Side.BUY:
            ticks = math.ceil(self.mid * (1 + offset) / self._tick - 1e-9)
        else:
            ticks = max(0, math.floor(self.mid * (1 - offset) / self._tick + 1e-9))
        return self._instrument.tick * ticks
