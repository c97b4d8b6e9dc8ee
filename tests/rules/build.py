"""Values for tests of rules: rules, snapshots and portfolios with a chosen equity and chosen positions."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from bot.model import (
    Action,
    Balance,
    Figure,
    MarginMode,
    MarketStats,
    Number,
    PartTimes,
    Position,
    Scenario,
    Sense,
    Severity,
    Side,
    Snapshot,
    Target,
    Unknown,
)
from bot.risk.metrics import MetricContext, UnitView
from bot.risk.portfolio import Bracket, Holding, Portfolio
from bot.rules import Match, Rule, RuleSet
from bot.rules.ruleset import DEFAULT_TRIM

AT = datetime(2025, 11, 21, 7, 30, tzinfo=UTC)
NOT_GIVEN = Unknown("not given")
MAIN = Target("main")
BTC = "BTC/USDT:USDT#long"


def seconds(count: float) -> timedelta:
    return timedelta(seconds=count)


def rule(
    name: str = "leverage cap",
    metric: str = "account.leverage",
    limit: float = 5.0,
    goal: float = 4.0,
    *,
    hold: float = 0.0,
    cooldown: float = 0.0,
    sense: Sense = Sense.MAX,
    match: Match | None = None,
    scenarios: tuple[Scenario, ...] = (),
    permits: tuple[Action, ...] = (Action.CANCEL_ORDERS, Action.TRIM),
) -> Rule:
    return Rule(
        name=name,
        metric=metric,
        of_position=metric.startswith("position."),
        sense=sense,
        limit=limit,
        goal=goal,
        hold=seconds(hold),
        cooldown=seconds(cooldown),
        match=match or Match(),
        severity=Severity.CRITICAL,
        permits=permits,
        trim=DEFAULT_TRIM,
        scenarios=scenarios,
        drawdown_budget=goal if metric == "account.cushion" else 0.0,
        line=1,
    )


def ruleset(*rules: Rule) -> RuleSet:
    return RuleSet("rules.yaml", "text", "digest", rules)


def position(symbol: str, side: Side, mode: MarginMode = MarginMode.CROSS) -> Position:
    return Position(
        symbol=symbol,
        side=side,
        contracts=Decimal(1),
        contract_size=Decimal(1),
        entry_price=NOT_GIVEN,
        mark_price=NOT_GIVEN,
        margin_mode=mode,
        leverage=NOT_GIVEN,
        position_index=0,
        isolated_margin=None,
        unrealised_pnl=NOT_GIVEN,
        maintenance_margin=NOT_GIVEN,
        liquidation_price=NOT_GIVEN,
        stop_price=None,
        updated_at=AT,
    )


def holding(symbol: str, side: Side, notional: float) -> Holding:
    return Holding(
        symbol=symbol,
        base=symbol.split("/")[0],
        side=side,
        size=notional / 100.0,
        price=100.0,
        notional=notional,
        isolated_equity=None,
        brackets=(Bracket(0.0, 0.01, 0.0),),
        maintenance=notional * 0.01,
        maintenance_excess=0.0,
        liquidation_price=NOT_GIVEN,
        beta=1.0,
        residual=0.0,
        trade_cost=0.001,
        releases_margin=True,
    )


def keyed(key: str) -> tuple[str, Side]:
    symbol, side = key.split("#")
    return symbol, Side(side)


def snapshot(*keys: str, modes: Mapping[str, MarginMode] | None = None, account: str = "main") -> Snapshot:
    money: Figure = Decimal(1000)
    given = modes or {}
    return Snapshot(
        account=account,
        venue="bybit",
        network="sandbox",
        taken_at=AT,
        times=PartTimes(AT, AT, AT, AT, AT),
        positions=tuple(position(*keyed(key), given.get(key, MarginMode.CROSS)) for key in keys),
        balance=Balance(money, money, NOT_GIVEN, NOT_GIVEN, money, NOT_GIVEN),
        orders=(),
        stops=(),
        marks={},
        markets={},
        tiers={},
        position_mode=None,
    )


def portfolio(
    notionals: Mapping[str, float], equity: Number = 1000.0, missing: Mapping[str, str] | None = None
) -> Portfolio:
    return Portfolio(
        account="main",
        at=AT,
        holdings=tuple(holding(*keyed(key), notional) for key, notional in sorted(notionals.items())),
        equity=equity,
        margin_balance=equity,
        maintenance_excess=0.0,
        reference="BTC",
        gaps=tuple((missing or {}).values()),
        missing=dict(missing or {}),
    )


def context(value: float = 1.0, peak: float = 1.0) -> MetricContext:
    stats = MarketStats("BTC", {}, {}, {}, AT)
    return MetricContext(stats, UnitView(value, peak, peak))
