"""Rules past their limits are those that an evaluation with nothing remembered finds firing."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bot.model import Number, State, Surroundings, Unknown
from bot.rules import RulesMemory, breaches, evaluate, load_rules_text
from tests.rules.build import AT, BTC, context, portfolio, rule, ruleset, snapshot

ETH = "ETH/USDT:USDT#short"
RULES = load_rules_text(
    """
version: 1
rules:
  - {name: leverage cap, metric: account.leverage, max: 3, restore: 2, do: [trim]}
  - {name: fear, when: market("BTC").realized_vol_24h > 0.9 && account.leverage > 3, do: [notify]}
  - {name: share, metric: position.gross_share, max: 60%, restore: 50%, do: [notify]}
  - {name: large, metric: position.leverage, max: 1, restore: 0.5, when: account.leverage > 1, do: [trim]}
  - {name: short, metric: position.leverage, max: 2, restore: 1, match: {side: short}, do: [trim]}
  - {name: fall, metric: market.fall_24h, market: BTC, max: 10%, restore: 5%, do: [notify]}
  - {name: greed, when: signal("greed") > 80, do: [notify]}
  - {name: stress, metric: account.stress_loss, scenarios: [{BTC: -20%}], max: 35%, restore: 30%, do: [trim]}
  - {name: room, metric: account.joint_distance, min: 15%, restore: 20%, do: [trim]}
  - {name: elsewhere, metric: account.leverage, match: {venue: okx}, max: 1, restore: 0.5, do: [trim]}
""",
    "rules.yaml",
)
EAGER = replace(RULES, rules=tuple(replace(one, hold=timedelta(0)) for one in RULES.rules))
NUMBERS = st.one_of(st.floats(0.0, 2.0), st.just(Unknown("not read")))
EQUITIES = st.one_of(st.floats(100.0, 5000.0), st.just(Unknown("not read")))
SIZES = st.dictionaries(st.sampled_from([BTC, ETH, "SOL/USDT:USDT#long"]), st.floats(1.0, 4000.0))


def test_two_accounts_that_are_past_some_limits_and_far_from_others() -> None:
    around = Surroundings(
        {"BTC": {"realized_vol_24h": 1.0, "fall_24h": Unknown("not read")}}, {"greed": 10.0}
    )
    shot, numbers = snapshot(BTC, ETH), portfolio({BTC: 3000.0, ETH: 1000.0}, 1000.0, {})
    found = [(one.name, target.text) for one, target in breaches(EAGER, shot, numbers, context(), around)]
    assert found[:3] == [
        ("leverage cap", "main"),
        ("fear", "main"),
        ("share", f"main {BTC.replace('#', ' ')}"),
    ]
    assert {name for name, _ in found}.isdisjoint({"fall", "greed", "elsewhere"})
    calm = breaches(EAGER, snapshot(), portfolio({}, 1000.0, {}), context(), around)
    assert list(calm) == []


@given(SIZES, EQUITIES, NUMBERS, NUMBERS, st.floats(0.0, 100.0), st.booleans(), st.sampled_from(["", BTC]))
def test_they_are_what_an_evaluation_finds_firing(
    sizes: dict[str, float],
    equity: Number,
    volatility: Number,
    fall: Number,
    greed: float,
    hidden: bool,
    ignored: str,
) -> None:
    around = Surroundings({"BTC": {"realized_vol_24h": volatility, "fall_24h": fall}}, {"greed": greed})
    missing = {BTC: "its tiers are not known"} if hidden else {}
    held = {key: size for key, size in sizes.items() if key not in missing}
    shot, numbers = snapshot(*sizes, *missing), portfolio(held, equity, missing)
    given_to_both = (EAGER, shot, numbers, context())
    out = frozenset({ignored} - {""})
    found = evaluate(*given_to_both, RulesMemory(), AT, None, around, (), out).findings
    firing = [(one.rule, one.target) for one in found if one.state is State.FIRING]
    passed = list(breaches(*given_to_both, around, (), out))
    assert [(one.name, target) for one, target in passed] == firing


def test_one_is_looked_at_when_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    measured: list[str] = []

    def measure(name: str, *_: object) -> float:
        measured.append(name)
        return 9.0

    monkeypatch.setattr("bot.rules.gauge.measure", measure)
    two = ruleset(rule(), rule("margin ratio", "account.margin_ratio"))
    found = breaches(two, snapshot(BTC), portfolio({BTC: 4000.0}), context(), Surroundings())
    assert next(found)[0].name == "leverage cap"
    assert measured == ["account.leverage"]
