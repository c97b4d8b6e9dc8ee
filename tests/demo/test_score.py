"""What the demo says came of both accounts."""

import json
from collections.abc import Sequence
from decimal import Decimal

import msgspec
import pytest

from bot.demo.chronicle import Deed
from bot.demo.scene import POSITIONS
from bot.demo.score import Score, score
from bot.demo.venue import VenueState
from bot.journal import Problem, VerifyReport
from bot.model import Side
from tests.demo import build

END = 10_500.0


def made(
    final: VenueState, *states: VenueState, deeds: Sequence[Deed] = (), verified: VerifyReport | None = None
) -> Score:
    """The score of a run that ended in `final`."""
    return score(
        seed=7,
        journal="/x/reef.sqlite",
        cast=build.CAST,
        final=final,
        track=build.track(states or [final]),
        deeds=deeds,
        verified=verified or build.verified(),
    )


def whole(**held: str) -> dict[str, str]:
    """All opening positions, with some sizes changed."""
    return {**{one.symbol: str(one.qty) for one in POSITIONS}, **held}


def test_cost_and_saving_of_an_action() -> None:
    final = build.state(
        END, btc="84000", guarded=build.account(build.CAST.guarded, "78000", whole(BTCUSDT="0.85"))
    )
    told = made(final, build.state(0), build.state(3000), deeds=[build.deed(elapsed_s=3100)]).told[0]
    assert told.cost == pytest.approx(34 + (126_000 - 125_900) * 0.5)
    assert told.saved == pytest.approx((125_900 - 84_000) * 0.5)
    assert told.elapsed_s == 3000


def test_a_short_saves_when_the_price_rises() -> None:
    short = msgspec.structs.replace(build.deed(), side=Side.SHORT)
    assert short.saved(Decimal(130_000)) == Decimal("2050.0")
    assert short.slippage == Decimal("-50.0")


def test_what_stays_inside_its_limit_price() -> None:
    sale = msgspec.structs.replace(build.deed(), limit=Decimal(125_900))
    buy = msgspec.structs.replace(sale, opens=True)
    assert sale.inside
    assert buy.inside
    assert build.deed().inside, "an order at market has none"
    assert not msgspec.structs.replace(sale, limit=Decimal(125_901)).inside
    assert not msgspec.structs.replace(buy, limit=Decimal(125_899)).inside


def test_an_action_without_a_known_mark_costs_its_fee() -> None:
    assert msgspec.structs.replace(build.deed(), mark=None).cost == Decimal(34)


def test_the_object_of_json() -> None:
    final = build.state(
        END,
        guarded=build.account(build.CAST.guarded, "78000.5", whole(BTCUSDT="0.85")),
        twin=build.account(build.CAST.twin, "12", liquidated=True),
        liquidations=[build.liquidation("BTCUSDT", "1", "95000", "95100", 5000)],
    )
    value = json.loads(msgspec.json.encode(made(final, deeds=[build.deed()]).as_json()))
    assert value == {
        "seed": 7,
        "journal": "/x/reef.sqlite",
        "guarded": {
            "initial_equity": 100_000.0,
            "final_equity": 78_000.5,
            "liquidated": False,
            "actions": 1,
            "cost": 84.0,
        },
        "unguarded": {
            "initial_equity": 100_000.0,
            "final_equity": 12.0,
            "liquidated": True,
            "actions": 0,
            "cost": 115.0,
        },
    }


def test_when_the_twin_fell() -> None:
    final = build.state(
        END,
        twin=build.account(build.CAST.twin, "0", liquidated=True),
        liquidations=[
            build.liquidation("BTCUSDT", "1", "95000", "95100", 5000),
            build.liquidation("ETHUSDT", "10", "3000", "3001", 5060),
        ],
    )
    fall = made(final).unguarded_fall
    assert fall is not None
    assert (fall.elapsed_s, fall.btc, fall.sales, fall.sold) == (5000, 95_100, 2, 125_000)
    assert made(final).guarded_fall is None


def test_the_price_of_btc_at_a_fall_that_began_with_another_coin() -> None:
    final = build.state(END, liquidations=[build.liquidation("ETHUSDT", "10", "3000", "3001", 5010)])
    fall = made(
        final, build.state(0), build.state(5000, btc="97000"), build.state(5100, btc="96000")
    ).unguarded_fall
    assert fall is not None
    assert fall.btc == 97_000


def test_what_no_order_explains_was_sold_by_stops() -> None:
    final = build.state(
        END, guarded=build.account(build.CAST.guarded, "80000", whole(BTCUSDT="0.85", SOLUSDT="300"))
    )
    assert made(final, deeds=[build.deed()]).by_stops == {"SOLUSDT": Decimal(2)}


@pytest.mark.parametrize(
    ("equity", "liquidated", "passed"),
    [("70001", False, True), ("70000", False, False), ("90000", True, False)],
)
def test_passing_means_alive_with_more_than_seven_tenths(equity: str, liquidated: bool, passed: bool) -> None:
    final = build.state(
        END, guarded=build.account(build.CAST.guarded, equity, whole(), liquidated=liquidated)
    )
    assert made(final).passed is passed


def test_a_journal_that_is_not_sound_does_not_pass() -> None:
    broken = msgspec.structs.replace(build.verified(), problems=(Problem(3, "it was changed"),))
    final = build.state(END, guarded=build.account(build.CAST.guarded, "80000", whole()))
    assert made(final).passed
    assert not made(final, verified=broken).passed
