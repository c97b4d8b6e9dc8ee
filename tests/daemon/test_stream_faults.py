"""The sandbox's own faults of streams: polls go on, and the streams come back."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bot.exchange.feed import News, StreamTerms
from bot.exchange.streams import AccountStreams
from bot.sandbox.engine.types import Side
from bot.sandbox.faults import KINDS
from tests.daemon.lookout import HINTS_ALONE, Lookout, lookout, streams_at
from tests.daemon.test_service import QUICK
from tests.sandbox.support import until

WANTED = {"silent_stream", "merged_updates", "expired_session"}
pytestmark = pytest.mark.skipif(not set(KINDS) >= WANTED, reason="this sandbox has no faults of streams")


class Ears:
    """Real streams, of which connections and news are counted."""

    def __init__(self) -> None:
        self.opened = {"public": 0, "private": 0}
        self.news: list[News] = []

    def streams(self, url: str) -> AccountStreams:
        """Streams that are impatient, since this runs in real time."""
        made = streams_at(url, StreamTerms(silence=timedelta(seconds=1.5)))
        feed: Any = made._feed
        for name in self.opened:
            line = getattr(feed, name)
            line.open = self._counted(name, line.open)
        heard = feed.hear

        def hear(news: News) -> None:
            self.news.append(news)
            heard(news)

        feed.hear = hear
        return made

    def _counted(self, name: str, opened: Callable[[], Any]) -> Callable[[], Any]:
        async def count() -> None:
            await opened()
            self.opened[name] += 1

        return count


def sound(it: Lookout) -> bool:
    """Whether every cycle so far could be finished."""
    return {report.error for report in it.reports} == {""}


def held(it: Lookout) -> Decimal:
    """The position as the last cycle saw it, in coins."""
    snapshot = it.reports[-1].snapshot
    return Decimal(0) if snapshot is None else snapshot.positions[0].contracts


@pytest.mark.fault(20)
async def test_a_silent_stream_is_connected_anew(tmp_path: Path) -> None:
    ears = Ears()
    async with lookout(tmp_path, QUICK, ears.streams) as it:
        await it.followed("tickers.BTCUSDT")
        it.bench.fault("silent_stream")
        it.bench.price("BTCUSDT", "99000")
        await until(lambda: ears.opened["public"] >= 2)
        it.bench.mend()
        ears.news.clear()
        seen = len(it.reports)
        await until(lambda: ears.news, 30.0)
        await it.polled(seen + 1)
        assert sound(it)


@pytest.mark.fault(22)
async def test_an_expired_session_is_found_by_the_poll(tmp_path: Path) -> None:
    ears = Ears()
    async with lookout(tmp_path, QUICK, ears.streams) as it:
        await it.followed("tickers.BTCUSDT")
        await it.polled(len(it.reports) + 4)  # the session must have stood for a while
        it.bench.fault("expired_session")
        it.bench.open("ETHUSDT", Side.BUY, "1")
        await until(lambda: ears.opened["private"] >= 2, 20.0)
        await it.followed("tickers.BTCUSDT")
        ears.news.clear()
        it.bench.open("SOLUSDT", Side.BUY, "1")
        await until(lambda: any("SOLUSDT" in news.symbols for news in ears.news))
        assert sound(it)


@pytest.mark.parametrize("terms", [QUICK, HINTS_ALONE], ids=["polls and hints", "hints alone"])
@pytest.mark.fault(21)
async def test_merged_updates_cost_no_decision(tmp_path: Path, terms: Any) -> None:
    ears = Ears()
    async with lookout(tmp_path, terms, ears.streams) as it:
        await it.followed("tickers.BTCUSDT")
        it.bench.fault("merged_updates")
        for price in ("99000", "98000", "97000", "96000"):
            it.bench.price("BTCUSDT", price)
        it.bench.open("BTCUSDT", Side.BUY, "6")
        await until(lambda: Decimal(2) < held(it) < Decimal(8), 20.0)
        assert sound(it)
