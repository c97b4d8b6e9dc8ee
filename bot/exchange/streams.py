"""The streams of one account: they ask for a poll when there is something to see, and that is all they do.

Nothing that a stream says reaches a decision. What it may ask for is a look, which carries no data; when to
look at the latest is the poll's own matter. So a stream that is missing, late, merged, repeated or lying can
bring a poll forward and cannot put one off.
"""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from random import Random

from bot.clock import Clock
from bot.exchange.channel import Channel, Pauses, Tell
from bot.exchange.failures import VENUE_FAILURES
from bot.exchange.feed import Feed, News, StreamTerms, Topic
from bot.exchange.scrub import Scrubber
from bot.exchange.together import together
from bot.exchange.watches import AccountWatch, TickerWatch
from bot.model import Snapshot

Ask = Callable[[], None]
"""Asks for a poll."""

CLOSE_SECONDS = 1.0


class AccountStreams:
    """Prices of the markets held, and what happens to the account itself."""

    def __init__(
        self,
        account: str,
        feed: Feed,
        *,
        clock: Clock,
        terms: StreamTerms,
        random: Random,
        scrub: Scrubber,
    ) -> None:
        self.account = account
        self._feed = feed
        self._clock = clock
        self._terms = terms
        self._tickers = TickerWatch(terms.silence, terms.move)
        self._watch = AccountWatch()
        self._prices = Channel(
            "prices",
            feed.public,
            self._tickers,
            clock=clock,
            pauses=Pauses(random),
            scrub=scrub,
            steady=terms.silence,
        )
        self._own = Channel(
            "account",
            feed.private,
            self._watch,
            clock=clock,
            pauses=Pauses(random),
            scrub=scrub,
            steady=terms.silence,
            renewal=terms.renewal,
        )
        self._ask: Ask | None = None
        feed.hear = self._heard

    async def run(self, ask: Ask, tell: Tell) -> None:
        """Work until cancelled. Connections are opened once a poll has shown what is held."""
        self._ask = ask
        try:
            await together(self._prices.run(tell), self._own.run(tell))
        finally:
            self._ask = None

    def polled(self, snapshot: Snapshot) -> None:
        """Compare with what a poll showed, and follow the markets that are held now."""
        now = self._clock.now()
        self._feed.offset = timedelta(seconds=snapshot.clock_offset_seconds)
        # prices of the inverse category have a stream of their own, which is not followed: polls tell them
        held = {one.symbol for one in snapshot.positions if not one.inverse} & snapshot.markets.keys()
        names = {symbol: snapshot.markets[symbol].venue_symbol for symbol in sorted(held)}
        self._tickers.follow(names.values(), now)
        self._tickers.polled(_marks(snapshot, names), now)
        self._watch.polled(snapshot, now)
        self._prices.want(frozenset(self._feed.ticker_topic(name) for name in names.values()))
        self._own.want(self._feed.private_topics)

    async def close(self) -> None:
        """Close everything; whatever the venue does, this ends soon."""
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._feed.close()
        except VENUE_FAILURES:
            pass  # nothing is left to be done with a connection that cannot be closed

    def _heard(self, news: News) -> None:
        """Ask for a poll where a message is news; one that is old or from the future is none."""
        now = self._clock.now()
        if abs(news.at - now - self._feed.offset) > self._terms.silence:
            return
        prices = news.topic is Topic.TICKER
        wanted = self._tickers.heard(news, now) if prices else self._watch.heard(news)
        if wanted and self._ask is not None:
            self._ask()


def _marks(snapshot: Snapshot, names: dict[str, str]) -> dict[str, Decimal]:
    marks = {names[symbol]: snapshot.marks[symbol].mark for symbol in names if symbol in snapshot.marks}
    return {name: mark for name, mark in marks.items() if isinstance(mark, Decimal)}
