"""Shocks and scenarios, by hand and against sums over positions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.model import Scenario, Side, Unknown
from bot.risk.portfolio import Bracket, Portfolio
from bot.risk.shock import (
    adverse_signs,
    market_moves,
    revalued,
    scenario_loss,
    scenario_moves,
    shocked,
)
from tests.risk.build import holding, known, margins, portfolio, portfolios

TIERED = (Bracket(0.0, 0.01, 0.0), Bracket(900.0, 0.05, 36.0))


def test_a_fall_revalues_everything() -> None:
    long = holding("BTC", brackets=TIERED, excess=2.0)
    short = holding("ETH", Side.SHORT, 5.0, 40.0)
    alone = holding("SOL", size=1.0, price=50.0, isolated=20.0)
    account = portfolio(long, short, alone, equity=500.0, margin=480.0, reference_price=100.0)
    after = shocked(account, {"BTC": -0.2, short.key: 0.1, "SOL": -0.2})
    btc, eth, sol = after.holdings
    assert (btc.price, btc.notional, btc.size) == (80.0, 800.0, 10.0)
    assert btc.maintenance == pytest.approx(8.0 + 2.0)
    assert (eth.price, eth.notional, eth.maintenance) == (
        pytest.approx(44.0),
        pytest.approx(220.0),
        pytest.approx(2.2),
    )
    assert sol.isolated_equity == pytest.approx(10.0)
    assert after.margin_balance == pytest.approx(480 - 200 - 20)
    assert after.equity == pytest.approx(500 - 200 - 20 - 10)
    assert after.reference_price == pytest.approx(80.0)
    assert known(btc.liquidation_price) == pytest.approx(80 - (260 - 10 - 2.2) / (10 * 0.99))
    assert (after.account, after.at, after.reference) == (account.account, account.at, account.reference)


def test_a_key_goes_before_its_base_and_the_unnamed_do_not_move() -> None:
    long, other = holding("BTC"), holding("ETH")
    account = portfolio(long, other)
    after = shocked(account, {"BTC": -0.5, long.key: -0.1})
    assert after.holdings[0].price == pytest.approx(90.0)
    assert after.holdings[1].price == 100.0


def test_prices_do_not_fall_below_zero() -> None:
    account = portfolio(holding("BTC"), holding("ETH", Side.SHORT), reference_price=100.0)
    after = shocked(account, {"BTC": -3.0, "ETH": -2.0})
    assert [held.price for held in after.holdings] == [0.0, 0.0]
    assert after.equity == pytest.approx(1000.0)
    assert after.reference_price == 0.0


def test_an_isolated_position_loses_its_isolated_equity_at_most() -> None:
    account = portfolio(holding(isolated=100.0), margin=Unknown("none"))
    after = shocked(account, {"BTC": -0.5})
    assert after.holdings[0].isolated_equity == 0.0
    assert after.equity == pytest.approx(900.0)
    spent = portfolio(holding(isolated=-5.0))
    assert shocked(spent, {"BTC": -0.5}).equity == 1000.0


def test_unknown_money_stays_unknown() -> None:
    account = portfolio(holding(), equity=Unknown("e"), margin=Unknown("m"))
    after = shocked(account, {"BTC": -0.1})
    assert (after.equity, after.margin_balance) == (Unknown("e"), Unknown("m"))
    assert after.holdings[0].liquidation_price == Unknown("m")


def test_liquidation_prices_are_recomputed_where_asked() -> None:
    long, other = holding("BTC", liquidation=1.5), holding("ETH", liquidation=2.5)
    account = portfolio(long, other, margin=300.0)
    moved = {"ETH": -0.1}
    assert [one.liquidation_price for one in revalued(account, moved, ()).holdings] == [1.5, 2.5]
    some = revalued(account, moved, (long.key,)).holdings
    assert known(some[0].liquidation_price) == pytest.approx(100 - (200 - 10 - 9) / (10 * 0.99))
    assert some[1].liquidation_price == 2.5


@given(portfolios(isolated=False, most=3), st.floats(-0.5, 0.5))
def test_ones_own_move_leaves_the_liquidation_price(account: Portfolio, move: float) -> None:
    held = account.holdings[0]
    before = known(margins(account).liquidation_price(held))
    after = known(shocked(account, {held.key: move}).holdings[0].liquidation_price)
    if not 0.0 < before < 11.0 * held.price * min(1.0 + move, 1.0) * (1 - 1e-9):
        return
    if after != shocked(account, {held.key: move}).holdings[0].price:
        assert after == pytest.approx(before, rel=1e-7)


@given(portfolios(), st.floats(-0.9, 0.9))
def test_equity_moves_by_the_sum_of_gains(account: Portfolio, m: float) -> None:
    moves = market_moves(account, m, adverse=True)
    expected = known(account.equity)
    for held in account.holdings:
        gain = held.sign * held.notional * moves[held.key]
        expected += gain if held.isolated_equity is None else max(gain, -held.isolated_equity)
    assert shocked(account, moves).equity == pytest.approx(expected, rel=1e-9, abs=1e-6)


def test_market_moves_by_beta_and_against_the_position() -> None:
    long = holding("ETH", beta=1.2, residual=0.3)
    short = holding("SOL", Side.SHORT, beta=1.5, residual=0.4)
    account = portfolio(long, short)
    assert market_moves(account, -0.1) == {
        "BTC": -0.1,
        long.key: pytest.approx(-0.12),
        short.key: pytest.approx(-0.15),
    }
    assert market_moves(account, -0.1, adverse=True) == {
        "BTC": -0.1,
        long.key: pytest.approx(-0.15),
        short.key: pytest.approx(-0.11),
    }
    assert market_moves(account, -0.9)[short.key] == -1.0


def test_legs_of_one_symbol_share_the_residual_of_their_net() -> None:
    long = holding("ETH", Side.LONG, 10.0, residual=0.3)
    short = holding("ETH", Side.SHORT, 4.0, residual=0.3)
    even = holding("SOL", Side.LONG, 4.0), holding("SOL", Side.SHORT, 4.0)
    account = portfolio(long, short, *even)
    assert adverse_signs(account.holdings) == {"ETH": 1, "SOL": 0}
    moves = market_moves(account, -0.1, adverse=True)
    assert moves[long.key] == moves[short.key] == pytest.approx(-0.13)


def test_a_scenario_moves_the_named_as_named_and_the_rest_by_beta() -> None:
    btc = holding("BTC")
    eth = holding("ETH", beta=1.2, residual=0.3)
    sol = holding("SOL", Side.SHORT, beta=1.5, residual=0.4)
    account = portfolio(btc, eth, sol)
    moves = scenario_moves(account, Scenario("fall", {"BTC": -0.2, "ETH": -0.28}))
    assert moves[btc.key] == -0.2
    assert moves[eth.key] == -0.28
    assert moves[sol.key] == pytest.approx(-0.3 + 0.08)
    assert scenario_loss(account, Scenario("fall", {"BTC": -0.2, "ETH": -0.28})) == pytest.approx(
        200 + 280 - 220
    )
    alone = scenario_moves(account, Scenario("sol", {"SOL": 0.5}))
    assert (alone[btc.key], alone[eth.key], alone[sol.key]) == (0.0, 0.0, 0.5)
    assert scenario_moves(account, Scenario("end", {"BTC": -5.0}))[btc.key] == -1.0


def test_a_gap_makes_a_scenario_unknown() -> None:
    account = portfolio(holding(), missing={"ETH/USDT:USDT#long": "no mark"})
    assert scenario_loss(account, Scenario("fall", {"BTC": -0.2})) == Unknown("no mark")
