"""All chains of an exchange: contracts, marks and books."""

import math
from collections.abc import Callable, Iterator
from decimal import Decimal

import msgspec

from bot.sandbox.engine.options import black76
from bot.sandbox.engine.options.bad_data import BadData, BadDataRules
from bot.sandbox.engine.options.chain import Chain
from bot.sandbox.engine.options.contracts import OptionContract, is_option
from bot.sandbox.engine.options.settings import DAY_MS, OptionSettings
from bot.sandbox.engine.types import ZERO, BookLevel, EngineRefusal, Reason, Side

LEVELS = 5
REFILL_SECONDS = 20.0
_NEVER_MS = 10**15
_QUARTER = 0.25
"""Quotes keep this much of a tick away from their price, so that bid and ask are never the same."""


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """Where one contract stands on the surface at one moment."""

    forward: float
    strike: float
    years: float
    volatility: float
    is_call: bool

    def price(self, volatility: float) -> float:
        """What it is worth at a volatility."""
        return black76.price(self.forward, self.strike, self.years, volatility, is_call=self.is_call)

    def implied(self, price: Decimal) -> float:
        """The volatility that a price implies, 0 for none."""
        return black76.implied(
            float(price),
            self.forward,
            self.strike,
            self.years,
            is_call=self.is_call,
            guess=self.volatility,
        )

    @property
    def greeks(self) -> black76.Greeks:
        """The greeks of one coin of it."""
        return black76.greeks(self.forward, self.strike, self.years, self.volatility, is_call=self.is_call)


def exact(figure: float) -> Decimal:
    """A figure as the venue gives it, to 1e-8."""
    return Decimal(f"{figure:.8f}")


def _offer(contract: OptionContract, price: float, taker: Side) -> Decimal:
    """The price on the tick that is worse for a taker."""
    ticks = price / float(contract.tick)
    whole = math.ceil(ticks + _QUARTER) if taker is Side.BUY else math.floor(ticks - _QUARTER)
    return contract.tick * whole


class Chains:
    """The options of one exchange. `index` gives a coin's index price now, `now_ms` is the market's time.

    Points are remembered until time or index change. What takers eat of a book comes back with a time
    constant of 20 s of market time.
    """

    def __init__(self, settings: OptionSettings, index: Callable[[str], Decimal], now_ms: int) -> None:
        self.credit = settings.credit
        self.bad_data = BadDataRules()
        self.now_ms = now_ms
        self.counterparty: dict[str, Decimal] = {}
        """What the synthetic book holds of each contract."""
        self.last: dict[str, Decimal] = {}
        self._index = index
        self.by_coin = {coin: Chain(coin, own, now_ms, index(coin)) for coin, own in settings.coins.items()}
        self._eaten: dict[tuple[str, Side], tuple[float, int]] = {}
        self._points: dict[str, tuple[int, Decimal, Point]] = {}
        self._next_change_ms = self._next_change()

    # Contracts

    def find(self, symbol: str) -> OptionContract | None:
        """A contract that is or ever was listed."""
        chain = self.by_coin.get(symbol.partition("-")[0]) if is_option(symbol) else None
        return None if chain is None else chain.known.get(symbol)

    def contract(self, symbol: str) -> OptionContract:
        """A contract that is or ever was listed. Refusal: UNKNOWN_SYMBOL."""
        found = self.find(symbol)
        if found is None:
            raise EngineRefusal(Reason.UNKNOWN_SYMBOL, f"symbol {symbol!r} is not listed")
        return found

    def is_live(self, contract: OptionContract) -> bool:
        """Whether a contract can be traded."""
        return contract.symbol in self.by_coin[contract.base].listed

    def listed(self) -> list[OptionContract]:
        """What is shown as listed: coins in order, each as its contracts came."""
        return [
            one
            for chain in self.by_coin.values()
            for one in (*self._stale(chain), *chain.listed.values())
            if self.shows(one)
        ]

    def shows(self, contract: OptionContract) -> bool:
        """Whether a contract is one of those that are shown as listed."""
        if not self.is_live(contract):
            return self.bad_data.strikes(BadData.EXPIRED, contract.symbol)
        return not self._hides(contract)

    def _hides(self, one: OptionContract) -> bool:
        if not self.bad_data.strikes(BadData.HOLES, one.symbol):
            return False
        step = self.by_coin[one.base].usual_step(float(self.index(one.base)))
        return int(one.strike / step) % 2 == 1

    def _stale(self, chain: Chain) -> list[OptionContract]:
        if not self.bad_data.any_of(BadData.EXPIRED):
            return []
        index, past_ms = float(self.index(chain.base)), chain.next_change_ms - DAY_MS
        strikes = chain.strikes_around(index, chain.usual_step(index))
        over = chain.at(strikes, past_ms, past_ms - DAY_MS)
        return [chain.known.setdefault(one.symbol, one) for one in over]

    # Time

    def pass_to(self, now_ms: int) -> None:
        """Go on to a market time; contracts that expire are settled by `expire`."""
        self.now_ms = now_ms
        for chain in self.by_coin.values():
            chain.pass_to(now_ms, self._index(chain.base))

    def _next_change(self) -> int:
        return min((chain.next_change_ms for chain in self.by_coin.values()), default=_NEVER_MS)

    @property
    def has_expired(self) -> bool:
        """Whether the hour of expiry has come."""
        return self.now_ms >= self._next_change_ms

    def expire(self) -> Iterator[tuple[Decimal, OptionContract]]:
        """Take what has expired off the lists: each contract with its settlement price."""
        for chain in self.by_coin.values():
            while chain.next_change_ms <= self.now_ms:
                settlement, over = chain.turn(self._index(chain.base))
                yield from ((settlement, one) for one in over)
        self._next_change_ms = self._next_change()

    # Prices

    def index(self, coin: str) -> Decimal:
        """A coin's index price."""
        return self._index(coin)

    def point(self, contract: OptionContract) -> Point:
        """Where a contract stands on the surface now."""
        index = self._index(contract.base)
        known = self._points.get(contract.symbol)
        if known is not None and known[0] == self.now_ms and known[1] == index:
            return known[2]
        surface, at = self.by_coin[contract.base].surface, float(index)
        strike, years = float(contract.strike), contract.years(self.now_ms)
        found = Point(
            forward=surface.forward(at, years),
            strike=strike,
            years=years,
            volatility=surface.volatility(at, strike, years),
            is_call=contract.is_call,
        )
        self._points[contract.symbol] = (self.now_ms, index, found)
        return found

    def mark(self, contract: OptionContract) -> Decimal:
        """The mark price: Black-76 at the surface's volatility."""
        point = self.point(contract)
        return exact(point.price(point.volatility))

    # Books

    def levels(self, contract: OptionContract, taker: Side) -> Iterator[BookLevel]:
        """What a taker finds, best first; nothing where the contract is not live."""
        if not self.is_live(contract) or self.bad_data.strikes(BadData.ABSENT, contract.symbol):
            return
        point, index = self.point(contract), float(self._index(contract.base))
        own, strain = self.by_coin[contract.base].settings, self.by_coin[contract.base].surface.strain(index)
        steps = max(1, int(own.size_usd / strain / index / float(contract.qty_step)))
        gone, before = self._gone(contract, taker), None
        for number in range(1, LEVELS + 1):
            volatility = point.volatility + taker.sign * own.spread * strain * number
            price = _offer(contract, point.price(max(0.0, volatility)), taker)
            there = max(0, steps - gone)
            gone = max(0, gone - steps)
            if price <= 0 or price == before or not there:
                continue
            before = price
            yield BookLevel(price, contract.qty_step * there)

    def eat(self, contract: OptionContract, taker: Side, qty: Decimal) -> None:
        """Take a quantity off the side that a taker trades with."""
        left = self._gone(contract, taker) + float(qty / contract.qty_step)
        self._eaten[contract.symbol, taker] = (left, self.now_ms)

    def _gone(self, contract: OptionContract, taker: Side) -> int:
        steps, at_ms = self._eaten.get((contract.symbol, taker), (0.0, 0))
        return round(steps * math.exp((at_ms - self.now_ms) / 1000 / REFILL_SECONDS)) if steps else 0

    def counterparty_worth(self, coin: str) -> Decimal:
        """What the synthetic book's contracts that settle in a coin are worth, below 0 for those it owes."""
        held = ((self.contract(symbol), qty) for symbol, qty in self.counterparty.items() if qty)
        return sum((qty * self.mark(one) for one, qty in held if one.settle == coin), ZERO)
