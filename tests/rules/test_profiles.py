"""The profiles that ship: found in a checkout and in a wheel, right, and good for what they promise."""

from datetime import timedelta
from pathlib import Path

import pytest

from bot.documents import DocumentError
from bot.model import Action, BlindAction, Demand, Severity, Unknown
from bot.risk.metrics import METRICS, measure
from bot.risk.portfolio import Portfolio
from bot.rules import (
    Gates,
    RulesMemory,
    evaluate,
    load_rules,
    load_rules_text,
    profile_names,
    profile_path,
    profiles,
    rules_path,
)
from tests.rules.build import AT, BTC, context, portfolio, seconds, snapshot

STEP = 0.005


RECIPES = ("basis-trader", "concentrated-alt-holder", "funding-trader")


def test_the_profiles_and_recipes_are_found() -> None:
    assert profile_names() == tuple(sorted((*RECIPES, "balanced", "conservative", "lifeline", "observe")))


@pytest.mark.parametrize("name", RECIPES)
def test_what_saves_a_trader_depends_on_no_figure_of_a_market(name: str) -> None:
    """Such a figure may be unknown for an hour: rules that want one tell, cancel, or are warnings."""
    rules = load_rules(profile_path(name)).rules
    saving = [rule for rule in rules if rule.severity is Severity.CRITICAL]
    assert len(saving) >= 3
    assert all(rule.when is None and rule.metric in METRICS for rule in saving)
    assert {rule.cooldown for rule in saving} == {timedelta(0)}
    assert any(rule.metric not in METRICS for rule in rules)


def test_what_is_written_as_an_example_loads() -> None:
    text = profile_path("concentrated-alt-holder").read_text()
    more = text.replace("  # - name: greed", "  - name: greed").replace("  #   ", "    ")
    assert len(load_rules_text(more, "r").rules) == len(load_rules_text(text, "r").rules) + 1


@pytest.mark.parametrize("name", profile_names())
def test_a_profile_loads_and_keeps_trigger_and_target_apart(name: str) -> None:
    path = profile_path(name)
    assert path.stem == name
    for rule in load_rules(path).rules:
        if rule.metric not in METRICS:
            continue
        apart = abs(rule.goal - rule.limit) / rule.limit
        assert apart > 0.05 or Action.TRIM not in rule.permits
        assert (Action.TRIM in rule.permits) <= (not METRICS[rule.metric].alert_only)
    assert "# What it saves" in path.read_text()


@pytest.mark.parametrize("name", ["balanced", "conservative", "lifeline", *RECIPES])
def test_a_profile_that_acts_says_what_it_does_while_it_cannot_see(name: str) -> None:
    rules = load_rules(profile_path(name)).rules
    told = {rule.name: rule.if_blind for rule in rules if rule.if_blind is not None}
    assert "margin ratio" in told
    assert all(one.do == (BlindAction.NOTIFY, BlindAction.PROTECT) for one in told.values())
    assert {rule.gates for rule in rules} == {Gates.ON}


def test_observe_only_tells() -> None:
    rules = load_rules(profile_path("observe")).rules
    assert {rule.permits for rule in rules} == {(Action.NOTIFY,)}


def test_lifeline_watches_only_the_way_to_liquidation() -> None:
    metrics = {rule.metric for rule in load_rules(profile_path("lifeline")).rules}
    assert metrics == {"account.margin_ratio", "account.joint_distance", "position.liquidation_distance"}


def test_a_name_that_is_no_profile() -> None:
    with pytest.raises(DocumentError) as error:
        profile_path("balance")
    assert str(error.value) == "balance: there is no rule profile of this name (did you mean 'balanced'?)"


def test_a_setting_names_a_profile_or_a_file(tmp_path: Path) -> None:
    assert rules_path("lifeline", tmp_path) == profile_path("lifeline")
    assert rules_path("mine.yaml", tmp_path) == tmp_path / "mine.yaml"
    assert rules_path("mine.yml", tmp_path) == tmp_path / "mine.yml"
    assert rules_path("../lifeline", tmp_path) == tmp_path / "../lifeline"
    assert rules_path("/etc/reef/rules.yaml", tmp_path) == Path("/etc/reef/rules.yaml")
    assert rules_path("~/rules.yaml", tmp_path) == Path.home() / "rules.yaml"
    with pytest.raises(DocumentError, match="did you mean 'lifeline'"):
        rules_path("lifelin", tmp_path)


def test_profiles_inside_a_wheel_come_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shipped = tmp_path / "shipped"
    shipped.mkdir()
    (shipped / "only.yaml").write_text("version: 1")
    monkeypatch.setattr(profiles, "FOLDERS", (shipped, tmp_path))
    assert profile_names() == ("only",)
    assert profile_path("only") == shipped / "only.yaml"
    monkeypatch.setattr(profiles, "FOLDERS", (tmp_path / "none",))
    with pytest.raises(DocumentError, match="the shipped rule profiles are missing"):
        profile_names()


def at_leverage(equity: float, notional: float) -> Portfolio:
    return portfolio({BTC: notional}, equity)


def trimmed(demand: Demand, equity: float, notional: float, peak: float) -> float:
    """Return the largest notional at which the demand is met, trading being free."""
    low, high = 0.0, notional
    for _ in range(40):
        middle = (low + high) / 2
        terms = context(equity, peak)
        terms = type(terms)(terms.stats, terms.units, demand.scenarios)
        value = measure(demand.metric, at_leverage(equity, middle), terms, demand.target.position)
        met = not isinstance(value, Unknown) and (
            value <= demand.goal if demand.sense.value == "max" else value >= demand.goal
        )
        low, high = (middle, high) if met else (low, middle)
    return low


def through_a_crash(profile: str, leverage: float) -> tuple[float, float]:
    """Fall by a third in steps of half a percent. Returns the equity left and the largest margin ratio."""
    ruleset = load_rules(profile_path(profile))
    equity, notional, peak, price = 1000.0, 1000.0 * leverage, 1000.0, 1.0
    memory, worst, turn = RulesMemory(), 0.0, 0
    while price > 2 / 3 and equity > 0:
        book = at_leverage(equity, notional)
        ratio = measure("account.margin_ratio", book, context())
        assert not isinstance(ratio, Unknown)
        worst = max(worst, ratio)
        keys = (BTC,) if notional > 0 else ()
        found = evaluate(
            ruleset, snapshot(*keys), book, context(equity, peak), memory, AT + seconds(60 * turn)
        )
        memory, turn = found.memory, turn + 1
        if notional > 0:
            acting = [demand for demand in found.demands if Action.TRIM in demand.permits]
            notional = min([notional, *(trimmed(demand, equity, notional, peak) for demand in acting)])
        equity -= notional * STEP
        notional *= 1 - STEP
        price *= 1 - STEP
    return equity / 1000.0, worst


@pytest.mark.parametrize(
    ("profile", "leverage", "keeps"),
    [
        ("balanced", 3.0, 0.7),
        ("balanced", 8.0, 0.7),
        ("conservative", 3.0, 0.8),
        ("conservative", 8.0, 0.8),
        ("lifeline", 3.0, 0.02),
        ("lifeline", 8.0, 0.02),
    ],
)
def test_an_account_survives_a_crash_of_a_third(profile: str, leverage: float, keeps: float) -> None:
    kept, worst = through_a_crash(profile, leverage)
    assert kept > keeps
    assert worst < 1.0


@pytest.mark.parametrize("leverage", [3.0, 8.0])
def test_an_account_that_only_observes_does_not(leverage: float) -> None:
    kept, worst = through_a_crash("observe", leverage)
    assert kept < 0.02 or worst >= 1.0


def test_balanced_trims_an_account_of_three_times_at_its_peak_at_once() -> None:
    found = evaluate(
        load_rules(profile_path("balanced")),
        snapshot(BTC),
        at_leverage(1000.0, 3000.0),
        context(),
        RulesMemory(),
        AT,
    )
    assert [demand.rule for demand in found.demands] == ["cushion"]
    assert found.demands[0].drawdown_budget == 0.23
    assert found.demands[0].acting_since == AT
