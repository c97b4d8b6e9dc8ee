"""Firing points against direct measurement at the point and around it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.model import Scenario, Sense, Side, Unknown
from bot.risk.firing import (
    HIGHEST_MOVE,
    LOWEST_MOVE,
    PRECISION,
    AlreadyPast,
    FiringPoint,
    firing_price,
)
from bot.risk.metrics import METRICS, MetricContext, MetricError, Scope, UnitView, measure
from bot.risk.portfolio import Portfolio
from bot.risk.shock import market_moves, shocked
from tests.examples import examples
from tests.risk.build import context, holding, known, margins, portfolio, portfolios, stats

FALL = Scenario("a fifth", {"BTC": -0.2})
BTC = holding("BTC", size=20.0, liquidation=0.0)
ETH = holding("ETH", size=10.0, beta=1.5)
ACCOUNT = portfolio(BTC, ETH, equity=1000.0, reference_price=100.0)


def point(found: object) -> FiringPoint:
    if not isinstance(found, FiringPoint):
        raise TypeError(f"expected a firing point, got {found!r}")
    return found


def test_leverage_fires_in_a_fall_of_the_market() -> None:
    # (3000 - 3500 u) = 6 (1000 - 3500 u), so u = 3000 / 17500.
    found = point(firing_price("account.leverage", 6.0, Sense.MAX, ACCOUNT, context()))
    assert found.move == pytest.approx(-3000 / 17500, abs=2 * PRECISION)
    assert found.price == pytest.approx(100 * (1 + found.move))
    assert found.prices == {
        BTC.symbol: pytest.approx(100 * (1 + found.move)),
        ETH.symbol: pytest.approx(100 * (1 + 1.5 * found.move)),
    }


@pytest.mark.parametrize(
    ("metric", "limit", "move"),
    [
        ("account.drawdown", 0.25, -(1 - 0.75 / 0.9) / 3.5),
        ("account.daily_loss", 0.35, -(1 - 0.65 / 0.9) / 3.5),
        ("account.equity", 800.0, -200 / 3500),
    ],
)
def test_money_fires_where_equity_gets_there(metric: str, limit: float, move: float) -> None:
    where = context(FALL, value=0.9)
    found = point(firing_price(metric, limit, METRICS[metric].sense, ACCOUNT, where))
    assert found.move == pytest.approx(move, abs=2 * PRECISION)


def test_a_gain_after_a_peak_is_no_drawdown() -> None:
    short = portfolio(holding(side=Side.SHORT, size=1.0), equity=1000.0)
    found = point(firing_price("account.drawdown", 0.05, Sense.MAX, short, context()))
    assert found.move == pytest.approx(0.5, abs=2 * PRECISION)
    assert found.price is None


def test_a_position_fires_at_its_own_price_alone() -> None:
    account = portfolio(BTC, ETH, equity=600.0)
    price = known(margins(account).liquidation_price(BTC))
    held = portfolio(holding("BTC", size=20.0, liquidation=price), ETH, equity=600.0)
    found = point(firing_price("position.liquidation_distance", 0.15, Sense.MIN, held, context(), BTC.key))
    assert found.price == pytest.approx(price / 0.85, rel=1e-6)
    assert found.prices[ETH.symbol] == 100.0
    assert found.move < 0.0


def test_a_short_fires_above() -> None:
    alone = portfolio(holding(side=Side.SHORT, isolated=300.0, liquidation=125.0), equity=1000.0)
    key = alone.holdings[0].key
    price = known(margins(alone).liquidation_price(alone.holdings[0]))
    told = portfolio(holding(side=Side.SHORT, isolated=300.0, liquidation=price), equity=1000.0)
    found = point(firing_price("position.liquidation_distance", 0.1, Sense.MIN, told, context(), key))
    assert found.price == pytest.approx(price / 1.1, rel=1e-6)


def test_the_nearer_of_two_directions_is_given() -> None:
    # Long and short of two bases with different isolated margin: the fall of a tenth comes before the rise.
    account = portfolio(
        holding("BTC", isolated=105.0), holding("ETH", Side.SHORT, isolated=115.0), equity=1000.0
    )
    found = point(firing_price("account.margin_ratio", 0.9, Sense.MAX, account, context()))
    assert found.move < 0.0
    turned = portfolio(
        holding("BTC", isolated=118.0), holding("ETH", Side.SHORT, isolated=115.0), equity=1000.0
    )
    assert point(firing_price("account.margin_ratio", 0.9, Sense.MAX, turned, context())).move > 0.0


def test_already_past_is_its_own_answer() -> None:
    assert firing_price("account.leverage", 2.0, Sense.MAX, ACCOUNT, context()) == AlreadyPast(3.0)
    assert firing_price("account.equity", 1001.0, Sense.MIN, ACCOUNT, context()) == AlreadyPast(1000.0)


def test_the_limit_itself_is_not_past() -> None:
    assert isinstance(firing_price("account.leverage", 3.0, Sense.MAX, ACCOUNT, context()), FiringPoint)


def test_none_where_no_move_fires() -> None:
    assert firing_price("account.leverage", 3.0, Sense.MAX, portfolio(), context()) is None
    assert firing_price("account.concentration", 0.99, Sense.MAX, portfolio(), context()) is None
    small = portfolio(holding(size=0.1), equity=1000.0)
    assert firing_price("account.equity", 900.0, Sense.MIN, small, context()) is None


def test_a_rise_is_followed_further_than_a_fall() -> None:
    short = portfolio(holding(side=Side.SHORT, size=1.0), equity=200.0)
    found = point(firing_price("account.equity", 60.0, Sense.MIN, short, context()))
    assert 1.0 < found.move < HIGHEST_MOVE
    assert LOWEST_MOVE == -0.95


def test_unknowns_are_told() -> None:
    blind = portfolio(BTC, equity=Unknown("no equity"))
    assert firing_price("account.leverage", 5.0, Sense.MAX, blind, context()) == Unknown("no equity")
    # The venue's own liquidation price is known now, but what it would be after a move is not.
    venue_only = portfolio(holding(liquidation=60.0), margin=Unknown("no margin"))
    found = firing_price(
        "position.liquidation_distance", 0.1, Sense.MIN, venue_only, context(), venue_only.holdings[0].key
    )
    assert found == Unknown("no margin")
    gone = firing_price("position.leverage", 5.0, Sense.MAX, ACCOUNT, context(), "ADA/USDT:USDT#long")
    assert isinstance(gone, Unknown)


def test_units_stand_still_where_they_cannot_follow() -> None:
    bankrupt = portfolio(BTC, equity=-10.0, margin=-10.0)
    assert firing_price("account.drawdown", 0.5, Sense.MAX, bankrupt, context()) is None
    blind = context(value=Unknown("no unit value"))
    assert point(firing_price("account.leverage", 6.0, Sense.MAX, ACCOUNT, blind)).move < 0.0
    unread = context(peak=Unknown("no peak"))
    found = firing_price("account.daily_loss", 0.1, Sense.MAX, ACCOUNT, unread)
    assert point(found).move == pytest.approx(-0.1 / 3.5, abs=2 * PRECISION)


def test_wrong_questions_are_refused_as_measure_does() -> None:
    with pytest.raises(MetricError):
        firing_price("account.nothing", 1.0, Sense.MAX, ACCOUNT, context(), BTC.key)
    with pytest.raises(MetricError):
        firing_price("position.leverage", 1.0, Sense.MAX, ACCOUNT, context())


def _measured(name: str, account: Portfolio, given: MetricContext, key: str | None, move: float) -> float:
    """Measure after the move, through the public shock."""
    if METRICS[name].scope is Scope.POSITION:
        moved = shocked(account, {key or "": move})
    else:
        moved = shocked(account, market_moves(account, move))
    value = known(given.units.value) * known(moved.equity) / known(account.equity)
    peak = max(value, known(given.units.peak))
    units = UnitView(value, peak, given.units.day_open)
    return known(measure(name, moved, MetricContext(given.stats, units, given.scenarios), key))


def _settled(account: Portfolio) -> Portfolio:
    """The account with its own liquidation prices in place."""
    return shocked(account, {})


@settings(max_examples=examples(60))
@given(portfolios(most=3), st.sampled_from(sorted(METRICS)), st.floats(0.02, 3.0))
def test_just_past_at_the_point_and_not_before_it(account: Portfolio, name: str, factor: float) -> None:
    account = _settled(account)
    symbols = {held.symbol: 0.02 for held in account.holdings}
    given_context = context(FALL, value=0.9, numbers=stats(atr=symbols, sigma=symbols))
    key = account.holdings[0].key if METRICS[name].scope is Scope.POSITION else None
    now = known(measure(name, account, given_context, key))
    sense, limit = METRICS[name].sense, now * factor
    found = firing_price(name, limit, sense, account, given_context, key)

    def past(value: float) -> bool:
        return value > limit if sense is Sense.MAX else value < limit

    if isinstance(found, AlreadyPast):
        assert found.value == now
        assert past(now)
        return
    assert not past(now)
    if found is None:
        for move in (-0.3, -0.1, 0.1, 0.3, 2.0):
            assert not past(_measured(name, account, given_context, key, move))
        return
    where = point(found)
    assert past(_measured(name, account, given_context, key, where.move))
    nearer = where.move * (1.0 - 1e-5) - (2 * PRECISION if where.move > 0 else -2 * PRECISION)
    if nearer * where.move > 0.0:
        assert not past(_measured(name, account, given_context, key, nearer))
    for step in (0.01, 0.05, 0.1, 0.2, 0.5):
        if step < abs(where.move):
            assert not past(_measured(name, account, given_context, key, -step))
            assert not past(_measured(name, account, given_context, key, step))
