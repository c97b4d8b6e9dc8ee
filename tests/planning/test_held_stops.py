"""Stops while their places are about to change, or rest on assumptions: only what is missing is placed."""

from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from bot.model import MarginMode, Position, ProtectionTerms, Side, Snapshot, Unknown
from bot.planning.request import PlanRequest
from tests.planning.build import context, position, request, snapshot, stats_for
from tests.planning.test_protection import BTC, ETH, long, only, protect, single, triggers

KEY = f"{BTC}#long"
TRIMMED = frozenset((KEY,))


def test_a_trim_of_the_same_cycle_lets_only_missing_stops_be_placed() -> None:
    place = only(protect(single())[0])
    assert only(protect(single(), trimmed=TRIMMED)[0]) == place
    for trigger in (place - 20, Decimal(950)):
        moved = protect(single(stop_price=trigger), own_stops={KEY: trigger})[0]
        assert only(moved) == place
        assert protect(single(stop_price=trigger), own_stops={KEY: trigger}, trimmed=TRIMMED)[0] == []


def test_while_no_price_is_believed_only_missing_stops_are_placed() -> None:
    place, unsettled = only(protect(single())[0]), frozenset((BTC,))
    assert only(protect(single(), unsettled=unsettled)[0]) == place
    for trigger in (place - 20, Decimal(950)):
        held = single(stop_price=trigger)
        assert protect(held, own_stops={KEY: trigger}, unsettled=unsettled)[0] == []
        assert only(protect(held, own_stops={KEY: trigger}, unsettled=frozenset((ETH,)))[0]) == place


def test_a_stop_past_liquidation_is_as_good_as_missing() -> None:
    asked = single(stop_price=Decimal(600))
    assert only(protect(asked, trimmed=TRIMMED)[0]) == only(protect(single())[0])
    silent = replace(asked.portfolio.holdings[0], liquidation_price=Unknown("silent"))
    unknown = replace(asked, portfolio=replace(asked.portfolio, holdings=(silent,)))
    assert protect(unknown, trimmed=TRIMMED)[0] == []


def test_a_trim_holds_the_stops_of_its_own_block_only() -> None:
    apart = long(margin_mode=MarginMode.ISOLATED, isolated_margin=Decimal(3000), stop_price=Decimal(800))
    held = [apart, position(ETH, Side.LONG, "50", "100", stop_price=Decimal(70))]
    asked = request(snapshot(held, 5000), about=context(stats=stats_for([BTC, ETH])))
    assert set(triggers(protect(asked)[0])) == {KEY, f"{ETH}#long"}
    assert set(triggers(protect(asked, trimmed=TRIMMED)[0])) == {f"{ETH}#long"}
    assert set(triggers(protect(asked, trimmed=frozenset((f"{ETH}#long",)))[0])) == {KEY}


def test_stops_that_a_rule_asks_for_wait_neither_for_trims_nor_for_the_settings() -> None:
    held = [long(), position(ETH, Side.LONG, "50", "100")]
    asked = request(snapshot(held, 5000), about=context(stats=stats_for([BTC, ETH])))
    off = ProtectionTerms(enabled=False)
    assert protect(asked, terms=off)[0] == []
    assert set(triggers(protect(asked, terms=off, forced=frozenset((KEY,)))[0])) == {KEY}
    moved = single(stop_price=Decimal(950))
    held_back = protect(moved, own_stops={KEY: Decimal(950)}, trimmed=TRIMMED)
    assert held_back[0] == []
    forced = protect(moved, own_stops={KEY: Decimal(950)}, trimmed=TRIMMED, forced=TRIMMED)
    assert only(forced[0]) == only(protect(single())[0])


def gapped(ticker: Position, equity: float = 3000, **changes: Any) -> PlanRequest:
    """A readable long of 10 BTC at 1000 beside a position without tiers, so that it cannot be read."""
    shot: Snapshot = snapshot([long(**changes), ticker], equity)
    return request(replace(shot, tiers={BTC: shot.tiers[BTC]}), about=context(stats=stats_for([BTC, ETH])))


SMALL = position(ETH, Side.LONG, "1", "100", maintenance_margin=Decimal("0.5"))


def test_what_cannot_be_read_leaves_the_others_their_stops() -> None:
    steps, refusals = protect(gapped(SMALL))
    (refusal,) = refusals
    assert (refusal.item, refusal.code) == (f"{ETH}#long", "unprotected")
    assert "as if it lost 20% of its notional" in refusal.reason
    assert float(only(steps)) == pytest.approx(float(only(protect(single())[0])), abs=5)
    larger = replace(SMALL, contracts=Decimal(50), maintenance_margin=Decimal(25))
    assert only(steps) < only(protect(gapped(larger))[0]) < Decimal(1000)


def test_stops_that_rest_stay_while_something_cannot_be_read() -> None:
    for trigger in (Decimal(950), only(protect(gapped(SMALL))[0]) - 15):
        held = gapped(SMALL, stop_price=trigger)
        assert triggers(protect(held, own_stops={KEY: trigger})[0]) == {}


def test_nothing_is_assumed_where_nothing_is_known() -> None:
    steps, refusals = protect(gapped(replace(SMALL, maintenance_margin=Unknown("silent"))))
    assert steps == []
    assert [refusal.code for refusal in refusals] == ["unprotected", "unprotected"]
    assert "as if" not in refusals[0].reason
