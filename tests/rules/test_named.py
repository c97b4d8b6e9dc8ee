"""Scenarios that ship, by their names in a rule."""

import pytest

from bot.model import Action, Side
from bot.risk.assemble import build_portfolio
from bot.risk.shock import scenario_moves
from bot.risk.terms import venue_terms
from bot.rules import Rule, load_rules_text
from bot.rules.named import named_scenarios
from bot.scenarios.loading import load_stress, shipped_file
from bot.stress.path import Path
from tests.planning.build import position, snapshot
from tests.rules.test_mistakes import NAMED, STRESS, of_rule
from tests.stress.test_properties import BTC, ETH, seen

PINNED = {
    "november 21": {"BTC": -0.129, "ETH": -0.14, "SOL": -0.156, "XRP": -0.151, "DOGE": -0.166},
    "autumn 2025": {"BTC": -0.361, "ETH": -0.449, "SOL": -0.491, "XRP": -0.403, "DOGE": -0.508},
    "october 10": {"BTC": -0.171, "ETH": -0.226, "SOL": -0.37, "XRP": -0.584, "DOGE": -0.67},
    "march 2020": {"BTC": -0.525},
    "may 2021": {"BTC": -0.31, "ETH": -0.45},
    "volatility shock": {"BTC": -0.1},
    **{f"BTC -{fall} %": {"BTC": -fall / 100} for fall in (5, 10, 15, 20, 30, 40, 50, 60)},
}
"""A rule that is in a journal must mean for ever what it meant: a new figure needs a new name."""


def rule(scenarios: str) -> Rule:
    text = (
        "version: 1\nrules:\n  - {name: a, metric: account.stress_loss, max: 35%, restore: 30%,"
        f" do: [trim], scenarios: {scenarios}}}\n"
    )
    return load_rules_text(text, "r").rules[0]


def test_a_name_stands_for_its_moves_beside_moves_of_ones_own() -> None:
    found = rule("[may 2021, {BTC: -20%}, BTC -5 %]")
    assert found.permits == (Action.TRIM,)
    assert [(one.name, one.shocks) for one in found.scenarios] == [
        ("may 2021", {"BTC": -0.31, "ETH": -0.45}),
        ("BTC -20%", {"BTC": -0.2}),
        ("BTC -5 %", {"BTC": -0.05}),
    ]


def test_every_name_keeps_its_figures() -> None:
    named = rule(str(list(named_scenarios()))).scenarios
    assert {one.name: one.shocks for one in named} == PINNED


def test_a_rule_moves_prices_as_the_stress_of_that_name_does() -> None:
    held = [position(BTC, Side.LONG, "10", "100"), position(ETH, Side.SHORT, "50", "40")]
    given = seen(snapshot(held, "900"))
    portfolio = build_portfolio(given.snapshot, given.stats, venue_terms("bybit"), 0.0005)
    shipped = {one.name: one for one in load_stress(shipped_file())}
    for one in rule(str(list(named_scenarios()))).scenarios:
        path, moves = Path(shipped[one.name], portfolio, given.stats, {}, {}), scenario_moves(portfolio, one)
        for holding in portfolio.holdings:
            assert moves[holding.key] == pytest.approx(path.move(holding.symbol, holding.base))


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("xyz", f"scenarios: 'xyz' is no scenario that ships; {NAMED}"),
        ("may 2020", f"scenarios: 'may 2020' is no scenario that ships; {NAMED} (did you mean 'may 2021'?)"),
        (
            "depeg of the collateral",
            f"scenarios: 'depeg of the collateral' moves no price, and a rule measures nothing else; {NAMED}",
        ),
    ],
)
def test_what_is_no_name_is_told_with_those_that_are(name: str, told: str) -> None:
    assert of_rule(**STRESS, scenarios=f"[{name}]") == [told]
