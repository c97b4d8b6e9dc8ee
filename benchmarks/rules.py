"""Evaluating 50 rules on 20 positions, against a generated Python function and against bare CEL.

The function is what somebody would write by hand for these rules: it measures the same metrics through the
same functions, makes the same comparisons, and returns the same findings. It knows no `for`, no hysteresis,
no memory, no unknown. Bare CEL holds the compiled conditions and one context that is used again, and is given
the same numbers a position at a time.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import cel

from benchmarks.figures import Missed
from bot.model import (
    Balance,
    Finding,
    MarginMode,
    MarketStats,
    Number,
    PartTimes,
    Position,
    Sense,
    Severity,
    Side,
    Snapshot,
    State,
    Surroundings,
    Target,
    Unknown,
)
from bot.risk.metrics import MetricContext, UnitView, measure
from bot.risk.portfolio import Bracket, Holding, Portfolio
from bot.rules import Rule, RuleSet, RulesMemory, evaluate, load_rules_text
from bot.rules.conditions import Condition, Conditions, Truth, compiled

RULES = 50
POSITIONS = 20
ROUNDS = 400
MOST_PYTHON, MOST_CEL = 4.0, 1.5
AT = datetime(2025, 11, 21, 7, 30, tzinfo=UTC)
METRICS = (
    "position.leverage",
    "position.liquidation_distance",
    "position.equity_share",
    "position.gross_share",
)
CONDITIONS = (
    "position.leverage > {n} && account.leverage > 3",
    "position.liquidation_distance < 0.0{n} || position.leverage > 1{n}",
    'position.equity_share > 0.5 && market("BTC").fall_24h > 0.{n}',
    'position.leverage > {n} && signal("fear") < 20',
    "position.leverage * 2 - account.leverage > {n} && position.gross_share > 0.3",
)
AROUND = Surroundings({"BTC": {"fall_24h": 0.02}}, {"fear": 50.0})
NOT_GIVEN = Unknown("not given")


def metric_rules() -> RuleSet:
    """Fifty quiet limits on four metrics of positions."""
    lines = ["version: 1", "rules:"]
    for number in range(RULES):
        metric = METRICS[number % len(METRICS)]
        limit = f"min: 0.{number + 1}%" if metric.endswith("distance") else f"max: 9{number:02}%"
        if metric == "position.leverage":
            limit = f"max: 5{number:02}"
        if metric == "position.gross_share":
            limit = f"max: 99.{number:02}%"
        lines.append(f"  - {{name: rule {number}, metric: {metric}, {limit}, do: [notify]}}")
    return load_rules_text("\n".join(lines), "benchmark")


def conditions() -> list[Condition]:
    """Fifty conditions of five kinds."""
    lines = ["version: 1", "rules:"]
    for number in range(RULES):
        text = CONDITIONS[number % len(CONDITIONS)].format(n=number % 9 + 1)
        lines += [f"  - name: rule {number}", f"    when: {text}", "    do: [notify]"]
    found = load_rules_text("\n".join(lines), "benchmark").rules
    return [rule.when for rule in found if rule.when is not None]


def position(symbol: str) -> Position:
    """A long as a venue shows it; figures are taken from the holding."""
    return Position(
        symbol=symbol,
        side=Side.LONG,
        contracts=Decimal(1),
        contract_size=Decimal(1),
        entry_price=NOT_GIVEN,
        mark_price=NOT_GIVEN,
        margin_mode=MarginMode.CROSS,
        leverage=NOT_GIVEN,
        position_index=0,
        isolated_margin=None,
        unrealised_pnl=NOT_GIVEN,
        maintenance_margin=NOT_GIVEN,
        liquidation_price=NOT_GIVEN,
        stop_price=None,
        updated_at=AT,
    )


def holding(symbol: str, notional: float) -> Holding:
    """The same as numbers."""
    return Holding(
        symbol=symbol,
        base=symbol.split("/")[0],
        side=Side.LONG,
        size=notional / 100.0,
        price=100.0,
        notional=notional,
        isolated_equity=None,
        brackets=(Bracket(0.0, 0.01, 0.0),),
        maintenance=notional * 0.01,
        maintenance_excess=0.0,
        liquidation_price=60.0,
        beta=1.0,
        residual=0.0,
        trade_cost=0.001,
        releases_margin=True,
    )


def account(turn: int) -> tuple[Snapshot, Portfolio, MetricContext]:
    """An account of twenty longs whose figures differ from look to look."""
    symbols = [f"C{number:02}/USDT:USDT" for number in range(POSITIONS)]
    money = Decimal(10_000)
    snapshot = Snapshot(
        account="main",
        venue="bybit",
        network="sandbox",
        taken_at=AT,
        times=PartTimes(AT, AT, AT, AT, AT),
        positions=tuple(position(symbol) for symbol in symbols),
        balance=Balance(money, money, NOT_GIVEN, NOT_GIVEN, money, NOT_GIVEN),
        orders=(),
        stops=(),
        marks={},
        markets={},
        tiers={},
        position_mode=None,
    )
    holdings = tuple(holding(symbol, 500.0 + number + turn) for number, symbol in enumerate(symbols))
    portfolio = Portfolio("main", AT, holdings, 10_000.0, 10_000.0, 0.0, "BTC", ())
    return snapshot, portfolio, MetricContext(MarketStats("BTC", {}, {}, {}, AT), UnitView(1.0, 1.0, 1.0))


Function = Callable[[Portfolio, MetricContext, Sequence[Position], datetime], list[Finding]]


def generated(rules: Sequence[Rule]) -> Function:
    """Write and compile the function for these rules."""
    metrics = list(dict.fromkeys(rule.metric for rule in rules))
    lines = [
        "def judge(portfolio, context, positions, since):",
        "    found = []",
        "    for one in positions:",
        "        key, target = one.key, Target('main', one.symbol, one.side.value)",
    ]
    for number, metric in enumerate(metrics):
        lines.append(f"        v{number} = measure({metric!r}, portfolio, context, key)")
    for rule in rules:
        value = f"v{metrics.index(rule.metric)}"
        sign = ">" if rule.sense is Sense.MAX else "<"
        state = f"FIRING if {value} {sign} {rule.limit!r} else INACTIVE"
        fixed = f"{rule.limit!r}, {rule.goal!r}, {rule.sense.name}"
        told = f"{rule.name!r}, target, {rule.metric!r}, {value}, {fixed}, {state}, CRITICAL, since, '', ''"
        lines.append(f"        found.append(Finding({told}))")
    names: dict[str, Any] = {
        "measure": measure,
        "Finding": Finding,
        "Target": Target,
        "MAX": Sense.MAX,
        "MIN": Sense.MIN,
        "FIRING": State.FIRING,
        "INACTIVE": State.INACTIVE,
        "CRITICAL": Severity.CRITICAL,
    }
    exec("\n".join([*lines, "    return found"]), names)
    judge: Function = names["judge"]
    return judge


def numbers_of(
    portfolio: Portfolio, context: MetricContext, asked: Sequence[Condition]
) -> Mapping[tuple[str, str], Number]:
    """Measure everything that the conditions ask for."""
    keys = [one.key for one in portfolio.holdings]
    found: dict[tuple[str, str], Number] = {}
    for name in {name.text: name for one in asked for name in one.names}.values():
        if name.text.startswith("position."):
            found.update({(name.text, key): measure(name.text, portfolio, context, key) for key in keys})
        elif name.text.startswith("account."):
            found[name.text, ""] = measure(name.text, portfolio, context)
    return found


def bare(
    asked: Sequence[Condition], numbers: Mapping[tuple[str, str], Number], keys: Sequence[str]
) -> list[tuple[bool, ...]]:
    """Run the conditions in one context."""
    names = {name.variable: name for one in asked for name in one.names}
    programs = [compiled(one.program) for one in asked]
    context = cel.Context()
    context.add_variable("market_BTC_fall_24h", 0.02)
    context.add_variable("signal_66656172", 50.0)
    for variable, name in names.items():
        if (name.text, "") in numbers:
            context.add_variable(variable, numbers[name.text, ""])
    own = [(variable, name.text) for variable, name in names.items() if name.text.startswith("position.")]
    found: list[list[bool]] = []
    for key in keys:
        for variable, text in own:
            context.add_variable(variable, numbers[text, key])
        found.append([program(context) for program in programs])
    return list(zip(*found, strict=True))


def judged(
    asked: Sequence[Condition], numbers: Mapping[tuple[str, str], Number], keys: Sequence[str]
) -> list[tuple[Truth, ...]]:
    """Judge the conditions as an evaluation does."""
    conditions = Conditions(lambda metric, key: numbers[metric, key], AROUND)
    return conditions.judge(keys, asked)


class Race:
    """Two pieces of work, timed in turn; the best of each counts, because what disturbs only adds."""

    def __init__(self) -> None:
        self.ours = self.base = float("inf")

    def run(self, ours: Callable[[], Any], base: Callable[[], Any]) -> tuple[Any, Any]:
        """Run both once; return what came of them."""
        begun = time.perf_counter()
        mine = ours()
        between = time.perf_counter()
        theirs = base()
        ended = time.perf_counter()
        self.ours, self.base = min(self.ours, between - begun), min(self.base, ended - between)
        return mine, theirs

    @property
    def ratio(self) -> float:
        """Ours over the other's."""
        return self.ours / self.base

    def line(self, name: str, most: float) -> str:
        """Say it in one line."""
        times = f"{self.ours * 1000:.3f} ms against {self.base * 1000:.3f} ms"
        return f"{name}: {times}, {self.ratio:.2f}x (at most {most:g}x)"


def against_python() -> Race:
    """Whole evaluations against the generated function."""
    rules, race, memory = metric_rules(), Race(), RulesMemory()
    judge = generated(rules.rules)
    for turn in range(ROUNDS):
        snapshot, portfolio, context = account(turn)
        now = AT + timedelta(seconds=turn)

        ours = partial(evaluate, rules, snapshot, portfolio, context, memory, now)
        made, found = race.run(ours, partial(judge, portfolio, context, snapshot.positions, now))
        memory = made.memory
        assert {(one.rule, one.target, one.value, one.state) for one in made.findings} == {
            (one.rule, one.target, one.value, one.state) for one in found
        }
    return race


def against_cel() -> Race:
    """Conditions against bare CEL."""
    asked, race = conditions(), Race()
    for turn in range(ROUNDS):
        _, portfolio, context = account(turn)
        keys = [one.key for one in portfolio.holdings]
        numbers = numbers_of(portfolio, context, asked)
        given = (asked, numbers, keys)
        mine, theirs = race.run(partial(judged, *given), partial(bare, *given))
        assert mine == theirs
    return race


def run() -> list[str]:
    """Run both races; fail where a ratio is past what was wanted."""
    python, bare_cel = against_python(), against_cel()
    lines = [
        python.line(f"{RULES} rules, {POSITIONS} positions against a generated function", MOST_PYTHON),
        bare_cel.line(f"{RULES} conditions, {POSITIONS} positions against bare CEL", MOST_CEL),
    ]
    if python.ratio > MOST_PYTHON or bare_cel.ratio > MOST_CEL:
        raise Missed(lines, f"at most {MOST_PYTHON:g}x and {MOST_CEL:g}x")
    return lines
