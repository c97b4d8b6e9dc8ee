"""The demo's way of speaking to an exchange."""

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from bot.demo import scene
from bot.demo.process import DemoError
from bot.demo.track import look
from bot.demo.venue import Opening, Venue, venue_symbol
from bot.sandbox.command import SandboxOptions
from bot.sandbox.command import build as build_sandbox
from bot.sandbox.server import SandboxServer
from tests.demo import build


@pytest.fixture
async def venue() -> AsyncIterator[Venue]:
    """An exchange that waits with the demo's scenario."""
    options = SandboxOptions(scenario=scene.scenario_file(), time="scaled", speed=2_500, paused=True)
    server = SandboxServer(build_sandbox(options))
    await server.start()
    yield Venue(server.url)
    await server.stop()


async def test_two_equal_accounts_and_a_market_that_waits(venue: Venue) -> None:
    cast = await asyncio.to_thread(scene.open_accounts, venue)
    state = await asyncio.to_thread(venue.state)
    assert state.elapsed_s == 0
    assert state.length_s == 10_500
    assert not state.over
    guarded, twin = (look(state.account(keys.api_key)) for keys in (cast.guarded, cast.twin))
    assert guarded == twin
    assert (guarded.equity, guarded.positions, guarded.liquidated) == (100_000, 3, False)
    assert guarded.leverage == pytest.approx(3.5, abs=0.01)
    assert cast.guarded.api_key != cast.twin.api_key


async def test_the_market_runs_when_it_is_told_to(venue: Venue) -> None:
    await asyncio.to_thread(scene.open_accounts, venue)
    await asyncio.to_thread(venue.start)
    for _ in range(400):
        if (state := await asyncio.to_thread(venue.state)).over:
            break
        await asyncio.sleep(0.05)
    assert state.over
    assert float(state.mark("BTCUSDT")) == pytest.approx(84_000, rel=0.001)
    assert all(account.liquidated_ms is not None for account in state.accounts)
    assert {one.account_id for one in state.liquidations} == {one.account_id for one in state.accounts}


async def test_a_refusal_says_what_the_exchange_said(venue: Venue) -> None:
    too_much = [Opening(symbol="BTCUSDT", side="long", qty=Decimal(500), leverage=Decimal(10))]
    with pytest.raises(DemoError, match=r"refused POST account: .*BTCUSDT"):
        await asyncio.to_thread(venue.open_account, "key", "secret", Decimal(100), too_much)


def test_an_exchange_that_does_not_answer() -> None:
    with pytest.raises(DemoError, match="did not answer GET state"):
        Venue("http://127.0.0.1:1").state()


def test_what_is_not_there() -> None:
    state = build.state()
    with pytest.raises(DemoError, match="lists no XRPUSDT"):
        state.mark("XRPUSDT")
    with pytest.raises(DemoError, match="does not know"):
        state.account("nobody")
    assert build.account(build.CAST.twin, "0").leverage is None
    assert venue_symbol("BTC/USDT:USDT") == "BTCUSDT"
