"""Margin for isolated positions: the closed forms, what bounds them, and the check of the whole account."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from bot.model import (
    WALLET,
    Action,
    Caps,
    Demand,
    Keep,
    MarginMode,
    MarginRequest,
    MarginTerms,
    MoveTerms,
    OrderRequest,
    Plan,
    Position,
    RefusedBefore,
    Sense,
    Side,
    Snapshot,
    StepKind,
    Target,
    Unknown,
    Usage,
)
from bot.planning.lifting import AHEAD
from bot.planning.planner import plan
from bot.planning.recomputation import state_before
from bot.planning.request import PlanRequest, watch_of
from tests.examples import examples
from tests.planning.build import (
    KEPT,
    NOW,
    demand,
    later,
    measured,
    opened,
    position,
    random_account,
    request,
    snapshot,
    target,
)

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"
FREE = MoveTerms(margin=MarginTerms(max_share=1.0, keep=Keep()))


def alone(symbol: str = BTC, margin: str = "5000", **changes: Any) -> Position:
    """An isolated long of one coin at 100,000."""
    return position(
        symbol,
        Side.LONG,
        "1",
        "100000",
        margin_mode=MarginMode.ISOLATED,
        isolated_margin=Decimal(margin),
        **changes,
    )


def account(*positions: Position, equity: str = "105000", free: str = "100000") -> Snapshot:
    """An account with free margin; its margin balance counts isolated margin as well."""
    shot = snapshot(positions or (alone(),), equity)
    return replace(shot, balance=replace(shot.balance, available=Decimal(free)))


def room(goal: float = 0.2, **changes: Any) -> Demand:
    """A demand for distance that permits margin."""
    found = demand(
        "position.liquidation_distance", goal, target=target(BTC), permits=(Action.ADD_MARGIN,), moves=FREE
    )
    return replace(found, **changes)


def asked(*demands: Demand, shot: Snapshot | None = None, **changes: Any) -> PlanRequest:
    """A request of them."""
    return request(shot or account(), demands, **changes)


def additions(made: Plan) -> dict[str, Decimal]:
    """Margin that a plan adds, by symbol."""
    requests = [step.request for step in made.steps]
    return {one.symbol: one.amount for one in requests if isinstance(one, MarginRequest)}


def codes(made: Plan) -> list[str]:
    """Codes of the refusals."""
    return [one.code for one in made.refusals]


@pytest.mark.parametrize(
    ("metric", "goal", "sense"),
    [
        ("position.liquidation_distance", 0.2, Sense.MIN),
        ("position.liquidation_distance_atr", 20.0, Sense.MIN),
        ("position.liquidation_distance_sigma", 6.0, Sense.MIN),
        ("position.leverage", 4.0, Sense.MAX),
    ],
)
def test_it_is_brought_a_little_further_than_its_goal(metric: str, goal: float, sense: Sense) -> None:
    found = room(goal, metric=metric, sense=sense)
    made = plan(asked(found))
    (amount,) = additions(made).values()
    (proof,) = made.proofs
    assert proof.met
    after = measured(watch_of(found), asked(shot=account(alone(margin=str(5000 + amount)))))
    ahead = goal * (1 - AHEAD if sense is Sense.MAX else 1 + AHEAD)
    assert after == pytest.approx(ahead, rel=1e-5)
    assert made.steps[0].kind is StepKind.ADD_MARGIN
    assert made.steps[0].notional == float(amount)
    assert codes(made) == []


def test_leverage_asks_for_the_plain_difference() -> None:
    made = plan(asked(room(4.0, metric="position.leverage", sense=Sense.MAX)))
    assert additions(made) == {BTC: Decimal("20510.21")}


def test_what_is_enough_for_the_goal_is_no_refusal() -> None:
    free = account(free="20100")
    made = plan(asked(room(4.0, metric="position.leverage", sense=Sense.MAX), shot=free))
    assert (additions(made), codes(made)) == ({BTC: Decimal(20_100)}, [])
    short = account(free="19900")
    made = plan(asked(room(4.0, metric="position.leverage", sense=Sense.MAX), shot=short))
    assert (additions(made), codes(made)) == ({BTC: Decimal(19_900)}, ["margin_kept"])


def test_a_trifle_of_what_is_needed_is_not_added() -> None:
    leverage = room(4.0, metric="position.leverage", sense=Sense.MAX)
    made = plan(asked(leverage, shot=account(free="49.99")))
    assert (additions(made), codes(made)) == ({}, ["margin_kept"])
    assert additions(plan(asked(leverage, shot=account(free="50")))) == {BTC: Decimal(50)}
    almost = account(alone(margin="24990"))
    assert additions(
        plan(asked(leverage, shot=replace(almost, balance=replace(almost.balance, available=Decimal(20)))))
    )


def test_half_of_an_hours_actions_stays_for_trims() -> None:
    caps, used = Caps(actions_per_hour=10), Usage(4, Decimal(0), Decimal(0))
    assert additions(plan(asked(room(), caps=caps, usage=used)))
    made = plan(asked(room(), caps=caps, usage=replace(used, actions_last_hour=5)))
    assert (additions(made), codes(made)) == ({}, ["cap_actions"])


@pytest.mark.parametrize("metric", ["account.margin_ratio", "account.joint_distance"])
def test_a_limit_of_the_account_helps_every_isolated_position(metric: str) -> None:
    ratio = metric.endswith("ratio")
    shot = account(alone(), alone(ETH, "20000"), equity="125000")
    found = room(
        0.05 if ratio else 0.25, metric=metric, target=Target("main"), sense=Sense.MAX if ratio else Sense.MIN
    )
    made = plan(asked(found, shot=shot))
    given_ = additions(made)
    assert set(given_) == {BTC} if ratio else {BTC, ETH}
    assert made.proofs[0].met


def test_margin_first_and_trims_for_the_rest() -> None:
    """Cross positions give what they can spare, and no more; a trim does the rest."""
    cross = position(ETH, Side.LONG, "10", "10000")
    shot = account(alone(), cross, equity="25000", free="10000")
    found = room(
        0.15,
        metric="account.joint_distance",
        target=Target("main"),
        permits=(Action.ADD_MARGIN, Action.TRIM),
    )
    made = plan(asked(found, shot=shot, terms=KEPT))
    kinds = [step.kind for step in made.steps]
    assert kinds == [StepKind.ADD_MARGIN, StepKind.TRIM]
    order = made.steps[1].request
    assert isinstance(order, OrderRequest)
    assert order.symbol == BTC
    assert 3000 < additions(made)[BTC] < 5000
    (proof,) = made.proofs
    assert proof.met
    assert proof.before == pytest.approx(measured(watch_of(found), asked(found, shot=shot, terms=KEPT)))


def test_cross_positions_that_are_short_themselves_give_nothing() -> None:
    cross = position(ETH, Side.LONG, "10", "10000")
    shot = account(alone(), cross, equity="15000", free="10000")
    found = room(0.15, metric="account.joint_distance", target=Target("main"))
    assert codes(plan(asked(found, shot=shot))) == ["margin_cannot_help"]


def test_caps_leave_the_rest_to_a_trim_without_alarm() -> None:
    terms = MoveTerms(margin=MarginTerms(max_share=1.0, max_per_day=3000.0, keep=Keep()))
    found = room(permits=(Action.ADD_MARGIN, Action.TRIM), moves=terms)
    made = plan(asked(found, terms=KEPT))
    assert [step.kind for step in made.steps] == [StepKind.ADD_MARGIN, StepKind.TRIM]
    assert additions(made) == {BTC: Decimal(3000)}
    (refusal,) = made.refusals
    assert (refusal.code, refusal.reason[:8]) == ("cap_margin", "3000.00 ")
    assert made.proofs[0].met


@pytest.mark.parametrize(
    ("terms", "caps", "usage", "amount", "code"),
    [
        (MarginTerms(max_share=0.1, keep=Keep()), Caps(), {}, "10000", "cap_margin"),
        (MarginTerms(max_share=1.0, keep=Keep(usd=99_000.0)), Caps(), {}, "1000", "margin_kept"),
        (MarginTerms(max_share=1.0, keep=Keep(share=0.9)), Caps(), {}, "5500", "margin_kept"),
        (
            MarginTerms(max_share=1.0, max_per_day=900.0, keep=Keep()),
            Caps(),
            {"cap": "400"},
            "500",
            "cap_margin",
        ),
        (
            MarginTerms(max_share=1.0, max_per_day=900.0, keep=Keep()),
            Caps(),
            {"cap": "950"},
            "0",
            "cap_margin",
        ),
        (
            MarginTerms(max_share=1.0, keep=Keep()),
            Caps(margin_per_day=Decimal(2000)),
            {"other": "1500"},
            "500",
            "cap_margin",
        ),
    ],
)
def test_what_bounds_it(
    terms: MarginTerms, caps: Caps, usage: dict[str, str], amount: str, code: str
) -> None:
    used = Usage(0, Decimal(0), Decimal(0), {name: Decimal(spent) for name, spent in usage.items()})
    made = plan(asked(room(moves=MoveTerms(margin=terms)), caps=caps, usage=used))
    assert sum(additions(made).values()) == Decimal(amount)
    (refusal,) = made.refusals
    assert refusal.code == code
    assert refusal.reason.startswith("LIFELINE BLOCKED") is (code == "cap_margin")


def test_two_rules_share_the_free_margin() -> None:
    shot = account(alone(), alone(ETH), equity="30000", free="20000")
    first, second = room(), room(rule="other", episode="other.1", target=target(ETH))
    made = plan(asked(first, second, shot=shot))
    assert Decimal("19999.98") < sum(additions(made).values()) <= 20_000
    assert codes(made) == ["margin_kept"]


def test_the_second_rule_asks_for_what_the_first_left() -> None:
    first, second = room(0.2), room(0.25, rule="other", episode="other.1")
    made = plan(asked(first, second))
    amounts = [step.request.amount for step in made.steps if isinstance(step.request, MarginRequest)]
    alone_ = additions(plan(asked(second)))
    assert len(amounts) == 2
    assert sum(amounts) == alone_[BTC]
    assert all(proof.met for proof in made.proofs)


def test_no_other_limit_gets_worse() -> None:
    cross = position(ETH, Side.LONG, "10", "10000")
    shot = account(alone(), cross, equity="25000", free="19000")
    other = demand("position.liquidation_distance", 0.15, rule="cross", target=target(ETH))
    watched = (watch_of(room()), watch_of(other))
    made = plan(asked(demand("account.leverage", 9.0), room(), shot=shot, watches=watched))
    assert additions(made) == {}
    (refusal,) = made.refusals
    assert refusal.code == "check_failed"
    assert "cross (position.liquidation_distance" in refusal.reason


def test_a_position_is_closed_where_margin_is_not_enough() -> None:
    terms = MoveTerms(margin=MarginTerms(max_share=0.05, keep=Keep()))
    made = plan(asked(room(permits=(Action.ADD_MARGIN, Action.CLOSE), moves=terms)))
    assert [step.kind for step in made.steps] == [StepKind.CLOSE]
    assert codes(made) == ["cap_margin", "closed_instead"]
    enough = plan(asked(room(permits=(Action.ADD_MARGIN, Action.CLOSE))))
    assert [step.kind for step in enough.steps] == [StepKind.ADD_MARGIN]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"metric": "account.leverage", "sense": Sense.MAX, "target": Target("main")}, "margin_cannot_help"),
        ({"metric": "position.equity_share", "sense": Sense.MAX}, "margin_cannot_help"),
        ({"target": target(ETH)}, "position_gone"),
        ({"goal": 1e308}, "unknown_figure"),
        ({"goal": 0.01}, "margin_cannot_help"),
    ],
)
def test_what_margin_cannot_help_is_refused_unless_a_trade_may(changes: dict[str, Any], code: str) -> None:
    made = plan(asked(room(**changes)))
    assert additions(made) == {}
    assert codes(made) == [code]
    trading = plan(asked(room(permits=(Action.ADD_MARGIN, Action.TRIM), **changes)))
    assert code not in {"margin_cannot_help"} & set(codes(trading))


def test_a_margin_ratio_beyond_help_is_not_touched() -> None:
    """A cross position alone has no margin of its own."""
    shot = account(position(BTC, Side.LONG, "1", "100000"))
    found = room(0.001, metric="account.margin_ratio", sense=Sense.MAX, target=Target("main"))
    assert codes(plan(asked(found, shot=shot))) == ["margin_cannot_help"]


def test_nothing_is_asked_while_something_has_not_ended() -> None:
    for blocked in (BTC, WALLET):
        made = plan(asked(room(), blocked_symbols=frozenset({blocked})))
        assert (additions(made), codes(made)) == ({}, ["unknown_outcome"])
    refused = RefusedBefore(f"margin of {BTC}#long", "110014", "not enough", 2, later(4))
    made = plan(asked(room(), refused=(refused,)))
    assert (additions(made), codes(made)) == ({}, ["refused_before"])
    over = plan(asked(room(), refused=(replace(refused, until=NOW),)))
    assert additions(over)


def test_unknown_figures_are_told() -> None:
    shot = account()
    blind = replace(shot, balance=replace(shot.balance, available=Unknown("the venue gave none")))
    assert codes(plan(asked(room(), shot=blind))) == ["unknown_figure"]
    poor = replace(shot, balance=replace(shot.balance, equity=Unknown("the venue gave none")))
    assert codes(plan(asked(room(), shot=poor))) == ["unknown_figure"]


def test_an_account_that_cannot_be_recomputed_gets_no_margin() -> None:
    shot = account(alone(), position(ETH, Side.LONG, "1", "3000"), equity="105000")
    gone = replace(shot, tiers={BTC: shot.tiers[BTC]})
    made = plan(asked(room(), shot=gone))
    assert additions(made) == {}
    assert "check_failed" in codes(made)


def test_margin_counts_as_an_action() -> None:
    used = Usage(300, Decimal(0), Decimal(0))
    made = plan(asked(room(), usage=used))
    assert (additions(made), codes(made)) == ({}, ["cap_actions"])


def test_an_unknown_margin_balance_is_no_hindrance_to_isolated_positions() -> None:
    shot = account()
    blind = replace(shot, balance=replace(shot.balance, margin_balance=Unknown("the venue gave none")))
    assert additions(plan(asked(room(), shot=blind)))


@settings(max_examples=examples(50), deadline=None)
@given(seed=st.integers(0, 100_000), tightness=st.floats(1.05, 3.0))
def test_random_isolated_positions_reach_their_goal(seed: int, tightness: float) -> None:
    shot, _ = random_account(seed, isolated=1.0)
    shot = replace(shot, balance=replace(shot.balance, available=Decimal(10) ** 12))
    for one in shot.positions[:3]:
        found = room(0.5, target=target(one.symbol, one.side))
        before = request(shot, (found,))
        value = measured(watch_of(found), before)
        goal = min(value * tightness, 0.9)
        if goal <= value:
            continue
        made = plan(request(shot, (replace(found, goal=goal, limit=goal, value=value),)))
        assert made.proofs[0].met, made
        assert [step.kind for step in made.steps] == [StepKind.ADD_MARGIN]
        assert state_before(before) == opened(before)


def test_margin_that_moves_nothing_is_not_added() -> None:
    """No fall liquidates it any more, and a distance is never above 100 %."""
    made = plan(asked(room(1.5), shot=account(alone(margin="120000"), equity="220000")))
    assert (additions(made), codes(made)) == ({}, ["check_failed"])
