"""Bybit v5: contracts, risk limits and fees out of raw rows. Pure functions.

Field meanings: docs/v5/market/instrument, docs/v5/market/risk-limit, docs/v5/account/fee-rate.
"""

import re
from collections.abc import Iterable
from decimal import Decimal

from msgspec import Struct

from bot.exchange.failures import MalformedDataError
from bot.exchange.parts import Aside, CurrencyOf, Listing
from bot.exchange.values import Row, figure, moment, name, optional, positive, required, text
from bot.model import Market, Tier, Unknown

ZERO = Decimal(0)
_INVERSE = re.compile(r"USD([FGHJKMNQUVXZ]\d\d)?$")
_COINS = ("baseCoin", "quoteCoin", "settleCoin")
_SIZE_KEYS = ("contractSize", "contractMultiplier", "multiplier")

TAKER_FEE = Decimal("0.00055")
MAKER_FEE = Decimal("0.0002")
"""The venue's fees without any discount, for contracts that its list of fees does not name."""


def looks_inverse(venue_symbol: str) -> bool:
    """Whether a symbol is named like an inverse contract: BTCUSD, or BTCUSDH27 where it expires."""
    return _INVERSE.search(venue_symbol) is not None


class OneContract(Struct, frozen=True):
    """What is known of the contracts where there is only one."""

    market: Market

    def symbol_of(self, _venue_symbol: str) -> str:
        """Return its unified symbol."""
        return self.market.symbol

    def contract_size(self, _venue_symbol: str) -> Decimal:
        """Return coins in one contract."""
        return self.market.contract_size


def parse_markets(rows: Iterable[Row], currency_of: CurrencyOf, *, whole_list: bool) -> Listing:
    """Read contracts; one that cannot be read is set aside, so that it does not stop the others.

    Raises MalformedDataError where a row names no symbol, or not one of the whole list can be read.
    """
    markets: list[Market] = []
    aside: list[Aside] = []
    for row in rows:
        venue_symbol = name(row, "symbol")
        try:
            markets.append(parse_market(row, currency_of))
        except MalformedDataError as error:
            aside.append(Aside(venue_symbol, _symbol_or(venue_symbol, row, currency_of), str(error)))
    if whole_list and aside and not markets:
        raise MalformedDataError(f"no contract can be read, the first because {aside[0].reason}")
    return Listing(markets, aside)


def parse_market(row: Row, currency_of: CurrencyOf) -> Market:
    """Read one contract, named as ccxt names it. Raises MalformedDataError.

    A contract is one coin, an inverse one is one USD, unless the row states another size.
    """
    lots, prices = section(row, "lotSizeFilter"), section(row, "priceFilter")
    base, quote, settle = (currency_of(name(row, key)) for key in _COINS)
    return Market(
        symbol=_symbol(row, currency_of),
        venue_symbol=name(row, "symbol"),
        base=base,
        quote=quote,
        settle=settle,
        linear=name(row, "contractType").startswith("Linear"),
        contract_size=contract_size_of(row),
        amount_step=step_of(lots, "qtyStep"),
        amount_min=required(lots, "minOrderQty"),
        amount_max=optional(lots, "maxOrderQty"),
        market_amount_max=optional(lots, "maxMktOrderQty"),
        price_step=step_of(prices, "tickSize"),
        notional_min=optional(lots, "minNotionalValue") or ZERO,
        taker_fee=TAKER_FEE,
        maker_fee=MAKER_FEE,
        active=text(row, "status") == "Trading",
    )


def _symbol(row: Row, currency_of: CurrencyOf) -> str:
    kind = name(row, "contractType")
    if not kind.startswith(("Linear", "Inverse")):
        raise MalformedDataError(f"{row.get('symbol')!r} is no linear or inverse contract: {kind}")
    base, quote, settle = (currency_of(name(row, key)) for key in _COINS)
    expiry = "" if kind.endswith("Perpetual") else f"-{moment(row, 'deliveryTime'):%y%m%d}"
    return f"{base}/{quote}:{settle}{expiry}"


def _symbol_or(fallback: str, row: Row, currency_of: CurrencyOf) -> str:
    try:
        return _symbol(row, currency_of)
    except MalformedDataError:
        return fallback


def contract_size_of(row: Row) -> Decimal:
    """Read coins (of an inverse one USD) in one contract: one, unless the row states another size.

    Raises MalformedDataError where it is unclear.
    """
    stated = [key for key in _SIZE_KEYS if key in row]
    if not stated:
        return Decimal(1)
    size = positive(row, stated[0])
    if isinstance(size, Unknown):
        raise MalformedDataError(f"the contract size of {row.get('symbol')!r} is unclear: {size.reason}")
    return size


def parse_fees(rows: Iterable[Row]) -> dict[str, tuple[Decimal, Decimal]]:
    """Read taker and maker fee by venue symbol; a contract whose row cannot be read keeps its own."""
    fees: dict[str, tuple[Decimal, Decimal]] = {}
    for row in rows:
        taker, maker = figure(row, "takerFeeRate"), figure(row, "makerFeeRate")
        if isinstance(taker, Decimal) and isinstance(maker, Decimal):
            fees[text(row, "symbol")] = (taker, maker)
    return fees


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


def section(row: Row, key: str) -> Row:
    """Return the part of a contract's row that is a mapping of its own. Raises MalformedDataError."""
    section = row.get(key)
    if not isinstance(section, dict):
        raise MalformedDataError(f"{row.get('symbol')!r} has no {key}")
    return section


def step_of(row: Row, key: str) -> Decimal:
    """Read a step of amounts or prices. Raises MalformedDataError where it is none."""
    step = required(row, key)
    if step <= 0:
        raise MalformedDataError(f"{key} is {step}")
    return step
