"""The recomputation beside bot.risk: two ways to the same numbers, and what cannot be known."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from bot.model import Beta, MarginMode, MarketStats, Position, Scenario, Sense, Side, Target, Unknown
from bot.planning import recomputation
from bot.planning.check import is_inside
from bot.planning.measures import BEYOND, is_kept, recomputed
from bot.planning.recomputation import State, slices_of, state_before
from bot.planning.request import PlanRequest, Watch
from bot.risk.metrics import measure
from tests.examples import examples
from tests.planning.build import (
    CRASH,
    NOW,
    context,
    measured,
    opened,
    position,
    random_account,
    request,
    snapshot,
    stats_for,
    target,
)
from tests.planning.inverse import INVERSE, account, coin_tiers, held

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"
ACCOUNT_METRICS = (
    "account.leverage",
    "account.net_leverage",
    "account.margin_ratio",
    "account.joint_distance",
    "account.stress_loss",
    "account.cushion",
    "account.drawdown",
    "account.daily_loss",
    "account.equity",
)
POSITION_METRICS = (
    "position.leverage",
    "position.equity_share",
    "position.liquidation_distance",
    "position.liquidation_distance_atr",
    "position.liquidation_distance_sigma",
)
SCENARIOS = (CRASH, Scenario("rally", {"BTC": 0.3, "ETH": 0.2}), Scenario("one", {"SOL": -0.4}))


def watch(metric: str, where: Target | None = None, **changes: object) -> Watch:
    found = Watch("rule", metric, Sense.MAX, 1.0, 1.0, where or Target("main"), SCENARIOS)
    return replace(found, **changes)


@given(seed=st.integers(0, 2**32))
@settings(max_examples=examples(50), deadline=None)
def test_the_second_opinion_agrees_with_the_first(seed: int) -> None:
    shot, stats = random_account(seed)
    asked = request(shot, about=context(0.9, 1.0, stats))
    about = replace(asked.context, scenarios=SCENARIOS)
    for metric in ACCOUNT_METRICS:
        theirs = measure(metric, asked.portfolio, about)
        assert measured(watch(metric), asked) == pytest.approx(theirs, rel=1e-8, abs=1e-9), metric
    for one in shot.positions:
        for metric in POSITION_METRICS:
            theirs = measure(metric, asked.portfolio, about, one.key)
            ours = measured(watch(metric, target(one.symbol, one.side)), asked)
            assert ours == pytest.approx(theirs, rel=1e-8, abs=1e-9), (metric, one.key)


def hedged() -> PlanRequest:
    """A long and a shorter short leg of one symbol."""
    long = position(BTC, Side.LONG, "2", "1000", position_index=1)
    short = position(BTC, Side.SHORT, "1.5", "1000", position_index=2)
    return request(snapshot([long, short], 400))


def test_the_legs_of_a_symbol_share_one_price() -> None:
    asked = hedged()
    distance = measured(watch("position.liquidation_distance", target(BTC)), asked)
    assert distance == pytest.approx(
        measure("position.liquidation_distance", asked.portfolio, asked.context, f"{BTC}#long")
    )
    assert 0.7 < distance < 1.0
    assert measured(watch("position.liquidation_distance", target(BTC, Side.SHORT)), asked) == 10.0


def test_legs_that_cancel_have_no_residual() -> None:
    legs = [position(BTC, side, "1", "1000", position_index=1) for side in Side]
    stats = MarketStats("ETH", {BTC: Beta(1.0, 0.5, "test")}, {}, {}, NOW)
    asked = request(snapshot(legs, 400), about=context(stats=stats))
    assert measured(watch("account.joint_distance"), asked) == 1.0


def test_what_is_ruined_is_past_every_limit() -> None:
    asked = request(snapshot([position(BTC, Side.LONG, "1", "1000")], 0))
    assert measured(watch("account.leverage"), asked) == BEYOND
    assert measured(watch("account.margin_ratio"), asked) == BEYOND
    assert measured(watch("position.liquidation_distance", target(BTC)), asked) < 0
    assert measured(watch("account.joint_distance"), asked) == 0.0
    flat = request(snapshot([], 0), about=context(value=0.0, peak=0.0))
    assert measured(watch("account.leverage"), flat) == 0.0
    assert measured(watch("account.joint_distance"), flat) == 1.0
    assert measured(watch("account.drawdown"), flat) == BEYOND


def test_what_is_at_price_0_loses_no_more() -> None:
    """Falling twice as far as the market one is gone at half of it; the other goes on."""
    held = [position(BTC, Side.LONG, "1", "1000"), position(ETH, Side.LONG, "10", "100")]
    stats = MarketStats("SOL", {BTC: Beta(2.0, 0.0, "test"), ETH: Beta(1.0, 0.0, "test")}, {}, {}, NOW)
    asked = request(snapshot(held, 1700), about=context(stats=stats))
    found = measured(watch("account.joint_distance"), asked)
    assert found == pytest.approx(measure("account.joint_distance", asked.portfolio, asked.context))
    assert 0.69 < found < 0.7


def test_without_tiers_a_position_needs_its_surcharge_alone() -> None:
    for inverse in (False, True):
        asked = request(snapshot([position(BTC, Side.LONG, "1", "1000")], 400))
        (entry,) = opened(asked).entries
        bare = replace(opened(asked), entries=(replace(entry, slices=(), surcharge=7.0, inverse=inverse),))
        assert recomputed(watch("account.margin_ratio"), bare, asked.context) == 7.0 / 400
        found = recomputed(watch("account.joint_distance"), bare, asked.context)
        assert found == pytest.approx(393 / 1000)


@pytest.mark.parametrize("level", [0.02, 0.2, 0.5, 0.9])
@pytest.mark.parametrize("sense", [Sense.MIN, Sense.MAX])
def test_what_is_kept_without_being_measured_is_inside(level: float, sense: Sense) -> None:
    told = 0
    for seed in range(20):
        shot, stats = random_account(seed)
        asked = request(shot, about=context(0.9, 1.0, stats))
        state = opened(asked)
        for one in shot.positions:
            for metric in POSITION_METRICS:
                limit = watch(metric, target(one.symbol, one.side), limit=level, sense=sense)
                if is_kept(limit, state):
                    value = recomputed(limit, state, asked.context)
                    assert not isinstance(value, Unknown)
                    assert is_inside(value, level, sense)
                    told += 1
    assert told > 20


def test_what_cannot_be_known_is_not_kept() -> None:
    asked = request(snapshot([position(BTC, Side.LONG, "1", "1000")], 500))
    dark = opened(unknown_money(asked))
    near = watch("position.liquidation_distance", target(BTC), sense=Sense.MIN, limit=0.1)
    share = watch("position.equity_share", target(BTC), limit=9.0)
    for limit in (near, share):
        assert is_kept(limit, opened(asked))
        assert not is_kept(limit, dark)
        assert not is_kept(replace(limit, target=target(ETH)), opened(asked))
    assert not is_kept(watch("account.leverage", limit=9.0), opened(asked))
    assert not is_kept(replace(near, limit=1.0), opened(asked))


def test_scenarios_are_shocked_once_for_a_loss_and_a_cushion() -> None:
    asked = request(snapshot([position(BTC, Side.LONG, "1", "1000")], 500), about=context(1.0, 1.0))
    state = opened(asked)
    loss = recomputed(watch("account.stress_loss"), state, asked.context)
    assert len(state.losses) == 1
    assert recomputed(watch("account.cushion"), state, asked.context) == pytest.approx(loss)
    assert len(state.losses) == 1


def unknown_money(asked: PlanRequest) -> PlanRequest:
    nothing = Unknown("the venue was silent")
    return replace(asked, portfolio=replace(asked.portfolio, equity=nothing, margin_balance=nothing))


@pytest.mark.parametrize(
    "metric",
    [
        "account.leverage",
        "account.margin_ratio",
        "account.joint_distance",
        "account.stress_loss",
        "account.cushion",
        "account.drawdown",
        "position.leverage",
        "position.liquidation_distance",
        "position.liquidation_distance_atr",
    ],
)
def test_unknown_money_makes_unknown_metrics(metric: str) -> None:
    asked = unknown_money(request(snapshot([position(BTC, Side.LONG, "1", "1000")], 500)))
    value = recomputed(watch(metric, target(BTC)), opened(asked), asked.context)
    assert isinstance(value, Unknown)
    assert "silent" in value.reason


def test_what_is_not_there_is_unknown() -> None:
    asked = request(snapshot([position(BTC, Side.LONG, "1", "1000")], 500))
    bare = replace(asked, context=context())
    state = opened(asked)
    for metric in POSITION_METRICS:
        assert isinstance(recomputed(watch(metric, target(ETH)), state, asked.context), Unknown)
    assert isinstance(recomputed(watch("account.concentration"), state, asked.context), Unknown)
    atr = watch("position.liquidation_distance_atr", target(BTC))
    assert isinstance(recomputed(atr, state, bare.context), Unknown)


def test_an_account_that_cannot_be_read_has_no_state() -> None:
    shot = snapshot([position(BTC, Side.LONG, "1", "1000")], 500)
    asked = request(shot)
    assert isinstance(state_before(replace(asked, snapshot=replace(shot, tiers={}))), Unknown)
    assert isinstance(state_before(request(replace(shot, tiers={}))), Unknown)
    empty = replace(shot, positions=(replace(shot.positions[0], contracts=Decimal(0)),))
    assert isinstance(state_before(request(empty)), State)


def test_an_isolated_position_loses_at_most_its_margin() -> None:
    apart = position(
        BTC, Side.LONG, "10", "1000", margin_mode=MarginMode.ISOLATED, isolated_margin=Decimal(500)
    )
    asked = request(snapshot([apart], 2000), about=context(stats=stats_for([BTC])))
    assert measured(watch("account.stress_loss", scenarios=(CRASH,)), asked) == pytest.approx(0.25)


def beside(money: str, coins: str, one: Position, residual: float = 0.0) -> PlanRequest:
    """An inverse position with money and bitcoin behind it, in a market that ETH leads."""
    shot = account(coins=coins, money=money, one=one)
    shot = replace(shot, tiers={INVERSE: coin_tiers("0.5")})
    stats = MarketStats("ETH", {INVERSE: Beta(1.0, residual, "test")}, {}, {}, NOW)
    return request(shot, about=context(stats=stats))


@pytest.mark.parametrize(("money", "distance"), [("81367.5", 0.9), ("91461.25", 0.95), ("110000", 1.0)])
def test_an_inverse_long_asks_for_more_coins_the_further_it_falls(money: str, distance: float) -> None:
    """With a coin and M of money behind 100,000 USD of it. Below a quarter of mark it is in its last slice:
    at a share s of mark M + 100,000 s = 100,000 (1 - s) + 1,555 - 1,875 s, and at 0 it asks for 1,555."""
    asked = beside(money, "1", held())
    for metric, where in (
        ("position.liquidation_distance", target(INVERSE)),
        ("account.joint_distance", Target("main")),
    ):
        assert measured(watch(metric, where), asked) == pytest.approx(distance), metric
        theirs = measure(metric, asked.portfolio, asked.context, where.position)
        assert theirs == pytest.approx(distance), metric


def test_a_residual_brings_the_end_of_coins_and_their_long_nearer() -> None:
    asked = beside("81367.5", "1", held(), residual=0.5)
    assert measured(watch("account.joint_distance"), asked) == pytest.approx(0.9 / 1.5)


@pytest.mark.parametrize(
    ("coins", "market", "loss"),
    [
        ("3", -0.2, 60_000.0),  # 200,000 USD of net coins fall by 0.2 * 1.5
        ("1", -0.2, 0.0),
        ("1", 0.2, 0.0),
        ("0.5", 0.2, 15_000.0),  # 50,000 USD net short against a rise of 0.2 * 1.5
        ("0.5", -0.2, 0.0),
    ],
)
def test_the_residual_hurts_the_side_that_coins_and_position_come_to(
    coins: str, market: float, loss: float
) -> None:
    asked = beside("0", coins, held(Side.SHORT), residual=0.5)
    scenarios = (Scenario("the market", {"ETH": market}),)
    found = measured(watch("account.stress_loss", scenarios=scenarios), asked)
    assert found == pytest.approx(loss / (float(coins) * 100_000))
    theirs = measure("account.stress_loss", asked.portfolio, replace(asked.context, scenarios=scenarios))
    assert found == pytest.approx(theirs)


def test_slices_are_the_same_however_many_tiers_were_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recomputation, "_KNOWN", {})
    monkeypatch.setattr(recomputation, "_MOST_KNOWN", 2)
    small, large = coin_tiers("1"), coin_tiers("2")
    first = [slices_of(tiers, fee) for tiers in (small, large) for fee in (Decimal(0), Decimal("0.001"))]
    again = [slices_of(tiers, fee) for tiers in (small, large) for fee in (Decimal(0), Decimal("0.001"))]
    assert first == again
    assert len(set(first)) == 4
