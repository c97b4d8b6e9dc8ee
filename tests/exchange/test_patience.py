"""Polls wait where the venue asks for fewer requests; orders do not."""

from collections.abc import Mapping

import pytest

from bot.clock import VirtualClock
from bot.exchange.errors import GatewayError
from bot.exchange.gateway import WAITING
from bot.model import Verdict
from tests.exchange.stub import BTC, NOW, NOW_MS, Reply, StubVenue, envelope, gateway, listed
from tests.exchange.test_answers import ORDER

POSITIONS, CREATE = "/v5/position/list", "/v5/order/create"


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


async def turned_away(venue: StubVenue, clock: VirtualClock, wanted: float) -> None:
    """One refused poll, then nothing is asked for `wanted` seconds."""
    guarded = gateway(venue, clock)
    with pytest.raises(GatewayError) as caught:
        await guarded.snapshot()
    assert caught.value.verdict is Verdict.THROTTLED
    asked = len(venue.sent)
    clock.advance(wanted - 0.1)
    for read in (guarded.snapshot(), guarded.candles(BTC, "1h", 3)):
        with pytest.raises(GatewayError, match="nothing is asked before") as caught:
            await read
        assert (caught.value.verdict, caught.value.code) == (Verdict.THROTTLED, WAITING)
    assert len(venue.sent) == asked
    clock.advance(0.2)
    with pytest.raises(GatewayError) as caught:
        await guarded.snapshot()
    assert caught.value.code != WAITING
    assert len(venue.sent) > asked
    await guarded.close()


@pytest.mark.parametrize("reply", [(403, "<html>"), (429, ""), envelope({}, code=10006)])
@pytest.mark.parametrize(
    ("headers", "wanted"),
    [
        ({}, 1.0),
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "900"}, 30.0),
        ({"X-Bapi-Limit-Reset-Timestamp": str(NOW_MS + 4000)}, 4.0),
        ({"X-Bapi-Limit-Reset-Timestamp": str(NOW_MS - 4000)}, 1.0),
        ({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, 1.0),
    ],
)
async def test_polls_wait_as_long_as_the_venue_says(
    reply: Reply, headers: dict[str, str], wanted: float
) -> None:
    venue = Busy(headers)
    venue.set(POSITIONS, reply)
    await turned_away(venue, VirtualClock(NOW), wanted)


async def test_pauses_grow_and_end_with_a_whole_poll() -> None:
    clock = VirtualClock(NOW)
    venue = Busy()
    guarded = gateway(venue, clock)
    venue.set(POSITIONS, (429, ""))
    pauses = []
    for _ in range(7):
        with pytest.raises(GatewayError):
            await guarded.snapshot()
        until = guarded._patience.until
        assert until is not None
        pauses.append((until - clock.now()).total_seconds())
        clock.advance(pauses[-1])
    assert pauses == [1, 2, 4, 8, 16, 30, 30]
    venue.set(POSITIONS, listed())
    await guarded.snapshot()
    venue.set(POSITIONS, (429, ""))
    with pytest.raises(GatewayError):
        await guarded.snapshot()
    assert guarded._patience.waiting(clock.now()) is not None
    clock.advance(1)
    assert guarded._patience.waiting(clock.now()) is None
    await guarded.close()


async def test_orders_do_not_wait() -> None:
    venue = Busy()
    guarded = gateway(venue)
    await guarded.snapshot()
    venue.set(POSITIONS, (429, ""))
    venue.set(CREATE, envelope({"orderId": "o-1", "orderLinkId": ORDER.client_order_id}))
    with pytest.raises(GatewayError):
        await guarded.snapshot()
    assert (await guarded.submit(ORDER)).verdict is Verdict.ACCEPTED
    await guarded.close()
