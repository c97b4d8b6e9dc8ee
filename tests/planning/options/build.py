"""Chains of options for planning tests."""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from bot.model import Chain, OptionMarket, OptionQuote, OptionTerms, Right
from bot.planning.options.screening import Wanted
from bot.risk import black76
from tests.planning.build import NOW

TERMS = OptionTerms()
SPOT = 50_000.0
VOL = 0.6


def contract(strike: int, days: float = 21.0, right: Right = Right.PUT, **changes: Any) -> OptionMarket:
    """An option on BTC of one coin, in steps of a hundredth."""
    expiry = NOW + timedelta(days=days)
    letter = right.value[0].upper()
    found = OptionMarket(
        symbol=f"BTC/USDT:USDT-{expiry:%y%m%d}-{strike}-{letter}",
        venue_symbol=f"BTC-{expiry:%d%b%y}-{strike}-{letter}-USDT".upper(),
        base="BTC",
        quote="USDT",
        settle="USDT",
        right=right,
        strike=Decimal(strike),
        expiry=expiry,
        contract_size=Decimal(1),
        amount_step=Decimal("0.01"),
        amount_min=Decimal("0.01"),
        amount_max=None,
        price_step=Decimal(5),
        taker_fee=Decimal("0.0003"),
        fee_cap=Decimal("0.07"),
        active=True,
    )
    return replace(found, **changes)


def worth(market: OptionMarket, forward: float = SPOT, vol: float = VOL) -> float:
    """What it is worth now."""
    return black76.price(market.right, forward, float(market.strike), market.years_left(NOW), vol)


def quote(market: OptionMarket, half: float = 0.02, **changes: Any) -> OptionQuote:
    """Quotes around its worth: `half` of it on either side."""
    price = worth(market)

    def dec(number: float) -> Decimal:
        return Decimal(repr(round(number, 2)))

    found = OptionQuote(
        symbol=market.symbol,
        mark=dec(price),
        bid=dec(price * (1 - half)),
        ask=dec(price * (1 + half)),
        bid_size=Decimal(50),
        ask_size=Decimal(50),
        iv=Decimal(repr(VOL)),
        underlying=Decimal(repr(SPOT)),
        delta=Decimal("-0.2"),
        theta=Decimal(-20),
        at=NOW,
    )
    return replace(found, **changes)


def chain(*markets: OptionMarket, quotes: Mapping[str, OptionQuote] | None = None) -> Chain:
    """A chain, quoted by `quote` where nothing else is given."""
    given = quotes or {}
    return Chain(
        base="BTC",
        markets={one.symbol: one for one in markets},
        quotes={one.symbol: given.get(one.symbol, quote(one)) for one in markets},
        aside={},
        at=NOW,
    )


def wanted(right: Right = Right.PUT, terms: OptionTerms = TERMS) -> Wanted:
    """What protects a position in BTC that is settled in USDT."""
    return Wanted(right, "BTC", "USDT", terms, NOW)
