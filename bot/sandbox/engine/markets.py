"""One listed symbol: its prices now, its book, its candles and its funding."""

import math
from decimal import Decimal

from bot.sandbox.engine.book import SyntheticBook
from bot.sandbox.engine.candle_store import CandleStore
from bot.sandbox.engine.feeds import Tick
from bot.sandbox.engine.history import PriceHistory
from bot.sandbox.engine.instruments import Instrument
from bot.sandbox.engine.terms import VenueTerms
from bot.sandbox.engine.types import ZERO, FundingRate, Order, TriggerBy

_VOLUME_BASE = 0.0005
_VOLUME_PER_MOVE = 10.0


class Market:
    """Mutable state of one symbol. Prices are Decimals on the tick; the mark follows the terms' smoothing."""

    def __init__(
        self,
        instrument: Instrument,
        terms: VenueTerms,
        start_ms: int,
        first: Tick | None,
        history: PriceHistory,
    ) -> None:
        self.instrument = instrument
        self.symbol = instrument.symbol
        self.fed = first is not None
        self.held = False
        self.delisted = False
        self.limit_band: Decimal | None = None
        self.wick = ZERO
        self.last = self.mark = self.index = instrument.reference_price
        self.funding_rate = Decimal("0.0001")
        self.book = SyntheticBook(instrument)
        self.resting: dict[str, Order] = {}
        self.waiting: dict[str, Order] = {}
        self.funding_history: list[FundingRate] = []
        self.counterparty_qty = ZERO
        self.interval_ms = instrument.funding_interval_min * 60_000
        self.next_funding_ms = (start_ms // self.interval_ms + 1) * self.interval_ms
        self.update_id = 1
        self.candles = CandleStore(history)
        self.as_listed = instrument
        self._terms = terms
        self._basis = first.last / first.index - 1 if first else 0.0
        self._time_ms = start_ms
        self._tick_size = float(instrument.tick)
        self._rate = 0.0001
        if first:
            self.book.mid = first.last
            self.take(first, start_ms)
        else:
            self._tape(0.0, 0.0)

    def relist(self, instrument: Instrument) -> None:
        """Take an instrument with other filters; `as_listed` keeps what it was at first."""
        self.instrument = instrument
        self.book.relist(instrument)

    @property
    def shown_mark(self) -> Decimal:
        """The mark as queries show it: the true one, but for a wick."""
        return self.mark * (1 + self.wick) if self.wick else self.mark

    def round_price(self, price: float) -> Decimal:
        """A float price on the nearest tick, one tick at least."""
        return self.instrument.tick * max(1, round(price / self._tick_size))

    def on_tick(self, price: Decimal) -> Decimal:
        """A price on the nearest tick; one that is on it already stays as it is."""
        tick = self.instrument.tick
        return price if not price % tick else (price / tick).to_integral_value() * tick

    def take(self, tick: Tick, time_ms: int) -> None:
        """Move to the feed's tick (its prices are ignored while an operator holds the price)."""
        step_s = (time_ms - self._time_ms) / 1000
        self._time_ms = time_ms
        self.book.refill(step_s)
        self.book.shape(tick.half_spread, tick.depth_usd)
        if tick.funding_rate != self._rate:
            self._rate = tick.funding_rate
            self.funding_rate = Decimal(repr(round(tick.funding_rate, 8)))
        if not self.held:
            before = self.book.mid
            self.last = self.round_price(tick.last)
            self.index = self.round_price(tick.index)
            self.mark = self.round_price(self._smoothed_mark(tick, step_s))
            self.book.mid = tick.last
            self._tape(abs(tick.last / before - 1) if before else 0.0, step_s)
        self.update_id += 1

    def hold(self, price: Decimal, index: Decimal | None) -> None:
        """Set every price by hand and keep it until released."""
        self.held = True
        self.last = self.mark = price
        self.index = price if index is None else index
        self._basis = 0.0
        self.book.mid = float(price)
        self._tape(0.0, 0.0)
        self.update_id += 1

    def traded(self, price: Decimal, qty: Decimal) -> None:
        """Book a trade of a user on the tape."""
        self.last = price
        self.update_id += 1
        self.candles.trade(self._time_ms, float(price), float(qty))

    def watched(self, by: TriggerBy) -> Decimal:
        """The price that a trigger watches."""
        if by is TriggerBy.LAST:
            return self.last
        return self.mark if by is TriggerBy.MARK else self.index

    def _smoothed_mark(self, tick: Tick, step_s: float) -> float:
        # mark = index x (1 + EMA of the basis), held within the band: the shape that venues publish
        if tick.mark is not None:
            return tick.mark
        weight = 1 - math.exp(-step_s / self._terms.mark_basis_seconds)
        self._basis += weight * (tick.last / tick.index - 1 - self._basis)
        limit = self._terms.mark_band
        return tick.index * (1 + max(-limit, min(limit, self._basis)))

    def _tape(self, move: float, step_s: float) -> None:
        usd = self.book.depth_usd * (_VOLUME_BASE * step_s + _VOLUME_PER_MOVE * move)
        volume = usd if self.instrument.inverse else usd / self.book.mid
        self.candles.update(self._time_ms, float(self.last), float(self.mark), float(self.index), volume)
