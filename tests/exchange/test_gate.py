"""What the venue turns away: one account's polls wait, or the whole host, orders included."""

from collections.abc import Mapping

import pytest

from bot.clock import VirtualClock
from bot.exchange.budget import Budget, allowance_of
from bot.exchange.errors import GatewayError
from bot.exchange.failures import BANNED, WAITING
from bot.exchange.venues.bybit_codes import IP_LIMIT
from bot.model import Verdict
from tests.exchange.stub import BTC, NOW, NOW_MS, Reply, StubVenue, envelope, gateway, listed
from tests.exchange.test_answers import CANCEL, ORDER, STOP

POSITIONS, CREATE = "/v5/position/list", "/v5/order/create"
TOO_MANY, FORBIDDEN = envelope({}, code=10006), (403, "<html>")
TOO_FREQUENT = (403, "<html>access too frequent</html>")


class Busy(StubVenue):
    """Turns away what is asked for too often, with headers."""

    def __init__(self, headers: dict[str, str] | None = None) -> None:
        super().__init__()
        self.headers = headers or {}

    async def request(
        self, method: str, url: str, headers: Mapping[str, str] | None = None, body: str | bytes | None = None
    ) -> tuple[int, str, dict[str, str], str]:
        status, reason, _, text = await super().request(method, url, headers, body)
        return status, reason, self.headers, text


@pytest.mark.parametrize("reply", [FORBIDDEN, TOO_FREQUENT, (429, ""), (418, ""), TOO_MANY])
@pytest.mark.parametrize(
    ("headers", "account", "host"),
    [
        ({}, 1.0, 1.0),
        ({"Retry-After": "7"}, 7.0, 7.0),
        ({"Retry-After": "900"}, 30.0, 900.0),
        ({"Retry-After": "90000"}, 30.0, 3600.0),
        ({"X-Bapi-Limit-Reset-Timestamp": str(NOW_MS + 4000)}, 4.0, 4.0),
        ({"X-Bapi-Limit-Reset-Timestamp": str(NOW_MS - 4000)}, 1.0, 1.0),
        ({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, 1.0, 1.0),
    ],
)
async def test_polls_wait_as_long_as_the_venue_says(
    reply: Reply, headers: dict[str, str], account: float, host: float
) -> None:
    venue, clock = Busy(headers), VirtualClock(NOW)
    venue.set(POSITIONS, reply)
    wanted = account if reply is TOO_MANY else max(host, 600.0 if reply is TOO_FREQUENT else 0.0)
    code = WAITING if reply is TOO_MANY else BANNED
    guarded = gateway(venue, clock)
    with pytest.raises(GatewayError) as caught:
        await guarded.snapshot()
    assert caught.value.verdict is Verdict.THROTTLED
    asked = len(venue.sent)
    clock.advance(wanted - 0.1)
    for read in (guarded.snapshot(), guarded.candles(BTC, "1h", 3)):
        with pytest.raises(GatewayError, match="nothing is asked before") as caught:
            await read
        assert (caught.value.verdict, caught.value.code) == (Verdict.THROTTLED, code)
    assert len(venue.sent) == asked
    clock.advance(0.2)
    with pytest.raises(GatewayError) as caught:
        await guarded.snapshot()
    assert caught.value.code not in (WAITING, BANNED)
    assert len(venue.sent) > asked
    await guarded.close()


@pytest.mark.parametrize("reply", [FORBIDDEN, TOO_MANY])
async def test_pauses_grow_and_end_with_a_whole_poll(reply: Reply) -> None:
    clock = VirtualClock(NOW)
    venue = Busy()
    guarded = gateway(venue, clock)
    await guarded.snapshot()

    async def pause() -> int:
        """Seconds until the next poll is sent."""
        venue.set(POSITIONS, reply)
        with pytest.raises(GatewayError):
            await guarded.snapshot()
        for seconds in range(100):
            asked = len(venue.paths(POSITIONS))
            venue.set(POSITIONS, TimeoutError())
            with pytest.raises(GatewayError):
                await guarded.snapshot()
            if len(venue.paths(POSITIONS)) > asked:
                return seconds
            clock.advance(1)
        raise AssertionError("the pause has no end")

    assert [await pause() for _ in range(7)] == [1, 2, 4, 8, 16, 30, 30]
    venue.set(POSITIONS, listed())
    await guarded.snapshot()
    assert await pause() == 1
    await guarded.close()


async def test_orders_do_not_wait_for_a_limit_of_polls() -> None:
    venue = Busy()
    guarded = gateway(venue)
    await guarded.snapshot()
    venue.set(POSITIONS, TOO_MANY)
    venue.set(CREATE, envelope({"orderId": "o-1", "orderLinkId": ORDER.client_order_id}))
    with pytest.raises(GatewayError):
        await guarded.snapshot()
    assert (await guarded.submit(ORDER)).verdict is Verdict.ACCEPTED
    await guarded.close()


async def test_an_orders_own_limit_holds_no_polls() -> None:
    venue = Busy()
    guarded = gateway(venue)
    await guarded.snapshot()
    venue.set(CREATE, TOO_MANY)
    assert (await guarded.submit(ORDER)).verdict is Verdict.THROTTLED
    await guarded.snapshot()
    await guarded.close()


@pytest.mark.parametrize("by_order", [False, True])
@pytest.mark.parametrize("reply", [FORBIDDEN, (429, ""), (418, ""), envelope({}, code=10018)])
async def test_during_a_ban_nothing_is_sent_by_any_account(reply: Reply, by_order: bool) -> None:
    clock, venue = VirtualClock(NOW), Busy({"Retry-After": "60"})
    budget = Budget(allowance_of(IP_LIMIT, 0.75, 0.2), clock)
    first = gateway(venue, clock, budget=budget)
    second = gateway(venue, clock, budget=budget, account="second")
    for account in (first, second):
        await account.snapshot()
    venue.set(CREATE if by_order else POSITIONS, reply)
    if by_order:
        assert (await first.submit(ORDER)).verdict is Verdict.THROTTLED
    else:
        with pytest.raises(GatewayError):
            await first.snapshot()
    asked = len(venue.sent)
    clock.advance(59.9)
    for account in (first, second):
        for request in (ORDER, STOP, CANCEL):
            answer = await account.submit(request)
            assert (answer.verdict, answer.code) == (Verdict.THROTTLED, BANNED)
            assert "07:01:00" in answer.message
        for read in (
            account.snapshot(),
            account.positions(BTC),
            account.find_order(BTC, "reef-1"),
            account.fills(BTC, NOW),
            account.wallet_changes(NOW),
            account.candles(BTC, "1h", 3),
        ):
            with pytest.raises(GatewayError) as caught:
                await read
            assert (caught.value.verdict, caught.value.code) == (Verdict.THROTTLED, BANNED)
    assert len(venue.sent) == asked
    clock.advance(0.2)
    venue.set(CREATE, envelope({"orderId": "o-1"}))
    venue.set(POSITIONS, listed())
    assert (await second.submit(ORDER)).verdict is Verdict.ACCEPTED
    await first.snapshot()
    for account in (first, second):
        await account.close()
