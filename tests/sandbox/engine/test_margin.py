"""Margin and liquidation prices against a reference of its own, on random portfolios."""

from decimal import Decimal, localcontext
from itertools import pairwise

import msgspec
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bot.sandbox.engine.instruments import Instrument, default_instruments
from bot.sandbox.engine.types import Leg, MarginMode, PositionMode, Side
from tests.sandbox.engine.support import BUY, SELL, Desk, dec, open_desk

LISTED = {one.symbol: one for one in default_instruments()}
SYMBOLS = ["BTCUSDT", "ETHUSDT", "SOLUSDT", "DOTUSDT", "GALAUSDT"]
TOLERANCE = dec("1e-9")


class Held(msgspec.Struct, frozen=True):
    """A position that a test opened."""

    symbol: str
    side: Side
    qty: Decimal
    entry: Decimal
    leverage: Decimal

    @property
    def leg(self) -> Leg:
        return Leg.LONG if self.side is BUY else Leg.SHORT


def reference_maintenance(instrument: Instrument, value: Decimal) -> Decimal:
    """Slice by slice: each part of the value at the rate of its own tier, and the fee to close."""
    total, floor = value * instrument.taker_fee, Decimal(0)
    for number, tier in enumerate(instrument.tiers):
        last = number == len(instrument.tiers) - 1
        part = (value if last else min(value, tier.cap)) - floor
        if part > 0:
            total += part * tier.maintenance_rate
        floor = tier.cap
    return total


def reference_gap(
    positions: list[Held], marks: dict[str, Decimal], balance: Decimal, moved: str, price: Decimal
) -> Decimal:
    """Margin balance less maintenance margin with one symbol at another price."""
    gap = balance
    for one in positions:
        at = price if one.symbol == moved else marks[one.symbol]
        gap += one.side.sign * one.qty * (at - one.entry)
        gap -= reference_maintenance(LISTED[one.symbol], one.qty * at)
    return gap


def reference_root(
    positions: list[Held], marks: dict[str, Decimal], balance: Decimal, one: Held
) -> Decimal | None:
    """The price at which the gap is 0 on the losing side of the mark, by bisection with 50 digits."""
    with localcontext() as context:
        context.prec = 50
        safe, edge = marks[one.symbol], Decimal("1e-12")
        if one.side is SELL:
            edge = safe * 1_000_000
        if reference_gap(positions, marks, balance, one.symbol, edge) > 0:
            return None
        for _ in range(120):
            middle = (safe + edge) / 2
            if reference_gap(positions, marks, balance, one.symbol, middle) > 0:
                safe = middle
            else:
                edge = middle
        return (safe + edge) / 2


@st.composite
def holdings(draw: st.DrawFn, *, hedge: bool) -> list[Held]:
    found = []
    for symbol in draw(st.lists(st.sampled_from(SYMBOLS), min_size=1, max_size=4, unique=True)):
        listed = LISTED[symbol]
        sides = [BUY, SELL] if hedge and draw(st.booleans()) else [draw(st.sampled_from([BUY, SELL]))]
        leverage = draw(st.integers(1, int(listed.max_leverage)))
        for side in sides:
            notional = draw(st.floats(100, 5_000_000))
            steps = max(1, int(Decimal(notional) / listed.reference_price / listed.qty_step))
            entry = listed.reference_price * draw(st.integers(700, 1300)) / 1000
            entry -= entry % listed.tick
            qty = min(steps * listed.qty_step, listed.max_qty)
            found.append(Held(symbol, side, qty, entry, Decimal(leverage)))
    return found


def opened(positions: list[Held], spare: int, margin: MarginMode, mode: PositionMode) -> Desk:
    """An account that holds the positions and can spare so many USD beyond their initial margin (cross)."""
    desk = open_desk(100_000_000, margin_mode=margin, position_mode=mode)
    for one in positions:
        desk.engine.open_position(desk.account, one.symbol, one.side, one.qty, one.entry, one.leverage)
    if margin is MarginMode.CROSS:
        wallet = desk.engine.wallet(desk.account)
        desk.engine.transfer(desk.account, "USDT", -min(wallet.available - spare, wallet.wallet_balance))
    return desk


def moved_marks(desk: Desk, positions: list[Held], moves: list[int]) -> dict[str, Decimal]:
    marks = {}
    for one, move in zip(positions, moves, strict=False):
        if one.symbol in marks:
            continue
        listed = LISTED[one.symbol]
        price = listed.reference_price * (1000 + move) / 1000
        marks[one.symbol] = price - price % listed.tick
        desk.price(one.symbol, marks[one.symbol])
    return marks


def agree(ours: Decimal | None, theirs: Decimal | None) -> None:
    if ours is None or theirs is None:
        assert ours is None or ours < dec("1e-9") or ours > dec("1e9")
        assert theirs is None or theirs < dec("1e-9")
    else:
        assert abs(ours - theirs) <= TOLERANCE * abs(theirs)


moves = st.lists(st.integers(-30, 30), min_size=8, max_size=8)
spares = st.integers(0, 3_000_000)


@settings(max_examples=120, deadline=None)
@given(holdings(hedge=True), spares, moves)
def test_cross_figures_agree_with_the_reference(positions: list[Held], spare: int, move: list[int]) -> None:
    desk = opened(positions, spare, MarginMode.CROSS, PositionMode.HEDGE)
    balance = desk.engine.wallet(desk.account).wallet_balance
    marks = moved_marks(desk, positions, move)
    assume(not desk.engine.liquidations())
    wallet = desk.engine.wallet(desk.account)
    pnl = sum((p.side.sign * p.qty * (marks[p.symbol] - p.entry) for p in positions), Decimal(0))
    upkeep = sum(
        (reference_maintenance(LISTED[p.symbol], p.qty * marks[p.symbol]) for p in positions), Decimal(0)
    )
    assert abs(wallet.equity - (balance + pnl)) <= TOLERANCE * balance
    assert wallet.margin_balance == wallet.equity
    assert abs(wallet.maintenance_margin - upkeep) <= TOLERANCE * upkeep
    assert wallet.margin_ratio is not None
    assert abs(wallet.margin_ratio - upkeep / (balance + pnl)) <= TOLERANCE * wallet.margin_ratio
    for one in positions:
        shown = desk.engine.position(desk.account, one.symbol, one.leg)
        agree(shown.liquidation_price, reference_root(positions, marks, balance, one))


@settings(max_examples=80, deadline=None)
@given(holdings(hedge=True), moves)
def test_isolated_figures_agree_with_the_reference(positions: list[Held], move: list[int]) -> None:
    desk = opened(positions, 0, MarginMode.ISOLATED, PositionMode.HEDGE)
    marks = moved_marks(desk, positions, move)
    assume(not desk.engine.liquidations())
    wallet = desk.engine.wallet(desk.account)
    assert wallet.maintenance_margin == 0
    for one in positions:
        shown = desk.engine.position(desk.account, one.symbol, one.leg)
        own = one.qty * one.entry * (1 / one.leverage + LISTED[one.symbol].taker_fee)
        assert abs(shown.isolated_margin - own) <= dec("1e-8")
        agree(shown.liquidation_price, reference_root([one], marks, shown.isolated_margin, one))


@settings(max_examples=60, deadline=None)
@given(holdings(hedge=False), spares)
def test_margin_ratio_is_one_at_the_liquidation_price(positions: list[Held], spare: int) -> None:
    desk = opened(positions, spare, MarginMode.CROSS, PositionMode.ONE_WAY)
    assume(not desk.engine.liquidations())
    balance = desk.engine.wallet(desk.account).wallet_balance
    marks = {one.symbol: desk.engine.ticker(one.symbol).mark_price for one in positions}
    for one in positions:
        price = desk.engine.position(desk.account, one.symbol).liquidation_price
        if price is None:
            continue
        at = {**marks, one.symbol: price}
        upkeep = sum(
            (reference_maintenance(LISTED[p.symbol], p.qty * at[p.symbol]) for p in positions), Decimal(0)
        )
        margin = balance + sum(
            (p.side.sign * p.qty * (at[p.symbol] - p.entry) for p in positions), Decimal(0)
        )
        assert abs(margin / upkeep - 1) <= dec("1e-9")


def test_single_position_is_the_closed_form() -> None:
    desk = open_desk(10_000)
    desk.engine.open_position(desk.account, "BTCUSDT", BUY, dec("0.5"))
    shown = desk.engine.position(desk.account, "BTCUSDT")
    rate = dec("0.005") + dec("0.00055")
    expected = 100_000 - (10_000 - 50_000 * rate) / (dec("0.5") * (1 - rate))
    assert shown.liquidation_price is not None
    assert abs(shown.liquidation_price - expected) < dec("1e-15") * 100_000
    assert shown.bankruptcy_price == 80_000


def test_no_positive_price_means_none() -> None:
    desk = open_desk(1_000_000, position_mode=PositionMode.HEDGE)
    desk.engine.open_position(desk.account, "BTCUSDT", BUY, dec("0.5"))
    assert desk.engine.position(desk.account, "BTCUSDT", Leg.LONG).liquidation_price is None
    assert desk.engine.position(desk.account, "BTCUSDT", Leg.LONG).bankruptcy_price is None
    assert desk.engine.position(desk.account, "BTCUSDT", Leg.SHORT).liquidation_price is None
    desk.engine.open_position(desk.account, "BTCUSDT", SELL, dec("0.5"))
    assert desk.engine.position(desk.account, "BTCUSDT", Leg.LONG).bankruptcy_price is None


@pytest.mark.parametrize("symbol", sorted(LISTED))
def test_maintenance_margin_is_continuous_and_convex(symbol: str) -> None:
    listed = LISTED[symbol]
    for lower, upper in pairwise(listed.tiers):
        below = lower.cap * lower.maintenance_rate - lower.deduction
        assert below == lower.cap * upper.maintenance_rate - upper.deduction
        assert upper.maintenance_rate > lower.maintenance_rate
        assert listed.tier(lower.cap) is lower
        assert listed.tier(lower.cap + 1) is upper
    beyond = listed.tiers[-1].cap * 2
    assert listed.maintenance(beyond) == max(beyond * t.maintenance_rate - t.deduction for t in listed.tiers)


@given(st.sampled_from(sorted(LISTED)), st.floats(1, 1e9))
def test_maintenance_margin_is_the_largest_line(symbol: str, value: float) -> None:
    listed, worth = LISTED[symbol], Decimal(value)
    assert listed.maintenance(worth) == max(worth * t.maintenance_rate - t.deduction for t in listed.tiers)
