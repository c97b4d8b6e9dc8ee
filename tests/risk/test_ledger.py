"""The unit ledger: flows never change what trading did."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.model import Transfer, Unknown
from bot.risk.ledger import REMEMBERED, LedgerError, UnitLedger, advance, open_ledger, view
from tests.risk.build import known

START = datetime(2025, 11, 20, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def transfer(name: str, at: datetime, amount: int | Decimal) -> Transfer:
    return Transfer(name, at, Decimal(amount))


def drawdown(ledger: UnitLedger, equity: Decimal) -> float:
    seen = view(ledger, equity)
    return 1 - known(seen.value) / known(seen.peak)


def test_a_ledger_begins_at_one() -> None:
    ledger = open_ledger(Decimal(500), START, {"USDT": Decimal(480)})
    assert (ledger.units, ledger.value, ledger.peak, ledger.day_open) == (500, 1, 1, 1)
    assert (ledger.coins, ledger.as_of, ledger.day.isoformat()) == (
        {"USDT": Decimal(480)},
        START,
        "2025-11-20",
    )
    assert (ledger.explained_at, ledger.unexplained_since) == (START, None)
    assert open_ledger(Decimal(500), START).coins == {}


def test_trading_moves_the_unit_value_and_its_peak() -> None:
    ledger = open_ledger(Decimal(1000), START)
    first = advance(ledger, Decimal(1200), (), START + HOUR)
    assert (first.units, first.value, first.peak) == (1000, Decimal("1.2"), 1)
    up = advance(first, Decimal(1250), (), START + 1.5 * HOUR)
    assert (up.value, up.peak) == (Decimal("1.25"), Decimal("1.2"))
    down = advance(up, Decimal(900), (), START + 2 * HOUR)
    assert (down.value, down.peak) == (Decimal("0.9"), Decimal("1.2"))
    assert drawdown(down, Decimal(900)) == pytest.approx(0.25)
    seen = view(up, Decimal(1500))
    assert (seen.value, seen.peak, seen.day_open) == (1.5, 1.5, 1.0)


def test_a_figure_that_was_wrong_once_leaves_no_peak() -> None:
    ledger = advance(open_ledger(Decimal(1000), START), Decimal(1000), (), START + HOUR)
    tick = advance(ledger, Decimal(2000), (), START + 2 * HOUR)
    again = advance(tick, Decimal(2000), (), START + 2 * HOUR)
    assert (tick.peak, again.peak) == (1, 1)
    back = advance(again, Decimal(990), (), START + 3 * HOUR)
    assert back.peak == 1
    assert drawdown(back, Decimal(990)) == pytest.approx(0.01)


def test_the_wallet_is_kept_as_it_was_last_explained() -> None:
    ledger = open_ledger(Decimal(1000), START, {"USDT": Decimal(900)})
    unclear = advance(ledger, Decimal(990), (), START + HOUR)
    assert (unclear.coins, unclear.explained_at, unclear.unexplained_since) == (
        {"USDT": Decimal(900)},
        START,
        START + HOUR,
    )
    longer = advance(unclear, Decimal(990), (), START + 2 * HOUR)
    assert longer.unexplained_since == START + HOUR
    clear = advance(longer, Decimal(990), (), START + 3 * HOUR, {"USDT": Decimal(890)})
    assert (clear.coins, clear.explained_at, clear.unexplained_since) == (
        {"USDT": Decimal(890)},
        START + 3 * HOUR,
        None,
    )


def test_a_deposit_buys_units_at_the_value_before_it() -> None:
    ledger = advance(open_ledger(Decimal(1000), START), Decimal(800), (), START + HOUR)
    paid = (transfer("d", START + 90 * HOUR / 60, 400),)
    after = advance(ledger, Decimal(1200), paid, START + 2 * HOUR)
    assert (after.units, after.value) == (1500, Decimal("0.8"))
    assert drawdown(after, Decimal(1200)) == pytest.approx(0.2)
    again = advance(after, Decimal(1200), paid, START + 3 * HOUR)
    assert (again.units, again.value) == (1500, Decimal("0.8"))


def test_a_transfer_listed_late_is_made_good() -> None:
    ledger = open_ledger(Decimal(1000), START)
    early = advance(ledger, Decimal(700), (), START + 2 * HOUR)
    assert drawdown(early, Decimal(700)) == pytest.approx(0.3)
    late = advance(early, Decimal(700), (transfer("w", START + HOUR, -300),), START + 3 * HOUR)
    assert (late.units, late.value) == (700, 1)


def test_transfers_from_before_the_ledger_do_not_count() -> None:
    ledger = open_ledger(Decimal(1000), START)
    after = advance(ledger, Decimal(1000), (transfer("old", START, 1000),), START + HOUR)
    assert (after.units, after.value, after.counted) == (1000, 1, {})


def test_counted_transfers_are_forgotten_when_none_can_be_listed_that_late() -> None:
    ledger = open_ledger(Decimal(1000), START)
    paid = transfer("d", START + HOUR, 500)
    counted = advance(ledger, Decimal(1500), (paid,), START + HOUR)
    assert list(counted.counted) == ["d"]
    kept = advance(counted, Decimal(1500), (paid,), START + HOUR + REMEMBERED - HOUR)
    assert list(kept.counted) == ["d"]
    later = advance(kept, Decimal(1500), (paid,), START + 2 * HOUR + REMEMBERED)
    assert later.counted == {}
    last = advance(later, Decimal(1500), (paid,), START + 3 * HOUR + REMEMBERED)
    assert (last.units, last.value) == (1500, 1)


def test_a_transfer_during_a_long_outage_counts() -> None:
    ledger = open_ledger(Decimal(1000), START)
    after = advance(ledger, Decimal(1500), (transfer("d", START + HOUR, 500),), START + 5 * REMEMBERED)
    assert (after.units, after.value) == (1500, 1)


def test_a_new_day_opens_at_the_last_value_known() -> None:
    ledger = advance(open_ledger(Decimal(1000), START), Decimal(900), (), START + HOUR)
    tomorrow = advance(ledger, Decimal(850), (), START + 13 * HOUR)
    assert (tomorrow.day_open, tomorrow.day.isoformat()) == (Decimal("0.9"), "2025-11-21")
    assert advance(tomorrow, Decimal(800), (), START + 14 * HOUR).day_open == Decimal("0.9")
    tokyo = (START + 13 * HOUR).astimezone(timezone(timedelta(hours=9)))
    assert advance(ledger, Decimal(850), (), tokyo).day.isoformat() == "2025-11-21"


def test_everything_out_and_in_again_keeps_the_drawdown() -> None:
    ledger = advance(open_ledger(Decimal(1000), START), Decimal(700), (), START + HOUR)
    out = advance(ledger, Decimal(0), (transfer("w", START + 2 * HOUR, -700),), START + 2 * HOUR)
    assert (out.units, out.value) == (0, Decimal("0.7"))
    assert drawdown(out, Decimal(0)) == pytest.approx(0.3)
    idle = advance(out, Decimal(0), (), START + 3 * HOUR)
    assert (idle.units, idle.value) == (0, Decimal("0.7"))
    back = advance(idle, Decimal(2100), (transfer("d", START + 4 * HOUR, 2100),), START + 4 * HOUR)
    assert (back.units, back.value) == (3000, Decimal("0.7"))
    assert drawdown(back, Decimal(2100)) == pytest.approx(0.3)


def test_dust_that_a_withdrawal_leaves_is_no_drawdown() -> None:
    ledger = open_ledger(Decimal(1000), START)
    dust = Decimal("0.4")
    out = advance(ledger, dust, (transfer("w", START + HOUR, Decimal("-999.6")),), START + HOUR)
    assert (out.units, out.value) == (0, 1)
    shrunk = advance(out, dust / 4, (), START + 2 * HOUR)
    assert (shrunk.units, shrunk.value, shrunk.peak) == (0, 1, 1)


@pytest.mark.parametrize("lost", [Decimal(0), Decimal(-20)])
def test_a_deposit_after_ruin_opens_the_ledger_anew(lost: Decimal) -> None:
    ledger = advance(open_ledger(Decimal(1000), START), lost, (), START + HOUR)
    assert ledger.value == lost / 1000
    assert drawdown(ledger, lost) >= 1.0
    paid = (transfer("d", START + 2 * HOUR, 500),)
    fresh = advance(ledger, lost + 500, paid, START + 2 * HOUR)
    assert (fresh.units, fresh.value, fresh.peak) == (lost + 500, 1, 1)
    again = advance(fresh, lost + 500, paid, START + 3 * HOUR)
    assert (again.units, again.value) == (lost + 500, 1)


def test_a_deposit_that_does_not_cover_a_debt_buys_nothing() -> None:
    ledger = advance(open_ledger(Decimal(1000), START), Decimal(-500), (), START + HOUR)
    paid = (transfer("d", START + 2 * HOUR, 100),)
    after = advance(ledger, Decimal(-400), paid, START + 2 * HOUR)
    assert (after.units, after.value) == (1000, Decimal("-0.5"))


def test_a_ledger_that_began_empty_waits_for_money() -> None:
    ledger = open_ledger(Decimal(-3), START)
    assert (ledger.units, known(view(ledger, Decimal(-3)).value)) == (0, 1.0)
    funded = advance(ledger, Decimal(100), (), START + HOUR)
    assert (funded.units, funded.value) == (100, 1)


def test_unknown_equity_leaves_the_view_unknown() -> None:
    ledger = open_ledger(Decimal(1000), START)
    assert view(ledger, Unknown("blind")).value == Unknown("blind")
    seen = view(ledger, Decimal("NaN"))
    assert isinstance(seen.value, Unknown)
    assert (seen.peak, seen.day_open) == (1.0, 1.0)


def test_what_cannot_follow_is_refused() -> None:
    ledger = open_ledger(Decimal(1000), START)
    with pytest.raises(LedgerError, match="cannot go back"):
        advance(ledger, Decimal(1000), (), START - HOUR)
    with pytest.raises(LedgerError, match="aware time"):
        advance(ledger, Decimal(1000), (), (START + HOUR).replace(tzinfo=None))
    with pytest.raises(LedgerError, match="equity"):
        open_ledger(Decimal("NaN"), START)


def test_a_ledger_survives_json() -> None:
    ledger = advance(
        open_ledger(Decimal("1000.25"), START, {"USDT": Decimal("3.5")}),
        Decimal("1033.1"),
        (transfer("d", START + HOUR, 10),),
        START + HOUR,
        {"USDT": Decimal(7)},
    )
    assert msgspec.json.decode(msgspec.json.encode(ledger), type=UnitLedger) == ledger


flows = st.lists(st.tuples(st.floats(-0.3, 0.4), st.integers(-900, 5000)), min_size=1, max_size=12)


@given(flows)
def test_flows_never_change_value_or_drawdown(steps: list[tuple[float, int]]) -> None:
    """An account with flows and one without, traded alike, have the same unit value, peak and day."""
    still = moved = open_ledger(Decimal(1000), START)
    alone = equity = Decimal(1000)
    at = START
    for number, (move, flow) in enumerate(steps):
        at += 5 * HOUR
        alone *= 1 + Decimal(str(move))
        equity *= 1 + Decimal(str(move))
        paid: tuple[Transfer, ...] = ()
        if equity + flow > 100:
            equity += flow
            paid = (transfer(str(number), at, flow),)
        still = advance(still, alone, (), at)
        moved = advance(moved, equity, paid, at)
        for name in ("value", "peak", "day_open"):
            assert float(getattr(moved, name)) == pytest.approx(float(getattr(still, name)), rel=1e-12)
        assert drawdown(moved, equity) == pytest.approx(drawdown(still, alone), abs=1e-12)


@given(st.integers(2, 5000), st.integers(1, 100_000), st.floats(0.1, 3.0))
def test_a_deposit_alone_leaves_the_drawdown(begin: int, paid: int, move: float) -> None:
    ledger = open_ledger(Decimal(begin), START)
    equity = Decimal(begin) * Decimal(str(move))
    ledger = advance(ledger, equity, (), START + HOUR)
    after = advance(ledger, equity + paid, (transfer("d", START + 2 * HOUR, paid),), START + 2 * HOUR)
    assert drawdown(after, equity + paid) == pytest.approx(drawdown(ledger, equity), abs=1e-12)
