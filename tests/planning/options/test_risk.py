"""Options in the account's figures: in both opinions of them."""

from decimal import Decimal
from random import Random
from typing import Any

import pytest
from msgspec.structs import replace

from bot.model import (
    Beta,
    MarketStats,
    OptionPosition,
    Right,
    Scenario,
    Sense,
    Side,
    Snapshot,
    Target,
    Unknown,
)
from bot.planning.options.ranking import COUNTED as PLANNED
from bot.planning.papers import call_value
from bot.planning.request import Watch
from bot.risk import black76
from bot.risk.context import MetricContext
from bot.risk.firing import FiringPoint, firing_price
from bot.risk.metrics import measure
from bot.risk.options import COUNTED, exposure_of, option_gain
from bot.risk.shock import scenario_loss, scenario_moves, shocked
from tests.planning.build import ACCOUNT, NOW, context, measured, position, request, snapshot
from tests.planning.options.build import SPOT, VOL, contract, worth
from tests.planning.options.held import option, with_options

BTC = "BTC/USDT:USDT"
FIFTH = Scenario("a fifth", {"BTC": -0.2})
STATS = MarketStats("BTC", {BTC: Beta(1.0, 0.0, "test")}, {}, {}, NOW)


def account(*held: OptionPosition, contracts: str = "2") -> Snapshot:
    """A long in BTC of 100,000 USD, beside options."""
    return with_options(snapshot([position(BTC, Side.LONG, contracts, "50000")], 40_000), *held)


def of(
    shot: Snapshot, metric: str, scenario: Scenario = FIFTH, stats: MarketStats = STATS
) -> tuple[float, float]:
    """A metric by the risk's own reckoning and by the check's."""
    about = MetricContext(stats, context().units, (scenario,))
    asked = request(shot, about=about)
    first = measure(metric, asked.portfolio, about)
    assert not isinstance(first, Unknown)
    watch = Watch("a", metric, Sense.MAX, 1.0, 1.0, Target(ACCOUNT), (scenario,))
    return first, measured(watch, asked)


def test_one_share_of_gains_is_counted_everywhere() -> None:
    assert COUNTED == PLANNED == 0.9


def test_a_put_takes_nine_tenths_of_its_gain_off_the_loss() -> None:
    market = contract(45_000)
    gain = black76.price(Right.PUT, 0.8 * SPOT, 45_000.0, market.years_left(NOW), VOL) - worth(market)
    bare, _ = of(account(), "account.stress_loss")
    for value in of(account(option(market, "1.5")), "account.stress_loss"):
        assert bare - value == pytest.approx(1.5 * 0.9 * gain / 40_000)


def test_what_an_option_loses_counts_in_full() -> None:
    rise = Scenario("up", {"BTC": 0.2})
    market = contract(45_000)
    lost = worth(market) - black76.price(Right.PUT, 1.2 * SPOT, 45_000.0, market.years_left(NOW), VOL)
    shot = with_options(snapshot([position(BTC, Side.SHORT, "2", "50000")], 40_000), option(market))
    for value in of(shot, "account.stress_loss", rise):
        assert value == pytest.approx((20_000 + lost) / 40_000)


def test_delta_counts_into_net_leverage_by_beta() -> None:
    market = contract(45_000)
    delta = black76.delta(Right.PUT, SPOT, 45_000.0, market.years_left(NOW), VOL)
    for value in of(account(option(market, "2")), "account.net_leverage"):
        assert value == pytest.approx((100_000 + 2 * delta * SPOT) / 40_000, rel=1e-6)
    twice = replace(STATS, betas={BTC: Beta(2.0, 0.0, "test")})
    asked = request(account(option(market, "2")), about=context(stats=twice))
    assert asked.net_exposure == pytest.approx(2 * (100_000 + 2 * delta * SPOT))


def test_what_was_sold_is_a_loss_in_full() -> None:
    market = contract(45_000)
    change = black76.price(Right.PUT, 0.8 * SPOT, 45_000.0, market.years_left(NOW), VOL) - worth(market)
    bare, _ = of(account(), "account.stress_loss")
    for value in of(account(option(market, "1", Side.SHORT)), "account.stress_loss"):
        assert value - bare == pytest.approx(change / 40_000)


@pytest.mark.parametrize("seed", range(40))
def test_both_opinions_agree_on_random_options(seed: int) -> None:
    random = Random(seed)
    held = [
        option(
            contract(random.randrange(30_000, 70_000, 1000), random.uniform(0.1, 90), right),
            str(random.randint(1, 5)),
            random.choice(list(Side)),
        )
        for right in Right
    ]
    base = random.choice(["BTC", "ETH"])
    scenario = Scenario("any", {base: random.uniform(-0.9, 0.9)})
    stats = replace(
        STATS, reference=random.choice(["BTC", "ETH"]), betas={BTC: Beta(1.3, random.uniform(0, 0.3), "test")}
    )
    first, second = of(account(*held), "account.stress_loss", scenario, stats)
    assert second == pytest.approx(first, rel=1e-9, abs=1e-9)
    first, second = of(account(*held), "account.net_leverage", scenario, stats)
    assert second == pytest.approx(first, rel=1e-5, abs=1e-5)


def test_margin_does_not_count_on_it() -> None:
    with_put, without = (request(account(*held)).portfolio for held in ((option(contract(55_000)),), ()))
    assert with_put.margin_balance == without.margin_balance
    assert of(account(option(contract(55_000))), "account.joint_distance") == of(
        account(), "account.joint_distance"
    )


def test_a_shock_moves_it_and_equity_with_it() -> None:
    portfolio = request(account(option(contract(45_000)))).portfolio
    (one,) = portfolio.options
    after = shocked(portfolio, {"BTC": -0.2})
    assert after.equity == pytest.approx(40_000 - 20_000 + option_gain(one, -0.2))
    assert after.margin_balance == pytest.approx(20_000)
    (moved,) = after.options
    assert moved.forward == pytest.approx(40_000)
    assert abs(exposure_of(moved)) / moved.forward > abs(exposure_of(one)) / one.forward
    assert shocked(portfolio, {one.key: -0.2}).options == after.options
    assert shocked(portfolio, {"ETH": -0.2}).options == portfolio.options


def test_a_base_that_nothing_else_is_held_of_has_no_residual() -> None:
    eth = replace(contract(45_000), base="ETH", symbol="e")
    stats = replace(STATS, betas={**STATS.betas, "ETH/USDT:USDT": Beta(1.5, 0.4, "test")})
    portfolio = request(account(option(eth)), about=context(stats=stats)).portfolio
    moves = scenario_moves(portfolio, FIFTH)
    assert moves["e#long"] == pytest.approx(-0.3)
    (one,) = portfolio.options
    assert scenario_loss(portfolio, FIFTH) == pytest.approx(20_000 - option_gain(one, -0.3))
    first, second = of(account(option(eth)), "account.stress_loss", FIFTH, stats)
    assert second == pytest.approx(first)


def test_what_was_bought_without_a_volatility_counts_on_exercise_alone() -> None:
    market = contract(45_000)
    (one,) = request(account(option(market, iv=Unknown("none")))).portfolio.options
    assert (one.vol, one.worth) == (0.0, pytest.approx(worth(market), abs=0.01))
    assert option_gain(one, -0.2) == pytest.approx(0.9 * (5_000 - one.worth))
    assert option_gain(one, -0.05) == pytest.approx(-one.worth)


@pytest.mark.parametrize(
    ("contracts", "side", "changes", "reason"),
    [
        ("NaN", Side.LONG, {}, "the size of"),
        ("0", Side.LONG, {}, "the size of"),
        ("1", Side.LONG, {"underlying": Unknown("no underlying")}, "no underlying"),
        ("1", Side.SHORT, {"iv": Unknown("no volatility")}, "no volatility"),
        ("1", Side.LONG, {"iv": Unknown("none"), "mark": Unknown("no mark")}, "no mark"),
    ],
)
def test_what_cannot_be_valued_leaves_the_loss_unknown(
    contracts: str, side: Side, changes: dict[str, Any], reason: str
) -> None:
    shot = account(option(contract(45_000), contracts, side, **changes))
    about = MetricContext(STATS, context().units, (FIFTH,))
    portfolio = request(shot, about=about).portfolio
    assert portfolio.options == ()
    value = measure("account.stress_loss", portfolio, about)
    assert isinstance(value, Unknown)
    assert value.reason.startswith(reason)
    assert not isinstance(measure("account.leverage", portfolio, about), Unknown)


def test_the_price_of_a_limit_allows_for_it() -> None:
    def fall(metric: str, *held: OptionPosition, key: str | None = None) -> float:
        about = MetricContext(STATS, context().units, ())
        portfolio = request(account(*held), about=about).portfolio
        found = firing_price(metric, 3.0, Sense.MAX, portfolio, about, key)
        assert isinstance(found, FiringPoint)
        return found.move

    put = option(contract(50_000), "0.5")
    assert fall("account.leverage", put) < fall("account.leverage")
    own = f"{BTC}#long"
    assert fall("position.leverage", put, key=own) < fall("position.leverage", key=own)


def test_a_call_without_time_is_its_exercise() -> None:
    assert (call_value(110.0, 100.0, 0.0), call_value(0.0, 100.0, 0.3)) == (10.0, 0.0)


def test_a_snapshot_finds_an_option_by_its_key() -> None:
    held = option(contract(45_000), "3")
    shot = account(held)
    assert shot.position(held.key) == held.position
    assert shot.option(held.key) == held
    assert shot.option(f"{BTC}#long") is None
    assert Decimal(3) == held.position.contracts


def test_options_that_could_not_be_read_leave_the_loss_unknown() -> None:
    shot = replace(account(), options_read=True, options_unread="no answer")
    about = MetricContext(STATS, context().units, (FIFTH,))
    value = measure("account.stress_loss", request(shot, about=about).portfolio, about)
    assert value == Unknown("options could not be read: no answer")
