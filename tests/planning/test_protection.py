"""Protective stops: no order or subset of them being hit liquidates the account, and they stand still."""

from collections.abc import Sequence
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from bot.model import (
    MarginMode,
    Position,
    ProtectionTerms,
    Refusal,
    Side,
    Snapshot,
    Step,
    StepKind,
    StopRequest,
    Unknown,
)
from bot.planning.protection import episode_of, protective_stops
from bot.planning.recomputation import Entry, State, margin_for, state_before
from bot.planning.request import PlanRequest
from tests.examples import examples
from tests.planning.build import (
    NOW,
    context,
    position,
    random_account,
    request,
    snapshot,
    stats_for,
)

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"
TERMS = ProtectionTerms()


def protect(
    asked: PlanRequest, terms: ProtectionTerms = TERMS, **more: Any
) -> tuple[list[Step], list[Refusal]]:
    steps, refusals = protective_stops(asked.portfolio, asked.snapshot, terms, NOW, 10.0, **more)
    return list(steps), list(refusals)


def triggers(steps: Sequence[Step]) -> dict[str, Decimal]:
    found: dict[str, Decimal] = {}
    for step in steps:
        assert isinstance(step.request, StopRequest)
        found[f"{step.request.symbol}#{step.request.position_side.value}"] = step.request.trigger_price
    return found


def worst_room(
    asked: PlanRequest, entries: Sequence[Entry], stops: dict[str, Decimal], hit: set[str], margin: float
) -> float:
    """Margin above maintenance with some stops filled at full slippage and the others about to be."""
    left = margin
    for entry in entries:
        level = float(stops[entry.key])
        size = entry.value / entry.price
        left += entry.sign * size * (level - entry.price)
        if entry.key in hit:
            fee = float(asked.snapshot.markets[entry.symbol].taker_fee)
            left -= size * level * (TERMS.slippage + fee)
        else:
            left -= margin_for(entry, level / entry.price)
    return left


@given(seed=st.integers(0, 2**32))
@settings(max_examples=examples(200), deadline=None)
def test_any_stops_hit_in_any_order_leave_the_account_alive(seed: int) -> None:
    shot, stats = random_account(seed, leverage=(1.0, 8.0))
    asked = request(shot, about=context(stats=stats))
    steps, refusals = protect(asked)
    stops = triggers(steps)
    weak = {refusal.item for refusal in refusals}
    state = state_before(asked)
    assert isinstance(state, State)
    blocks = [state.cross, *((entry,) for entry in state.isolated)]
    rng = Random(seed)
    for block in blocks:
        if not block or any(entry.key in weak for entry in block):
            continue
        margin = block[0].equity
        if margin is None:
            assert isinstance(state.balance, float)
            margin = state.balance - state.surcharge
        keys = [entry.key for entry in block]
        for one in block:
            held = asked.snapshot.position(one.key)
            assert held is not None
            assert (Decimal(repr(one.price)) - stops[one.key]) * one.sign > 0
        for _ in range(8):
            rng.shuffle(keys)
            for count in range(len(keys) + 1):
                assert worst_room(asked, block, stops, set(keys[:count]), margin) > 0


@given(seed=st.integers(0, 2**32))
@settings(max_examples=examples(60), deadline=None)
def test_stops_that_rest_in_their_place_are_left_alone(seed: int) -> None:
    shot, stats = random_account(seed, leverage=(1.0, 8.0))
    about = context(stats=stats)
    stops = triggers(protect(request(shot, about=about))[0])
    placed = tuple(replace(one, stop_price=stops.get(one.key)) for one in shot.positions)
    again, _ = protect(request(replace(shot, positions=placed), about=about), own_stops=stops)
    assert again == []


def long(entry: str = "1000", price: str = "1000", **changes: Any) -> Position:
    pnl = (Decimal(price) - Decimal(entry)) * 10
    return position(BTC, Side.LONG, "10", price, entry_price=Decimal(entry), unrealised_pnl=pnl, **changes)


def single(price: str = "1000", equity: float = 3000, entry: str = "1000", **changes: Any) -> PlanRequest:
    """A long of 10 coins; equity is what it is at a price of 1000."""
    return request(snapshot([long(entry, price, **changes)], equity + 10 * (float(price) - 1000)))


def only(steps: Sequence[Step]) -> Decimal:
    (trigger,) = triggers(steps).values()
    return trigger


def test_the_place_is_a_share_of_the_way_to_liquidation() -> None:
    steps, refusals = protect(single())
    liquidation = single().portfolio.holdings[0].liquidation_price
    assert isinstance(liquidation, float)
    assert float(only(steps)) == pytest.approx(1000 - 0.6 * (1000 - liquidation), abs=0.02)
    assert refusals == []
    (step,) = steps
    assert step.kind is StepKind.PROTECT
    assert step.episode == episode_of(f"{BTC}#long")
    assert step.notional == 10_000


def test_a_fall_moves_nothing_and_needs_nothing() -> None:
    first = only(protect(single())[0])
    for price in ("1100", "1000", "950", "900", "850"):
        assert only(protect(single(price))[0]) == first
        assert protect(single(price, stop_price=first))[0] == []


def test_a_falling_market_moves_no_stop_of_several() -> None:
    held = [position(BTC, Side.LONG, "10", "1000"), position(ETH, Side.LONG, "50", "100")]
    first = triggers(protect(request(snapshot(held, 6000)))[0])
    fallen = [
        replace(held[0], mark_price=Decimal(900), unrealised_pnl=Decimal(-1000)),
        replace(held[1], mark_price=Decimal(95), unrealised_pnl=Decimal(-250)),
    ]
    assert triggers(protect(request(snapshot(fallen, 4750)))[0]) == first


def test_a_short_is_protected_above() -> None:
    asked = request(snapshot([position(BTC, Side.SHORT, "10", "1000")], 3000))
    liquidation = asked.portfolio.holdings[0].liquidation_price
    assert isinstance(liquidation, float)
    trigger = only(protect(asked)[0])
    assert float(trigger) == pytest.approx(1000 + 0.6 * (liquidation - 1000), abs=0.02)
    nearer = replace(asked.snapshot.positions[0], stop_price=trigger - 100)
    assert protect(request(replace(asked.snapshot, positions=(nearer,))))[0] == []


def test_a_nearer_stop_is_moved_away_only_where_it_is_our_own() -> None:
    tight = Decimal(950)
    asked = single(stop_price=tight)
    assert protect(asked)[0] == []
    steps, _ = protect(asked, own_stops={f"{BTC}#long": tight})
    assert only(steps) < tight


def test_a_stop_measured_from_mark_only_ratchets() -> None:
    """Deep in loss the stop from entry would trigger at once; the one from mark never sinks again."""
    key = f"{BTC}#long"
    first = only(protect(single("760"))[0])
    assert Decimal(700) < first < Decimal(760)
    lower = single("745", stop_price=first)
    assert protect(lower, own_stops={key: first})[0] == []
    higher = only(protect(single("790", stop_price=first), own_stops={key: first})[0])
    assert higher > first


def test_an_entry_that_is_unknown_is_measured_from_mark() -> None:
    asked = single()
    for entry in (Unknown("silent"), Decimal(0), Decimal("NaN")):
        blind = (replace(asked.snapshot.positions[0], entry_price=entry),)
        found = protect(replace(asked, snapshot=replace(asked.snapshot, positions=blind)))[0]
        assert only(found) == only(protect(asked)[0])


def test_a_further_or_wrong_stop_is_replaced() -> None:
    place = only(protect(single())[0])
    for trigger in (place - 20, Decimal(1001), Decimal("NaN"), Unknown("silent")):
        assert only(protect(single(stop_price=trigger))[0]) == place
    assert protect(single(stop_price=place - 5))[0] == []
    assert protect(single(stop_price=place + 5))[0] == []


def test_ids_repeat_with_the_decision_and_change_with_the_stop() -> None:
    key = f"{BTC}#long"
    first = protect(single())[0][0].request.client_order_id
    assert protect(single())[0][0].request.client_order_id == first
    others = [
        protect(single(equity=3500))[0],
        protect(single(stop_price=Decimal(700)))[0],
        protect(single(), steps_taken={episode_of(key): 1})[0],
    ]
    assert len({first, *(steps[0].request.client_order_id for steps in others)}) == 4


def test_collateral_that_leaves_tightens_and_that_comes_loosens() -> None:
    place = only(protect(single())[0])
    key = f"{BTC}#long"
    assert only(protect(single(equity=2000, stop_price=place))[0]) > place
    assert only(protect(single(equity=4500, stop_price=place), own_stops={key: place})[0]) < place
    assert protect(single(equity=4500, stop_price=place))[0] == []


def test_a_highly_leveraged_position_has_a_stop_and_a_warning() -> None:
    steps, refusals = protect(single(equity=330))
    assert Decimal(970) < only(steps) < Decimal(1000)
    assert [refusal.code for refusal in refusals] == ["protection_thin"]


def test_slippage_takes_room_before_the_share_does() -> None:
    steps, refusals = protect(single(equity=700))
    plain, _ = protect(single(equity=700), replace(TERMS, slippage=0.0, tolerance=0.0))
    assert only(steps) > only(plain)
    assert refusals == []


def test_a_venue_that_asks_for_more_margin_has_its_stops_nearer() -> None:
    """The venue's own maintenance margin, or its liquidation price, is worse than the recomputed one."""
    plain = only(protect(single())[0])
    assert only(protect(single(maintenance_margin=Decimal(500)))[0]) > plain + 20
    assert only(protect(single(liquidation_price=Decimal(780)))[0]) > plain + 20


def test_without_leverage_the_stop_is_far_and_harmless() -> None:
    assert only(protect(single(equity=50_000))[0]) < Decimal(500)


def test_what_cannot_be_protected_is_said() -> None:
    asked = single()
    key = f"{BTC}#long"
    ruined = single(equity=20)
    assert [refusal.code for refusal in protect(ruined)[1]] == ["would_trigger"]
    assert [refusal.code for refusal in protect(single(equity=-50_000))[1]] == ["would_trigger"]
    silent = replace(asked.portfolio, margin_balance=Unknown("silent"))
    assert protect(replace(asked, portfolio=silent))[1][0].code == "unprotected"
    blind = replace(asked.portfolio, holdings=(), missing={key: "no tiers"})
    assert protect(replace(asked, portfolio=blind)) == (
        [],
        [Refusal("protection", key, "unprotected", "no tiers")],
    )
    shots: dict[str, Snapshot] = {
        "unprotected": replace(asked.snapshot, markets={}),
        "unknown_mark": replace(asked.snapshot, marks={}),
    }
    for code, shot in shots.items():
        steps, refusals = protect(replace(asked, snapshot=shot))
        assert (steps, [refusal.code for refusal in refusals]) == ([], [code])
    assert protect(asked, replace(TERMS, enabled=False)) == ([], [])


def test_an_isolated_position_stands_alone() -> None:
    apart = long(margin_mode=MarginMode.ISOLATED, isolated_margin=Decimal(1500))
    held = [apart, position(ETH, Side.LONG, "50", "100")]
    asked = request(snapshot(held, 5000), about=context(stats=stats_for([BTC, ETH])))
    stops = triggers(protect(asked)[0])
    alone = request(snapshot([apart], 1500), about=context(stats=stats_for([BTC])))
    assert stops[f"{BTC}#long"] == only(protect(alone)[0])
