"""Instruments: steps, limits, fees and risk tiers of perpetuals, and what a quantity is worth."""

from bisect import bisect_left
from decimal import Decimal

import msgspec

from bot.sandbox.engine import inverse
from bot.sandbox.engine.types import ZERO


class RiskTier(msgspec.Struct, frozen=True, kw_only=True):
    """A risk limit: up to `cap` of position value, margin is value x rate - `deduction`.

    Rates are shares of value. With marginal tiers deduction_k = floor_k (rate_k - rate_(k-1)) +
    deduction_(k-1), so that maintenance margin is continuous and equals max over tiers of (rate x value -
    deduction).
    """

    tier_id: int
    cap: Decimal
    initial_rate: Decimal
    maintenance_rate: Decimal
    deduction: Decimal
    max_leverage: Decimal


class Instrument(msgspec.Struct, frozen=True, kw_only=True):
    """A perpetual; margin, fees, PnL and tiers are in `settle`.

    Every quantity of a linear one is in coins of `base` inside the engine, whatever the contract is;
    `contract_size` (coins a contract) is for the protocol, which speaks in contracts. A quantity of an
    inverse one is in USD, which are its contracts, and it is settled in `base`.
    """

    symbol: str
    base: str
    quote: str = "USDT"
    settle: str = "USDT"
    tick: Decimal
    qty_step: Decimal
    min_qty: Decimal
    max_qty: Decimal
    max_market_qty: Decimal
    min_notional: Decimal = Decimal(5)
    max_leverage: Decimal
    taker_fee: Decimal = Decimal("0.00055")
    maker_fee: Decimal = Decimal("0.0002")
    funding_interval_min: int = 480
    tiers: tuple[RiskTier, ...]
    reference_price: Decimal
    """Price where no feed gives one."""
    half_spread: float = 0.0001
    """Half of the synthetic book's spread as a share of the price, unless the feed says otherwise."""
    depth_usd: float = 10_000_000.0
    """Notional on each side of the synthetic book within 1 % of the mid, unless the feed says otherwise."""
    launched_ms: int = 1_585_526_400_000
    contract_size: Decimal = Decimal(1)
    inverse: bool = False
    follows: str = ""
    """The symbol whose prices it takes where the feed has none of its own."""

    def value(self, qty: Decimal, price: Decimal) -> Decimal:
        """What a quantity is worth at a price, in the settle coin."""
        return inverse.value(qty, price) if self.inverse else qty * price

    def quantity(self, value: Decimal, price: Decimal) -> Decimal:
        """The quantity that is worth so much of the settle coin at a price."""
        return value * price if self.inverse else value / price

    def notional(self, qty: Decimal, price: Decimal) -> Decimal:
        """What a quantity is worth in the quote currency."""
        return qty if self.inverse else qty * price

    def of_notional(self, notional: Decimal, price: Decimal) -> Decimal:
        """The quantity that is worth so much of the quote currency."""
        return notional if self.inverse else notional / price

    def average(self, qty: Decimal, value: Decimal) -> Decimal:
        """The price at which a quantity was worth so much of the settle coin."""
        return qty / value if self.inverse else value / qty

    def profit(self, qty: Decimal, entry: Decimal, price: Decimal) -> Decimal:
        """What a signed quantity has gained since its entry, in the settle coin."""
        return inverse.profit(qty, entry, price) if self.inverse else qty * (price - entry)

    def blended(self, first: Decimal, at: Decimal, second: Decimal, price: Decimal) -> Decimal:
        """The entry price of two quantities together."""
        if self.inverse:
            return inverse.blended(first, at, second, price)
        return (first * at + second * price) / (first + second)

    def tier(self, value: Decimal) -> RiskTier:
        """The tier of a position value (the last one beyond every cap)."""
        tiers = self.tiers
        if value <= tiers[0].cap:
            return tiers[0]
        return tiers[min(bisect_left(tiers, value, key=lambda t: t.cap), len(tiers) - 1)]

    def maintenance(self, value: Decimal) -> Decimal:
        """Maintenance margin of a position value, without any fee to close."""
        tier = self.tier(value)
        return value * tier.maintenance_rate - tier.deduction


def marginal_tiers(bands: list[tuple[int, str, str]]) -> tuple[RiskTier, ...]:
    """Tiers of (cap, initial rate, maintenance rate) with the deductions that make maintenance continuous."""
    tiers: list[RiskTier] = []
    floor, rate, deduction = ZERO, ZERO, ZERO
    for number, (cap, initial, maintenance) in enumerate(bands, start=1):
        step = Decimal(maintenance) - rate if tiers else ZERO
        deduction += floor * step
        rate = Decimal(maintenance)
        tiers.append(
            RiskTier(
                tier_id=number,
                cap=Decimal(cap),
                initial_rate=Decimal(initial),
                maintenance_rate=rate,
                deduction=deduction,
                max_leverage=(1 / Decimal(initial)).quantize(Decimal("0.01")).normalize(),
            )
        )
        floor = Decimal(cap)
    return tuple(tiers)


_MAJOR = [
    (2_000_000, "0.01", "0.005"),
    (10_000_000, "0.0125", "0.00625"),
    (20_000_000, "0.02", "0.01"),
    (40_000_000, "0.03", "0.015"),
    (80_000_000, "0.05", "0.025"),
    (150_000_000, "0.1", "0.05"),
    (300_000_000, "0.2", "0.1"),
    (600_000_000, "0.5", "0.25"),
]
_LARGE = [
    (1_000_000, "0.01", "0.005"),
    (3_000_000, "0.02", "0.01"),
    (8_000_000, "0.04", "0.02"),
    (15_000_000, "0.0625", "0.03"),
    (30_000_000, "0.1", "0.05"),
    (60_000_000, "0.2", "0.1"),
    (120_000_000, "0.5", "0.25"),
]
_MEDIUM = [
    (200_000, "0.02", "0.01"),
    (1_000_000, "0.04", "0.02"),
    (3_000_000, "0.08", "0.04"),
    (8_000_000, "0.16", "0.08"),
    (20_000_000, "0.5", "0.25"),
]
_SMALL = [
    (50_000, "0.04", "0.02"),
    (250_000, "0.08", "0.04"),
    (1_000_000, "0.2", "0.1"),
    (4_000_000, "0.5", "0.25"),
]
_CLASSES = {
    "major": (_MAJOR, 0.00005, 40_000_000.0),
    "large": (_LARGE, 0.0001, 8_000_000.0),
    "medium": (_MEDIUM, 0.0003, 1_000_000.0),
    "small": (_SMALL, 0.0008, 150_000.0),
}

# symbol, class, reference price, tick, quantity step, largest limit quantity
_LISTED = [
    ("BTC", "major", "100000", "0.1", "0.001", "1190"),
    ("ETH", "major", "3500", "0.01", "0.01", "7240"),
    ("SOL", "large", "180", "0.01", "0.1", "79770"),
    ("XRP", "large", "2.4", "0.0001", "0.1", "5500000"),
    ("DOGE", "large", "0.2", "0.00001", "1", "80000000"),
    ("BNB", "large", "950", "0.1", "0.01", "10000"),
    ("ADA", "large", "0.65", "0.0001", "1", "15000000"),
    ("LINK", "large", "17", "0.001", "0.1", "500000"),
    ("AVAX", "large", "19", "0.001", "0.1", "400000"),
    ("LTC", "large", "95", "0.01", "0.1", "60000"),
    ("SUI", "large", "2.3", "0.0001", "1", "4000000"),
    ("DOT", "medium", "3", "0.001", "0.1", "1500000"),
    ("TRX", "medium", "0.29", "0.00001", "1", "20000000"),
    ("BCH", "medium", "500", "0.1", "0.01", "10000"),
    ("NEAR", "medium", "2.4", "0.001", "0.1", "1500000"),
    ("APT", "medium", "3.2", "0.001", "0.01", "900000"),
    ("ARB", "medium", "0.28", "0.0001", "0.1", "9000000"),
    ("OP", "medium", "0.42", "0.0001", "0.1", "6000000"),
    ("UNI", "medium", "6.5", "0.001", "0.1", "400000"),
    ("ATOM", "medium", "3", "0.001", "0.1", "800000"),
    ("FIL", "medium", "1.9", "0.001", "0.1", "1000000"),
    ("INJ", "small", "7", "0.001", "0.1", "100000"),
    ("SEI", "small", "0.18", "0.00001", "1", "4000000"),
    ("TIA", "small", "0.95", "0.001", "0.1", "700000"),
    ("ENA", "small", "0.32", "0.0001", "1", "2500000"),
    ("WLD", "small", "0.78", "0.0001", "0.1", "900000"),
    ("GALA", "small", "0.011", "0.00001", "1", "60000000"),
]


# base, reference price, tick, bands of (cap in coins, initial rate, maintenance rate)
_INVERSE = [
    ("BTC", "100000", "0.1", [(150, "0.01", "0.005"), (300, "0.015", "0.01"), (1500, "0.05", "0.03")]),
    ("ETH", "3500", "0.01", [(3000, "0.01", "0.005"), (6000, "0.02", "0.01"), (30000, "0.06", "0.04")]),
]


def default_instruments() -> list[Instrument]:
    """Plausible perpetuals: majors, large, medium and small ones in USDT, and inverse ones of the majors."""
    return [*(_instrument(*row) for row in _LISTED), *(_inverse(*row) for row in _INVERSE)]


def _inverse(base: str, price: str, tick: str, bands: list[tuple[int, str, str]]) -> Instrument:
    tiers = marginal_tiers(bands)
    return Instrument(
        symbol=f"{base}USD",
        base=base,
        quote="USD",
        settle=base,
        tick=Decimal(tick),
        qty_step=Decimal(1),
        min_qty=Decimal(1),
        max_qty=Decimal(25_000_000),
        max_market_qty=Decimal(5_000_000),
        min_notional=ZERO,
        max_leverage=tiers[0].max_leverage,
        tiers=tiers,
        reference_price=Decimal(price),
        half_spread=_CLASSES["major"][1],
        depth_usd=_CLASSES["major"][2],
        inverse=True,
        follows=f"{base}USDT",
    )


def _instrument(base: str, size: str, price: str, tick: str, step: str, largest: str) -> Instrument:
    bands, half_spread, depth = _CLASSES[size]
    tiers = marginal_tiers(bands)
    return Instrument(
        symbol=f"{base}USDT",
        base=base,
        tick=Decimal(tick),
        qty_step=Decimal(step),
        min_qty=Decimal(step),
        max_qty=Decimal(largest),
        max_market_qty=Decimal(largest) / 5,
        max_leverage=tiers[0].max_leverage,
        tiers=tiers,
        reference_price=Decimal(price),
        half_spread=half_spread,
        depth_usd=depth,
    )
