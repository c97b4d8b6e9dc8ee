"""Values for tests: snapshots, portfolios, and an independent reference of margin mathematics."""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal

from hypothesis import strategies as st

from bot.model import (
    Balance,
    Figure,
    MarginMode,
    Mark,
    Market,
    MarketStats,
    Number,
    PartTimes,
    Position,
    Scenario,
    Side,
    Snapshot,
    Tier,
    Unknown,
)
from bot.risk.context import MetricContext, UnitView
from bot.risk.margin import Margins, brackets_of, maintenance_of
from bot.risk.portfolio import Bracket, Holding, Portfolio
from bot.risk.terms import VenueTerms

AT = datetime(2025, 11, 21, 7, 30, tzinfo=UTC)
TERMS = VenueTerms(
    close_fee_in_maintenance=True, releases_isolated_margin=True, balance_includes_isolated=True
)
NOTHING = Unknown("not given")
FLAT = (Bracket(0.0, 0.01, 0.0),)


def tiers_of(steps: Sequence[tuple[str, str]]) -> tuple[Tier, ...]:
    """Marginal tiers from (floor, rate): the deduction keeps the maintenance margin continuous."""
    tiers: list[Tier] = []
    deduction = previous = Decimal(0)
    for number, (floor, rate) in enumerate(steps):
        if number:
            deduction += Decimal(floor) * (Decimal(rate) - previous)
        previous = Decimal(rate)
        cap = Decimal(steps[number + 1][0]) if number + 1 < len(steps) else None
        tiers.append(Tier(Decimal(floor), cap, Decimal(rate), deduction))
    return tuple(tiers)


TIERS = tiers_of([("0", "0.005"), ("50000", "0.01"), ("200000", "0.025"), ("1000000", "0.05")])


def slices(tiers: Sequence[Tier], fee: float, notional: float) -> float:
    """Maintenance margin slice by slice, each part of the notional at its own tier's rate."""
    total = fee * notional
    for tier in tiers:
        top = notional if tier.cap is None else min(notional, float(tier.cap))
        total += max(top - float(tier.floor), 0.0) * float(tier.maintenance_rate)
    return total


def symbol_of(base: str) -> str:
    return f"{base}/USDT:USDT"


def market(base: str = "BTC", *, linear: bool = True, fee: str = "0.0006") -> Market:
    step = Decimal("0.001")
    return Market(
        symbol=symbol_of(base),
        venue_symbol=f"{base}USDT",
        base=base,
        quote="USDT",
        settle="USDT",
        linear=linear,
        contract_size=Decimal(1),
        amount_step=step,
        amount_min=step,
        amount_max=None,
        market_amount_max=None,
        price_step=step,
        notional_min=Decimal(5),
        taker_fee=Decimal(fee),
        maker_fee=Decimal("0.0002"),
        active=True,
    )


def mark(base: str, price: Figure, bid: Figure = NOTHING, ask: Figure = NOTHING) -> Mark:
    return Mark(symbol_of(base), price, price, price, bid, ask, NOTHING, AT)


def position(
    base: str = "BTC",
    side: Side = Side.LONG,
    *,
    contracts: str = "1",
    contract_size: str = "1",
    entry: Figure = NOTHING,
    price: Figure = Decimal(100),
    isolated: Figure | None = None,
    mode: MarginMode = MarginMode.CROSS,
    profit: Figure = NOTHING,
    maintenance: Figure = NOTHING,
    liquidation: Figure = NOTHING,
) -> Position:
    return Position(
        symbol=symbol_of(base),
        side=side,
        contracts=Decimal(contracts),
        contract_size=Decimal(contract_size),
        entry_price=entry,
        mark_price=price,
        margin_mode=mode,
        leverage=NOTHING,
        position_index=0,
        isolated_margin=isolated,
        unrealised_pnl=profit,
        maintenance_margin=maintenance,
        liquidation_price=liquidation,
        stop_price=None,
        updated_at=AT,
    )


def balance(
    equity: Figure = Decimal(1000), margin: Figure = Decimal(1000), maintenance: Figure = NOTHING
) -> Balance:
    return Balance(equity, margin, maintenance, NOTHING, equity, NOTHING)


def snapshot(
    *positions: Position,
    money: Balance | None = None,
    marks: dict[str, Mark] | None = None,
    markets: dict[str, Market] | None = None,
    tiers: dict[str, tuple[Tier, ...]] | None = None,
) -> Snapshot:
    bases = [held.symbol.split("/")[0] for held in positions]
    return Snapshot(
        account="main",
        venue="bybit",
        network="sandbox",
        taken_at=AT,
        times=PartTimes(AT, AT, AT, AT, AT),
        positions=positions,
        balance=money or balance(),
        orders=(),
        stops=(),
        marks={} if marks is None else marks,
        markets={symbol_of(base): market(base) for base in bases} if markets is None else markets,
        tiers={symbol_of(base): TIERS for base in bases} if tiers is None else tiers,
        position_mode=None,
    )


def stats(**given: dict[str, float]) -> MarketStats:
    return MarketStats("BTC", {}, given.get("atr", {}), given.get("sigma", {}), AT)


def holding(
    base: str = "BTC",
    side: Side = Side.LONG,
    size: float = 10.0,
    price: float = 100.0,
    *,
    isolated: float | None = None,
    brackets: tuple[Bracket, ...] = FLAT,
    excess: float = 0.0,
    beta: float = 1.0,
    residual: float = 0.0,
    liquidation: Number = 0.0,
    liquidation_excess: float = 0.0,
) -> Holding:
    return Holding(
        symbol=symbol_of(base),
        base=base,
        side=side,
        size=size,
        price=price,
        notional=size * price,
        isolated_equity=isolated,
        brackets=brackets,
        maintenance=maintenance_of(brackets, size * price) + excess,
        maintenance_excess=excess,
        liquidation_price=liquidation,
        beta=beta,
        residual=residual,
        trade_cost=0.001,
        releases_margin=True,
        liquidation_excess=liquidation_excess,
    )


def portfolio(
    *holdings: Holding,
    equity: Number = 1000.0,
    margin: Number | None = None,
    excess: float = 0.0,
    missing: dict[str, str] | None = None,
    reference_price: float | None = None,
) -> Portfolio:
    return Portfolio(
        account="main",
        at=AT,
        holdings=holdings,
        equity=equity,
        margin_balance=equity if margin is None else margin,
        maintenance_excess=excess,
        reference="BTC",
        gaps=tuple((missing or {}).values()),
        missing=missing or {},
        reference_price=reference_price,
        available=equity / 2 if isinstance(equity, float) else equity,
    )


def context(
    *scenarios: Scenario,
    value: Number = 1.0,
    peak: Number = 1.0,
    day_open: Number = 1.0,
    numbers: MarketStats | None = None,
) -> MetricContext:
    return MetricContext(numbers or stats(), UnitView(value, peak, day_open), scenarios)


def known(number: object) -> float:
    """The float that a figure must be."""
    if not isinstance(number, float):
        raise TypeError(f"expected a known number, got {number!r}")
    return number


def row(*values: object) -> tuple[object, ...]:
    """Values beside each other, to be compared in one line whatever their types."""
    return values


def margins(given: Portfolio) -> Margins:
    return Margins(given.holdings, given.margin_balance, given.maintenance_excess)


@st.composite
def tier_tables(draw: st.DrawFn) -> tuple[Tier, ...]:
    """Marginal tiers of up to six steps."""
    count = draw(st.integers(1, 6))
    floors = sorted(draw(st.sets(st.integers(1_000, 2_000_000), min_size=count - 1, max_size=count - 1)))
    rates = sorted(draw(st.sets(st.integers(4, 300), min_size=count, max_size=count)))
    return tiers_of([(str(f), str(Decimal(r) / 1000)) for f, r in zip([0, *floors], rates, strict=True)])


@st.composite
def holdings(draw: st.DrawFn, base: str, *, isolated: bool | None = None) -> Holding:
    """A position with tiers, beta and residual; isolated, cross, or (None) either."""
    price = draw(st.floats(0.5, 5_000))
    notional = draw(st.floats(500, 1_500_000))
    alone = draw(st.booleans()) if isolated is None else isolated
    return holding(
        base,
        draw(st.sampled_from(Side)),
        notional / price,
        price,
        isolated=notional * draw(st.floats(0.01, 1.0)) if alone else None,
        brackets=brackets_of(draw(tier_tables()), 0.0006),
        excess=draw(st.sampled_from([0.0, 7.0])),
        beta=draw(st.floats(-0.5, 2.5)),
        residual=draw(st.floats(0.0, 0.6)),
    )


@st.composite
def portfolios(draw: st.DrawFn, *, isolated: bool | None = None, most: int = 5) -> Portfolio:
    """An account of up to `most` positions."""
    count = draw(st.integers(1, most))
    held = [draw(holdings(f"C{number}", isolated=isolated)) for number in range(count)]
    gross = sum(one.notional for one in held)
    margin = gross * draw(st.floats(0.02, 1.5))
    apart = sum(one.isolated_equity or 0.0 for one in held)
    return portfolio(*held, equity=margin + apart, margin=margin, excess=draw(st.sampled_from([0.0, 11.0])))
