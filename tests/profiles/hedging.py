"""The demo's crash and a recovery like a V, under rules that hedge first; judged by the venue's books."""

from decimal import Decimal
from pathlib import Path

from msgspec import Struct

from bot.demo.hedged import SCENARIO, WAYS, Hedging, rules_of
from bot.journal.records import Kind
from bot.model import StepKind
from bot.replaying import decide_again
from bot.sandbox.engine.scenario import load_scenario
from bot.sandbox.engine.types import ZERO, PositionMode, Side
from tests.profiles.scenes import LONGS, SCENARIOS, Played, told_of
from tests.profiles.world import GUARDED, Run, Trader, opened

SECONDS, EVERY = 245 * 60.0, 60.0
DEAREST = Decimal("1.075")
"""What may be paid for an option at most, as a multiple of what it is worth at its volatility."""
MOST_PREMIUM = 0.1
"""`max_premium` of the rules, as a share of equity."""
COINS = {"BTC": "BTCUSDT", "ETH": "ETHUSDT", "SOL": "SOLUSDT"}
STEPS = {"BTC": Decimal("0.01"), "ETH": Decimal("0.1"), "SOL": Decimal(1)}
"""The coarsest step of what hedges a coin."""


class Books(Struct, frozen=True):
    """What the venue's books show of one coin: the long, and what stands against it, in coins."""

    long: Decimal
    hedge: Decimal
    """Shorts, and puts counted whole, as if the price had gone to nothing."""
    net: Decimal
    """The long less shorts, and puts by their delta."""


class Judge:
    """Looks at the books before every request that writes, and after every poll."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self.wrong: list[str] = []
        self.most = dict.fromkeys(COINS, ZERO)
        """The largest hedge of each coin."""
        self.shrank = 0
        """How often a hedged long was made smaller."""
        self._before = {coin: self.books(coin) for coin in COINS}
        self._bought = 0
        self._equity = run.equity(GUARDED)
        run.looks.append(self.look)

    def books(self, coin: str) -> Books:
        """What stands of a coin."""
        legs = {
            one.side: one.size for one in self._run.engine.positions(GUARDED) if one.symbol == COINS[coin]
        }
        long, short = legs.get(Side.BUY, ZERO), legs.get(Side.SELL, ZERO)
        puts = [one for one in self._run.engine.options.positions(GUARDED) if one.contract.base == coin]
        delta = sum((Decimal(repr(one.greeks.delta)) for one in puts), ZERO)
        held = sum((one.size for one in puts), ZERO)
        return Books(long, short + held, long - short + delta)

    def look(self) -> None:
        """Never net short in any coin, and never more hedged than there is."""
        for coin in COINS:
            now = self.books(coin)
            if now.net < 0 or now.hedge > now.long:
                self.wrong.append(f"{self._run.clock.now():%H:%M:%S} {coin} is short: {now}")
            self.most[coin] = max(self.most[coin], now.hedge)
        self._equity = self._run.equity(GUARDED)

    def polled(self) -> None:
        """A hedge goes with its parent, in proportion; what is bought is bought inside both caps."""
        for coin, was in self._before.items():
            now = self.books(coin)
            if now.long < was.long and was.hedge:
                self.shrank += 1
                if now.hedge > was.hedge * now.long / was.long + STEPS[coin]:
                    self.wrong.append(f"{coin} went from {was} to {now}: its hedge did not go with it")
            self._before[coin] = now
        self._premiums()

    def _premiums(self) -> None:
        engine = self._run.engine
        fresh = engine.options.executions(GUARDED)[self._bought :]
        self._bought += len(fresh)
        bought = [one for one in fresh if one.side is Side.BUY]
        for one in bought:
            if one.price > DEAREST * one.mark_price:
                self.wrong.append(f"{one.symbol} was bought at {one.price}, worth {one.mark_price}")
        held = sum((one.size * one.entry_price for one in engine.options.positions(GUARDED)), ZERO)
        most = MOST_PREMIUM * self._equity
        # equity fell by half of the spread when it was bought
        if bought and float(held) > most * 1.01:
            self.wrong.append(f"{held} were paid for what is held, {most} may be")


class Lived(Struct, frozen=True):
    """What came of it."""

    played: Played
    wrong: tuple[str, ...]
    most: dict[str, Decimal]
    shrank: int
    left: Decimal
    """Hedges that are open at the end, in coins."""
    hedges: int
    unwound: int


async def live(hedging: Hedging, folder: Path, *, every: float = EVERY, stops: bool = False) -> Lived:
    """Live through it beside the twin; `stops` says whether protective stops rest, which the demo has off."""
    feed = load_scenario(SCENARIOS / f"{SCENARIO}.yaml")
    rules = folder / "rules.yaml"
    rules.write_text(rules_of(hedging))
    trader = Trader(LONGS, mode=PositionMode(WAYS[hedging].position_mode))
    # without options at the venue every invariant of the perpetuals is judged, too
    options = feed.scenario.options if hedging is Hedging.PUT else None
    async with opened(folder, feed, trader, rules, stops=stops, options=options) as run:
        judge = Judge(run)
        for _ in range(round(SECONDS / every)):
            await run.polls(every, every)
            judge.polled()
        return Lived(
            played=told_of(run),
            wrong=(*judge.wrong, *_decided_otherwise(run)),
            most=judge.most,
            shrank=judge.shrank,
            left=sum((judge.books(coin).hedge for coin in COINS), ZERO),
            hedges=len(run.steps(StepKind.HEDGE)),
            unwound=len(run.steps(StepKind.UNWIND)),
        )


def _decided_otherwise(run: Run) -> list[str]:
    """Decisions that do not come out again, byte for byte, from what was recorded."""
    entries = run.journal.entries(kind=Kind.DECISION, limit=10_000)
    found = [(entry.seq, decide_again(run.journal, entry)) for entry in entries]
    return [f"entry {seq}: {again.said}" for seq, again in found if not again.same]
