"""Accounts of the planner's benchmark with options: ten in all, or ten of each right for every base."""

from datetime import timedelta
from decimal import Decimal

from msgspec.structs import replace

from bot.model import Chain, Demand, HedgeTerms, OptionMarket, OptionQuote, OptionTerms, Right, Unknown
from bot.planning.request import PlanRequest
from bot.risk import black76
from bot.risk.definitions import OPTIONS_HELP
from tests.planning.build import NOW

CANDIDATES = 10
BASES = 2
DAYS, VOL, HALF = 21, 0.6, 0.02
NEAREST, BETWEEN = 0.99, 0.018
"""Strikes go from a hundredth to a sixth of the price away."""
TERMS = HedgeTerms(put=OptionTerms(), call=OptionTerms())


def with_candidates(asked: PlanRequest) -> PlanRequest:
    """Permit options where hedges are, and offer ten that do: half for each of the largest positions."""
    held = sorted(asked.portfolio.holdings, key=lambda one: one.notional, reverse=True)[:BASES]
    prices = _prices(asked)
    rights = {one.base: Right.PUT if one.sign > 0 else Right.CALL for one in held}
    chains = {
        base: _chain(base, prices[base], (right,), CANDIDATES // BASES) for base, right in rights.items()
    }
    return _offering(asked, chains)


def with_chains(asked: PlanRequest) -> PlanRequest:
    """Permit options where hedges are, and offer ten of each right that do for each base that is held."""
    prices = _prices(asked)
    return _offering(
        asked, {base: _chain(base, price, tuple(Right), CANDIDATES) for base, price in prices.items()}
    )


def _prices(asked: PlanRequest) -> dict[str, float]:
    prices = {}
    for position in asked.snapshot.positions:
        mark = position.mark_price
        assert not isinstance(mark, Unknown)
        prices[asked.snapshot.markets[position.symbol].base] = float(mark)
    return prices


def _offering(asked: PlanRequest, chains: dict[str, Chain]) -> PlanRequest:
    demands = tuple(_permitting(one) for one in asked.demands)
    return replace(
        asked,
        snapshot=replace(asked.snapshot, options_read=True),
        demands=demands,
        hedging={one.rule: one.hedge for one in demands if one.hedge is not None},
        chains=chains,
    )


def _permitting(one: Demand) -> Demand:
    return replace(one, hedge=TERMS) if one.hedge is not None and one.metric in OPTIONS_HELP else one


def _chain(base: str, price: float, rights: tuple[Right, ...], count: int) -> Chain:
    markets = [_market(base, price, right, number) for right in rights for number in range(count)]
    quotes = {one.symbol: _quote(one, price) for one in markets}
    return Chain(base=base, markets={one.symbol: one for one in markets}, quotes=quotes, aside={}, at=NOW)


def _market(base: str, price: float, right: Right, number: int) -> OptionMarket:
    share = NEAREST - BETWEEN * number
    strike = Decimal(repr(round(price * (share if right is Right.PUT else 2.0 - share), 4)))
    expiry = NOW + timedelta(days=DAYS)
    letter = right.value[0].upper()
    return OptionMarket(
        symbol=f"{base}/USDT:USDT-{expiry:%y%m%d}-{strike}-{letter}",
        venue_symbol=f"{base}-{expiry:%d%b%y}-{strike}-{letter}-USDT".upper(),
        base=base,
        quote="USDT",
        settle="USDT",
        right=right,
        strike=strike,
        expiry=expiry,
        contract_size=Decimal(1),
        amount_step=Decimal("0.01"),
        amount_min=Decimal("0.01"),
        amount_max=None,
        price_step=Decimal("0.000001"),
        taker_fee=Decimal("0.0003"),
        fee_cap=Decimal("0.07"),
        active=True,
    )


def _quote(market: OptionMarket, price: float) -> OptionQuote:
    worth = black76.price(market.right, price, float(market.strike), market.years_left(NOW), VOL)
    mark, bid, ask = (Decimal(repr(round(worth * share, 6))) for share in (1.0, 1.0 - HALF, 1.0 + HALF))
    return OptionQuote(
        symbol=market.symbol,
        mark=mark,
        bid=bid,
        ask=ask,
        bid_size=Decimal(100_000),
        ask_size=Decimal(100_000),
        iv=Decimal(repr(VOL)),
        underlying=Decimal(repr(price)),
        delta=Decimal("-0.2"),
        theta=Decimal(-20),
        at=NOW,
    )
