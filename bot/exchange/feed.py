"""What streams bring: news that something happened, by topic and by the exchange's own time.

Streams are hints and REST is the truth: news says that it is time to look, and nothing of it reaches a
decision.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from msgspec import Struct


class Topic(StrEnum):
    """What a message is about."""

    POSITION = "position"
    ORDER = "order"
    EXECUTION = "execution"
    WALLET = "wallet"
    TICKER = "ticker"


class News(Struct, frozen=True):
    """One message of a stream."""

    topic: Topic
    symbols: tuple[str, ...]
    """The venue's names of the markets that it names."""
    at: datetime
    """The exchange's time of the message."""
    mark: Decimal | None = None
    """Mark price, where a ticker tells a new one."""


Hear = Callable[[News], None]


class StreamTerms(Struct, frozen=True):
    """When streams ask for a poll, and when they are given up."""

    move: Decimal = Decimal("0.0025")
    """Share by which a mark must move between two polls to ask for one."""
    silence: timedelta = timedelta(seconds=10)
    """A ticker that does not advance for so long is dead. Messages that are older, or from the future by
    more, are no news."""
    renewal: timedelta = timedelta(minutes=30)
    """How old a private session may grow."""


class Line(Protocol):
    """A connection to one of a venue's streams, which can be opened again and again.

    Methods raise what stands in `VENUE_FAILURES`.
    """

    async def open(self) -> None:
        """Connect, and log in where the stream is private."""
        ...

    def follow(self, topics: frozenset[str]) -> None:
        """Subscribe to these topics, in the venue's words, and to no others."""
        ...

    def refused(self) -> dict[str, str]:
        """Return the topics that the venue refused since `open`, with its reasons."""
        ...

    async def ended(self) -> None:
        """Wait until the connection ends, and raise why it did."""
        ...

    async def close(self) -> None:
        """Close the connection, in whatever state it is."""
        ...


class Feed(Protocol):
    """The streams of one account at one venue."""

    private_topics: frozenset[str]
    hear: Hear
    """Who is told of news."""
    offset: timedelta
    """How far the venue's clock is ahead of the guard's: logging in needs its time."""

    @property
    def public(self) -> Line:
        """The stream of prices."""
        ...

    @property
    def private(self) -> Line:
        """The account's own stream."""
        ...

    def ticker_topic(self, venue_symbol: str) -> str:
        """Return the topic of one market's prices."""
        ...

    async def close(self) -> None:
        """Close everything."""
        ...
