"""Maintenance margin and liquidation price against a reference that only knows the definition."""

from decimal import Decimal
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.model import Side, Tier, Unknown
from bot.risk.margin import (
    DISTANCE_BOUND,
    Margins,
    brackets_of,
    cross_maintenance,
    liquidation_price,
    maintenance_of,
)
from bot.risk.portfolio import Bracket, Holding, Portfolio
from tests.risk.build import (
    TIERS,
    holding,
    known,
    margins,
    portfolio,
    portfolios,
    slices,
    tier_tables,
    tiers_of,
)


@given(tier_tables(), st.floats(0, 0.002), st.floats(0, 5_000_000))
def test_maintenance_is_the_sum_of_slices(tiers: tuple[Tier, ...], fee: float, notional: float) -> None:
    ours = maintenance_of(brackets_of(tiers, fee), notional)
    assert ours == pytest.approx(slices(tiers, fee, notional), rel=1e-9, abs=1e-6)


@given(tier_tables(), st.floats(0, 3_000_000), st.randoms())
def test_order_of_tiers_does_not_matter(tiers: tuple[Tier, ...], notional: float, random: Random) -> None:
    mixed = list(tiers)
    random.shuffle(mixed)
    envelope = brackets_of(tuple(mixed), 0.0)
    assert envelope == brackets_of(tiers, 0.0)
    assert maintenance_of(envelope, notional) == pytest.approx(slices(tiers, 0.0, notional), abs=1e-6)


def test_tiers_that_are_nowhere_the_largest_are_left_out() -> None:
    line = [("0.01", "0"), ("0.02", "0"), ("0.02", "50"), ("0.03", "100"), ("0.04", "500"), ("0.05", "600")]
    tiers = tuple(Tier(Decimal(0), None, Decimal(rate), Decimal(less)) for rate, less in line)
    envelope = brackets_of(tiers, 0.0)
    assert [bracket.rate for bracket in envelope] == [0.02, 0.03, 0.05]
    assert [bracket.floor for bracket in envelope] == pytest.approx([0.0, 10_000.0, 25_000.0])
    for notional in (0.0, 1.0, 9_999.0, 20_000.0, 24_000.0, 90_000.0):
        largest = max(float(rate) * notional - float(less) for rate, less in line)
        assert maintenance_of(envelope, notional) == pytest.approx(largest)


def _room(held: Holding, others: float, balance: float, price: float) -> float:
    """M - MM at a price of this position's symbol, straight from the definition."""
    value = held.size * price
    asked = max(bracket.rate * value - bracket.deduction for bracket in held.brackets)
    profit = held.sign * held.size * (price - held.price)
    return balance + profit - others - asked - held.maintenance_excess


def _reference(held: Holding, others: float, balance: float) -> float:
    """The first price in the losing direction at which there is no room, by bisection."""
    safe, lost = held.price, 0.0 if held.side is Side.LONG else 11.0 * held.price
    if _room(held, others, balance, lost) > 0.0:
        return lost
    for _ in range(200):
        middle = (safe + lost) / 2.0
        if _room(held, others, balance, middle) > 0.0:
            safe = middle
        else:
            lost = middle
    return lost


@given(portfolios())
def test_liquidation_price_is_where_the_definition_puts_it(account: Portfolio) -> None:
    for held in account.holdings:
        if held.isolated_equity is not None:
            others, balance = 0.0, held.isolated_equity
        else:
            balance = known(account.margin_balance)
            others = cross_maintenance(account.holdings, account.maintenance_excess) - held.maintenance
        if _room(held, others, balance, held.price) <= 0.0:
            continue
        found = known(margins(account).liquidation_price(held))
        assert found == pytest.approx(_reference(held, others, balance), rel=1e-9, abs=1e-9 * held.price)


@given(portfolios())
def test_closed_form_holds_with_the_bracket_at_the_liquidation_price(account: Portfolio) -> None:
    held = account.holdings[0]
    free = known(margins(account).free(held))
    price = known(margins(account).liquidation_price(held))
    if price in (0.0, held.price, 11.0 * held.price):
        return
    value = held.size * price
    bracket = max(held.brackets, key=lambda one: one.rate * value - one.deduction)
    room = free - (bracket.rate * held.notional - bracket.deduction)
    expected = held.price - held.sign * room / (held.size * (1.0 - held.sign * bracket.rate))
    assert price == pytest.approx(expected, rel=1e-9)


def test_worked_example_in_one_bracket() -> None:
    # N = 1000, M = 100, MM = 10: a long goes at 100 - 90 / (10 * 0.99), a short at 100 + 90 / (10 * 1.01).
    for side, expected in ((Side.LONG, 100 - 90 / 9.9), (Side.SHORT, 100 + 90 / 10.1)):
        held = holding(side=side)
        account = portfolio(held, margin=100.0)
        assert margins(account).liquidation_price(held) == pytest.approx(expected)
        alone = holding(side=side, isolated=100.0)
        assert margins(portfolio(alone, margin=Unknown("none"))).liquidation_price(alone) == pytest.approx(
            expected
        )


def test_no_fall_liquidates_a_long_that_is_fully_paid() -> None:
    held = holding()
    assert margins(portfolio(held, margin=1500.0)).liquidation_price(held) == 0.0


def test_a_short_is_given_no_further_than_the_bound() -> None:
    held = holding(side=Side.SHORT)
    price = margins(portfolio(held, margin=1e6)).liquidation_price(held)
    assert price == pytest.approx(100.0 * (1.0 + DISTANCE_BOUND))


def test_what_is_liquidated_already_is_at_or_past_mark() -> None:
    long, short = holding(), holding(side=Side.SHORT)
    assert known(margins(portfolio(long, margin=5.0)).liquidation_price(long)) > 100.0
    assert known(margins(portfolio(short, margin=5.0)).liquidation_price(short)) < 100.0


def test_a_long_whose_margin_grows_faster_than_its_price_stands_at_mark() -> None:
    held = holding(brackets=(Bracket(0.0, 1.2, 0.0),))
    assert liquidation_price(1, [held], -1.0) == 100.0


def test_unknown_margin_balance_leaves_cross_unknown_and_isolated_known() -> None:
    cross, alone = holding("BTC"), holding("ETH", isolated=100.0)
    account = portfolio(cross, alone, margin=Unknown("the venue gave no margin balance"))
    assert margins(account).liquidation_price(cross) == Unknown("the venue gave no margin balance")
    assert known(margins(account).liquidation_price(alone)) > 0.0


def test_excess_brings_liquidation_nearer() -> None:
    bare = holding()
    account = portfolio(bare, margin=100.0, excess=20.0)
    assert known(margins(account).liquidation_price(bare)) == pytest.approx(100 - 70 / 9.9)
    asked = holding(excess=20.0)
    assert known(margins(portfolio(asked, margin=100.0)).liquidation_price(asked)) == pytest.approx(
        100 - 70 / 9.9
    )
    nearer = holding(liquidation_excess=20.0)
    assert known(margins(portfolio(nearer, margin=100.0)).liquidation_price(nearer)) == pytest.approx(
        100 - 70 / 9.9
    )


@given(st.floats(0.1, 20.0), st.floats(0.1, 20.0), st.floats(30.0, 3_000.0))
def test_legs_of_hedge_mode_move_together(longs: float, shorts: float, balance: float) -> None:
    brackets = brackets_of(tiers_of([("0", "0.005"), ("900", "0.02")]), 0.0006)
    long = holding(side=Side.LONG, size=longs, brackets=brackets)
    short = holding(side=Side.SHORT, size=shorts, brackets=brackets)
    view = Margins((long, short), balance, 0.0)

    def room(price: float) -> float:
        return (
            balance
            + (longs - shorts) * (price - 100.0)
            - sum(maintenance_of(brackets, size * price) for size in (longs, shorts))
        )

    if room(100.0) <= 0.0:
        return
    assert view.legs(long) == [long, short]
    down, up = known(view.liquidation_price(long)), known(view.liquidation_price(short))
    assert 0.0 <= down < 100.0 < up <= 1100.0
    grid = [100.0 * share / 40 for share in range(441)]
    for price in grid:
        assert (room(price) > 0.0) == (down < price < up) or min(abs(price - down), abs(price - up)) < 1e-6


def test_a_perfect_hedge_is_not_liquidated_by_a_fall() -> None:
    long, short = holding(side=Side.LONG), holding(side=Side.SHORT)
    view = Margins((long, short), 100.0, 0.0)
    assert view.liquidation_price(long) == 0.0


def test_brackets_are_those_of_the_shared_table() -> None:
    assert [bracket.floor for bracket in brackets_of(TIERS, 0.0)] == pytest.approx(
        [0, 50_000, 200_000, 1_000_000]
    )
