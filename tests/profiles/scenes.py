"""What each of the shipped examples was written for: accounts, markets, and what came of them."""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from bot.demo.chronicle import Chronicle
from bot.exchange.values import to_milliseconds
from bot.model import StepKind
from bot.rules import profile_path
from bot.sandbox.engine.candles import CandleFeed, read_candles
from bot.sandbox.engine.feeds import Bar, Feed
from bot.sandbox.engine.scenario import load_scenario
from bot.sandbox.engine.script import ScenarioFeed
from bot.sandbox.engine.types import MarginMode
from tests.profiles.world import GUARDED, TWIN, Fate, Run, Trader, opened

SCENARIOS = Path(__file__).resolve().parent.parent.parent / "config" / "scenarios"
MINUTE, HOUR = 60.0, 3600.0
COINS = ("btc", "eth", "sol")

Source = Callable[[Path], Feed]
"""Makes a market; it is given the folder of recorded ones."""


class Part(Struct, frozen=True):
    """A stretch of time: how long, and how often the guard looks, in seconds."""

    seconds: float
    every: float
    gone: str = ""
    """The venue's symbol whose positions are auto-deleveraged half a poll before it ends; '' for none."""


class Scene(Struct, frozen=True):
    """A market, an account in it, and how long."""

    name: str
    source: Source
    trader: Trader
    parts: tuple[Part, ...]
    calm: bool = False
    """Whether there is nothing to be saved from."""


class Played(Struct, frozen=True):
    """What came of a scene under one example."""

    guarded: Fate
    twin: Fate
    steps: Counter[str]
    """How many steps of a kind were prepared; stops are left out."""
    fired: frozenset[str]
    """Rules that fired."""
    rules: frozenset[str]
    """Rules that made a step."""
    cost: float
    """USD: fees of the guard's orders, and what they were worse than mark. What stops sold is not in it."""
    margin: float
    """USD of margin that were added."""
    proposals: int
    wrong: tuple[str, ...]
    """Breaches of invariants, and cycles that failed."""


def kept(scene: Scene, fate: Fate) -> float:
    """What is left to an account's owner in USD, with the coins that are held elsewhere."""
    return fate.pair if scene.trader.elsewhere else fate.equity


def scripted(name: str) -> Source:
    """The market of a scenario file that ships."""
    return lambda _: load_scenario(SCENARIOS / name)


def recorded(files: str, start: datetime, *, merged: int = 1) -> Source:
    """The perpetuals of BTC, ETH and SOL as they traded; so many candles at a time are taken as one."""

    def feed(data: Path) -> Feed:
        bars = {
            f"{coin.upper()}USDT": _merged(read_candles(data / files.format(coin=coin)), merged)
            for coin in COINS
        }
        return CandleFeed(bars, to_milliseconds(start))

    return feed


def _merged(bars: Sequence[Bar], count: int) -> list[Bar]:
    groups = [bars[first : first + count] for first in range(0, len(bars) - count + 1, count)]
    return [
        Bar(
            group[0].start_ms,
            group[0].length_ms * count,
            group[0].open,
            max(one.high for one in group),
            min(one.low for one in group),
            group[-1].close,
            sum(one.volume for one in group),
        )
        for group in groups
    ]


LONGS = {"BTCUSDT": 170_000, "ETHUSDT": 110_000, "SOLUSDT": 70_000}
PAIR = Trader({"BTCUSDT": 500_000, "ETHUSDT": -384_000}, leverage=20)
SHORT = Trader({"SOLUSDT": -150_000}, leverage=4, margin=MarginMode.ISOLATED, elsewhere=True)
ALT = Trader({"SOLUSDT": 211_000})
THREE = Trader(LONGS)
TWICE = Trader({symbol: 2 * usd for symbol, usd in LONGS.items()}, leverage=20)

NOVEMBER = Scene("November 2025", scripted("november-2025.yaml"), THREE, (Part(175 * MINUTE, 20),))
OCTOBER = Scene(
    "10 October 2025",
    recorded("{coin}usdt-perp-5m-2025-10-06_2025-10-14.csv.gz", datetime(2025, 10, 10, 21, tzinfo=UTC)),
    TWICE,
    (Part(40 * MINUTE, 5),),
)
NOVEMBER_21 = Scene(
    "20 and 21 November 2025",
    recorded("{coin}usdt-perp-5m-2025-11-14_2025-11-23.csv.gz", datetime(2025, 11, 20, 12, tzinfo=UTC)),
    TWICE,
    (Part(36 * HOUR, 300),),
)
MAY = Scene(
    "12 to 26 May 2025",
    recorded("{coin}usdt-perp-1m-2025-05-05_2025-06-02.csv.gz", datetime(2025, 5, 12, tzinfo=UTC), merged=15),
    THREE,
    (Part(14 * 24 * HOUR, 1800),),
    calm=True,
)
BEFORE = Scene(
    "7 to 10 October 2025",
    recorded("{coin}usdt-perp-5m-2025-10-06_2025-10-14.csv.gz", datetime(2025, 10, 7, tzinfo=UTC)),
    THREE,
    (Part(84 * HOUR, 1800),),
    calm=True,
)
SQUEEZE = Scene(
    "short squeeze",
    scripted("short-squeeze.yaml"),
    SHORT,
    (Part(24 * HOUR, 3600), Part(2 * HOUR, 30), Part(4 * HOUR, 600)),
)
LOST_LEG = Scene(
    "lost leg",
    scripted("lost-leg.yaml"),
    PAIR,
    (Part(50 * MINUTE, 30, gone="ETHUSDT"), Part(MINUTE, 5), Part(99 * MINUTE, 30)),
)
ALTS_HALVE = Scene("alts halve", scripted("alts-halve.yaml"), ALT, (Part(4 * HOUR, 20),))
RECORDED = (OCTOBER, NOVEMBER_21, MAY, BEFORE)


def _with(trader: Trader) -> tuple[Scene, ...]:
    """The recorded markets with another account in them."""
    return tuple(replace(one, trader=trader) for one in RECORDED)


PLAYED: dict[str, tuple[Scene, ...]] = {
    "balanced": (NOVEMBER, *RECORDED),
    "conservative": (NOVEMBER, *RECORDED),
    "lifeline": (NOVEMBER, *RECORDED),
    "observe": (NOVEMBER, *RECORDED),
    "funding-trader": (SQUEEZE, *_with(SHORT)),
    "basis-trader": (LOST_LEG, *_with(PAIR)),
    "concentrated-alt-holder": (ALTS_HALVE, *_with(ALT)),
}
"""Every example in the market it was written for, and in recorded ones: falls, and calm."""


async def play(scene: Scene, example: str, folder: Path, data: Path) -> Played:
    """Let an account of the scene live through it under an example, beside its twin.

    The example `observe` is played without stops at the venue, which are no matter of rules.
    """
    feed = scene.source(data)
    options = feed.scenario.options if isinstance(feed, ScenarioFeed) else None
    rules = profile_path(example)
    stops = example != "observe"
    async with opened(folder, feed, scene.trader, rules, stops=stops, options=options) as run:
        for part in scene.parts:
            await _live(run, part)
        return told_of(run)


async def _live(run: Run, part: Part) -> None:
    if not part.gone:
        await run.polls(part.seconds, part.every)
        return
    await run.polls(part.seconds - part.every, part.every)
    await run.poll()
    run.clock.advance(part.every / 2)
    run.sandbox.advance()
    for name in (GUARDED, TWIN):
        run.engine.disturbances.deleverage(name, part.gone, Decimal(1))
    run.clock.advance(part.every / 2)


def told_of(run: Run) -> Played:
    steps = {kind: run.steps(kind) for kind in StepKind if kind is not StepKind.PROTECT}
    return Played(
        guarded=run.fate(GUARDED),
        twin=run.fate(TWIN),
        steps=Counter({kind.value: len(made) for kind, made in steps.items() if made}),
        fired=run.fired,
        rules=frozenset(one.step.rule for made in steps.values() for one in made),
        cost=_cost(run),
        margin=sum(one.step.notional for one in steps[StepKind.ADD_MARGIN]),
        proposals=run.proposals,
        wrong=run.wrong,
    )


def _cost(run: Run) -> float:
    with Chronicle(run.path, GUARDED) as told:
        told.update()
    return float(sum(deed.cost for deed in told.deeds))
