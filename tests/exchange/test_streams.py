"""Streams over ccxt.pro and real sockets: what asks for a poll, what is given up, and what is told."""

import asyncio
import hashlib
import hmac
import logging
from datetime import timedelta
from random import Random

import pytest

from bot.exchange.channel import LONGEST_PAUSE_SECONDS, SHORTEST_PAUSE_SECONDS, Pauses
from bot.exchange.stream_factory import make_streams
from bot.exchange.values import to_milliseconds
from tests.exchange.shots import BTC, ETH, shot
from tests.exchange.speaker import PRIVATE, PUBLIC, Listening, listening
from tests.exchange.stub import KEY, SECRET
from tests.sandbox.support import until

OWN = ("execution", "order", "position", "wallet")


async def begun(it: Listening, **held: str) -> None:
    """Have the first poll done and both streams open."""
    symbols = {f"{base}/USDT:USDT": contracts for base, contracts in held.items()} or {BTC: "1"}
    it.streams.polled(shot(it.clock.now(), symbols))
    await it.following(PUBLIC, *(f"tickers.{symbol.split('/')[0]}USDT" for symbol in symbols))
    await it.following(PRIVATE, *OWN)


async def test_nothing_is_opened_before_the_first_poll() -> None:
    async with listening() as it:
        await it.steps(30)
        await asyncio.sleep(0.05)
        assert it.speaker.opened == []
        it.streams.polled(shot(it.clock.now(), {}))
        await it.following(PRIVATE, *OWN)
        assert it.speaker.opened == [PRIVATE]


async def test_what_happens_to_the_account_asks_for_a_poll() -> None:
    async with listening() as it:
        await begun(it)
        for topic in OWN:
            it.asks.clear()
            await it.speaker.private(topic, "BTCUSDT")
            await until(lambda: it.asks)


async def test_a_mark_that_moves_asks_for_a_poll_and_its_noise_does_not() -> None:
    async with listening() as it:
        await begun(it)
        await it.speaker.ticker("BTCUSDT", "100000")
        await it.speaker.ticker("BTCUSDT", "100200")
        await it.speaker.ticker("BTCUSDT")
        await it.speaker.private("wallet")
        await until(lambda: len(it.asks) == 1)  # the wallet's; the ticker's messages came before
        await it.speaker.ticker("BTCUSDT", "100250")
        await until(lambda: len(it.asks) == 2)


@pytest.mark.parametrize("ago", [11.0, -11.0, 3600.0])
async def test_messages_of_another_time_ask_for_nothing_and_feed_nobody(ago: float) -> None:
    async with listening() as it:
        await begun(it)
        await it.speaker.ticker("BTCUSDT", "100000")
        await it.speaker.ticker("BTCUSDT", "50000", ago=ago)
        await it.speaker.private("position", "BTCUSDT", ago=ago)
        await it.speaker.private("order", "BTCUSDT")
        await until(lambda: it.asks)
        await it.speaker.ticker("BTCUSDT", "50000")
        await until(lambda: len(it.asks) == 2)


async def test_a_clock_that_is_off_is_set_right_by_the_poll() -> None:
    async with listening() as it:
        it.streams.polled(shot(it.clock.now(), {BTC: "1"}, offset=90.0))
        await it.following(PRIVATE, *OWN)
        ((key, expires, signature),) = it.speaker.logins
        at = it.clock.now() + timedelta(seconds=90)
        assert (key, int(expires)) == (KEY, to_milliseconds(at) + 10_000)
        origin = f"GET/realtime{expires}".encode()
        assert signature == hmac.new(SECRET.encode(), origin, hashlib.sha256).hexdigest()
        await it.speaker.private("position", "BTCUSDT")
        await it.speaker.private("order", "BTCUSDT", ago=-90.0)
        await until(lambda: it.asks)
        assert len(it.asks) == 1


@pytest.mark.fault(20)
async def test_a_silent_ticker_is_connected_anew_though_it_answers_pings() -> None:
    async with listening() as it:
        await begun(it)

        async def advance() -> None:
            await it.speaker.ticker("BTCUSDT", "100000")

        await it.steps(15, advance)
        assert it.speaker.opened.count(PUBLIC) == 1
        await it.reopened(PUBLIC)
        assert [name for name, _ in it.told] == ["prices"]
        await it.following(PUBLIC, "tickers.BTCUSDT")
        await it.reopened(PUBLIC)
        await it.following(PUBLIC, "tickers.BTCUSDT")
        assert len(it.told) == 1
        await it.steps(13, advance)
        assert [name for name, _ in it.told] == ["prices", "prices"]
        assert it.told[-1][1] == ""
        assert it.speaker.opened.count(PRIVATE) == 1


@pytest.mark.parametrize("step", [0.0, 1.0], ids=["stands still", "goes backwards"])
async def test_a_replay_is_silence(step: float) -> None:
    async with listening() as it:
        await begun(it)
        begin = it.clock.now()

        async def replay() -> None:
            past = (it.clock.now() - begin).total_seconds()
            if it.speaker.opened.count(PUBLIC) == 1 and not it.speaker.sockets[PUBLIC].closed:
                await it.speaker.ticker("BTCUSDT", "100000", ago=past * (1 + step))

        await it.steps(9, replay)
        assert it.told == []
        await it.steps(3, replay)
        assert [name for name, _ in it.told] == ["prices"]


async def test_a_market_that_stands_still_is_not_taken_for_a_dead_stream() -> None:
    async with listening() as it:
        await begun(it)
        await it.speaker.ticker("BTCUSDT", "100000")
        await it.speaker.private("wallet")
        await until(lambda: it.asks)

        async def poll() -> None:
            it.streams.polled(shot(it.clock.now(), {BTC: "1"}))

        await it.steps(40, poll)
        assert it.speaker.opened.count(PUBLIC) == 1
        assert it.told == []


@pytest.mark.fault(22)
async def test_a_deaf_private_stream_is_found_by_the_poll_and_logs_in_again() -> None:
    async with listening() as it:
        await begun(it)
        await it.steps(2)
        it.streams.polled(shot(it.clock.now(), {BTC: "1"}))
        await it.steps(2)
        it.streams.polled(shot(it.clock.now(), {BTC: "2"}))
        await it.reopened(PRIVATE)
        await it.following(PRIVATE, *OWN)
        assert len(it.speaker.logins) == 2
        assert [name for name, _ in it.told if name == "account"] == ["account"]
        await it.speaker.private("position", "BTCUSDT")
        await until(lambda: it.asks)


async def test_private_sessions_are_renewed_in_silence() -> None:
    async with listening() as it:
        await begun(it)
        it.streams.polled(shot(it.clock.now(), {}))
        await it.steps(2)
        await it.clock.step(1795)
        await asyncio.sleep(0.05)
        assert len(it.speaker.logins) == 1
        await it.steps(3)
        await until(lambda: len(it.speaker.logins) == 2)
        await it.following(PRIVATE, *OWN)
        assert it.told == []


async def test_markets_that_come_and_go_are_followed_on_the_same_connection() -> None:
    async with listening() as it:
        await begun(it)
        for held in ({BTC: "1", ETH: "1"}, {ETH: "1"}, {BTC: "1", ETH: "1"}):
            it.streams.polled(shot(it.clock.now(), held))
            await it.steps(2)
            await it.following(PUBLIC, *(f"tickers.{symbol[:3]}USDT" for symbol in held))
        assert it.speaker.opened.count(PUBLIC) == 1
        it.streams.polled(shot(it.clock.now(), {}))
        await it.steps(2)
        await until(lambda: it.speaker.sockets[PUBLIC].closed)
        assert "prices" not in [name for name, _ in it.told]


async def test_a_market_that_is_refused_does_not_end_the_others() -> None:
    async with listening() as it:
        it.speaker.unknown.add("tickers.ETHUSDT")
        it.streams.polled(shot(it.clock.now(), {BTC: "1", ETH: "1"}))
        await it.following(PUBLIC, "tickers.BTCUSDT")
        await it.steps(3)
        await it.speaker.ticker("BTCUSDT", "100000")
        await it.speaker.ticker("BTCUSDT", "90000")
        await until(lambda: it.asks)
        assert it.told == []
        assert it.speaker.opened.count(PUBLIC) == 1


async def test_a_stream_of_which_everything_is_refused_is_down() -> None:
    async with listening() as it:
        it.speaker.unknown.update(OWN)
        it.streams.polled(shot(it.clock.now(), {}))
        await it.reopened(PRIVATE)
        await it.reopened(PRIVATE)
        ((name, why),) = it.told
        assert name == "account"
        assert "refused execution" in why


async def test_a_venue_that_refuses_for_ever_is_told_once_and_asked_ever_less() -> None:
    async with listening() as it:
        it.speaker.closed_to.update((PUBLIC, PRIVATE))
        it.streams.polled(shot(it.clock.now(), {BTC: "1"}))
        for _ in range(6):
            await it.reopened(PRIVATE)
        assert sorted(name for name, _ in it.told) == ["account", "prices"]
        pauses = [one for one in it.clock.slept if one != 1.0]
        assert max(pauses) > 8
        assert all(SHORTEST_PAUSE_SECONDS <= one <= LONGEST_PAUSE_SECONDS for one in pauses)
        assert it.asks == []


async def test_a_login_that_is_refused_tells_no_secret() -> None:
    async with listening() as it:
        it.speaker.deny = f"API key {KEY} is invalid, not {SECRET}"
        it.streams.polled(shot(it.clock.now(), {}))
        await until(lambda: it.told)
        ((name, why),) = it.told
        assert name == "account"
        assert "invalid" in why
        assert KEY not in why
        assert SECRET not in why
        it.speaker.deny = ""
        await it.reopened(PRIVATE)
        await it.following(PRIVATE, *OWN)


@pytest.mark.parametrize(
    "rubbish",
    [
        '{"topic": "order", ',
        "plain",
        "[1, 2]",
        '{"op": "auth", "success": true}',
        '{"op": "pong"}',
        '{"a": 1}',
    ],
)
async def test_rubbish_ends_at_most_the_connection(rubbish: str) -> None:
    async with listening() as it:
        await begun(it)
        await it.speaker.raw(PUBLIC, rubbish)
        await it.speaker.raw(PRIVATE, rubbish)
        for _ in range(60):
            await it.clock.step()
            await asyncio.sleep(0.002)
        await until(lambda: it.speaker.topics[PRIVATE] == set(OWN))
        await it.speaker.private("position", "BTCUSDT")
        await until(lambda: it.asks)
        assert not it.task.done()


async def test_nothing_planted_is_logged(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    async with listening() as it:
        it.speaker.deny = f"{KEY} {SECRET}"
        it.streams.polled(shot(it.clock.now(), {BTC: "1"}))
        await until(lambda: it.told)
        it.speaker.deny = ""
        await it.reopened(PRIVATE)
        await it.following(PRIVATE, *OWN)
        await it.speaker.raw(PRIVATE, '{"topic": ')
        await it.reopened(PRIVATE)
        shown = f"{it.told} {caplog.text} {''.join(capsys.readouterr())}"
        assert len(it.speaker.logins) >= 2
        for secret in (KEY, SECRET, *(login[2] for login in it.speaker.logins)):
            assert secret not in shown


async def test_a_connection_that_breaks_is_made_anew() -> None:
    async with listening() as it:
        await begun(it)
        await it.speaker.sockets[PRIVATE].close()
        await it.reopened(PRIVATE)
        await it.following(PRIVATE, *OWN)
        assert [name for name, _ in it.told if name == "account"] == ["account"]


async def test_the_end_does_not_wait_for_a_venue_that_hangs() -> None:
    before = asyncio.all_tasks()
    async with listening() as it:
        it.speaker.hangs.update((PUBLIC, PRIVATE))
        it.streams.polled(shot(it.clock.now(), {BTC: "1"}))
        await until(lambda: it.speaker.hanging == 2)
        it.task.cancel()
        done, _ = await asyncio.wait({it.task}, timeout=5)
        assert done
        await asyncio.wait_for(it.streams.close(), 5)
    await until(lambda: asyncio.all_tasks() <= before)


async def test_nothing_is_left_after_the_end() -> None:
    before = asyncio.all_tasks()
    async with listening() as it:
        await begun(it, BTC="1", ETH="1")
        await it.speaker.private("order", "BTCUSDT")
        await until(lambda: it.asks)
    await until(lambda: asyncio.all_tasks() <= before)


def test_pauses_grow_from_one_second_to_thirty_and_differ_from_account_to_account() -> None:
    one, other = Pauses(Random("one")), Pauses(Random("other"))
    first = [one.next() for _ in range(8)]
    assert all(
        low <= pause <= 2 * low for low, pause in zip([1, 2, 4, 8, 15, 15, 15, 15], first, strict=True)
    )
    assert first != [other.next() for _ in range(8)]
    one.reset()
    assert one.next() <= 2
    assert [Pauses(Random(3)).next() for _ in range(2)] == [Pauses(Random(3)).next()] * 2


@pytest.mark.parametrize(
    ("network", "host"), [("testnet", "stream-testnet.bybit.com"), ("live", "stream.bybit.com")]
)
async def test_streams_of_real_networks_are_at_their_own_addresses(network: str, host: str) -> None:
    async with listening() as it:
        made = make_streams(
            account="main",
            venue="bybit",
            network=network,  # type: ignore[arg-type]
            api_key=KEY,
            api_secret=SECRET,
            clock=it.clock,
            random=Random(1),
        )
        urls = {made._feed.public._url, made._feed.private._url}  # type: ignore[attr-defined]
        assert urls == {f"wss://{host}/v5/public/linear", f"wss://{host}/v5/private"}
        await made.close()
