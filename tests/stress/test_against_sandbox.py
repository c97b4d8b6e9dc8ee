"""A stress says what the sandbox does when the same shock is really applied."""

from decimal import Decimal
from random import Random

import pytest

from bot.rules import load_rules, profile_path
from bot.sandbox.engine.types import Side
from bot.stress.results import Ending
from bot.stress.run import stress
from bot.stress.scenarios import StressScenario
from tests.stress.venue import PRICES, Scene, Stake, symbol_of

STEPS = {"BTCUSDT": 3, "ETHUSDT": 2, "SOLUSDT": 1, "XRPUSDT": 1, "DOTUSDT": 1}
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


@pytest.mark.parametrize("seed", range(40))
async def test_random_accounts_end_as_they_do_at_the_venue(seed: int) -> None:
    deposit, stakes, moves, hedged = drawn(seed)
    scene = Scene(deposit, stakes, moves, hedged=hedged)
    before = scene.equity
    told = await foreseen(scene, moves)
    scene.shock()
    assert {one.position for one in told.liquidated} == scene.liquidated
    assert told.equity == pytest.approx(scene.equity, abs=0.005 * before)
