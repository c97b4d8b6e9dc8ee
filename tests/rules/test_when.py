"""Rules with conditions and on markets, met with snapshots: states, demands, and what is told."""

import pytest

from bot.model import Action, MarginMode, Number, Sense, State, Surroundings, Unknown
from bot.risk.catalogue import definition_of, market_metric, of_account, split_market
from bot.risk.gates import Doubt, PriceGates
from bot.rules import EndReason, Evaluation, Rule, RulesMemory, evaluate, load_rules_text, measure_rule
from bot.rules.blindness import evaluate_blind
from tests.rules.build import AT, BTC, context, portfolio, ruleset, seconds, snapshot

ETH = "ETH/USDT:USDT#short"
FEAR = 'name: fear, when: market("BTC").realized_vol_24h > 0.9 && account.leverage > 3, cooldown: 0s'
WILD = Surroundings({"BTC": {"realized_vol_24h": 0.95, "fall_24h": 0.12}}, {"fear": 12.0})
CALM = Surroundings({"BTC": {"realized_vol_24h": 0.5, "fall_24h": 0.02}}, {"fear": 60.0})


def loaded(entry: str, do: str = "[notify]") -> Rule:
    (rule,) = load_rules_text(f"version: 1\nrules:\n  - {{{entry}, do: {do}}}\n", "r").rules
    return rule


def look(
    *rules: Rule,
    around: Surroundings = WILD,
    notionals: dict[str, float] | None = None,
    equity: Number = 1000.0,
    memory: RulesMemory | None = None,
    after: float = 0.0,
    gates: PriceGates | None = None,
    modes: dict[str, MarginMode] | None = None,
) -> Evaluation:
    held = {BTC: 4000.0} if notionals is None else notionals
    return evaluate(
        ruleset(*rules),
        snapshot(*held, modes=modes),
        portfolio(held, equity),
        context(),
        memory or RulesMemory(),
        AT + seconds(after),
        gates,
        around,
    )


def test_a_condition_alone_is_a_rule() -> None:
    rule = loaded(FEAR, "[notify, close_all]")
    assert (rule.metric, rule.of_position, rule.limit, rule.goal, rule.sense) == (
        "when",
        False,
        0,
        0,
        Sense.MAX,
    )
    assert not rule.has_level
    assert rule.priced_by == ("account.leverage",)
    assert ruleset(rule).markets == {"BTC": ("realized_vol_24h",)}
    assert ruleset(rule).signals == ()


def test_it_fires_while_it_is_true_and_says_what_it_saw() -> None:
    rule = loaded(FEAR, "[close_all, halt]")
    found = look(rule)
    (finding,) = found.findings
    assert (finding.state, finding.value, finding.metric) == (State.FIRING, 1.0, "when")
    said = (
        'market("BTC").realized_vol_24h > 0.9 && account.leverage > 3 is true: '
        'market("BTC").realized_vol_24h 95 %, account.leverage 4'
    )
    assert finding.note == said
    (demand,) = found.demands
    assert (demand.why, demand.standing, demand.permits) == (said, said, (Action.CLOSE_ALL, Action.HALT))
    calm = look(rule, around=CALM, memory=found.memory, after=1)
    assert [one.reason for one in calm.ended] == [EndReason.RESTORED]
    assert calm.findings[0].state is State.INACTIVE
    assert calm.findings[0].note.startswith(
        'market("BTC").realized_vol_24h > 0.9 && account.leverage > 3 is false: '
    )
    again = look(rule, around=CALM, memory=calm.memory, after=2)
    assert (again.findings[0].note, again.memory is calm.memory) == ("", True)
    assert not again.findings[0].in_force


def test_for_and_cooldown_hold_for_a_condition() -> None:
    rule = loaded('name: a, when: signal("fear") < 20, for: 10s, cooldown: 30s')
    memory, states = RulesMemory(), []
    for after, around in ((0, WILD), (9, WILD), (10, WILD), (11, CALM), (12, WILD), (40, WILD), (41, WILD)):
        found = look(rule, around=around, memory=memory, after=after)
        memory = found.memory
        states.append(found.findings[0].state.value)
    assert states == ["pending", "pending", "firing", "cooling", "cooling", "cooling", "firing"]


def test_what_is_unknown_is_never_false() -> None:
    rule = loaded(FEAR)
    firing = look(rule)
    found = look(rule, around=Surroundings(), memory=firing.memory, after=1)
    (finding,) = found.findings
    assert (finding.state, finding.episode) == (State.UNKNOWN, firing.findings[0].episode)
    assert found.demands == ()
    reason = 'market("BTC").realized_vol_24h: no figures of BTC have been read yet'
    assert finding.value == Unknown(reason)
    assert finding.note == (
        f"{reason}; the episode goes on and does nothing until the data are back; "
        'market("BTC").realized_vol_24h > 0.9 && account.leverage > 3 is unknown: '
        'market("BTC").realized_vol_24h unknown, account.leverage 4'
    )
    ruined = look(loaded("name: a, when: 1 / account.leverage > 2"), notionals={})
    assert ruined.findings[0].value == Unknown("a division by zero in 1 / account.leverage > 2")


def test_a_rule_is_lifted_where_its_condition_is_known_to_be_false() -> None:
    limits = "name: a, metric: account.stress_loss, scenarios: [{BTC: -20%}], max: 30%, restore: 20%"
    rule = loaded(f'{limits}, when: market("BTC").fall_24h > 0.1', "[hedge]")
    plain = loaded(limits.replace("name: a", "name: b"), "[hedge]")
    assert look(rule, plain).lifted == frozenset()
    assert look(rule, plain, around=CALM).lifted == {"a"}
    assert look(rule, plain, around=Surroundings()).lifted == frozenset()
    size = loaded("name: c, when: position.equity_share > 3")
    assert look(size, notionals={BTC: 4000.0, ETH: 100.0}).lifted == frozenset()
    assert look(size, notionals={BTC: 400.0, ETH: 100.0}).lifted == {"c"}
    assert look(size, notionals={}).lifted == frozenset()


def test_metric_and_condition_mean_both() -> None:
    limits = "name: a, metric: account.leverage, max: 3, restore: 2, cooldown: 0s"
    rule = loaded(f'{limits}, when: market("BTC").fall_24h > 0.1', "[trim]")
    assert (rule.metric, rule.limit, rule.goal, rule.has_level) == ("account.leverage", 3.0, 2.0, True)
    assert look(rule, around=CALM).findings[0].state is State.INACTIVE
    assert look(rule, notionals={BTC: 2500.0}).findings[0].state is State.INACTIVE
    firing = look(rule)
    (demand,) = firing.demands
    assert demand.standing == (
        "account.leverage is 4, limit 3, goal 2; "
        'market("BTC").fall_24h > 0.1 is true: market("BTC").fall_24h 12 %'
    )
    restoring = look(rule, notionals={BTC: 2500.0}, memory=firing.memory, after=1)
    assert restoring.findings[0].state is State.RESTORING
    home = look(rule, notionals={BTC: 2000.0}, memory=firing.memory, after=1)
    assert home.findings[0].state is State.INACTIVE
    calm = look(rule, around=CALM, memory=firing.memory, after=1)
    assert [one.reason for one in calm.ended] == [EndReason.RESTORED]
    assert calm.demands == ()
    blind = look(rule, equity=Unknown("no equity"), memory=firing.memory, after=1)
    assert blind.findings[0].state is State.UNKNOWN


def test_a_condition_on_positions_is_looked_at_on_each() -> None:
    rule = loaded(
        "name: a, when: position.leverage > 3 && account.leverage > 5, match: {side: [long, short]}",
        "[close]",
    )
    found = look(rule, notionals={BTC: 4000.0, ETH: 2000.0})
    assert [(one.target.position, one.state) for one in found.findings] == [
        (BTC, State.FIRING),
        (ETH, State.INACTIVE),
    ]
    assert [demand.target.position for demand in found.demands] == [BTC]
    assert "position.leverage 4, account.leverage 6" in found.findings[0].note
    assert "position.leverage 2, account.leverage 6" in found.findings[1].note


def test_a_figure_of_a_market_is_a_metric() -> None:
    rule = loaded(
        "name: a, metric: market.fall_24h, market: BTC, max: 10%, restore: 8%, cooldown: 0s", "[halt]"
    )
    assert (rule.metric, rule.limit, rule.goal) == ('market("BTC").fall_24h', 0.1, 0.08)
    assert ruleset(rule).markets == {"BTC": ("fall_24h",)}
    found = look(rule, notionals={})
    (finding,) = found.findings
    assert (finding.state, finding.value, finding.target.text) == (State.FIRING, 0.12, "main")
    assert found.demands[0].standing == 'market("BTC").fall_24h is 0.12, limit 0.1, goal 0.08'
    edge = Surroundings({"BTC": {"fall_24h": 0.09}})
    assert look(rule, around=edge, memory=found.memory).findings[0].state is State.RESTORING
    unread = look(rule, around=Surroundings({"BTC": {"fall_24h": float("nan")}}), memory=found.memory)
    assert unread.findings[0].value == Unknown('market("BTC").fall_24h is not a number')
    moved = loaded("name: a, metric: market.fall_24h, market: ETH, max: 10%, cooldown: 0s")
    other = look(moved, memory=found.memory)
    assert [one.reason for one in other.ended] == [EndReason.RULE_GONE]


@pytest.mark.parametrize(
    ("limit", "value", "fires"),
    [
        ("min: -5%", -0.06, True),
        ("min: -5%", -0.04, False),
        ("max: 0", 0.0001, True),
        ("max: 0", 0.0, False),
        ("max: -1%", 0.0, True),
    ],
)
def test_limits_of_a_market_go_both_ways_and_below_zero(limit: str, value: float, fires: bool) -> None:
    rule = loaded(f"name: a, metric: market.change_24h, market: BTC, {limit}")
    around = Surroundings({"BTC": {"change_24h": value}})
    assert (look(rule, around=around).findings[0].state is State.FIRING) is fires


def test_prices_that_are_not_believed_hold_what_rests_on_them() -> None:
    text = "mark 80 is far"
    gates = PriceGates(doubts={"BTC/USDT:USDT": Doubt("BTC/USDT:USDT", 80.0, 116.0, text, held=True)})
    assert look(loaded(FEAR), gates=gates).findings[0].state is State.PENDING
    market = loaded('name: a, when: market("BTC").fall_24h > 0.1')
    assert look(market, gates=gates).findings[0].state is State.FIRING
    other = {"ETH/USDT:USDT": Doubt("ETH/USDT:USDT", 80.0, 116.0, text, held=True)}
    held = {BTC: 4000.0, ETH: 100.0}
    modes = {BTC: MarginMode.ISOLATED}
    for condition, state in (
        ("position.leverage > 3", State.FIRING),
        ("account.leverage > 3", State.PENDING),
    ):
        rule = loaded(f"name: a, metric: position.leverage, max: 3, match: {{side: long}}, when: {condition}")
        found = look(rule, notionals=held, modes=modes, gates=PriceGates(doubts=other))
        assert found.findings[0].state is state
    old = look(loaded(FEAR), gates=PriceGates(view="positions are 30 s old"))
    assert old.findings[0].value == Unknown("positions are 30 s old")


def test_an_account_that_cannot_be_seen_is_unknown_to_a_condition_too() -> None:
    rule = loaded(FEAR)
    found = evaluate_blind(ruleset(rule), "main", "bybit", RulesMemory(), Unknown("blind"), AT)
    assert [one.state for one in found.findings] == [State.UNKNOWN]


def test_one_rule_can_be_measured_alone() -> None:
    terms = (portfolio({BTC: 4000.0}), context(), WILD)
    both = "name: a, metric: account.leverage, max: 3, restore: 2, when: "
    assert measure_rule(loaded(FEAR), *terms, "") == 1.0
    assert measure_rule(loaded(f'{both}signal("fear") < 20'), *terms, "") == 4.0
    assert measure_rule(loaded(f'{both}signal("fear") > 20'), *terms, "") == 2.0
    assert measure_rule(loaded('name: a, when: signal("b") < 20'), *terms, "") == Unknown(
        'signal("b"): the signal b has not been read yet'
    )
    assert measure_rule(loaded("name: a, metric: position.leverage, max: 3"), *terms, BTC) == 4.0


def test_names_of_metrics_in_findings_mean_something() -> None:
    name = market_metric("BTC", "rsi_14h")
    assert split_market(name) == ("BTC", "rsi_14h")
    assert split_market("account.leverage") is None
    assert definition_of(name).name == "market.rsi_14h"
    assert definition_of("when").unit == "truth"
    assert definition_of("account.leverage").unit == "ratio"
    assert [of_account(one) for one in (name, "when", "account.leverage")] == [False, False, True]
    with pytest.raises(KeyError):
        definition_of("account.nothing")
