"""The chain of one coin: which contracts are listed, and the price at which they will be settled."""

from collections.abc import Sequence
from decimal import Decimal

from bot.sandbox.engine.options.contracts import (
    OptionContract,
    contract,
    expiry_after,
    next_hour_of_expiry,
    plain_step,
    strikes_between,
)
from bot.sandbox.engine.options.settings import CoinOptions
from bot.sandbox.engine.options.surface import Surface
from bot.sandbox.engine.types import ZERO

AVERAGING_MS = 30 * 60_000
"""How long before expiry the index counts for the settlement price."""
_FOLLOWS = 0.03
_CENT = Decimal("0.01")


class Chain:
    """Lists contracts as time and index go on. `known` has every contract that ever was listed."""

    def __init__(self, base: str, settings: CoinOptions, now_ms: int, index: Decimal) -> None:
        self.base = base
        self.settings = settings
        self.surface = Surface(settings, float(index))
        self.listed: dict[str, OptionContract] = {}
        self.known: dict[str, OptionContract] = {}
        self.next_change_ms = next_hour_of_expiry(now_ms)
        self._now_ms = now_ms
        self._strikes: dict[int, Decimal] = {}
        self._anchor = float(index)
        self._seen = ZERO
        self._samples = 0
        self._list(now_ms, self._anchor)

    @property
    def expected_settlement(self) -> Decimal | None:
        """The average so far of the index before the coming expiry; None outside of the last half hour."""
        return (self._seen / self._samples).quantize(_CENT) if self._samples else None

    def expected_for(self, contract: OptionContract) -> Decimal | None:
        """The same for a contract; None where it does not expire next."""
        return self.expected_settlement if contract.expiry_ms == self.next_change_ms else None

    def pass_to(self, now_ms: int, index: Decimal) -> None:
        """Take notice of the index at a time; strikes follow where it has moved."""
        at = float(index)
        self.surface.remember(at, now_ms - self._now_ms)
        self._now_ms = now_ms
        if now_ms > self.next_change_ms - AVERAGING_MS:
            self._seen += index
            self._samples += 1
        if abs(at / self._anchor - 1) > _FOLLOWS:
            self._anchor = at
            self._follow(now_ms)

    def turn(self, index: Decimal) -> tuple[Decimal, Sequence[OptionContract]]:
        """Take what expires now off the list and list what is new: the settlement price, and what expired."""
        settlement = self.expected_settlement or index
        self._seen, self._samples = ZERO, 0
        now_ms = self.next_change_ms
        over = [one for one in self.listed.values() if one.expiry_ms <= now_ms]
        for one in over:
            del self.listed[one.symbol]
            self._strikes.pop(one.expiry_ms, None)
        self.next_change_ms = next_hour_of_expiry(now_ms)
        self._list(now_ms, float(index))
        return settlement, over

    def at(self, strikes: Sequence[Decimal], expiry_ms: int, now_ms: int) -> list[OptionContract]:
        """Puts and calls of an expiry, in every coin of settlement."""
        return [
            contract(self.base, settle, strike, expiry_ms, now_ms, is_call=is_call)
            for settle in self.settings.settles
            for strike in strikes
            for is_call in (False, True)
        ]

    def strikes_around(self, index: float, step: Decimal) -> list[Decimal]:
        """The strikes within reach of an index."""
        reach = self.settings.reach
        return strikes_between(index * (1 - reach), index * (1 + reach), step)

    def usual_step(self, index: float) -> Decimal:
        """How far apart strikes are that are listed at this index."""
        return plain_step(index * self.settings.step)

    def _list(self, now_ms: int, index: float) -> None:
        for ahead_ms in self.settings.expiries:
            expiry_ms = expiry_after(now_ms, ahead_ms)
            if expiry_ms > now_ms:
                self._strikes.setdefault(expiry_ms, self.usual_step(index))
        self._anchor = index
        self._follow(now_ms)

    def _follow(self, now_ms: int) -> None:
        for expiry_ms, step in self._strikes.items():
            for one in self.at(self.strikes_around(self._anchor, step), expiry_ms, now_ms):
                if one.symbol not in self.listed:
                    self.listed[one.symbol] = self.known[one.symbol] = one
