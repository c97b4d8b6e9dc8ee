"""Options in a stress: held ones end as at the venue, and the guarded way buys, holds and sells them."""

from decimal import Decimal
from random import Random
from typing import Any

import pytest
from msgspec.structs import replace

from bot.decision import DecisionInput
from bot.model import Chain, Side, Snapshot, Surroundings, Unknown
from bot.rules import RuleSet
from bot.sandbox.engine.options.settings import CoinOptions, OptionSettings
from bot.sandbox.engine.types import Side as VenueSide
from bot.scenarios.values import StressScenario
from bot.stress.papers import moved_chain
from bot.stress.results import Guarded
from bot.stress.run import stress
from tests.planning.build import position, snapshot
from tests.planning.options.build import chain, contract, quote
from tests.planning.options.held import option, with_options
from tests.stress.test_against_sandbox import OBSERVE, scenario, stake
from tests.stress.test_properties import fall, outcome, rules_of, seen
from tests.stress.venue import Bought, Scene, Stake

FLAT = CoinOptions(level=0.6, term=0.0, skew=0.0, curve=0.0, rise=0.0)
"""A volatility that is the same for all strikes and stays."""
OPTIONS = OptionSettings(coins={"BTC": FLAT, "ETH": FLAT})
BTC = "BTC/USDT:USDT"
KEY = f"{BTC}#long"
STRIKES = tuple(contract(strike) for strike in range(34_000, 54_000, 2_000))
PUTS = """
version: 1
rules:
  - name: shock
    metric: account.stress_loss
    scenarios: [{BTC: -20%}]
    max: 60%
    restore: 50%
    do: [hedge]
    hedge: {with: [put], put: {protect_below: 20%, min_days: 14, max_premium: 20%}}
"""


def drawn(seed: int) -> tuple[Decimal, list[Stake], list[Bought], dict[str, float]]:
    """A random account: longs with puts, shorts with calls, and a shock either way."""
    rng = Random(seed)
    deposit = rng.choice([30_000, 150_000])
    stakes, bought = [], []
    for symbol, base in (("BTCUSDT", "BTC"), ("ETHUSDT", "ETH")):
        short, isolated = rng.random() < 0.3, rng.random() < 0.25
        size = deposit * rng.uniform(0.5, 4.0)
        held = stake(symbol, VenueSide.SELL if short else VenueSide.BUY, size, isolated=isolated)
        stakes.append(held)
        share = rng.uniform(1.02, 1.15) if short else rng.uniform(0.85, 0.98)
        qty = (held.qty * Decimal(repr(rng.uniform(0.2, 1.0)))).quantize(Decimal("0.1"))
        bought.append(Bought(base, max(qty, Decimal("0.1")), share, call=short))
    market = rng.choice([-0.5, -0.3, -0.15, 0.25])
    moves = {symbol: market * rng.uniform(0.8, 1.3) for symbol in ("BTCUSDT", "ETHUSDT")}
    return Decimal(deposit), stakes, bought, moves


@pytest.mark.parametrize("seed", range(16))
async def test_accounts_with_options_end_as_they_do_at_the_venue(seed: int) -> None:
    deposit, stakes, bought, moves = drawn(seed)
    scene = Scene(deposit, stakes, moves, options=OPTIONS, bought=bought)
    before, given = scene.equity, await scene.look()
    assert len(given.snapshot.options) == 2
    result = stress(given, OBSERVE, [scenario(moves)])
    assert result.equity == pytest.approx(before, rel=0.001)
    told = result.outcomes[0].unguarded
    scene.shock()
    assert {one.position for one in told.liquidated} == scene.liquidated
    assert told.equity == pytest.approx(scene.equity, abs=0.005 * before)


def test_the_seeds_show_puts_calls_and_liquidations() -> None:
    every = [drawn(seed) for seed in range(16)]
    assert {one.call for _, _, bought, _ in every for one in bought} == {True, False}
    assert {one.isolated for _, stakes, _, _ in every for one in stakes} == {True, False}


async def test_a_put_rises_with_the_volatility_of_the_scenario() -> None:
    """The venue's surface rises as the index falls; the scenario says by how much."""
    moves = {"BTCUSDT": -0.25}
    options = OptionSettings(coins={"BTC": CoinOptions(level=0.5, term=0.0, skew=0.0, curve=0.0)})
    stakes, bought = [stake("BTCUSDT", VenueSide.BUY, 60_000)], [Bought("BTC", Decimal("0.6"), 0.9)]
    scene = Scene(Decimal(30_000), stakes, moves, options=options, bought=bought)
    before, given, calm = scene.equity, await scene.look(), scene.volatility()
    scene.shock()
    wilder = replace(scenario(moves), volatility=scene.volatility() / calm)
    still, told = (one.unguarded.equity for one in stress(given, OBSERVE, [scenario(moves), wilder]).outcomes)
    assert wilder.volatility > 1.1
    assert told == pytest.approx(scene.equity, abs=0.005 * before)
    assert still < told - 0.01 * before


def at_risk(*held: Any, equity: float = 40_000, **changes: Any) -> DecisionInput:
    """100,000 USD in BTC, options that were read, and a chain; a fifth down costs half of the equity."""
    shot: Snapshot = snapshot([position(BTC, Side.LONG, "2", "50000", entry_price=Decimal(50_000))], equity)
    shot = replace(with_options(shot, *held), options_read=True)
    return seen(shot, surroundings=Surroundings(chains={"BTC": chain(*STRIKES)}), **changes)


def guarded(given: DecisionInput, rules: RuleSet, scenario: StressScenario) -> Guarded:
    return outcome(given, rules, scenario).guarded


def test_the_guarded_way_buys_puts_under_the_shock_and_is_better_for_it() -> None:
    given, rules = at_risk(), rules_of(PUTS)
    one = outcome(given, rules, fall(0.2))
    (bought, *_) = [act for act in one.guarded.acts if act.kind == "hedge"]
    assert 0.0 < bought.at < 0.6
    assert one.guarded.kept > one.unguarded.equity + 500
    assert one.guarded.ending.left == {KEY: 1.0}
    assert not [words for words in one.guarded.refused if "is not followed" in words]


def test_where_books_are_thin_puts_cost_more_than_they_may() -> None:
    made = guarded(at_risk(), rules_of(PUTS), fall(0.3, spread=10.0))
    assert not [act for act in made.acts if act.kind == "hedge"]
    assert any("no put of BTC that is settled in USDT will do" in words for words in made.refused)


def test_a_put_whose_parent_is_stopped_out_is_sold_at_once() -> None:
    rules = rules_of(PUTS.replace("restore: 50%", "restore: 55%"))
    made = guarded(at_risk(), rules, fall(0.45))
    assert made.stops == (KEY,)
    kinds = [act.kind for act in made.acts]
    assert kinds.index("hedge") < kinds.index("unwind")
    assert made.ending.gross == 0.0
    assert made.ending.curve[-1] == pytest.approx(made.ending.curve[-2], rel=1e-6)


def test_what_was_bought_costs_its_premium_and_is_no_margin() -> None:
    given = at_risk(equity=30_000)  # fires today
    made = guarded(given, rules_of(PUTS), StressScenario("nothing", {"ETH": -0.01}, others=False))
    (act,) = [act for act in made.acts if act.kind == "hedge"]
    assert act.at == 0.0
    assert made.ending.equity == pytest.approx(30_000 - act.cost, rel=1e-6)
    bare = guarded(given, OBSERVE, StressScenario("nothing", {"ETH": -0.01}, others=False)).ending
    assert made.ending.margin_ratio is not None
    assert bare.margin_ratio is not None
    ratio, premium = made.ending.margin_ratio / bare.margin_ratio, act.notional + act.cost
    assert ratio == pytest.approx(30_000 / (30_000 - premium), rel=1e-3)


def test_a_sold_option_loses_what_a_bought_one_gains() -> None:
    long = outcome(at_risk(option(contract(46_000))), OBSERVE, fall(0.2)).unguarded
    short = outcome(at_risk(option(contract(46_000), side=Side.SHORT)), OBSERVE, fall(0.2)).unguarded
    bare = outcome(at_risk(), OBSERVE, fall(0.2)).unguarded
    assert long.equity - bare.equity == pytest.approx(bare.equity - short.equity)
    assert long.equity > bare.equity


def test_a_depeg_takes_from_what_an_option_is_worth() -> None:
    depeg = StressScenario("depeg", {}, haircuts={"USDT": 0.1})
    given = at_risk(option(contract(46_000), "10"))
    bare = outcome(at_risk(), OBSERVE, depeg).unguarded.equity
    (paper,) = given.snapshot.options
    assert isinstance(paper.quote.mark, Decimal)
    lost = bare - outcome(given, OBSERVE, depeg).unguarded.equity
    assert lost == pytest.approx(float(paper.quote.mark), rel=0.01)


def moved(made: Chain, **changes: Any) -> Chain:
    terms: dict[str, Any] = {"factor": lambda symbol, base: 0.8, "wilder": 1.5, "spread": 2.0, **changes}
    return moved_chain(made, at_risk().snapshot, **terms)


def test_quotes_stand_as_far_from_mark_as_before_times_the_spread() -> None:
    symbol = contract(46_000).symbol
    found = moved(chain(contract(46_000))).quotes[symbol]
    assert isinstance(found.mark, Decimal)
    assert isinstance(found.bid, Decimal)
    assert isinstance(found.ask, Decimal)
    assert float(found.ask / found.mark) == pytest.approx(1.04, abs=0.001)
    assert float(found.bid / found.mark) == pytest.approx(0.96, abs=0.001)
    assert (found.underlying, found.iv) == (Decimal("40000.0"), pytest.approx(Decimal("0.9")))


@pytest.mark.parametrize("figure", ["iv", "underlying"])
def test_what_has_no_figures_is_not_guessed(figure: str) -> None:
    one = contract(46_000)
    changes: dict[str, Any] = {figure: Unknown("silent")}
    broken = quote(one, **changes)
    found = moved(chain(one, quotes={one.symbol: broken})).quotes[one.symbol]
    assert isinstance(found.iv, Unknown)


def test_without_a_mark_there_is_no_bid_and_no_ask() -> None:
    one = contract(46_000)
    found = moved(chain(one, quotes={one.symbol: quote(one, mark=Unknown("silent"))})).quotes[one.symbol]
    assert isinstance(found.bid, Unknown)
    assert isinstance(found.ask, Unknown)
