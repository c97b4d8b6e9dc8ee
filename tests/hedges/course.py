"""A seeded crash with a recovery like a V: a rule hedges on the way down, and must unwind on the way up."""

from decimal import Decimal
from pathlib import Path
from random import Random

from msgspec import Struct

from bot.execution import halted
from bot.model import StepKind
from bot.sandbox.engine.types import Side
from tests.faults.stage import ACCOUNT, stage
from tests.hedges.scene import BTC, CAPPED, ETH, SHOCK, Judge, asked, changes, lots, move, trade

FALL, RISE = (10, 24), (10, 24)
"""Steps of the way down, and of the way up."""
CALM = 12
"""Cycles after it, in which everything must come to rest."""


class Fate(Struct, frozen=True):
    """What came of one path."""

    hedged: Decimal
    left: Decimal
    """What of the hedge is open at the end."""
    parent: Decimal
    exposure: float
    """The smallest exposure of parent and hedge together, in USD by beta."""
    opened: int
    unwound: int
    by_others: int
    """How often others closed something of the hedge."""
    remembered: int
    """Hedges that the journal still counts at the end."""
    halted: bool


def path(random: Random) -> list[tuple[float, float]]:
    """Draw the market: shares of its beginning, and ETH's own drift beside its beta."""
    low, top = random.uniform(0.78, 0.85), random.uniform(1.03, 1.06)
    fall, rise = random.randint(*FALL), random.randint(*RISE)
    market = [1 + (low - 1) * (step / fall) ** random.choice((0.7, 1.0, 1.5)) for step in range(1, fall + 1)]
    market += [low + (top - low) * step / rise for step in range(1, rise + 1)]
    drift, found = 0.0, []
    for share in market:
        drift = 0.8 * drift + random.gauss(0.0, 0.003)
        found.append((share * (1 + random.gauss(0.0, 0.002)), drift))
    return found + [(top, 0.0)] * CALM


async def live(seed: int, folder: Path) -> Fate:
    """Live through the path of a seed, with a lost answer, a restart or an owner who sells now and then."""
    random = Random(f"V:{seed}")
    rules = random.choice((SHOCK, SHOCK, CAPPED))
    market = path(random)
    troubles = {
        random.randrange(len(market) // 2): random.choice(("hang", "restart", "owner", "hang", "hidden"))
        for _ in range(random.choice((0, 1, 1, 2)))
    }
    async with stage(folder, rules) as it:
        judge = Judge(it)
        it.open(ETH, Side.BUY, f"{random.uniform(39.5, 40.5):.1f}")
        for number, (share, drift) in enumerate(market):
            move(it, share, drift)
            trouble = troubles.get(number, "")
            if trouble == "hang":
                it.fault("hang", path="/v5/order/create", count=1)
            elif trouble == "hidden":
                it.fault("hidden_orders", seconds=6, count=1)
            elif trouble == "restart":
                await it.restart()
            elif trouble == "owner":
                trade(it, ETH, Side.SELL, "1", reduce_only=True)
            await it.cycle(after=random.choice((2.0, 3.0, 5.0)))
            judge.look()
        it.mend()
        return Fate(
            hedged=judge.hedged,
            left=-it.size(BTC),
            parent=it.size(ETH),
            exposure=judge.worst,
            opened=len(asked(it, StepKind.HEDGE)),
            unwound=len(asked(it, StepKind.UNWIND)),
            by_others=len(changes(it)),
            remembered=sum(1 for lot in lots(it) if lot.most),
            halted=halted(it.journal, ACCOUNT) is not None,
        )
