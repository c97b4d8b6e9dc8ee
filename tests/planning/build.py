"""Accounts for planning tests: snapshots as a venue would show them, and the requests made of them."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import ROUND_CEILING, Decimal
from random import Random
from typing import Any

from msgspec.structs import replace

from bot.model import (
    Action,
    Balance,
    Beta,
    Caps,
    Demand,
    MarginMode,
    Mark,
    Market,
    MarketStats,
    Number,
    Order,
    OrderKind,
    OrderSide,
    PartTimes,
    Position,
    PositionMode,
    Scenario,
    Sense,
    Severity,
    Side,
    Snapshot,
    Target,
    Tier,
    TrimTerms,
    Unknown,
    Usage,
)
from bot.planning.measures import recomputed
from bot.planning.recomputation import State, state_before
from bot.planning.request import OrderTerms, PlanRequest, Watch
from bot.risk.assemble import build_portfolio
from bot.risk.context import MetricContext, UnitView
from bot.risk.terms import VenueTerms

NOW = datetime(2025, 11, 21, 7, 30, tzinfo=UTC)
ACCOUNT = "main"
NO_VENUE_FIGURE = Unknown("the venue gave none")
KEPT = VenueTerms(True, False, True)
"""Terms of a venue that keeps isolated margin on a partial close."""
RELEASED = VenueTerms(True, True, True)
CRASH = Scenario("a fifth", {"BTC": -0.2})


def dec(value: float | str, places: str = "0.000001") -> Decimal:
    """A decimal of few places."""
    return Decimal(str(value)).quantize(Decimal(places))


def tiers(rate: str = "0.005", first: str = "2000000") -> tuple[Tier, ...]:
    """Five marginal tiers, each twice as wide and half as steep again, with continuous deductions."""
    rows: list[Tier] = []
    floor, deduction, last = Decimal(0), Decimal(0), Decimal(0)
    cap = Decimal(first)
    for index in range(5):
        now = Decimal(rate) * (1 + Decimal(index) / 2)
        deduction += floor * (now - last) if index else Decimal(0)
        rows.append(Tier(floor, cap if index < 4 else None, now, deduction))
        floor, last, cap = cap, now, cap * 2
    return tuple(rows)


def market(symbol: str, **changes: Any) -> Market:
    """A linear perpetual with steps of a thousandth."""
    base = symbol.split("/")[0]
    found = Market(
        symbol=symbol,
        venue_symbol=f"{base}USDT",
        base=base,
        quote="USDT",
        settle="USDT",
        linear=True,
        contract_size=Decimal(1),
        amount_step=Decimal("0.001"),
        amount_min=Decimal("0.001"),
        amount_max=None,
        market_amount_max=None,
        price_step=Decimal("0.01"),
        notional_min=Decimal(5),
        taker_fee=Decimal("0.00055"),
        maker_fee=Decimal("0.0002"),
        active=True,
    )
    return replace(found, **changes)


def mark(symbol: str, price: Decimal, spread: str = "0.0002", **changes: Any) -> Mark:
    """Prices around a mark."""
    half = Decimal(spread) / 2
    found = Mark(
        symbol=symbol,
        mark=price,
        index=price,
        last=price,
        bid=price * (1 - half),
        ask=price * (1 + half),
        funding_rate=Decimal(0),
        at=NOW,
    )
    return replace(found, **changes)


def position(
    symbol: str, side: Side, contracts: str | Decimal, price: str | Decimal, **changes: Any
) -> Position:
    """A cross position that was entered at its mark price, without figures of the venue."""
    found = Position(
        symbol=symbol,
        side=side,
        contracts=Decimal(contracts),
        contract_size=Decimal(1),
        entry_price=Decimal(price),
        mark_price=Decimal(price),
        margin_mode=MarginMode.CROSS,
        leverage=Decimal(10),
        position_index=0,
        isolated_margin=None,
        unrealised_pnl=Decimal(0),
        maintenance_margin=NO_VENUE_FIGURE,
        liquidation_price=NO_VENUE_FIGURE,
        stop_price=None,
        updated_at=NOW,
    )
    return replace(found, **changes)


def order(symbol: str, side: OrderSide, contracts: str = "1", order_id: str = "o1", **changes: Any) -> Order:
    """A resting limit order of somebody else."""
    found = Order(
        order_id=order_id,
        client_order_id="",
        symbol=symbol,
        side=side,
        kind=OrderKind.LIMIT,
        price=Decimal(1),
        trigger_price=None,
        trigger_by="",
        contracts=Decimal(contracts),
        filled=Decimal(0),
        reduce_only=False,
        attached=False,
        position_index=0,
        created_at=NOW,
    )
    return replace(found, **changes)


def snapshot(positions: Sequence[Position], equity: float | str, **changes: Any) -> Snapshot:
    """A snapshot of positions at their own mark prices; the margin balance is the whole equity."""
    marks: dict[str, Mark] = {}
    for one in positions:
        assert isinstance(one.mark_price, Decimal)
        marks[one.symbol] = mark(one.symbol, one.mark_price)
    symbols = sorted(marks)
    money = dec(equity)
    found = Snapshot(
        account=ACCOUNT,
        venue="bybit",
        network="sandbox",
        taken_at=NOW,
        times=PartTimes(NOW, NOW, NOW, NOW, NOW),
        positions=tuple(positions),
        balance=Balance(money, money, NO_VENUE_FIGURE, NO_VENUE_FIGURE, money, money),
        orders=(),
        stops=(),
        marks=marks,
        markets={one.symbol: market(one.symbol, contract_size=one.contract_size) for one in positions},
        tiers={symbol: tiers() for symbol in symbols},
        position_mode=PositionMode.ONE_WAY,
    )
    return replace(found, **changes)


def context(value: Number = 1.0, peak: Number = 1.0, stats: MarketStats | None = None) -> MetricContext:
    """Statistics with a beta of 1 for BTC; the unit value stands at its peak."""
    if stats is None:
        stats = MarketStats("BTC", {}, {}, {}, NOW)
    return MetricContext(stats, UnitView(value, peak, peak))


def stats_for(symbols: Sequence[str], rng: Random | None = None) -> MarketStats:
    """Betas, ATRs and sigmas for symbols: 1 and 1 %, or random."""
    betas: dict[str, Beta] = {}
    for symbol in symbols:
        plain = rng is None or symbol.startswith("BTC/")
        betas[symbol] = (
            Beta(1.0, 0.0, "test")
            if plain or rng is None
            else Beta(rng.uniform(0.6, 1.8), rng.uniform(0, 0.3), "test")
        )
    return MarketStats("BTC", betas, dict.fromkeys(symbols, 0.01), dict.fromkeys(symbols, 0.03), NOW)


def demand(metric: str, goal: float, **changes: Any) -> Demand:
    """A demand on the account that permits cancels and trims."""
    sense = Sense.MIN if metric.endswith(("distance", "_atr", "_sigma", "equity")) else Sense.MAX
    found = Demand(
        rule="cap",
        episode="cap.1",
        target=Target(ACCOUNT),
        metric=metric,
        sense=sense,
        value=goal * (1.5 if sense is Sense.MAX else 0.5),
        limit=goal,
        goal=goal,
        severity=Severity.CRITICAL,
        permits=(Action.CANCEL_ORDERS, Action.TRIM),
        trim=TrimTerms(),
        scenarios=(CRASH,) if metric in ("account.stress_loss", "account.cushion") else (),
        drawdown_budget=goal if metric == "account.cushion" else 0.0,
        acting_since=NOW,
    )
    return replace(found, **changes)


def target(symbol: str, side: Side = Side.LONG) -> Target:
    """A position as a target."""
    return Target(ACCOUNT, symbol, side.value)


def request(
    shot: Snapshot,
    demands: Sequence[Demand] = (),
    watches: Sequence[Watch] = (),
    about: MetricContext | None = None,
    terms: VenueTerms = RELEASED,
    impact: float = 0.0002,
    **changes: Any,
) -> PlanRequest:
    """A request without caps."""
    about = about or context(stats=stats_for(sorted(shot.marks)))
    found = PlanRequest(
        account=ACCOUNT,
        at=NOW,
        snapshot=shot,
        portfolio=build_portfolio(shot, about.stats, terms, impact),
        context=about,
        terms=terms,
        demands=tuple(demands),
        watches=tuple(watches),
        caps=Caps(),
        usage=Usage(0, Decimal(0), Decimal(0)),
        max_age_seconds=10.0,
        order_terms=OrderTerms(),
        impact=impact,
    )
    return replace(found, **changes)


def opened(asked: PlanRequest) -> State:
    """The recomputed account of a request, which must be readable."""
    state = state_before(asked)
    assert isinstance(state, State)
    return state


def measured(watch: Watch, asked: PlanRequest) -> float:
    """A metric of the account as it is, which must be known."""
    value = recomputed(watch, opened(asked), asked.context)
    assert not isinstance(value, Unknown)
    return value


SYMBOLS = tuple(
    f"{base}/USDT:USDT"
    for base in (
        "BTC",
        "ETH",
        "SOL",
        "XRP",
        "DOGE",
        "ADA",
        "LTC",
        "LINK",
        "AVAX",
        "BNB",
        "DOT",
        "UNI",
        "AAVE",
        "SUI",
        "APT",
        "ARB",
        "OP",
        "NEAR",
        "ATOM",
        "FIL",
    )
)


def random_account(
    seed: int, *, count: int | None = None, isolated: float = 0.3, leverage: tuple[float, float] = (1.0, 12.0)
) -> tuple[Snapshot, MarketStats]:
    """A random account that is not liquidated: sides, sizes, tiers, steps, cross and isolated."""
    rng = Random(seed)
    number = count or rng.randint(1, 20)
    positions: list[Position] = []
    markets: dict[str, Market] = {}
    brackets: dict[str, tuple[Tier, ...]] = {}
    marks: dict[str, Mark] = {}
    apart = Decimal(0)
    gross = 0.0
    for symbol in SYMBOLS[:number]:
        price = dec(10 ** rng.uniform(-1, 5), "0.0001")
        size = Decimal(rng.choice(["1", "0.01", "10"]))
        step = Decimal(rng.choice(["0.001", "0.1", "1"]))
        notional = 10 ** rng.uniform(3.2, 6.8)
        wanted = Decimal(notional) / (price * size)
        contracts = max((wanted / step).to_integral_value(ROUND_CEILING) * step, step * 4)
        value = contracts * size * price
        side = rng.choice([Side.LONG, Side.LONG, Side.SHORT])
        entry = dec(float(price) * rng.uniform(0.9, 1.1), "0.0001")
        pnl = (price - entry) * contracts * size * side.sign
        one = position(
            symbol, side, contracts, price, contract_size=size, entry_price=entry, unrealised_pnl=pnl
        )
        if rng.random() < isolated:
            equity = value * dec(rng.uniform(0.06, 0.6))
            one = replace(one, margin_mode=MarginMode.ISOLATED, isolated_margin=equity - pnl)
            apart += equity
        else:
            gross += float(value)
        positions.append(one)
        markets[symbol] = market(
            symbol, contract_size=size, amount_step=step, amount_min=step, price_step=Decimal("0.0001")
        )
        brackets[symbol] = tiers(
            str(rng.choice([0.004, 0.005, 0.01, 0.015])), str(rng.choice([50_000, 500_000, 2_000_000]))
        )
        marks[symbol] = mark(symbol, price, str(round(rng.uniform(0.0001, 0.002), 6)))
    rng.shuffle(positions)
    margin = dec(gross / rng.uniform(*leverage)) + apart + 1000
    shot = snapshot(positions, str(margin), markets=markets, tiers=brackets, marks=marks)
    return shot, stats_for(sorted(marks), rng)


def later(seconds: float) -> datetime:
    """A moment after NOW."""
    return NOW + timedelta(seconds=seconds)
