"""Rules back off from a position that somebody fills up again; those of survival do not."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from bot.model import Action, Churning
from bot.planning.churn import BACKS_OFF, backed_off
from tests.planning.build import NOW, demand, target

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"
ITEM = Churning("cap", f"{BTC}#long", 3, NOW, NOW + timedelta(minutes=5))
CAP = demand(
    "account.leverage",
    4.0,
    rule="cap",
    episode="c.1",
    permits=(Action.CANCEL_ORDERS, Action.TRIM, Action.HALT),
)


def test_a_rule_waits_with_its_trims_and_says_until_when() -> None:
    (kept,), (said,) = backed_off([CAP], [ITEM], NOW)
    assert kept == replace(CAP, permits=(Action.CANCEL_ORDERS,))
    assert said.code == BACKS_OFF
    assert "3 times" in said.reason
    assert "again from 07:35:00 UTC on" in said.reason


@pytest.mark.parametrize("seconds", [-1, 300])
def test_a_pause_that_is_over_or_of_a_clock_that_was_set_back_holds_nothing(seconds: float) -> None:
    assert backed_off([CAP], [ITEM], NOW + timedelta(seconds=seconds)) == ((CAP,), ())


def test_only_the_rule_and_the_position_that_churn() -> None:
    other = replace(CAP, rule="other")
    elsewhere = replace(CAP, target=target(ETH))
    here = replace(CAP, target=target(BTC))
    kept, refusals = backed_off([other, elsewhere, here], [ITEM], NOW)
    assert kept[:2] == (other, elsewhere)
    assert kept[2].permits == (Action.CANCEL_ORDERS,)
    assert len(refusals) == 1


@pytest.mark.parametrize(
    "survival",
    [
        demand("account.margin_ratio", 0.5, rule="cap"),
        demand("position.liquidation_distance", 0.2, rule="cap", target=target(BTC)),
        demand("account.drawdown", 0.2, rule="cap", permits=(Action.CLOSE_ALL,)),
    ],
    ids=["margin", "distance", "close"],
)
def test_what_stands_before_liquidation_never_waits(survival: object) -> None:
    assert backed_off([survival], [ITEM], NOW) == ((survival,), ())  # type: ignore[list-item]
