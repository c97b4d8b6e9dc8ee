"""Perpetual hedges in a stress: what is opened in many steps is one, and what the venue took is none."""

from datetime import timedelta
from decimal import Decimal

from msgspec.structs import replace

from bot.model import Hedge, HedgeLink, ProtectionTerms, Side, Snapshot, StepKind
from bot.scenarios.values import StressScenario
from bot.stress.results import Guarded
from tests.planning.build import NOW, mark, market, position, snapshot, tiers
from tests.stress.test_carrying import HEDGED, KEY, order, ported, step
from tests.stress.test_properties import BTC, ETH, outcome, rules_of, seen

LONG = position(BTC, Side.LONG, "400", "100", entry_price=Decimal(100))
SHORT = position(ETH, Side.SHORT, "100", "50", entry_price=Decimal(50))
ELSEWHERE = HEDGED.replace("with: [perp]", f"with: [perp], symbol: {ETH}")
LOT = Hedge(
    symbol=ETH,
    side=Side.SHORT,
    position_index=0,
    parent=KEY,
    rule="survive",
    episode="survive.1",
    contracts=Decimal(100),
    ratio=Decimal("0.25"),
    opened_at=NOW,
    stop=0.1,
)


def with_eth(shot: Snapshot) -> Snapshot:
    return replace(
        shot,
        markets={**shot.markets, ETH: market(ETH)},
        marks={**shot.marks, ETH: mark(ETH, Decimal(50))},
        tiers={**shot.tiers, ETH: tiers()},
    )


def hedged(short_stop: str | None, equity: str, moves: dict[str, float]) -> Guarded:
    """A long and its hedge, which its rule needs; no stop but that which is given."""
    stop = None if short_stop is None else Decimal(short_stop)
    shot = snapshot([LONG, replace(SHORT, stop_price=stop)], equity)
    given = seen(shot, hedges=(LOT,), protection=ProtectionTerms(enabled=False))
    return outcome(given, rules_of(ELSEWHERE), StressScenario("shock", moves)).guarded


def test_a_hedge_that_was_opened_in_many_steps_is_closed_whole_with_its_parent() -> None:
    rules = rules_of(ELSEWHERE.replace("max: 35%", "max: 60%").replace("restore: 30%", "restore: 59%"))
    fall = StressScenario("fall", {"BTC": -0.3, "ETH": -0.2})
    made = outcome(seen(with_eth(snapshot([LONG], "14500"))), rules, fall).guarded
    assert made.stops == (KEY,)
    kinds = [act.kind for act in made.acts]
    assert kinds.count("hedge") > 3
    assert kinds[-1] == "unwind"
    assert made.ending.gross == 0.0


def test_what_the_venue_liquidated_is_no_hedge_that_cannot_be_unwound() -> None:
    made = hedged(None, "9000", {"BTC": -0.3, "ETH": 0.3})
    assert {one.position for one in made.ending.liquidated} == {KEY, LOT.key}
    assert not [words for words in made.refused if LOT.key in words]


def test_a_hedge_that_its_stop_closed_is_not_opened_again_for_that() -> None:
    made = hedged("52", "22000", {"BTC": -0.15, "ETH": 0.3})
    assert made.stops == (LOT.key,)
    assert "hedge" not in {act.kind for act in made.acts}
    assert any("none is opened again for an hour" in words for words in made.refused)


def test_of_what_is_left_the_oldest_hedges_stay() -> None:
    porter, account = ported()
    account.legs[LOT.key] = replace(account.legs[KEY], position=SHORT, contracts=Decimal(130))
    newer = replace(LOT, rule="another", opened_at=NOW + timedelta(seconds=5))
    option = replace(LOT, symbol="BTC/USDT:USDT-261225-90000-P", side=Side.LONG)
    porter.given = replace(porter.given, hedges=(newer, LOT, option))
    porter.follow()
    found = {lot.name: (lot.contracts, lot.lost_at) for lot in porter.given.hedges}
    assert found == {LOT.name: (100, None), option.name: (100, None), newer.name: (30, NOW)}


def test_hedges_of_one_instrument_are_taken_off_one_by_one() -> None:
    porter, account = ported()
    account.legs[LOT.key] = replace(account.legs[KEY], position=SHORT, contracts=Decimal(200))
    other = replace(LOT, parent="SOL/USDT:USDT#long")
    porter.given = replace(porter.given, hedges=(other, LOT))
    link = HedgeLink(
        parent=KEY,
        parent_contracts=Decimal(800),
        held=Decimal(200),
        stop=0.1,
        parent_left=Decimal(400),
    )
    unwind = replace(step(StepKind.UNWIND, order(ETH, Side.SHORT, "60"), hedge=link), rule=LOT.rule)
    assert porter.carry(unwind, porter.given)
    assert porter.given.hedges == (other, replace(LOT, contracts=Decimal(40), ratio=Decimal("0.1")))
