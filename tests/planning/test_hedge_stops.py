"""Where a hedge's own orders rest: against it at its distance, in its favour beyond its parent's stop."""

from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from bot.model import OrderSide, ProtectionTerms, Snapshot, Step, StopRequest
from bot.planning.protection import protective_stops
from bot.risk.assemble import build_portfolio
from bot.risk.portfolio import Portfolio
from tests.planning.build import NOW, RELEASED, order
from tests.planning.hedges import BETAS, BTC, ETH, LONG, account, hedge, short

SHOT = account(short())
TERMS = ProtectionTerms()


def portfolio(shot: Snapshot) -> Portfolio:
    return build_portfolio(shot, BETAS, RELEASED, 0.0002)


def stops(shot: Snapshot, **more: Any) -> dict[str, StopRequest]:
    more.setdefault("hedges", (hedge(),))
    steps, _ = protective_stops(portfolio(shot), shot, TERMS, NOW, 10.0, **more)
    return {step.request.symbol: step.request for step in steps if isinstance(step.request, StopRequest)}


def resting(shot: Snapshot, found: dict[str, StopRequest]) -> Snapshot:
    """The same with these stops at the venue."""
    listed = []
    for number, (symbol, one) in enumerate(found.items()):
        side = OrderSide.SELL if symbol == ETH else OrderSide.BUY
        more: dict[str, Any] = {"price": None, "trigger_by": "mark", "attached": True, "reduce_only": True}
        listed.append(
            order(
                symbol, side, order_id=f"s{number}", trigger_price=one.trigger_price, stop_loss=True, **more
            )
        )
        if one.take_profit is not None:
            listed.append(order(symbol, side, order_id=f"t{number}", trigger_price=one.take_profit, **more))
    return replace(shot, stops=tuple(listed))


def test_its_stop_has_a_distance_of_its_own() -> None:
    found = stops(SHOT)
    assert found[BTC].trigger_price == Decimal("55000.00")
    assert stops(SHOT, hedges=(hedge(stop=0.2),))[BTC].trigger_price == Decimal("60000.00")


def test_its_take_profit_is_beyond_the_stop_of_its_parent() -> None:
    found = stops(SHOT)
    fall = 1 - float(found[ETH].trigger_price) / 2500
    assert float(found[BTC].take_profit or 0) == pytest.approx(50_000 * (1 - 1.1 * fall / 1.4), rel=1e-4)
    assert found[ETH].take_profit is None


def test_the_stops_of_others_allow_for_its_loss() -> None:
    near, far = stops(SHOT, hedges=(hedge(stop=0.05),)), stops(SHOT, hedges=(hedge(stop=0.4),))
    assert near[ETH].trigger_price < far[ETH].trigger_price


def test_what_rests_well_is_left_alone() -> None:
    settled = resting(SHOT, stops(SHOT))
    assert stops(settled, own_stops={LONG: stops(SHOT)[ETH].trigger_price}) == {}


def test_a_take_profit_that_is_missing_or_far_off_is_placed_beside_the_stop_that_stays() -> None:
    found = stops(SHOT)
    alone = resting(SHOT, {BTC: replace(found[BTC], take_profit=None), ETH: found[ETH]})
    (again,) = stops(alone).values()
    assert (again.trigger_price, again.take_profit) == (Decimal("55000.00"), found[BTC].take_profit)
    off = resting(SHOT, {BTC: replace(found[BTC], take_profit=Decimal(30_000)), ETH: found[ETH]})
    (moved,) = stops(off).values()
    assert moved.take_profit == found[BTC].take_profit


@pytest.mark.parametrize(
    "hedges",
    [
        (hedge(parent="SOL/USDT:USDT#long"),),
        (hedge("0.3"),),
    ],
)
def test_without_its_parent_or_beside_its_owners_part_it_has_no_take_profit(hedges: Any) -> None:
    assert stops(SHOT, hedges=hedges)[BTC].take_profit is None


def test_a_parent_without_a_stop_that_can_be_placed_gives_none() -> None:
    ruined = replace(SHOT, balance=replace(SHOT.balance, margin_balance=Decimal(100)))
    found = stops(ruined)
    assert all(one.take_profit is None for one in found.values())


def test_a_hedge_that_is_past_its_stop_is_measured_from_mark() -> None:
    late = replace(
        SHOT, positions=(SHOT.positions[0], replace(SHOT.positions[1], entry_price=Decimal(40_000)))
    )
    assert stops(late)[BTC].trigger_price == Decimal("55000.00")


def test_repeating_a_decision_repeats_its_ids() -> None:
    def steps(**more: Any) -> tuple[Step, ...]:
        return protective_stops(portfolio(SHOT), SHOT, TERMS, NOW, 10.0, **more)[0]

    assert steps(hedges=(hedge(),)) == steps(hedges=(hedge(),))
    names = {one.request.client_order_id for one in (*steps(hedges=(hedge(),)), *steps())}
    assert len(names) == 4
