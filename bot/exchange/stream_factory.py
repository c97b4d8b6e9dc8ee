"""Makes the streams of an account out of plain arguments. Importing it costs several MiB: ccxt.pro."""

from datetime import timedelta
from random import Random
from typing import Any

from bot.clock import Clock
from bot.exchange.client import quiet
from bot.exchange.factory import VENUES, Network, point
from bot.exchange.feed import Hear, StreamTerms
from bot.exchange.parts import Profile
from bot.exchange.scrub import Scrubber
from bot.exchange.stream_client import DIAL_MS, BybitStreamClient, ProLine
from bot.exchange.streams import AccountStreams
from bot.exchange.venues import bybit_streams


class BybitFeed:
    """Bybit's streams of one account."""

    private_topics = bybit_streams.PRIVATE_TOPICS

    def __init__(self, client: BybitStreamClient) -> None:
        self._client = client
        urls: Any = client.urls["api"]["ws"]
        public, private = urls["public"]["linear"], urls["private"]["contract"]
        self.public = ProLine(client, client.implode_hostname(public), private=False)
        self.private = ProLine(client, client.implode_hostname(private), private=True)

    @property
    def hear(self) -> Hear:
        """Who is told of news."""
        return self._client.hear

    @hear.setter
    def hear(self, hear: Hear) -> None:
        self._client.hear = hear

    @property
    def offset(self) -> timedelta:
        """How far the venue's clock is ahead of the guard's."""
        return self._client.offset

    @offset.setter
    def offset(self, offset: timedelta) -> None:
        self._client.offset = offset

    def ticker_topic(self, venue_symbol: str) -> str:
        """Return the topic of one contract's prices."""
        return bybit_streams.ticker_topic(venue_symbol)

    async def close(self) -> None:
        """Close everything."""
        await self._client.close()


def make_streams(
    *,
    account: str,
    venue: str,
    network: Network,
    api_key: str,
    api_secret: str,
    clock: Clock,
    random: Random,
    terms: StreamTerms | None = None,
    base_url: str | None = None,
) -> AccountStreams:
    """Make the streams of one account, whose gateway was made with the same arguments. Nothing is sent yet.

    `random` spreads the pauses between attempts.
    """
    profile: Profile = VENUES[venue]()
    config = {
        "apiKey": api_key,
        "secret": api_secret,
        "enableRateLimit": False,
        "timeout_on_exit": 0 if base_url is not None else 250,
        "streaming": {"connectionTimeout": DIAL_MS},
        "options": dict(profile.options),
    }
    client = quiet(BybitStreamClient(config, clock, bybit_streams.read_news))
    point(client, profile, network, base_url)
    if base_url is not None:
        client.urls["api"]["ws"] = bybit_streams.addresses(base_url)
    return AccountStreams(
        account,
        BybitFeed(client),
        clock=clock,
        terms=terms or StreamTerms(),
        random=random,
        scrub=Scrubber((api_key, api_secret)),
    )
