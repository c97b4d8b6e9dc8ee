"""Joint distance against a grid over the definition."""

import pytest
from hypothesis import given, settings

from bot.model import Side, Unknown
from bot.risk.joint import JOINT_BOUND, joint_distance
from bot.risk.portfolio import Bracket, Holding, Portfolio
from tests.examples import examples
from tests.risk.build import holding, known, portfolio, portfolios


def _room(held: list[Holding], margin: float, m: float) -> float:
    """M(m) - MM(m) of one block, straight from the definition."""
    room = margin
    for one in held:
        move = max(one.beta * m - one.sign * one.residual * abs(m), -1.0)
        value = one.notional * (1.0 + move)
        room += one.sign * one.notional * move - one.maintenance_excess
        room -= max(bracket.rate * value - bracket.deduction for bracket in one.brackets)
    return room


def _blocks(account: Portfolio) -> list[tuple[list[Holding], float]]:
    cross = [one for one in account.holdings if one.isolated_equity is None]
    blocks = [([one], one.isolated_equity) for one in account.holdings if one.isolated_equity is not None]
    if cross:
        blocks.append((cross, known(account.margin_balance) - account.maintenance_excess))
    return blocks


@settings(max_examples=examples(60))
@given(portfolios())
def test_joint_distance_is_the_first_loss_on_a_grid(account: Portfolio) -> None:
    distance = known(joint_distance(account))
    assert 0.0 <= distance <= JOINT_BOUND
    blocks = _blocks(account)

    def room(u: float) -> float:
        return min(_room(held, margin, sign * u) for held, margin in blocks for sign in (-1.0, 1.0))

    scale = 1e-9 * sum(one.notional for one in account.holdings)
    for step in range(200):
        u = distance * step / 200
        assert u == distance or room(u) > -scale
    if distance < JOINT_BOUND:
        assert room(distance) <= scale


def test_worked_example() -> None:
    # Two longs of 1000 with beta 1 and 2: 300 - 1000 u - 2000 u = 0.01 (2000 - 3000 u), so u = 280 / 2970.
    account = portfolio(holding("BTC"), holding("ETH", beta=2.0), margin=300.0)
    assert joint_distance(account) == pytest.approx(280 / 2970)


def test_a_residual_brings_it_nearer_and_a_rise_liquidates_shorts() -> None:
    account = portfolio(holding(side=Side.SHORT, beta=1.0, residual=0.5), margin=100.0)
    assert joint_distance(account) == pytest.approx(90 / (1500 * 1.01))


def test_each_isolated_position_stands_alone() -> None:
    account = portfolio(holding("BTC"), holding("ETH", isolated=50.0), margin=5000.0)
    assert joint_distance(account) == pytest.approx(40 / 990)
    only = portfolio(holding("ETH", isolated=50.0), margin=Unknown("isolated mode"))
    assert joint_distance(only) == pytest.approx(40 / 990)


def test_nothing_to_liquidate_is_the_bound_and_what_is_liquidated_is_zero() -> None:
    assert joint_distance(portfolio()) == JOINT_BOUND
    assert joint_distance(portfolio(holding(), margin=1e6)) == JOINT_BOUND
    assert joint_distance(portfolio(holding(), margin=3.0)) == 0.0
    fixed = portfolio(holding(beta=0.0), margin=3.0)
    assert joint_distance(fixed) == 0.0


def test_a_position_that_falls_to_zero_stops_there() -> None:
    # At u = 0.25 the long is worth nothing: 1000 lost; the short then gains no more for it.
    far = holding("ETH", beta=4.0)
    hedge = holding("SOL", Side.SHORT, beta=4.0, size=5.0)
    lasting = holding("ADA", beta=0.5)
    account = portfolio(far, hedge, lasting, margin=800.0)
    assert joint_distance(account) == pytest.approx(_scan(account), abs=6e-5)
    sharp = portfolio(far, lasting, margin=1100.0)
    assert joint_distance(sharp) == pytest.approx(_scan(sharp), abs=6e-5)


def _scan(account: Portfolio) -> float:
    held, margin = list(account.holdings), known(account.margin_balance)
    for step in range(20_001):
        u = step / 20_000
        if min(_room(held, margin, u), _room(held, margin, -u)) <= 0.0:
            return u
    return JOINT_BOUND


def test_tiers_count_where_a_rise_reaches_them() -> None:
    steep = (Bracket(0.0, 0.01, 0.0), Bracket(1200.0, 0.5, 588.0))
    account = portfolio(holding(side=Side.SHORT, brackets=steep), margin=400.0)
    # Above 1200: 400 - 1000 u = 0.5 (1000 + 1000 u) - 588, so u = 488 / 1500.
    assert joint_distance(account) == pytest.approx(488 / 1500)


def test_unknowns_are_told() -> None:
    gap = portfolio(holding(), missing={"ETH/USDT:USDT#long": "no mark"})
    assert joint_distance(gap) == Unknown("no mark")
    assert joint_distance(portfolio(holding(), margin=Unknown("empty"))) == Unknown("empty")
