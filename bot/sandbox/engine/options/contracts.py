"""Option contracts: names, steps, fees, the days on which they expire."""

import math
from datetime import UTC, datetime
from decimal import Decimal

import msgspec

from bot.sandbox.engine.options.black76 import DAYS_A_YEAR
from bot.sandbox.engine.options.settings import DAY_MS
from bot.sandbox.engine.types import ZERO

EXPIRY_HOUR_MS = 8 * 3_600_000
WEEK_MS = 7 * DAY_MS
FIRST_FRIDAY_MS = DAY_MS
"""2 January 1970 was a Friday."""
YEAR_MS = DAYS_A_YEAR * DAY_MS
_PLAIN = (1.0, 2.0, 2.5, 5.0, 10.0)


class Steps(msgspec.Struct, frozen=True):
    """Price tick, quantity step (the least quantity too) and the largest quantity, of one coin's options."""

    tick: Decimal
    qty: Decimal
    largest: Decimal


STEPS = {
    "BTC": Steps(Decimal(5), Decimal("0.01"), Decimal(500)),
    "ETH": Steps(Decimal("0.1"), Decimal("0.1"), Decimal(5000)),
    "SOL": Steps(Decimal("0.01"), Decimal(1), Decimal(50_000)),
}
"""The coins that have options."""
SETTLES = ("USDT", "USDC")


class OptionContract(msgspec.Struct, frozen=True, kw_only=True):
    """A European option on one coin of `base`, settled in cash; fees are shares of the index price.

    A trading fee is at most `fee_cap` of the premium, a delivery fee `delivery_cap` of what is paid out.
    """

    symbol: str
    base: str
    settle: str
    strike: Decimal
    is_call: bool
    expiry_ms: int
    launched_ms: int
    tick: Decimal
    qty_step: Decimal
    min_qty: Decimal
    max_qty: Decimal
    taker_fee: Decimal = Decimal("0.0003")
    maker_fee: Decimal = Decimal("0.0002")
    fee_cap: Decimal = Decimal("0.07")
    delivery_fee: Decimal = Decimal("0.00015")
    delivery_cap: Decimal = Decimal("0.125")
    contract_size: Decimal = Decimal(1)

    @property
    def max_market_qty(self) -> Decimal:
        """The largest quantity of a market order."""
        return self.max_qty

    def value(self, qty: Decimal, price: Decimal) -> Decimal:
        """The premium of a quantity."""
        return qty * price

    def years(self, now_ms: int) -> float:
        """The time left; 0 after expiry."""
        return max(0, self.expiry_ms - now_ms) / YEAR_MS

    def payoff(self, settlement: Decimal) -> Decimal:
        """What one coin of it pays at expiry."""
        return max(ZERO, settlement - self.strike if self.is_call else self.strike - settlement)

    def fee(self, price: Decimal, index: Decimal, *, maker: bool) -> Decimal:
        """The trading fee of one coin of it at a price."""
        rate = self.maker_fee if maker else self.taker_fee
        return min(rate * index, self.fee_cap * price)

    def fee_at_delivery(self, settlement: Decimal) -> Decimal:
        """The fee of one coin of it at expiry; nothing where nothing is paid out."""
        return min(self.delivery_fee * settlement, self.delivery_cap * self.payoff(settlement))


def contract(
    base: str, settle: str, strike: Decimal, expiry_ms: int, launched_ms: int, *, is_call: bool
) -> OptionContract:
    """A contract with the steps of its coin."""
    steps = STEPS[base]
    return OptionContract(
        symbol=name(base, settle, strike, expiry_ms, is_call=is_call),
        base=base,
        settle=settle,
        strike=strike,
        is_call=is_call,
        expiry_ms=expiry_ms,
        launched_ms=launched_ms,
        tick=steps.tick,
        qty_step=steps.qty,
        min_qty=steps.qty,
        max_qty=steps.largest,
    )


def name(base: str, settle: str, strike: Decimal, expiry_ms: int, *, is_call: bool) -> str:
    """The venue's name, such as BTC-26DEC25-80000-P-USDT; those settled in USDC do not say so."""
    moment = datetime.fromtimestamp(expiry_ms / 1000, UTC)
    day = f"{moment.day}{moment:%b%y}".upper()
    tail = "" if settle == "USDC" else f"-{settle}"
    return f"{base}-{day}-{strike:f}-{'C' if is_call else 'P'}{tail}"


def is_option(symbol: str) -> bool:
    """Whether a symbol is an option's by its form."""
    return "-" in symbol


def expiry_after(now_ms: int, ahead_ms: int) -> int:
    """The first expiry at least so far ahead: any day's, or a Friday's from seven days on."""
    every, first = (WEEK_MS, FIRST_FRIDAY_MS) if ahead_ms >= WEEK_MS else (DAY_MS, 0)
    first += EXPIRY_HOUR_MS
    return first + -(-(now_ms + ahead_ms - first) // every) * every


def next_hour_of_expiry(now_ms: int) -> int:
    """The next 08:00 UTC after a time."""
    return ((now_ms - EXPIRY_HOUR_MS) // DAY_MS + 1) * DAY_MS + EXPIRY_HOUR_MS


def plain_step(rough: float) -> Decimal:
    """The number of the form 1, 2, 2.5 or 5 times a power of ten that is nearest by proportion."""
    power = math.floor(math.log10(rough))
    best = min(_PLAIN, key=lambda one: abs(math.log(rough / (one * 10.0**power))))
    return (Decimal(str(best)) * Decimal(10) ** power).normalize()


def strikes_between(low: float, high: float, step: Decimal) -> list[Decimal]:
    """The multiples of a step within bounds, lowest first."""
    first, last = math.ceil(low / float(step)), math.floor(high / float(step))
    return [step * number for number in range(max(1, first), last + 1)]
