"""What fails for one account, or one symbol, delays nothing else beyond a bound."""

import asyncio
import itertools
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from bot.clock import SystemClock
from bot.daemon.service import Service
from bot.exchange.factory import make_gateway
from bot.guard import Guard
from bot.journal.records import Failure, Kind
from bot.model import State, Unknown
from bot.sandbox.engine.types import AccountSpec, Side
from bot.sandbox.http import Request, Response
from tests.daemon.test_service import QUICK
from tests.guard import support
from tests.guard.support import Bench, bench
from tests.sandbox.support import until

FAR_KEY, FAR_SECRET = "far-key", "planted-secret-of-far"
BOUND_S = 3.0
"""Most seconds between two cycles of the account that is well, on a busy machine; it polls every 0.1 s."""
GIVEN_UP_S = 3.0
RULES = """
version: 1
rules:
  - {name: near, metric: position.leverage, max: 9, restore: 8, cooldown: 0s, do: [trim]}
  - {name: whole, metric: account.leverage, max: 9, restore: 8, cooldown: 0s, do: [trim]}
"""


def far_guard(it: Bench) -> Guard:
    """A guard of another account at the same venue, on the same journal."""
    it.venue.engine.add_account(
        AccountSpec(api_key=FAR_KEY, secret=FAR_SECRET, deposit=Decimal(100_000), account_id="far")
    )
    it.venue.engine.open_position("far", "BTCUSDT", Side.BUY, Decimal(1), None, Decimal(20))
    gateway = make_gateway(
        account="far",
        venue="bybit",
        network="sandbox",
        api_key=FAR_KEY,
        api_secret=FAR_SECRET,
        clock=SystemClock(),
        base_url=it.venue.url,
    )
    worker = it.guard.executor.worker
    return support.wire(gateway, worker, SystemClock(), RULES, True, support.TERMS)


def timed(guard: Guard, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Note when each cycle of a guard ends."""
    ends: list[float] = []
    cycle = guard.cycle

    async def noted() -> object:
        report = await cycle()
        ends.append(asyncio.get_running_loop().time())
        return report

    monkeypatch.setattr(guard, "cycle", noted)
    return ends


def failures(it: Bench) -> list[str]:
    return [body.message for one in it.of_kind(Kind.ERROR) if isinstance(body := one.record, Failure)]


async def test_a_venue_that_hangs_for_one_account_delays_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bench(tmp_path, RULES) as it:
        it.open("BTCUSDT", Side.BUY, "1")
        far = far_guard(it)
        near_ends, far_ends = timed(it.guard, monkeypatch), timed(far, monkeypatch)
        it.ended = True
        service = Service([it.guard, far], it.guard.executor.worker, SystemClock(), QUICK)
        ran = asyncio.create_task(service.run())
        try:
            await until(lambda: near_ends and far_ends, 30.0)
            monkeypatch.setattr("bot.guard.READ_SECONDS", GIVEN_UP_S)
            it.fault("hang", path="/v5/*", api_key=FAR_KEY)
            begun = asyncio.get_running_loop().time()
            near_ends.append(begun)
            count = len(far_ends)
            await until(lambda: len(far_ends) >= count + 2, 20.0)
            hung = [end for end in near_ends if end >= begun]
            assert max(later - one for one, later in itertools.pairwise(hung)) < BOUND_S
            assert len(hung) > 5
            assert [one for one in failures(it) if "account far: the venue gave no whole snapshot" in one]
            it.mend()
            healed = len(far_ends)
            await until(lambda: len(far_ends) >= healed + 2, 20.0)
        finally:
            service.stop("enough")
            await asyncio.wait_for(ran, 20)


def malformed(handle: Callable[[Request], Response]) -> Callable[[Request], Response]:
    """Answer as the venue does, but with rubbish for the prices of XRP."""

    def answer(request: Request) -> Response:
        given = handle(request)
        if b"XRPUSDT" not in given.body or not request.path.startswith(("/v5/market", "/v5/position")):
            return given
        decoded = msgspec.json.decode(given.body)
        for row in decoded["result"]["list"]:
            if row.get("symbol") == "XRPUSDT":
                row |= {"markPrice": "n/a", "indexPrice": None, "lastPrice": [], "liqPrice": "NaN"}
        return msgspec.structs.replace(given, body=msgspec.json.encode(decoded))

    return answer


async def test_one_symbol_with_rubbish_for_data_is_set_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bench(tmp_path, RULES) as it:
        api = it.venue.sandbox.api
        monkeypatch.setattr(api, "handle", malformed(api.handle))
        it.open("BTCUSDT", Side.BUY, "10")
        it.open("XRPUSDT", Side.BUY, "1000")
        for _ in range(2):
            report = await it.guard.cycle()
            assert report.error == ""
        assert report.decision is not None
        states = {(one.rule, one.target.symbol): one.state for one in report.decision.evaluation.findings}
        assert states["near", "XRP/USDT:USDT"] is State.UNKNOWN
        assert states["whole", ""] is State.UNKNOWN
        assert states["near", "BTC/USDT:USDT"] is State.FIRING
        held = it.venue.engine.position(it.venue.account.account_id, "BTCUSDT")
        assert held.stop_loss is not None
        assert isinstance(report.decision.evaluation.findings[-1].value, Unknown)
