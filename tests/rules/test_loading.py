"""Rule files: what they mean, and every mistake with its place."""

from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import msgspec
import pytest

from bot.model import Action, BlindAction, OrderPolicy, Sense, Severity, TrimTerms
from bot.risk.metrics import METRICS, Scope, Unit
from bot.rules import Gates, IfBlind, Match, Rule, load_rules, load_rules_text

WHOLE = """\
version: 1
defaults: {for: 2s, cooldown: 1m, severity: warning}
rules:
  - name: leverage cap
    metric: account.leverage
    max: 5x
    restore: 4
    do: [cancel_orders, trim]
  - name: room
    metric: position.liquidation_distance
    match: {account: [main, "fund-*"], venue: Bybit, symbol: "*/usdt:usdt", side: long, margin_mode: [cross]}
    min: 15%
    restore: 0.2
    for: 0s
    cooldown: 1h30m
    severity: critical
    do: [trim]
    trim: {max_share: 50%, max_slippage: 0.5%, order: market, escalate_after: 10s}
  - name: budget
    metric: account.cushion
    scenarios: [{BTC: -20%}, {BTC: -20%, ETH: -28.5%, 1000PEPE: 50%}]
    max: 25%
    restore: 23%
    do: [trim, halt]
  - name: floor
    metric: account.equity
    min: 10k
    do: [close_all]
"""


def only(text: str) -> Rule:
    (rule,) = load_rules_text(f"version: 1\nrules:\n{text}", "r.yaml").rules
    return rule


def test_symbols_that_would_rather_be_kept() -> None:
    rule = "  - {name: cap, metric: account.leverage, max: 5, restore: 4, do: [trim], trim: {keep: %s}}"
    assert only(rule % '[btc/usdt:usdt, "ETH/*"]').trim.keep == ("BTC/USDT:USDT", "ETH/*")
    assert only(rule % '"sol/*"').trim.keep == ("SOL/*",)


def test_a_file_means_what_it_says(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_text(WHOLE)
    found = load_rules(path)
    assert found == load_rules_text(WHOLE, str(path))
    assert (found.source, found.text) == (str(path), WHOLE)
    assert found.version == sha256(WHOLE.encode()).hexdigest()
    cap, room, budget, floor = found.rules
    assert cap == Rule(
        name="leverage cap",
        metric="account.leverage",
        of_position=False,
        sense=Sense.MAX,
        limit=5.0,
        goal=4.0,
        hold=timedelta(seconds=2),
        cooldown=timedelta(minutes=1),
        match=Match(),
        severity=Severity.WARNING,
        permits=(Action.CANCEL_ORDERS, Action.TRIM),
        trim=TrimTerms(),
        scenarios=(),
        drawdown_budget=0.0,
        line=4,
    )
    assert (room.of_position, room.sense, room.limit, room.goal) == (True, Sense.MIN, 0.15, 0.2)
    assert (room.hold, room.cooldown, room.severity) == (
        timedelta(0),
        timedelta(minutes=90),
        Severity.CRITICAL,
    )
    assert room.match == Match(("main", "fund-*"), ("bybit",), ("*/USDT:USDT",), ("long",), ("cross",))
    assert room.trim == TrimTerms(0.5, 0.005, OrderPolicy.MARKET, 10.0)
    assert [scenario.shocks for scenario in budget.scenarios] == [
        {"BTC": -0.2},
        {"BTC": -0.2, "ETH": -0.285, "1000PEPE": 0.5},
    ]
    assert budget.scenarios[1].name == "BTC -20%, ETH -28.5%, 1000PEPE 50%"
    assert budget.drawdown_budget == 0.23
    assert (floor.limit, floor.goal, floor.line) == (10_000.0, 10_000.0, 25)
    assert found.rule("room") is room
    assert found.rule("none") is None


def test_without_defaults_a_rule_fires_at_once_and_is_critical() -> None:
    rule = only("  - {name: a, metric: account.leverage, max: 5, do: [notify]}")
    assert (rule.hold, rule.cooldown, rule.severity) == (
        timedelta(0),
        timedelta(seconds=30),
        Severity.CRITICAL,
    )
    assert rule.goal == rule.limit


def test_a_goal_at_the_limit_is_right_where_nothing_is_trimmed() -> None:
    text = "  - {name: a, metric: account.drawdown, max: 25%, restore: 25%, do: [close_all, halt]}"
    assert only(text).goal == 0.25


@pytest.mark.parametrize("name", sorted(METRICS))
def test_every_metric_can_be_written(name: str) -> None:
    definition = METRICS[name]
    limit = {Unit.PERCENT: "30%", Unit.USD: "10k"}.get(definition.unit, "3")
    scenarios = "scenarios: [{BTC: -20%}]" if "scenarios" in definition.parameters else "severity: info"
    rule = only(
        f"  - {{name: a, metric: {name}, {definition.sense.value}: {limit}, do: [notify], {scenarios}}}"
    )
    assert rule.limit == {Unit.PERCENT: 0.3, Unit.USD: 10_000.0}.get(definition.unit, 3.0)
    assert rule.of_position is (definition.scope is Scope.POSITION)


def test_gates_and_blindness_of_a_rule() -> None:
    text = (
        "version: 1\ndefaults: {gates: off}\nrules:\n"
        "  - {name: a, metric: account.leverage, max: 5, do: [notify]}\n"
        "  - {name: b, metric: account.leverage, max: 5, do: [notify], gates: on, if_blind: {do: [halt]}}\n"
        "  - name: c\n    metric: account.leverage\n    max: 5\n    do: [notify]\n"
        "    if_blind: {after: 5s, do: [protect]}\n"
    )
    first, second, third = load_rules_text(text, "r").rules
    assert [one.gates for one in (first, second, third)] == [Gates.OFF, Gates.ON, Gates.OFF]
    assert first.if_blind is None
    assert second.if_blind == IfBlind(timedelta(seconds=60), (BlindAction.HALT,))
    assert third.if_blind == IfBlind(timedelta(seconds=5), (BlindAction.PROTECT,))
    told = msgspec.json.decode(msgspec.json.encode(second))
    assert (told["gates"], told["if_blind"]) == ("on", {"after": "PT60S", "do": ["halt"]})
