"""Every metric by hand-worked numbers, at the edges, and with each input unknown."""

import pytest
from hypothesis import given

from bot.model import Scenario, Sense, Side, Unknown
from bot.risk.margin import DISTANCE_BOUND
from bot.risk.metrics import METRICS, RUINED, MetricError, Scope, measure
from bot.risk.portfolio import Portfolio
from bot.risk.shock import scenario_loss
from tests.risk.build import context, holding, known, portfolio, portfolios, stats

FALL = Scenario("a fifth", {"BTC": -0.2})
RISE = Scenario("rise", {"BTC": 0.1})
LONG = holding("BTC", size=20.0, liquidation=80.0)
SHORT = holding("ETH", Side.SHORT, 10.0, 100.0, beta=1.2, liquidation=150.0)
ALONE = holding("SOL", size=5.0, isolated=200.0, beta=1.5, liquidation=61.0)
ACCOUNT = portfolio(LONG, SHORT, ALONE, equity=1000.0, margin=600.0, excess=18.0)
NUMBERS = stats(atr={LONG.symbol: 0.02}, sigma={LONG.symbol: 0.04, SHORT.symbol: 0.0})
CONTEXT = context(FALL, RISE, value=0.9, peak=1.2, day_open=0.95, numbers=NUMBERS)


@pytest.mark.parametrize(
    ("name", "key", "expected"),
    [
        ("account.leverage", None, 3500 / 1000),
        ("account.net_leverage", None, (2000 - 1200 + 750) / 1000),
        # The cross block has 48 of 600, the isolated position 5 of 200.
        ("account.margin_ratio", None, 0.08),
        ("account.drawdown", None, 0.25),
        ("account.daily_loss", None, 1 - 0.9 / 0.95),
        # Fall: 2000 * 0.2 - 1000 * 0.24 + 500 * 0.3.
        ("account.stress_loss", None, 0.31),
        ("account.cushion", None, 1 - 0.75 * 0.69),
        ("account.equity", None, 1000.0),
        ("account.concentration", None, (20**2 + 10**2 + 5**2) / 35**2),
        ("position.leverage", LONG.key, 2.0),
        ("position.leverage", ALONE.key, 2.5),
        ("position.liquidation_distance", LONG.key, 0.2),
        ("position.liquidation_distance", SHORT.key, 0.5),
        ("position.liquidation_distance_atr", LONG.key, 10.0),
        ("position.liquidation_distance_sigma", LONG.key, 5.0),
        ("position.equity_share", SHORT.key, 1.0),
        ("position.gross_share", ALONE.key, 1 / 7),
    ],
)
def test_worked_numbers(name: str, key: str | None, expected: float) -> None:
    assert measure(name, ACCOUNT, CONTEXT, key) == pytest.approx(expected)


def test_the_joint_distance_is_that_of_the_joint_module() -> None:
    tight = portfolio(holding("SOL", isolated=50.0, beta=2.0), equity=1000.0)
    assert measure("account.joint_distance", tight, CONTEXT) == pytest.approx(40 / 1980)


def test_an_account_without_positions_is_at_rest() -> None:
    empty = portfolio(equity=Unknown("not read"))
    still = context(FALL)
    for name in ("leverage", "net_leverage", "margin_ratio", "stress_loss", "cushion", "concentration"):
        assert measure(f"account.{name}", empty, still) == 0.0
    assert measure("account.joint_distance", empty, still) == 1.0
    assert measure("account.stress_loss", portfolio(equity=-5.0), still) == 0.0


def test_a_ruined_account_is_beyond_every_limit() -> None:
    for equity in (0.0, -50.0):
        spent = portfolio(LONG, SHORT, equity=equity)
        for name in ("leverage", "net_leverage", "margin_ratio", "stress_loss"):
            assert measure(f"account.{name}", spent, CONTEXT) == RUINED
        assert known(measure("account.cushion", spent, CONTEXT)) > 1.0
        assert measure("account.joint_distance", spent, CONTEXT) == 0.0
        assert measure("position.leverage", spent, CONTEXT, LONG.key) == RUINED
        assert measure("position.equity_share", spent, CONTEXT, LONG.key) == RUINED
    gone = portfolio(holding("SOL", isolated=0.0))
    assert measure("account.margin_ratio", gone, CONTEXT) == RUINED
    assert measure("position.leverage", gone, CONTEXT, gone.holdings[0].key) == RUINED


def test_a_unit_value_below_zero_is_a_cushion_of_more_than_the_whole() -> None:
    lost = context(FALL, value=-0.1)
    assert measure("account.cushion", portfolio(LONG, equity=-100.0), lost) == pytest.approx(1.1)


def test_scenarios_that_gain_are_no_loss() -> None:
    short = portfolio(SHORT)
    assert known(scenario_loss(short, FALL)) < 0.0
    assert measure("account.stress_loss", short, context(FALL)) == 0.0
    assert measure("account.cushion", short, context(FALL, value=0.8)) == pytest.approx(0.2)


def test_distances_are_bounded_and_stand_at_price_zero() -> None:
    short = portfolio(holding("BTC", Side.SHORT, liquidation=5000.0))
    name = "position.liquidation_distance"
    assert measure(name, short, CONTEXT, short.holdings[0].key) == DISTANCE_BOUND
    worthless = portfolio(holding("BTC", price=0.0), holding("ETH", Side.SHORT, price=0.0))
    assert measure(name, worthless, CONTEXT, worthless.holdings[0].key) == 0.0
    assert measure(name, worthless, CONTEXT, worthless.holdings[1].key) == DISTANCE_BOUND
    assert measure("account.concentration", worthless, CONTEXT) == 0.0
    assert measure("position.gross_share", worthless, CONTEXT, worthless.holdings[0].key) == 0.0


@pytest.mark.parametrize("name", METRICS)
def test_unknown_equity(name: str) -> None:
    told = portfolio(*ACCOUNT.holdings, equity=Unknown("no equity"), margin=600.0)
    value = measure(name, told, CONTEXT, LONG.key)
    needs = {
        "account.leverage",
        "account.net_leverage",
        "account.stress_loss",
        "account.cushion",
        "account.equity",
        "account.available",
        "position.leverage",
        "position.equity_share",
    }
    assert (value == Unknown("no equity")) == (name in needs)
    assert isinstance(value, Unknown) == (name in needs)


@pytest.mark.parametrize("name", METRICS)
def test_unknown_margin_balance(name: str) -> None:
    told = portfolio(*ACCOUNT.holdings, equity=1000.0, margin=Unknown("no margin"))
    value = measure(name, told, CONTEXT, LONG.key)
    needs = {"account.margin_ratio", "account.joint_distance"}
    assert (value == Unknown("no margin")) == (name in needs)


@pytest.mark.parametrize("name", METRICS)
def test_unknown_unit_value(name: str) -> None:
    blind = Unknown("no unit value")
    needs = {"account.drawdown", "account.daily_loss", "account.cushion"}
    value = measure(name, ACCOUNT, context(FALL, value=blind, numbers=NUMBERS), LONG.key)
    assert isinstance(value, Unknown) == (name in needs)
    value = measure(name, ACCOUNT, context(FALL, peak=blind, day_open=blind, numbers=NUMBERS), LONG.key)
    assert isinstance(value, Unknown) == (name in needs)
    nothing = context(FALL, peak=0.0, day_open=0.0, numbers=NUMBERS)
    assert isinstance(measure(name, ACCOUNT, nothing, LONG.key), Unknown) == (name in needs)


@pytest.mark.parametrize("name", METRICS)
def test_a_gap_leaves_only_what_does_not_need_it(name: str) -> None:
    account = portfolio(*ACCOUNT.holdings, missing={"ADA/USDT:USDT#long": "no mark of ADA"})
    value = measure(name, account, CONTEXT, LONG.key)
    whole = ("drawdown", "daily_loss", "equity", "available", "hedge_funding")
    stands = name in {f"account.{one}" for one in whole} or (
        name.startswith("position.") and name != "position.gross_share"
    )
    assert isinstance(value, Unknown) != stands
    if METRICS[name].scope is Scope.POSITION:
        assert measure(name, account, CONTEXT, "ADA/USDT:USDT#long") == Unknown("no mark of ADA")


def test_unknown_liquidation_price_and_statistics() -> None:
    names = [f"position.liquidation_distance{end}" for end in ("", "_atr", "_sigma")]
    blind = portfolio(holding(liquidation=Unknown("none")))
    for name in names:
        assert measure(name, blind, CONTEXT, LONG.key) == Unknown("none")
    for name in names[1:]:
        assert isinstance(measure(name, ACCOUNT, CONTEXT, SHORT.key), Unknown)


@pytest.mark.parametrize("name", [name for name, one in METRICS.items() if one.parameters])
def test_metrics_of_scenarios_need_one(name: str) -> None:
    assert isinstance(measure(name, ACCOUNT, context()), Unknown)


def test_wrong_questions() -> None:
    with pytest.raises(MetricError, match=r"did you mean account\.leverage"):
        measure("account.levrage", ACCOUNT, CONTEXT)
    with pytest.raises(MetricError, match=r"there is no metric 'zzz'$"):
        measure("zzz", ACCOUNT, CONTEXT)
    with pytest.raises(MetricError, match="give its key"):
        measure("position.leverage", ACCOUNT, CONTEXT)
    assert isinstance(measure("position.leverage", ACCOUNT, CONTEXT, "ADA/USDT:USDT#long"), Unknown)


def test_the_registry_says_what_rules_need() -> None:
    for name, definition in METRICS.items():
        assert definition.name == name
        assert name.startswith(f"{definition.scope.value}.")
        assert definition.description
        assert definition.source
    minimal = {name for name, definition in METRICS.items() if definition.sense is Sense.MIN}
    assert minimal == {
        "account.joint_distance",
        "account.equity",
        "position.liquidation_distance",
        "position.liquidation_distance_atr",
        "position.liquidation_distance_sigma",
    }
    assert {name for name, one in METRICS.items() if one.alert_only} == {
        "account.hedge_funding",
        "account.concentration",
        "position.gross_share",
    }
    assert {name for name, one in METRICS.items() if one.parameters} == {
        "account.stress_loss",
        "account.cushion",
    }


@given(portfolios())
def test_margin_ratio_and_joint_distance_agree_on_liquidation(account: Portfolio) -> None:
    ratio = known(measure("account.margin_ratio", account, CONTEXT))
    distance = known(measure("account.joint_distance", account, CONTEXT))
    assert (distance == 0.0) == (ratio >= 1.0) or abs(ratio - 1.0) < 1e-9
