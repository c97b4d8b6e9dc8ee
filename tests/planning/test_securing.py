"""Money moved out: never more than every limit bears, never while anything else is done."""

from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from bot.model import (
    WALLET,
    Action,
    Caps,
    ConvertRequest,
    Demand,
    Keep,
    MarginMode,
    MarginTerms,
    MoveTerms,
    Plan,
    Position,
    RefusedBefore,
    SecureTerms,
    Side,
    Snapshot,
    SpotMarket,
    Stable,
    StepKind,
    TransferRequest,
    Unknown,
    Usage,
)
from bot.planning.planner import plan
from bot.planning.request import watch_of
from tests.planning.build import demand, later, position, request, snapshot, target

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"
SPOT = SpotMarket(
    symbol="ETH/USDT",
    base="ETH",
    quote="USDT",
    amount_step=Decimal("0.01"),
    amount_min=Decimal("0.02"),
    amount_max=None,
    price_step=Decimal("0.1"),
    notional_min=Decimal(5),
)


def account(
    *positions: Position, equity: str = "100000", free: str = "60000", coins: dict[str, str] | None = None
) -> Snapshot:
    """An account of one position worth 100,000."""
    shot = snapshot(positions or (position(BTC, Side.LONG, "1", "100000"),), equity)
    held = {"USDT": equity, **(coins or {})}
    worth = {"USDT": Decimal(equity), "ETH": Decimal(held.get("ETH", "0")) * 4000}
    balance = replace(
        shot.balance,
        available=Decimal(free),
        coins={coin: Decimal(amount) for coin, amount in held.items()},
        worth={coin: worth.get(coin, Decimal(0)) for coin in held},
    )
    return replace(shot, balance=balance, spots={"ETH/USDT": SPOT})


def bank(keep: Keep | None = None, **terms: Any) -> Demand:
    """A demand that permits it."""
    return demand(
        "account.available",
        50_000.0,
        rule="bank",
        permits=(Action.SECURE,),
        moves=MoveTerms(secure=SecureTerms(keep or Keep(usd=20_000.0), **terms)),
    )


def made_of(shot: Snapshot, *demands: Demand, watches: tuple[Demand, ...] = (), **changes: Any) -> Plan:
    watched = tuple(watch_of(one) for one in (*watches, bank()))
    return plan(request(shot, demands or (bank(),), watched, **changes))


def moved(made: Plan) -> Decimal:
    """USD that a plan moves out."""
    requests = [step.request for step in made.steps]
    return sum((one.amount for one in requests if isinstance(one, TransferRequest)), Decimal(0))


def sold(made: Plan) -> list[ConvertRequest]:
    return [step.request for step in made.steps if isinstance(step.request, ConvertRequest)]


def codes(made: Plan) -> list[str]:
    return [one.code for one in made.refusals]


def test_what_is_free_above_the_floor_goes() -> None:
    made = made_of(account())
    assert moved(made) == 40_000
    (step,) = made.steps
    assert (step.kind, step.notional, step.cost) == (StepKind.SECURE, 40_000.0, 0.0)
    assert moved(made_of(account(), bank(Keep(share=0.25)))) == 35_000


def test_without_terms_nothing_is_moved() -> None:
    assert made_of(account(), replace(bank(), moves=MoveTerms())).steps == ()


def test_what_a_tick_frees_is_not_moved() -> None:
    """Half a percent of 100,000 USD."""
    assert moved(made_of(account(free="20500"))) == 500
    made = made_of(account(free="20499.99"))
    assert (moved(made), codes(made)) == (Decimal(0), ["nothing_to_secure"])


def test_the_wallet_must_hold_it() -> None:
    apart = position(
        ETH, Side.LONG, "1", "4000", margin_mode=MarginMode.ISOLATED, isolated_margin=Decimal(2000)
    )
    shot = account(position(BTC, Side.LONG, "1", "100000"), apart, equity="100000", free="99000")
    assert moved(made_of(shot, bank(Keep()))) == 98_000
    assert codes(made_of(account(), bank(stable=Stable.USDC))) == ["nothing_to_secure"]


@pytest.mark.parametrize("metric", ["account.leverage", "position.leverage", "account.margin_ratio"])
def test_no_limit_passes_its_goal(metric: str) -> None:
    goal = 1.25 if metric.endswith("leverage") else 0.007
    limit = demand(
        metric, goal, limit=goal * 2, target=target(BTC) if metric[0] == "p" else demand(metric, 1.0).target
    )
    made = made_of(account(), watches=(limit,))
    assert 0 < moved(made) < 40_000
    leaves = 100_000 - float(moved(made))
    value = 100_000 / leaves if metric.endswith("leverage") else 555 / leaves
    assert value == pytest.approx(goal, rel=2e-3)
    assert value <= goal


def test_a_limit_that_is_past_its_goal_keeps_everything() -> None:
    limit = demand("account.leverage", 0.9, limit=2.0)
    made = made_of(account(), watches=(limit,))
    assert (moved(made), codes(made)) == (Decimal(0), ["check_failed"])
    assert "beyond its goal" in made.refusals[0].reason


def test_a_limit_that_money_does_not_move_holds_nothing() -> None:
    apart = position(
        ETH, Side.LONG, "1", "4000", margin_mode=MarginMode.ISOLATED, isolated_margin=Decimal(400)
    )
    limit = demand("position.leverage", 5.0, target=target(ETH))
    shot = account(position(BTC, Side.LONG, "1", "100000"), apart)
    assert moved(made_of(shot, watches=(limit,))) == 40_000


def test_equity_has_a_floor_and_a_drawdown_does_not_move() -> None:
    floor = demand("account.equity", 75_000.0)
    loss = demand("account.drawdown", 0.01)
    assert 24_000 < moved(made_of(account(), watches=(floor, loss))) <= 25_000


def test_a_limit_that_cannot_be_told_keeps_everything() -> None:
    gone = demand("position.leverage", 3.0, target=target(ETH))
    assert codes(made_of(account(), watches=(gone,))) == ["check_failed"]
    alert = demand("account.concentration", 0.1)
    assert moved(made_of(account(), watches=(alert,))) == 40_000


@pytest.mark.parametrize(
    ("caps", "terms", "usage", "amount", "code"),
    [
        (Caps(secured_per_day=Decimal(7000)), {}, {"other": "2000"}, "5000", None),
        (Caps(secured_per_day=Decimal(7000)), {}, {"other": "6995"}, "0", "cap_secured"),
        (Caps(), {"max_per_day": 900.0}, {"bank": "100", "other": "700"}, "800", None),
        (Caps(), {"max_per_day": 900.0}, {"bank": "900"}, "0", "cap_secured"),
    ],
)
def test_the_day_has_caps(
    caps: Caps, terms: dict[str, Any], usage: dict[str, str], amount: str, code: str | None
) -> None:
    used = Usage(0, Decimal(0), Decimal(0), {}, {name: Decimal(spent) for name, spent in usage.items()})
    made = made_of(account(), bank(**terms), caps=caps, usage=used)
    assert moved(made) == Decimal(amount)
    assert codes(made) == ([code] if code else [])


def test_it_yields_to_everything_else() -> None:
    cap = demand("account.leverage", 0.5)
    made = made_of(account(), bank(), cap, watches=(cap,))
    assert "busy" in codes(made)
    lowering = demand(
        "account.leverage",
        0.5,
        rule="low",
        permits=(Action.LOWER_LEVERAGE,),
        moves=MoveTerms(MarginTerms(), 5.0),
    )
    assert "busy" in codes(made_of(account(), bank(), lowering))
    for blocked in (BTC, WALLET):
        assert codes(made_of(account(), blocked_symbols=frozenset({blocked}))) == ["unknown_outcome"]


def test_what_was_refused_or_used_up_waits() -> None:
    refused = RefusedBefore(WALLET, "10005", "no permission", 1, later(2))
    assert codes(made_of(account(), refused=(refused,))) == ["refused_before"]
    assert codes(made_of(account(), usage=Usage(150, Decimal(0), Decimal(0)))) == ["cap_actions"]


def test_unknown_figures_keep_everything() -> None:
    shot = account()
    for changes in (
        {"available": Unknown("none")},
        {"equity": Unknown("none")},
        {"coins": {"USDT": Unknown("none")}},
    ):
        blind = replace(shot, balance=replace(shot.balance, **changes))
        assert codes(made_of(blind)) == ["unknown_figure"]
    apart = position(
        ETH, Side.LONG, "1", "4000", margin_mode=MarginMode.ISOLATED, isolated_margin=Unknown("none")
    )
    assert codes(made_of(account(apart))) == ["check_failed"]
    flat = position(
        ETH, Side.LONG, "0", "4000", margin_mode=MarginMode.ISOLATED, isolated_margin=Unknown("none")
    )
    assert codes(made_of(account(flat))) == ["unknown_figure"]


def test_the_next_rule_is_asked_where_the_first_moves_nothing() -> None:
    first = bank(Keep(usd=60_000.0))
    second = replace(bank(), rule="other", episode="other.1")
    made = made_of(account(), first, second)
    assert moved(made) == 40_000
    assert codes(made) == ["nothing_to_secure"]
    assert moved(made_of(account(), replace(second, permits=(Action.NOTIFY,)), bank())) == 40_000


def test_coins_are_sold_first() -> None:
    shot = account(coins={"ETH": "10.006", "BTC": "0", "USDC": "5"})
    made = made_of(shot, bank(convert=True))
    (one,) = sold(made)
    assert (one.symbol, one.amount, one.price, one.worth) == (
        "ETH/USDT",
        Decimal("10.00"),
        Decimal(3980),
        4000,
    )
    assert [step.kind for step in made.steps] == [StepKind.CONVERT, StepKind.SECURE]
    assert made.steps[0].cost == pytest.approx(40_000 * 0.0068)
    assert sold(made_of(shot)) == []


@pytest.mark.parametrize(
    ("amount", "spot", "changes", "code"),
    [
        ("10", None, {}, "no_spot_market"),
        ("0.0049", SPOT, {}, "too_small"),
        ("0.02", replace(SPOT, notional_min=Decimal(100)), {}, "too_small"),
        (
            "10",
            SPOT,
            {"refused": (RefusedBefore("conversion of ETH", "170131", "no", 1, later(2)),)},
            "refused_before",
        ),
        ("10", SPOT, {"usage": Usage(150, Decimal(0), Decimal(0))}, "cap_actions"),
        ("10", SPOT, {"caps": Caps(loss_per_day=Decimal(200))}, "cap_loss"),
    ],
)
def test_what_is_not_sold(amount: str, spot: SpotMarket | None, changes: dict[str, Any], code: str) -> None:
    shot = replace(account(coins={"ETH": amount}), spots={"ETH/USDT": spot} if spot else {})
    made = made_of(shot, bank(convert=True), **changes)
    assert sold(made) == []
    assert codes(made)[0] == code


def test_a_conversion_is_bounded_by_order_size_slippage_and_loss() -> None:
    shot = account(coins={"ETH": "10"})
    capped = replace(shot, spots={"ETH/USDT": replace(SPOT, amount_max=Decimal(3))})
    (one,) = sold(made_of(capped, bank(convert=True), caps=Caps(max_slippage=Decimal("0.001"))))
    assert (one.amount, one.price) == (Decimal(3), Decimal(3996))
    assert len(sold(made_of(shot, bank(convert=True), caps=Caps(loss_per_day=Decimal(300))))) == 1


def test_a_conversion_may_cost_exposure_and_not_survival() -> None:
    shot = account(coins={"ETH": "10"})
    cap = demand("account.leverage", 1.0)
    assert len(sold(made_of(shot, bank(convert=True), watches=(cap,)))) == 1
    ratio = demand("account.margin_ratio", 0.00555)
    assert sold(made_of(shot, bank(convert=True), watches=(ratio,))) == []


def test_coins_of_unknown_worth_or_amount_are_left_alone() -> None:
    shot = account(coins={"ETH": "10"})
    for changes in (
        {"worth": {"ETH": Unknown("none")}},
        {"coins": {"USDT": Decimal(100_000)}},
        {"worth": {"ETH": Decimal(5)}},
        {"coins": {"USDT": Decimal(100_000), "ETH": Decimal(0)}},
    ):
        odd = replace(shot, balance=replace(shot.balance, **changes))
        assert sold(made_of(odd, bank(convert=True))) == []
