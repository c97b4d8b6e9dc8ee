"""What cycles show, as metrics."""

from datetime import datetime

from bot.clock import Clock
from bot.decision import Decision
from bot.guard import CycleReport
from bot.model import Finding, Snapshot, unprotected
from bot.risk.metrics import measure
from bot.telemetry.catalogue import STATES
from bot.telemetry.meters import Meters

MEASURED = {
    "reef_leverage": "account.leverage",
    "reef_margin_ratio": "account.margin_ratio",
    "reef_drawdown": "account.drawdown",
}
DISTANCE = "reef_position_liquidation_distance"
RULES = ("reef_rule_state", "reef_rule_value", "reef_rule_limit")

Series = frozenset[tuple[str, ...]]
NONE: Series = frozenset()


class CycleMeter:
    """Enters cycles into the meters. Series of positions and rules that are gone are taken out."""

    def __init__(self, meters: Meters, clock: Clock) -> None:
        self._meters = meters
        self._clock = clock
        self._seen: dict[str, datetime] = {}
        self._positions: dict[str, Series] = {}
        self._rules: dict[str, Series] = {}

    def cycle(self, report: CycleReport, seconds: float) -> None:
        """Enter one cycle."""
        account, meters = report.account, self._meters
        meters.observe("reef_cycle_seconds", seconds, account)
        meters.add("reef_cycles", 1, account, "failed" if report.error else "ok")
        if report.snapshot is None or report.decision is None:
            return
        if account not in self._seen:
            meters.read("reef_view_age_seconds", lambda: self._age(account), account)
        self._seen[account] = report.snapshot.taken_at
        self._account(account, report.snapshot, report.decision)
        self._distances(account, report.decision)
        self._findings(account, report.decision.evaluation.findings)

    def _age(self, account: str) -> float:
        return (self._clock.now() - self._seen[account]).total_seconds()

    def _account(self, account: str, snapshot: Snapshot, made: Decision) -> None:
        meters = self._meters
        meters.set("reef_equity_usd", made.portfolio.equity, account)
        meters.set("reef_unit_value", made.context.units.value, account)
        for name, metric in MEASURED.items():
            meters.set(name, measure(metric, made.portfolio, made.context), account)
        meters.set("reef_positions", len(snapshot.positions), account)
        meters.set("reef_unprotected_positions", len(unprotected(snapshot)), account)

    def _distances(self, account: str, made: Decision) -> None:
        series = set()
        for holding in made.portfolio.holdings:
            labels = (account, holding.symbol, holding.side.value)
            series.add(labels)
            value = measure("position.liquidation_distance", made.portfolio, made.context, holding.key)
            self._meters.set(DISTANCE, value, *labels)
        for gone in self._positions.get(account, NONE) - series:
            self._meters.remove(DISTANCE, *gone)
        self._positions[account] = frozenset(series)

    def _findings(self, account: str, findings: tuple[Finding, ...]) -> None:
        series = set()
        for one in findings:
            labels = (account, one.rule, one.target.symbol, one.target.side)
            series.add(labels)
            for name, value in zip(RULES, (STATES[one.state], one.value, one.limit), strict=True):
                self._meters.set(name, value, *labels)
        for gone in self._rules.get(account, NONE) - series:
            for name in RULES:
                self._meters.remove(name, *gone)
        self._rules[account] = frozenset(series)
