"""Stops of inverse positions, and of others whose collateral is a coin."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from bot.model import (
    Figure,
    Position,
    ProtectionTerms,
    Side,
    Snapshot,
    StopRequest,
)
from bot.planning.protection import protective_stops
from tests.examples import examples
from tests.planning.build import (
    NOW,
    context,
    mark,
    position,
    request,
    snapshot,
    stats_for,
)
from tests.planning.inverse import (
    ETH,
    INVERSE,
    LINEAR,
    MARK,
    account,
    held,
)


def stops(shot: Snapshot, **more: Any) -> dict[str, Decimal]:
    """Triggers of the stops that should rest, by position."""
    about = context(stats=stats_for(sorted(shot.marks)))
    asked = request(shot, about=about)
    steps, _ = protective_stops(asked.portfolio, shot, ProtectionTerms(), NOW, 10.0, **more)
    found: dict[str, Decimal] = {}
    for step in steps:
        assert isinstance(step.request, StopRequest)
        found[step.request.symbol] = step.request.trigger_price
    return found


def alive(one: Position, coins: float, price: float, *, closed: bool) -> bool:
    """Whether an account of one inverse position and its coins lives at a price, or after a close there."""
    assert isinstance(one.entry_price, Decimal)
    contracts, sign = float(one.contracts), one.side.sign
    equity = coins * price + sign * contracts * (price / float(one.entry_price) - 1)
    if closed:
        return equity - contracts * (ProtectionTerms().slippage + 0.00055) > 0
    return equity > contracts * 0.00555


@given(
    side=st.sampled_from(Side),
    coins=st.floats(0.2, 4.0),
    contracts=st.integers(20_000, 400_000),
    entry=st.floats(0.95, 1.05),
)
@settings(max_examples=examples(150), deadline=None)
def test_the_account_lives_to_the_stop_and_through_it(
    side: Side, coins: float, contracts: int, entry: float
) -> None:
    first = Decimal(repr(round(100_000 * entry, 1)))
    one = held(side, str(contracts), entry_price=first)
    profit = side.sign * contracts * (1 - first / MARK) * MARK / first
    shot = account(one=one, coins=repr(coins))
    equity = Decimal(repr(coins)) * MARK + profit
    worths: dict[str, Figure] = {"BTC": equity, "USDT": Decimal(0)}
    shot = replace(shot, balance=replace(shot.balance, equity=equity, margin_balance=equity, worth=worths))
    assume(alive(one, coins, 100_000.0, closed=False) and equity > contracts / 10)
    found = stops(shot)
    trigger = float(found[INVERSE])
    assert (100_000.0 - trigger) * side.sign > 0
    for step in range(21):
        assert alive(one, coins, 100_000.0 + (trigger - 100_000.0) * step / 20, closed=False)
    assert alive(one, coins, trigger, closed=True)


def shot_at(price: int) -> Snapshot:
    """The same long and its coins at another price."""
    now = Decimal(price)
    equity = now + 50_000 * (now / MARK - 1)
    shot = account(one=held(contracts="50000", mark_price=now))
    worths: dict[str, Figure] = {"BTC": equity, "USDT": Decimal(0)}
    return replace(
        shot,
        marks={INVERSE: mark(INVERSE, now)},
        balance=replace(shot.balance, equity=equity, margin_balance=equity, worth=worths),
    )


def test_a_stop_stands_still_while_price_falls() -> None:
    found = {stops(shot_at(price))[INVERSE] for price in (100_000, 90_000, 75_000, 110_000)}
    assert max(found) - min(found) <= Decimal("0.02")
    # liquidated at 50,000 (1 + r) / 1.5: the stop rests ahead of it
    assert 33_519 < min(found) < 75_000


def test_a_hedge_in_its_own_coins_rests_far_away() -> None:
    hedged = account(one=held(Side.SHORT, "100000"), coins="1")
    assert stops(hedged)[INVERSE] > 140_000
    beyond = account(one=held(Side.SHORT, "200000"), coins="1")
    assert 120_000 < stops(beyond)[INVERSE] < stops(hedged)[INVERSE]


@pytest.mark.parametrize(("contracts", "entry"), [("30000", 100_000), ("50000", 90_000), ("90000", 120_000)])
def test_coins_beside_a_debt_are_not_taken_for_a_margin_that_is_used_up(contracts: str, entry: int) -> None:
    """At 1,000 coins and debt would be worth less than nothing: that is no reason to leave a short alone."""
    one = held(Side.SHORT, contracts, entry_price=Decimal(entry))
    assert 101_000 < stops(account(one=one, coins="1", money="-60000"))[INVERSE] < 200_000


def test_a_debt_that_leaves_nothing_leaves_no_stop() -> None:
    assert stops(account(one=held(Side.SHORT, "30000"), coins="1", money="-99990")) == {}


def test_coins_that_outweigh_their_short_fall_on_the_others() -> None:
    other = position(ETH, Side.LONG, "100", "3000")
    bare = account(other, one=held(Side.SHORT, "1000"), coins="1")
    even = account(other, one=held(Side.SHORT, "100000"), coins="1")
    assert stops(bare)[ETH] > stops(even)[ETH]


def test_coins_alone_bring_every_stop_nearer() -> None:
    one = position(ETH, Side.LONG, "100", "3000")
    dollars = snapshot((one,), "100000")
    worths: dict[str, Figure] = {"BTC": Decimal(100_000)}
    coins = replace(dollars, balance=replace(dollars.balance, worth=worths))
    assert stops(coins)[ETH] > stops(dollars)[ETH]
    # measured from mark, so a nearer stop is not moved away
    near, own = (replace(one, stop_price=Decimal(2_990)),), {f"{ETH}#long": Decimal(2_990)}
    assert stops(replace(coins, positions=near), own_stops=own) == {}
    assert ETH in stops(replace(dollars, positions=near), own_stops=own)
    debt: dict[str, Figure] = {"BTC": Decimal(-50_000)}
    owed = replace(dollars, balance=replace(dollars.balance, worth=debt))
    assert stops(owed)[ETH] > stops(dollars)[ETH]


def test_a_linear_position_in_its_own_coin_counts_them() -> None:
    one = position(LINEAR, Side.LONG, "1", "100000")
    dollars = snapshot((one,), "60000")
    worths: dict[str, Figure] = {"BTC": Decimal(60_000)}
    coins = replace(dollars, balance=replace(dollars.balance, worth=worths))
    assert 50_000 < stops(dollars)[LINEAR] < stops(coins)[LINEAR] < 90_000


# What is not done with them
