"""Margin beside trims in one programme: how much of it belongs to the cheapest plan."""

from decimal import Decimal

import pytest
from msgspec.structs import replace

from bot.model import (
    Action,
    Alternative,
    Caps,
    MarginTerms,
    MoveTerms,
    OrderRequest,
    Plan,
    Reasoning,
    Side,
    Snapshot,
    Target,
)
from bot.planning import carrying
from bot.planning.caps import Allowance
from bot.planning.planner import plan
from bot.planning.programme import choice
from bot.planning.programme.choice import Chosen
from bot.planning.programme.proposal import nearest
from bot.planning.quotes import Quotes
from tests.planning.build import (
    KEPT,
    demand,
    mark,
    position,
    request,
    target,
)
from tests.planning.hedges import ETH, hedge
from tests.planning.options.test_buying import (
    BTC,
)
from tests.planning.test_lifting import account as margined
from tests.planning.test_lifting import additions, alone, codes, room


def kinds(made: Plan) -> list[str]:
    """What the steps of a plan are."""
    return [step.kind.value for step in made.steps]


def dearer(shot: Snapshot, spread: str, symbol: str = BTC) -> Snapshot:
    """A market that is dear to trade."""
    found = shot.marks[symbol].mark
    assert isinstance(found, Decimal)
    return replace(shot, marks={**shot.marks, symbol: mark(symbol, found, spread)})


MARGIN = (Action.ADD_MARGIN, Action.TRIM)
ALL = MoveTerms(margin=MarginTerms(max_share=1.0))


def test_margin_is_cheaper_than_a_trim_and_the_proof_says_so() -> None:
    made = plan(request(margined(), [room(permits=MARGIN)], terms=KEPT))
    assert kinds(made) == ["add_margin"]
    assert made.proofs[0].met
    assert made.reasoning is not None
    assert made.reasoning.cost == 0.0
    assert [one.item for one in made.reasoning.alternatives] == [f"{BTC}#long"]
    assert made.reasoning.alternatives[0].dearer > 0.0


def test_no_margin_is_added_to_what_must_be_sold_anyway() -> None:
    """The leverage must come down; the margin that stays is then enough."""
    cap = demand("account.leverage", 0.3, rule="cap", episode="cap.1")
    made = plan(request(margined(), [room(0.1, permits=MARGIN), cap], terms=KEPT))
    assert additions(made) == {}
    assert kinds(made) == ["trim"]
    assert all(proof.met for proof in made.proofs)
    assert codes(made) == []
    assert made.reasoning is not None
    assert f"margin of {BTC}#long" in {one.item for one in made.reasoning.alternatives}


def test_what_the_rest_needs_is_all_that_is_added() -> None:
    cap = demand("account.leverage", 0.8, rule="cap", episode="cap.1")
    both = plan(request(margined(), [room(permits=MARGIN), cap], terms=KEPT))
    lone = plan(request(margined(), [room(permits=MARGIN)], terms=KEPT))
    assert 0 < additions(both)[BTC] < additions(lone)[BTC]
    assert all(proof.met for proof in both.proofs)


def test_too_little_free_margin_goes_where_a_trim_is_dearer() -> None:
    shot = margined(alone(), alone(ETH), equity="30000", free="15000")
    shot = dearer(shot, "0.0090", ETH)
    first = room(permits=MARGIN)
    second = room(permits=MARGIN, rule="other", episode="other.1", target=target(ETH))
    made = plan(request(shot, [first, second], terms=KEPT))
    given = additions(made)
    assert given[ETH] == 15_000
    assert BTC not in given
    orders = [step.request.symbol for step in made.steps if isinstance(step.request, OrderRequest)]
    assert BTC in orders
    assert all(proof.met for proof in made.proofs)
    assert "margin_kept" in codes(made)


def test_margin_that_leaves_with_what_is_sold_is_given_beforehand() -> None:
    """Half is sold for the leverage, and half of the margin leaves with it."""
    cap = demand("account.leverage", 0.5, rule="cap", episode="cap.1")
    made = plan(request(margined(), [room(permits=MARGIN), cap]))
    assert kinds(made) == ["add_margin", "trim"]
    assert all(proof.met for proof in made.proofs)


def test_a_rule_that_adds_margin_alone_gets_what_it_needs() -> None:
    cap = demand("account.leverage", 0.3, rule="cap", episode="cap.1")
    made = plan(request(margined(), [room(0.1), cap], terms=KEPT))
    assert additions(made)[BTC] > 0
    assert all(proof.met for proof in made.proofs)


def test_where_a_rule_closes_margin_goes_first() -> None:
    close = demand("account.drawdown", 0.1, rule="stop", episode="stop.1", permits=(Action.CLOSE_ALL,))
    cap = demand("account.leverage", 0.3, rule="cap", episode="cap.1")
    made = plan(request(margined(), [room(0.1, permits=MARGIN), cap, close], terms=KEPT))
    assert additions(made)[BTC] > 0


def test_cross_positions_are_not_asked_for_more_than_they_can_spare() -> None:
    cross = position(ETH, Side.LONG, "10", "10000")
    shot = margined(alone(), cross, equity="25000", free="10000")
    joint = room(0.15, metric="account.joint_distance", target=Target("main"), permits=MARGIN, moves=ALL)
    made = plan(request(shot, [joint], terms=KEPT))
    assert kinds(made) == ["add_margin", "trim"]
    assert made.proofs[0].met
    assert made.reasoning is not None


def test_where_the_choice_meets_less_all_the_margin_is_added(monkeypatch: pytest.MonkeyPatch) -> None:
    key = f"{BTC}#long"
    none = Chosen({}, {}, {key: 0.0}, False, frozenset({0}), Reasoning("programme"))
    monkeypatch.setattr(carrying, "choose", lambda *_: none)
    blocked = room(permits=MARGIN)  # released margin: a trim does not move the distance
    made = plan(request(margined(), [blocked]))
    assert kinds(made) == ["add_margin"]
    assert made.proofs[0].met
    beyond = room(permits=MARGIN, moves=MoveTerms(margin=MarginTerms(max_share=0.02)))
    made = plan(request(margined(), [beyond]))
    assert not made.proofs[0].met


def test_a_demand_that_is_left_out_has_all_the_margin_it_may() -> None:
    """The goal of one is no number: the programme does not speak of margin."""
    odd = room(1e308, permits=MARGIN, rule="odd", episode="odd.1")
    made = plan(request(margined(), [room(permits=MARGIN), odd], terms=KEPT))
    assert additions(made)[BTC] > 0


def test_how_the_trims_were_found_is_told_beside_what_was_chosen() -> None:
    mine = Reasoning("programme", alternatives=(Alternative("margin of a", 0.0, 0.1),))
    none = Chosen({}, {}, {}, True, frozenset(), mine)
    theirs = Reasoning("programme", cost=5.0, alternatives=(Alternative("b", 0.1, 0.2),))
    assert [one.item for one in none.told(theirs).alternatives] == ["margin of a", "b"]
    assert none.told(theirs).cost == 5.0
    closed = Reasoning("closed_form", "solver_failed", "broken")
    assert none.told(closed) == closed
    assert none.told(None) == mine
    assert replace(none, options={"x": 1.0}).told(theirs) == mine


def test_where_hedges_stand_the_programme_speaks_of_margin_alone() -> None:
    given = request(margined(), [room(permits=MARGIN)], terms=KEPT)
    allowance = Allowance(given.caps, given.usage)
    held = replace(given, hedges=(hedge(),))
    found = choice.choose(held, allowance, Quotes(held))
    assert found is not None
    assert found.margin is not None
    assert found.margin[f"{BTC}#long"] > 0.0
    used = replace(given, caps=Caps(actions_per_hour=0))
    assert choice.choose(used, Allowance(used.caps, used.usage), Quotes(used)) is None


def test_of_each_sort_the_nearest_is_named() -> None:
    trims = [Alternative(f"C{number}", 0.1, number / 100) for number in range(9)]
    others = [
        Alternative("option a", 0.1, 0.5),
        Alternative("option b", 0.1, 0.4),
        Alternative("hedge of c", 0.1, 0.3),
        Alternative("margin of d", 0.1, 0.6),
        Alternative("option b", 0.1, 0.7),
    ]
    told = nearest([*trims, *others])
    assert [one.item for one in told] == ["C0", "C1", "hedge of c", "option b", "margin of d"]
