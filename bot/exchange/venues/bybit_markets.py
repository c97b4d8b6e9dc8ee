"""Bybit v5: contracts, risk limits and fees out of raw rows. Pure functions.

Field meanings: docs/v5/market/instrument, docs/v5/market/risk-limit, docs/v5/account/fee-rate.
"""

from collections.abc import Iterable
from decimal import Decimal

from bot.exchange.failures import MalformedDataError
from bot.exchange.parts import CurrencyOf
from bot.exchange.values import Row, moment, name, optional, required, text
from bot.model import Market, Tier

ZERO = Decimal(0)

TAKER_FEE = Decimal("0.00055")
MAKER_FEE = Decimal("0.0002")
"""The venue's fees without any discount, for contracts that its list of fees does not name."""


def parse_market(row: Row, currency_of: CurrencyOf) -> Market:
    """Read one linear contract, named as ccxt names it. Raises MalformedDataError."""
    kind = name(row, "contractType")
    if not kind.startswith("Linear"):
        raise MalformedDataError(f"{row.get('symbol')!r} is no linear contract: {kind}")
    base, quote = currency_of(name(row, "baseCoin")), currency_of(name(row, "quoteCoin"))
    settle = currency_of(name(row, "settleCoin"))
    lots, prices = _section(row, "lotSizeFilter"), _section(row, "priceFilter")
    expiry = "" if kind == "LinearPerpetual" else f"-{moment(row, 'deliveryTime'):%y%m%d}"
    return Market(
        symbol=f"{base}/{quote}:{settle}{expiry}",
        venue_symbol=name(row, "symbol"),
        base=base,
        quote=quote,
        settle=settle,
        linear=True,
        contract_size=Decimal(1),
        amount_step=_step(lots, "qtyStep"),
        amount_min=required(lots, "minOrderQty"),
        amount_max=optional(lots, "maxOrderQty"),
        market_amount_max=optional(lots, "maxMktOrderQty"),
        price_step=_step(prices, "tickSize"),
        notional_min=optional(lots, "minNotionalValue") or ZERO,
        taker_fee=TAKER_FEE,
        maker_fee=MAKER_FEE,
        active=text(row, "status") == "Trading",
    )


def parse_fees(rows: Iterable[Row]) -> dict[str, tuple[Decimal, Decimal]]:
    """Read taker and maker fee by venue symbol."""
    return {
        name(row, "symbol"): (required(row, "takerFeeRate"), required(row, "makerFeeRate")) for row in rows
    }


def parse_tiers(rows: Iterable[Row]) -> tuple[Tier, ...]:
    """Read the risk limits of one symbol, lowest first.

    Rates come as fractions, in older answers as percent; initial margin times largest leverage tells
    which (1 or 100). Where the venue gives no deduction it follows from continuity at the floor:
    D_k = D_(k-1) + floor_k (r_k - r_(k-1)).
    """
    tiers: list[Tier] = []
    for row in sorted(rows, key=lambda row: required(row, "riskLimitValue")):
        scale = (
            Decimal(100) if required(row, "initialMargin") * required(row, "maxLeverage") > 10 else Decimal(1)
        )
        rate = required(row, "maintenanceMargin") / scale
        floor = tiers[-1].cap if tiers and tiers[-1].cap is not None else ZERO
        deduction = optional(row, "mmDeduction")
        if deduction is None:
            deduction = tiers[-1].deduction + floor * (rate - tiers[-1].maintenance_rate) if tiers else ZERO
        tiers.append(Tier(floor, required(row, "riskLimitValue"), rate, deduction))
    if not tiers:
        raise MalformedDataError("the venue gave no risk limits")
    return tuple(tiers)


def _section(row: Row, key: str) -> Row:
    section = row.get(key)
    if not isinstance(section, dict):
        raise MalformedDataError(f"{row.get('symbol')!r} has no {key}")
    return section


def _step(row: Row, key: str) -> Decimal:
    step = required(row, key)
    if step <= 0:
        raise MalformedDataError(f"{key} is {step}")
    return step
