"""A stress says what the sandbox does when the same shock is really applied."""

from decimal import Decimal
from random import Random

import pytest

from bot.rules import load_rules, profile_path
from bot.sandbox.engine.types import Side
from bot.scenarios.values import Funding, StressScenario
from bot.stress.results import Ending
from bot.stress.run import stress
from tests.stress.venue import NAME, PRICES, Scene, Stake, symbol_of

STEPS = {"BTCUSDT": 3, "ETHUSDT": 2, "SOLUSDT": 1, "XRPUSDT": 1, "DOTUSDT": 1}
SEEDS = range(40)
OBSERVE = load_rules(profile_path("observe"))


def scenario(moves: dict[str, float]) -> StressScenario:
    return StressScenario("shock", {symbol_of(symbol): move for symbol, move in moves.items()}, others=False)


async def foreseen(scene: Scene, moves: dict[str, float]) -> Ending:
    result = stress(await scene.look(), OBSERVE, [scenario(moves)])
    assert not result.error
    return result.outcomes[0].unguarded


def stake(symbol: str, side: Side, notional: float, *, isolated: bool = False) -> Stake:
    qty = Decimal(str(round(notional / PRICES[symbol], STEPS[symbol])))
    return Stake(symbol, side, qty, isolated)


def drawn(seed: int) -> tuple[Decimal, list[Stake], dict[str, float], bool]:
    """A random account: cross, isolated or both, one-way or hedged, one position or several."""
    rng = Random(seed)
    deposit = rng.choice([5_000, 30_000, 150_000])
    hedged = rng.random() < 0.3
    symbols = rng.sample(sorted(PRICES), rng.randint(1, len(PRICES)))
    gross = deposit * rng.uniform(1.0, 8.0)
    stakes = []
    for symbol in symbols:
        side = rng.choice([Side.BUY, Side.BUY, Side.SELL])
        isolated, part = rng.random() < 0.3, gross / len(symbols) * rng.uniform(0.4, 1.2)
        stakes.append(stake(symbol, side, part, isolated=isolated))
        if hedged and rng.random() < 0.5:
            other = Side.SELL if side is Side.BUY else Side.BUY
            stakes.append(stake(symbol, other, part * rng.uniform(0.2, 0.9), isolated=isolated))
    market = rng.choice([-0.6, -0.4, -0.25, -0.12, 0.2, 0.5])
    moves = {symbol: max(market * rng.uniform(0.7, 1.5), -0.85) for symbol in PRICES}
    return Decimal(deposit), stakes, moves, hedged


def test_the_seeds_show_every_kind_of_account() -> None:
    every = [drawn(seed) for seed in SEEDS]
    assert any(hedged for *_, hedged in every)
    assert any(len(stakes) == 1 for _, stakes, *_ in every)
    assert any(all(one.isolated for one in stakes) for _, stakes, *_ in every)
    assert any(len({one.isolated for one in stakes}) == 2 for _, stakes, *_ in every)
    assert any(not any(one.isolated for one in stakes) and len(stakes) > 2 for _, stakes, *_ in every)


@pytest.mark.parametrize("seed", SEEDS)
async def test_random_accounts_end_as_they_do_at_the_venue(seed: int) -> None:
    deposit, stakes, moves, hedged = drawn(seed)
    scene = Scene(deposit, stakes, moves, hedged=hedged)
    before = scene.equity
    told = await foreseen(scene, moves)
    scene.shock()
    assert {one.position for one in told.liquidated} == scene.liquidated
    assert told.equity == pytest.approx(scene.equity, abs=0.005 * before)


async def test_the_riskiest_goes_first_and_by_the_steps_of_the_venue() -> None:
    moves = {"BTCUSDT": -0.2, "ETHUSDT": -0.3, "SOLUSDT": -0.3}
    stakes = [stake("BTCUSDT", Side.BUY, 90_000), stake("SOLUSDT", Side.BUY, 120_000)]
    scene = Scene(Decimal(30_000), stakes, moves)
    told = await foreseen(scene, moves)
    scene.shock()
    assert [one.position for one in told.liquidated] == scene.order
    assert told.equity == pytest.approx(scene.equity, abs=150)


@pytest.mark.parametrize("rate", [0.003, -0.003])
async def test_funding_is_paid_as_at_the_venue(rate: float) -> None:
    stakes = [stake("BTCUSDT", Side.BUY, 90_000), stake("ETHUSDT", Side.SELL, 30_000)]
    scene = Scene(Decimal(30_000), stakes, {}, funding=rate)
    given = await scene.look()
    one = StressScenario("funding", {}, funding=Funding(rate, 24.0))
    told = stress(given, OBSERVE, [one]).outcomes[0].unguarded
    scene.clock.advance(24 * 3600)
    scene.engine.advance()
    assert told.equity == pytest.approx(scene.equity, rel=0.0005)


@pytest.mark.parametrize("share", ["0.05", "0.97"])
async def test_a_haircut_weighs_as_at_the_venue(share: str) -> None:
    scene = Scene(Decimal(30_000), [stake("BTCUSDT", Side.BUY, 190_000)], {})
    given = await scene.look()
    one = StressScenario("depeg", {}, haircuts={"USDT": float(share)})
    told = stress(given, OBSERVE, [one]).outcomes[0].unguarded
    scene.engine.disturbances.haircut(NAME, Decimal(share))
    scene.clock.advance(120)
    scene.engine.advance()
    assert {taken.position for taken in told.liquidated} == scene.liquidated
    after = await scene.look()
    assert isinstance(after.snapshot.balance.equity, Decimal)
    assert told.equity == pytest.approx(float(after.snapshot.balance.equity), abs=150)


@pytest.mark.parametrize("qty", ["20000", "200000", "400000"])
async def test_coins_as_collateral_of_inverse_contracts_end_as_at_the_venue(qty: str) -> None:
    moves = {"BTCUSDT": -0.4}
    scene = Scene(Decimal(1_000), [], moves)
    scene.engine.transfer(NAME, "BTC", Decimal("0.5"))
    scene.engine.open_position(NAME, "BTCUSD", Side.BUY, Decimal(qty), None, Decimal(50))
    told = stress(await scene.look(), OBSERVE, [StressScenario("fall", {"BTC": -0.4})])
    ending = told.outcomes[0].unguarded
    before = scene.equity
    scene.shock()
    assert {one.position for one in ending.liquidated} == scene.liquidated
    assert ending.equity == pytest.approx(scene.equity, abs=0.005 * before)


@pytest.mark.parametrize("fall", [0.38, 0.43, 0.47, 0.53])
async def test_profit_that_is_settled_in_coins_suffers_no_haircut(fall: float) -> None:
    """Liquidated below 54.8 % of mark; at 49.1 % if the haircut fell on the loss as well."""
    scene = Scene(Decimal(1_000), [], {"BTCUSDT": -fall}, coin_haircut="0.2")
    scene.engine.transfer(NAME, "BTC", Decimal("0.5"))
    scene.engine.open_position(NAME, "BTCUSD", Side.BUY, Decimal(50_000), None, Decimal(50))
    told = stress(await scene.look(), OBSERVE, [StressScenario("fall", {"BTC": -fall})])
    scene.shock()
    liquidated = {one.position for one in told.outcomes[0].unguarded.liquidated}
    assert liquidated == scene.liquidated
    assert bool(liquidated) is (fall > 0.452)
