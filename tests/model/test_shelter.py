"""One reading of whether a position is protected, and the words for why it is not."""

from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from bot.model import MarginMode, Order, OrderSide, Position, Side, Snapshot, Unknown, cover, unprotected
from tests.planning.build import position, snapshot
from tests.planning.test_protection import BTC
from tests.planning.test_resting import TAKE_PROFIT, attached, stop

LONG = position(BTC, Side.LONG, "10", "1000")
KEY = f"{BTC}#long"


def seen(*stops: Order, **changes: Any) -> tuple[Position, Snapshot]:
    """A long of 10 at 1000, with these conditional orders."""
    held = replace(LONG, **changes)
    return held, snapshot([held], 3000, stops=stops)


@pytest.mark.parametrize(
    ("stops", "why"),
    [
        ((), "no stop rests at the venue"),
        ((TAKE_PROFIT,), "no stop rests at the venue"),
        ((stop(trigger_price=Decimal(1200)),), "no stop rests at the venue"),
        ((stop(side=OrderSide.BUY),), "no stop rests at the venue"),
        ((stop(contracts=Decimal("2.50")),), "a stop rests at 820, but covers 2.5 of 10"),
        (
            (stop(contracts=Decimal(4)), stop(contracts=Decimal(5), trigger_price=Decimal(900))),
            "a stop rests at 900, but covers 9 of 10",
        ),
        ((stop(contracts=Decimal(4), stop_loss=True),), "a stop rests at 820, but covers 4 of 10"),
        ((attached(trigger_price=Decimal(1200)),), "the stop at 1200 is on the wrong side of mark 1000"),
        ((stop(reduce_only=False),), "the stop at 820 is not reduce-only"),
        ((attached(price=Decimal(810)),), "the stop at 820 is a limit order, which may stay unfilled"),
    ],
)
def test_why_a_position_is_not_protected(stops: tuple[Order, ...], why: str) -> None:
    held, shot = seen(*stops)
    found = cover(held, shot)
    assert (found.trouble, found.known, found.trigger, found.triggers) == (why, True, None, ())
    assert unprotected(shot) == {KEY: why}


@pytest.mark.parametrize(
    ("stops", "trigger", "alone"),
    [
        ((attached(),), 820, (820,)),
        ((attached(trigger_by="last"),), 820, (820,)),
        ((stop(contracts=Decimal(25)),), 820, (820,)),
        ((stop(), stop(trigger_price=Decimal(900))), 900, (900, 820)),
        ((stop(contracts=Decimal(6)), stop(contracts=Decimal(4), trigger_price=Decimal(900))), 820, ()),
        ((attached(), stop(contracts=Decimal(4), trigger_price=Decimal(900))), 820, (820,)),
    ],
)
def test_what_protects_a_position_and_where(
    stops: tuple[Order, ...], trigger: int, alone: tuple[int, ...]
) -> None:
    held, shot = seen(*stops)
    found = cover(held, shot)
    assert (found.trouble, found.trigger, found.triggers) == ("", trigger, alone)
    assert unprotected(shot) == {}


def test_the_field_is_believed_unless_the_list_says_otherwise() -> None:
    assert cover(*seen(stop_price=Decimal(820))).trigger == 820
    held, shot = seen(stop(contracts=Decimal(4), stop_loss=True), stop_price=Decimal(820))
    assert cover(held, shot).trouble == "a stop rests at 820, but covers 4 of 10"
    assert "wrong side" in cover(*seen(stop_price=Decimal(1200))).trouble
    assert cover(*seen(stop_price=Decimal("NaN"))).trouble == "no stop rests at the venue"


def test_a_short_is_protected_from_above() -> None:
    short = replace(LONG, side=Side.SHORT, margin_mode=MarginMode.ISOLATED, isolated_margin=Decimal(1000))
    above = stop(side=OrderSide.BUY, trigger_price=Decimal(1100))
    far = replace(above, trigger_price=Decimal(1300))
    shot = snapshot([short], 3000, stops=(far, above))
    assert cover(short, shot).triggers == (Decimal(1100), Decimal(1300))


def test_what_cannot_be_known_is_not_told_as_certain() -> None:
    held, shot = seen(stop_price=Unknown("the field was empty"))
    found = cover(held, shot)
    assert (found.trouble, found.known) == ("the field was empty", False)
    blind = replace(LONG, mark_price=Unknown("silent"))
    found = cover(blind, replace(shot, marks={}, stops=(attached(),)))
    assert (found.trouble, found.known) == ("a stop rests at 820, but no mark tells its side", False)
    odd = replace(LONG, contracts=Decimal("NaN"))
    assert cover(odd, shot).trouble == "its size came as NaN"
