"""The solver: what it finds, what it refuses, and what is written of brackets and costs."""

import subprocess
import sys
from decimal import Decimal

import pytest
from msgspec.structs import replace

from bot.model import MarginMode, Side
from bot.planning.book import open_book
from bot.planning.drafting import Prices
from bot.planning.effort import Effort
from bot.planning.programme.asking import asked_of
from bot.planning.programme.columns import Candidate, trims
from bot.planning.programme.matrix import Matrix
from bot.planning.programme.rows import Rows, highest
from bot.planning.programme.solver import Failed, Solution, judged, solve
from bot.planning.request import watch_of
from bot.planning.sizing import faces
from bot.planning.spread import maintenance, missing
from bot.risk.portfolio import Bracket
from tests.planning.build import (
    demand,
    position,
    request,
    snapshot,
    tiers,
)
from tests.planning.inverse import account, held

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"
CAP = demand("account.leverage", 3.0, rule="cap", episode="cap.1")
PAIR = [position(BTC, Side.LONG, "2", "50000"), position(ETH, Side.LONG, "20", "2500")]


def matrix(*, low: float = 1.0, cost: float = 1.0) -> Matrix:
    """Minimise cost (x + 2 y) with x + y >= low, x <= 0.75."""
    made = Matrix()
    x, y = made.column(cost, 0.75), made.column(2.0 * cost, 10.0)
    made.row([x, y], [1.0, 1.0], low=low)
    return made


def test_the_solver_finds_the_cheapest_values_and_their_prices() -> None:
    found = solve(matrix())
    assert isinstance(found, Solution)
    assert found.values == pytest.approx([0.75, 0.25])
    assert found.row_duals == pytest.approx([2.0])
    assert found.column_duals == pytest.approx([-1.0, 0.0])
    assert found.objective == pytest.approx(1.25)


def test_no_answer_says_why() -> None:
    assert solve(matrix(low=100.0)) == Failed("solver_failed", "HiGHS ended with: Infeasible")
    timeout = solve(matrix(), iterations=0)
    assert isinstance(timeout, Failed)
    assert timeout.code == "solver_timeout"
    odd = matrix()
    odd.indices[0] = 7
    assert solve(odd) == Failed("solver_failed", "HiGHS does not take the programme")


def test_what_was_solved_before_leaves_no_trace() -> None:
    """Neither in an answer nor in the time that the next one has."""
    first = solve(matrix())
    assert solve(matrix(low=100.0)) != first
    assert all(solve(matrix(cost=3.0), seconds=0.05) != first for _ in range(2_000))
    assert solve(matrix(), seconds=0.05) == first


@pytest.mark.parametrize("package", ["highspy", "numpy"])
def test_without_the_solver_it_says_so(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    found = solve(matrix())
    assert isinstance(found, Failed)
    assert (found.code, package in found.reason) == ("solver_missing", True)


@pytest.mark.parametrize(
    "nonsense",
    [
        Solution([0.5, float("nan")], [1.0], [0.0, 0.0], 1.0),
        Solution([0.9, 0.1], [1.0], [0.0, 0.0], 1.0),
        Solution([-0.1, 0.1], [1.0], [0.0, 0.0], 1.0),
        Solution([0.5, 0.5], [float("inf")], [0.0, 0.0], 1.0),
        Solution([0.5, 0.5], [1.0], [float("nan"), 0.0], 1.0),
        Solution([0.5, 0.5], [1.0], [0.0, 0.0], float("nan")),
    ],
)
def test_nonsense_is_no_answer(nonsense: Solution) -> None:
    found = judged(nonsense, matrix())
    assert isinstance(found, Failed)
    assert found.code == "solver_nonsense"


def test_only_brackets_on_the_way_are_written() -> None:
    held = position(BTC, Side.LONG, "100", "50000")
    given = request(snapshot([held], 1_000_000))
    (leg,) = open_book(given).legs
    assert len(highest(leg, Candidate(leg, -1, 100_000.0, 0.0, ((100_000.0, 0.001),)), 1.0)) == 1
    lines = highest(leg, Candidate(leg, -1, 5_000_000.0, 0.0, ((5_000_000.0, 0.001),)), 1.0)
    assert len(lines) == 3
    assert len(tiers()) == 5


@pytest.mark.parametrize("factor", [0.5, 1.0, 1.7])
def test_the_lines_of_an_inverse_position_are_as_high_as_its_margin(factor: float) -> None:
    (leg,) = open_book(request(account(one=held(contracts="50000000")), [])).legs
    assert leg.holding is not None
    lines = highest(leg, Candidate(leg, -1, leg.left, 0.0, ((leg.left, 0.001),)), factor)
    assert 1 < len(lines) <= len(leg.holding.brackets)
    for part in (0.0, 0.1, 0.5, 0.9, 1.0):
        moved = part * leg.left
        asked = max(margin - slope * moved for slope, margin in lines)
        assert asked == pytest.approx(maintenance(leg, leg.left - moved, factor), abs=1e-6)


def test_a_line_that_falls_below_nothing_is_not_followed() -> None:
    (leg,) = open_book(request(snapshot(PAIR[:1], 30_000))).legs
    assert leg.holding is not None
    every = Candidate(leg, -1, leg.left, 0.0, ((leg.left, 0.001),))
    leg.holding = replace(leg.holding, brackets=(Bracket(0.0, 0.01, 100.0),))
    assert highest(leg, every, 1.0) == [(0.01, 900.0), (0.0, 0.0)]
    leg.holding = replace(leg.holding, brackets=())
    assert highest(leg, every, 1.0) == [(0.0, 0.0)]


@pytest.mark.parametrize("excess", [0.0, 700.0])
def test_what_is_not_moved_keeps_its_margin(excess: float) -> None:
    """What the venue asks above it stands in the sum that limits share, and is taken off their weights."""
    ratio = demand("account.margin_ratio", 0.01)
    three = [*PAIR, position("SOL/USDT:USDT", Side.LONG, "300", "100")]
    book = open_book(request(snapshot(three, 30_000), [ratio]))
    for leg in book.legs:
        assert leg.holding is not None
        leg.holding = replace(leg.holding, maintenance_excess=excess)
    face = faces(watch_of(ratio), book)[0]  # type: ignore[index]
    rows = Rows(list(book.legs), [], 1.0)
    found, shared = rows.expression(face, 0.0, {}), rows.expression(face, 0.0, {})
    assert (found.moved, found.others, shared.moved, len(shared.others)) == ({}, {}, {}, 1)
    assert found.constant - face.budget == pytest.approx(missing(face, book))
    assert shared.constant == pytest.approx(found.constant)


def test_an_isolated_limit_binds_only_where_trims_can_carry_it_past_its_budget() -> None:
    """2 000 USD hold a position that needs 277.50. A trim frees its part, and costs its price."""
    apart = replace(PAIR[0], contracts=Decimal(1), margin_mode=MarginMode.ISOLATED)
    given = request(snapshot([replace(apart, isolated_margin=Decimal(2_000))], 30_000))
    book = open_book(given)
    (leg,) = book.legs
    ratio = demand("account.margin_ratio", 0.2)
    (face,) = faces(watch_of(ratio), book)  # type: ignore[misc]
    assert missing(face, book) == pytest.approx(277.5 - 400)
    half = Candidate(leg, -1, leg.left / 2, 0.001, ((leg.left / 2, 0.001),))
    rows = Rows([leg], [half], 1.0)
    assert rows.stays_inside(face, {})
    assert not rows.stays_inside(face, {leg.key: 0.1})
    assert rows.stays_inside(replace(face, factors={}), {leg.key: 0.01})
    assert Rows([leg], [], 1.0).stays_inside(face, {leg.key: 0.1})


def test_what_closes_took_counts_in_every_row() -> None:
    given = request(snapshot(PAIR, 30_000), [CAP])
    legs = list(open_book(given).legs)
    legs[0].cost = 60.0
    rows = Rows(legs, [], 30_000.0)
    face = faces(watch_of(CAP), open_book(given))[0]  # type: ignore[index]
    assert rows.expression(face, 3.0, {}).constant == pytest.approx((150_000 + 3 * 60) / 30_000)


def test_the_solver_is_imported_when_it_is_first_needed() -> None:
    code = "import sys, bot.decision; sys.exit('highspy' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0


def test_what_has_no_room_is_no_candidate() -> None:
    given = request(snapshot(PAIR, 30_000), [CAP])
    book = open_book(given)
    prices = Prices(given)
    known = asked_of([CAP], [Effort()], book, prices, frozenset())
    full = {key: replace(one, room=Decimal(0)) for key, one in known[0].priced.items()}
    assert len(trims(list(book.legs), known, given, prices.quotes)) == 2
    assert trims(list(book.legs), [replace(known[0], priced=full)], given, prices.quotes) == []


def test_a_leg_that_cannot_be_read_counts_for_what_it_cost() -> None:
    shot = snapshot(PAIR, 30_000)
    given = request(replace(shot, tiers={BTC: shot.tiers[BTC]}), [CAP])
    book = open_book(given)
    assert len(book.holdings) == 1
    (face,) = faces(watch_of(CAP), book)  # type: ignore[misc]
    assert missing(face, book) == pytest.approx(100_000 - 90_000)


def test_sums_that_limits_share_are_written_once() -> None:
    three = [*PAIR, position("SOL/USDT:USDT", Side.LONG, "300", "100")]
    ratio = demand("account.margin_ratio", 0.01)
    given = request(snapshot(three, 30_000), [ratio])
    book = open_book(given)
    prices = Prices(given)
    asked = asked_of([ratio], [Effort()], book, prices, frozenset())
    rows = Rows(list(book.legs), trims(list(book.legs), asked, given, prices.quotes), 30_000.0)
    face, paid = asked[0].faces[0], asked[0].paid
    alone = rows.expression(face, 0.01, paid)
    assert (rows.matrix.rows, alone.others) == (0, {})
    first = rows.expression(face, 0.01, paid)
    assert (rows.matrix.rows, len(first.others)) == (2, 2)
    again = rows.expression(face, 0.01, paid)
    assert rows.matrix.rows == 2
    assert (again.constant, again.moved, again.others) == (first.constant, first.moved, first.others)
    assert first.constant == pytest.approx(alone.constant)
