"""Which mark price may begin or end something: age, band and jump, confirmation, waiver."""

from datetime import timedelta
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from bot.model import Figure, MarginMode, Mark, Position, PriceTerms, Side, Snapshot
from bot.risk.gates import LEAST_APART, Doubt, Look, PriceGates, PriceMemory, _agreeing, judge
from tests.risk.build import AT, NOTHING, balance, mark, position, snapshot, symbol_of

TERMS = PriceTerms()
BTC = symbol_of("BTC")
SIZED = {"BTC": position(), "ETH": position("ETH")}


def prices(base: str, price: float, others: float, at: float = 0.0) -> Mark:
    """A mark, and the other prices around their own level."""
    made = mark(base, Decimal(str(price)))
    index = Decimal(str(others))
    return replace(made, index=index, last=index, bid=index, ask=index, at=AT + timedelta(seconds=at))


def seen(*marks: Mark, **more: object) -> Snapshot:
    held = [SIZED[one.symbol.split("/")[0]] for one in marks]
    made = snapshot(*held, marks={one.symbol: one for one in marks})
    return replace(made, **more)


class Market:
    """Looks at one symbol, two seconds apart, with the memory carried along."""

    def __init__(self, terms: PriceTerms = TERMS) -> None:
        self.terms = terms
        self.memory = PriceMemory()
        self.now = 0.0

    def look(self, price: float, others: float, *, after: float = 2.0, **more: object) -> PriceGates:
        self.now += after
        return self.judge(seen(prices("BTC", price, others, self.now), **more))

    def judge(self, view: Snapshot) -> PriceGates:
        at = AT + timedelta(seconds=self.now)
        times = msgspec.structs.asdict(view.times)
        fresh = replace(view, times=type(view.times)(**dict.fromkeys(times, at)))
        found = judge(fresh, self.memory, self.terms, at, 10.0)
        assert found == judge(fresh, self.memory, self.terms, at, 10.0)
        written = msgspec.json.encode(found.memory)
        self.memory = msgspec.json.decode(written, type=PriceMemory)
        assert self.memory == found.memory
        return found


def doubt(found: PriceGates) -> Doubt | None:
    return found.doubts.get(BTC)


def held(found: PriceGates) -> bool:
    return bool(found.unsettled)


def test_prices_that_are_together_open_every_gate() -> None:
    found = Market().look(100, 100)
    assert (found.view, dict(found.old), dict(found.doubts), dict(found.near)) == ("", {}, {}, {})
    gate = found.gate("account.leverage")
    assert (gate.old, gate.held, gate.text, gate.waived) == ("", False, "", "")


def test_one_bad_tick_is_held_and_one_look_back_clears_the_count() -> None:
    market = Market()
    market.look(100, 100)
    bad = doubt(market.look(70, 100))
    assert bad is not None
    assert (bad.held, bad.price, bad.sane) == (True, 70.0, 100.0)
    assert bad.text.startswith(f"{BTC}: mark 70 is 30 % from index 100, last 100 and the middle")
    assert bad.text.endswith(": look 1 of 3")
    assert not held(market.look(100, 100))
    again = doubt(market.look(70, 100))
    assert again is not None
    assert again.text.endswith("look 1 of 3")


def test_looks_that_agree_are_believed_and_stay_so_while_the_price_moves_little() -> None:
    market = Market()
    market.look(100, 100)
    assert [held(market.look(70 + step, 100)) for step in range(3)] == [True, True, False]
    believed = doubt(market.look(74, 100))
    assert believed is not None
    assert (believed.held, believed.text.rsplit(": ", 1)[1]) == (False, "believed")
    assert not held(market.look(76, 100))
    jumped = doubt(market.look(60, 100))
    assert jumped is not None
    assert jumped.text.endswith("look 1 of 3")
    assert not held(market.look(100, 100))
    assert doubt(market.look(100, 100)) is None


def test_looks_that_do_not_agree_are_no_confirmation() -> None:
    market = Market()
    ticks = [70.0, 80.0, 70.0, 80.0, 80.0]
    assert [held(market.look(price, 100)) for price in ticks] == [True] * 5
    assert not held(market.look(79, 100))


def test_a_look_of_the_same_time_of_the_venue_counts_once() -> None:
    market = Market()
    market.look(100, 100)
    for _ in range(4):
        found = doubt(market.look(70, 100, after=0.0))
        assert found is not None
        assert found.text.endswith("look 1 of 3")


def test_a_single_confirmation_believes_at_once() -> None:
    assert not held(Market(replace(TERMS, confirmations=1)).look(70, 100))


def test_a_venue_that_runs_away_from_the_index_jumps() -> None:
    market = Market()
    market.look(100, 100)
    market.now += 2.0
    own = prices("BTC", 80, 80, market.now)
    found = doubt(market.judge(seen(replace(own, index=Decimal(100)))))
    assert found is not None
    assert found.held
    assert "from 100 2 s before, against index 100" in found.text


def test_an_old_mark_is_no_price() -> None:
    market = Market()
    market.look(100, 100)
    market.now += 11.0
    found = market.judge(seen(prices("BTC", 100, 100, market.now - 11.0)))
    reason = f"prices of {BTC} are 11.0 s old, the limit is 10 s"
    assert dict(found.old) == {BTC: reason}
    assert found.gate("account.leverage").old == reason
    assert found.memory == market.memory
    assert not found.doubts


def test_an_old_view_hides_everything() -> None:
    view = seen(prices("BTC", 100, 100))
    old = replace(view, times=replace(view.times, positions=AT - timedelta(seconds=20)))
    found = judge(old, PriceMemory(), TERMS, AT, 10.0)
    assert found.gate("position.leverage", SIZED["BTC"]).old.startswith("positions are 20.0 s old")


def test_without_a_ticker_the_positions_own_mark_is_judged() -> None:
    market = Market()
    market.look(100, 100)
    market.now += 2.0
    alone = snapshot(position(price=Decimal(70)))
    assert held(market.judge(alone))
    market.now += 2.0
    broken = replace(prices("BTC", 70, 100, market.now), mark=NOTHING)
    found = market.judge(replace(alone, marks={BTC: broken}))
    assert doubt(found) is not None
    market.now += 2.0
    before = market.memory
    none = market.judge(snapshot(position(price=NOTHING)))
    assert not none.doubts
    assert none.memory == before


def test_symbols_that_are_no_longer_held_are_forgotten() -> None:
    market = Market()
    market.look(100, 100)
    assert market.judge(snapshot()).memory == PriceMemory()


@pytest.mark.parametrize(
    ("maintenance", "margin", "near"),
    [
        (Decimal(59), Decimal(100), ""),
        (Decimal(60), Decimal(100), "is 60 %, and from 60 % on nothing waits"),
        (Decimal(5), Decimal(-1), "is above 100 %"),
        (Decimal(0), Decimal(0), ""),
        (NOTHING, Decimal(100), ""),
        (Decimal(60), NOTHING, ""),
    ],
)
def test_the_waiver_goes_by_the_venues_own_figures(maintenance: Figure, margin: Figure, near: str) -> None:
    found = Market().look(70, 100, balance=balance(Decimal(100), margin, maintenance))
    gate = found.gate("account.leverage")
    assert gate.held
    assert (near in gate.waived) if near else not gate.waived


def isolated(base: str = "BTC", margin: str = "10", maintenance: str = "8") -> Position:
    return position(
        base,
        isolated=Decimal(margin),
        mode=MarginMode.ISOLATED,
        profit=Decimal(0),
        maintenance=Decimal(maintenance),
    )


def test_what_each_metric_depends_on() -> None:
    other = isolated("ETH", maintenance="1")
    marks = {BTC: prices("BTC", 70, 100), symbol_of("ETH"): prices("ETH", 100, 100)}
    view = snapshot(SIZED["BTC"], other, marks=marks)
    found = judge(view, PriceMemory(), TERMS, AT, 10.0)
    assert found.gate("account.margin_ratio").held
    assert found.gate("position.leverage", SIZED["BTC"]).held
    assert found.gate("position.leverage", SIZED["ETH"]).held
    assert not found.gate("position.leverage", other).held
    assert found.gate("position.equity_share", other).held


def test_an_isolated_position_near_liquidation_waits_for_nothing() -> None:
    near = isolated()
    view = snapshot(near, marks={BTC: prices("BTC", 70, 100)})
    found = judge(view, PriceMemory(), TERMS, AT, 10.0)
    assert f"the venue's own margin ratio of {near.key} is 80 %" in found.gate("account.leverage").waived
    assert found.gate("position.leverage", near).waived
    assert not found.gate("position.leverage", SIZED["BTC"]).waived


LEVELS = st.floats(0.001, 1e6)
SMALL = st.floats(-0.04, 0.04)


@settings(deadline=None)
@given(LEVELS, st.lists(SMALL, min_size=1, max_size=8), st.data())
def test_one_bad_tick_is_never_believed(level: float, path: list[float], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(path)))
    wrong = data.draw(st.one_of(st.floats(0.01, 0.9), st.floats(1.12, 50.0)))
    market = Market()
    for step in path[:place]:
        level *= 1 + step
        assert not held(market.look(level, level))
    assert held(market.look(level * wrong, level))
    for step in path[place:]:
        level *= 1 + step
        assert not held(market.look(level, level))


@settings(deadline=None)
@given(LEVELS, st.integers(2, 6), st.one_of(st.floats(0.05, 0.9), st.floats(1.12, 20.0)), st.data())
def test_looks_that_agree_are_always_believed_in_time(
    level: float, confirmations: int, factor: float, data: st.DataObject
) -> None:
    market = Market(replace(TERMS, confirmations=confirmations))
    market.look(level, level)
    noise = data.draw(st.lists(st.floats(0.99, 1.01), min_size=confirmations, max_size=confirmations))
    looks = [held(market.look(level * factor * more, level)) for more in noise]
    assert looks == [True] * (confirmations - 1) + [False]


@settings(deadline=None)
@given(LEVELS, st.lists(st.floats(-0.5, 1.0), min_size=1, max_size=8), SMALL, st.booleans())
def test_a_fall_that_all_prices_share_waits_for_nothing(
    level: float, path: list[float], basis: float, odd_book: bool
) -> None:
    market = Market()
    for step in [0.0, *path, -0.2]:
        level *= 1 + step
        market.now += 2.0
        made = prices("BTC", level * (1 + basis), level, market.now)
        if odd_book:
            made = replace(made, bid=Decimal(str(level / 2)), ask=Decimal(str(level / 2)))
        assert not market.judge(seen(made)).doubts


def test_the_side_of_a_position_does_not_matter() -> None:
    short = snapshot(position(side=Side.SHORT), marks={BTC: prices("BTC", 130, 100)})
    assert judge(short, PriceMemory(), TERMS, AT, 10.0).unsettled


def test_looks_that_follow_within_a_second_count_once() -> None:
    looks = (Look(AT, 80_000.0),)
    soon = Look(AT + LEAST_APART / 2, 80_000.0)
    later = Look(AT + LEAST_APART, 80_000.0)
    assert _agreeing(looks, soon, PriceTerms()) == looks
    assert _agreeing(looks, later, PriceTerms()) == (*looks, later)
