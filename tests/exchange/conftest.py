"""Fixtures of the gateway's tests."""

from collections.abc import AsyncIterator

import pytest_asyncio

from bot.exchange.gateway import CcxtGateway
from tests.exchange.stub import StubVenue, gateway


@pytest_asyncio.fixture
async def venue() -> StubVenue:
    """A venue of canned answers."""
    return StubVenue()


@pytest_asyncio.fixture
async def guarded(venue: StubVenue) -> AsyncIterator[CcxtGateway]:
    """A gateway onto the canned venue."""
    made = gateway(venue)
    yield made
    await made.close()
