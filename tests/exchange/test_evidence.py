"""Absence needs a second source: what the wallet, a name and a sequence say against a list."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from bot.clock import VirtualClock
from bot.exchange.answers import INCOMPLETE, OLD_BODY
from bot.exchange.errors import GatewayError
from bot.exchange.freshness import KEPT, MOST_CALLS, Freshness
from bot.exchange.gateway import CcxtGateway
from bot.model import Verdict
from bot.sandbox.engine.types import MarginMode as EngineMarginMode
from bot.sandbox.engine.types import PositionMode as EnginePositionMode
from bot.sandbox.engine.types import Side as EngineSide
from tests.exchange.stub import (
    NOW,
    NOW_MS,
    Reply,
    Sent,
    StubVenue,
    envelope,
    gateway,
    listed,
    position,
    wallet,
)
from tests.exchange.test_sandbox import hold, onto
from tests.sandbox.support import engine_with_symbols, make_engine, open_account, serving

D = Decimal
POSITIONS, WALLET = "/v5/position/list", "/v5/account/wallet-balance"


def row(
    symbol: str = "BTCUSDT", *, margin: str = "1000", value: str = "10000", **changes: object
) -> dict[str, object]:
    """A position of 10 times leverage."""
    shown: dict[str, object] = {"positionIM": margin, "positionMM": "", "positionValue": value}
    return position(symbol, **{**shown, "unrealisedPnl": "0", "positionBalance": "0", "seq": 100, **changes})


def purse(margin: str, profit: str = "0", **changes: object) -> Reply:
    """A wallet whose positions hold so much initial margin."""
    coin: dict[str, object] = {"coin": "USDT", "totalPositionIM": margin, "totalPositionMM": ""}
    return listed(wallet(coins=[{**coin, "unrealisedPnl": profit, **changes}]))


async def refused(guarded: CcxtGateway, match: str) -> None:
    with pytest.raises(GatewayError, match=match) as caught:
        await guarded.snapshot()
    assert (caught.value.verdict, caught.value.code) == (Verdict.UNKNOWN, INCOMPLETE)


@pytest.mark.parametrize(
    ("margin", "profit", "wrong"),
    [
        ("2000", "0", ""),
        ("2120", "0", ""),
        ("1900", "0", ""),
        ("2140", "0", "incomplete"),
        ("3000", "0", "incomplete"),
        ("1400", "0", "more than the account holds"),
        ("0", "0", "more than the account holds"),
        ("2000", "1000", ""),
        ("2000", "-1002", "incomplete or old"),
        ("2000", "1002", "incomplete or old"),
        ("", "1002", "incomplete or old"),
        ("", "", ""),
    ],
)
async def test_wallet_and_list_must_agree(
    venue: StubVenue, guarded: CcxtGateway, margin: str, profit: str, wrong: str
) -> None:
    venue.holds(row(), row("ETHUSDT"))
    venue.set(WALLET, purse(margin, profit))
    if wrong:
        await refused(guarded, f"{wrong}.*both were read twice")
        assert len(venue.paths(WALLET)) == len(venue.paths(POSITIONS)) == 2
    else:
        assert len((await guarded.snapshot()).positions) == 2
        assert len(venue.paths(WALLET)) == 1


async def test_an_account_figure_stands_in_for_the_coins(venue: StubVenue, guarded: CcxtGateway) -> None:
    venue.holds(row())
    venue.set(WALLET, listed(wallet(coins=[{"coin": "USDT"}], totalPerpUPL="9000")))
    await refused(guarded, "unrealised PnL")


async def test_margin_that_was_added_to_an_isolated_position_is_no_gap(
    venue: StubVenue, guarded: CcxtGateway
) -> None:
    venue.holds(row(positionBalance="5000"))
    venue.set(WALLET, purse("5000"))
    assert len((await guarded.snapshot()).positions) == 1


async def test_initial_margin_that_grew_with_the_mark_is_no_gap(
    venue: StubVenue, guarded: CcxtGateway
) -> None:
    """The wallet counts what an isolated position was given; its row tells what it would need now."""
    venue.holds(row(positionBalance="600"))
    venue.set(WALLET, purse("600"))
    assert len((await guarded.snapshot()).positions) == 1


async def test_hedged_legs_may_hold_less_margin(venue: StubVenue, guarded: CcxtGateway) -> None:
    venue.holds(row(positionIdx=1), row(positionIdx=2, side="Sell"))
    venue.set(WALLET, purse("1000"))
    assert len((await guarded.snapshot()).positions) == 2


async def test_a_difference_that_passes_is_read_again(venue: StubVenue, guarded: CcxtGateway) -> None:
    venue.holds(row())
    answers = iter([purse("9000"), purse("1000")])
    venue.answers[WALLET] = lambda _: next(answers)
    assert len((await guarded.snapshot()).positions) == 1


async def test_a_small_position_that_vanishes_is_asked_for_by_name(
    venue: StubVenue, guarded: CcxtGateway
) -> None:
    small = row("ETHUSDT", margin="20", value="200")
    venue.holds(row(), small)
    venue.set(WALLET, purse("1020"))
    await guarded.snapshot()
    venue.sent.clear()
    venue.holds(row())
    assert len((await guarded.snapshot()).positions) == 1
    assert [sent.query.get("symbol") for sent in venue.paths(POSITIONS)] == [None, "ETHUSDT"]
    venue.sent.clear()
    await guarded.snapshot()
    assert len(venue.paths(POSITIONS)) == 1


@pytest.mark.parametrize(
    ("by_name", "wrong"),
    [
        (listed(row("ETHUSDT", margin="20")), "lacks ETHUSDT, which is open"),
        (listed(), "nothing shows that it was closed"),
        (envelope({}, code=10001, message="symbol invalid"), ""),
        (listed(row("ETHUSDT", size="0", side=""), row("ETHUSDT", positionIdx=2, size="0", side="")), ""),
    ],
)
async def test_only_evidence_says_that_a_small_position_is_gone(
    venue: StubVenue, guarded: CcxtGateway, by_name: Reply, wrong: str
) -> None:
    venue.holds(row(), row("ETHUSDT", margin="20", value="200"))
    venue.set(WALLET, purse("1020"))
    await guarded.snapshot()
    venue.answers[POSITIONS] = lambda sent: by_name if "symbol" in sent.query else listed(row())
    if wrong:
        for _ in range(2):
            await refused(guarded, wrong)
    else:
        assert len((await guarded.snapshot()).positions) == 1


async def test_a_name_that_cannot_be_asked_for_is_an_error(venue: StubVenue, guarded: CcxtGateway) -> None:
    venue.holds(row(), row("ETHUSDT", margin="20", value="200"))
    venue.set(WALLET, purse("1020"))
    await guarded.snapshot()
    venue.answers[POSITIONS] = lambda sent: TimeoutError() if "symbol" in sent.query else listed(row())
    with pytest.raises(GatewayError, match="RequestTimeout"):
        await guarded.snapshot()


async def test_a_large_position_that_closed_needs_no_name(venue: StubVenue, guarded: CcxtGateway) -> None:
    venue.holds(row(), row("ETHUSDT"))
    venue.set(WALLET, purse("2000"))
    await guarded.snapshot()
    venue.sent.clear()
    venue.holds(row())
    venue.set(WALLET, purse("1000"))
    await guarded.snapshot()
    assert len(venue.paths(POSITIONS)) == 1


async def test_without_margins_every_name_is_asked_for(venue: StubVenue, guarded: CcxtGateway) -> None:
    venue.holds(row(margin=""), row("ETHUSDT", margin=""))
    venue.set(WALLET, purse("", ""))
    await guarded.snapshot()
    venue.holds(row(margin=""))
    await guarded.snapshot()
    assert venue.sent[-1].path != POSITIONS or venue.sent[-1].query.get("symbol") == "ETHUSDT"
    assert any(sent.query.get("symbol") == "ETHUSDT" for sent in venue.paths(POSITIONS))


async def test_a_row_of_an_earlier_sequence_is_refused(venue: StubVenue, guarded: CcxtGateway) -> None:
    venue.set(WALLET, purse("1000"))
    venue.holds(row(size="0.5", seq=120, updatedTime=str(NOW_MS)))
    await guarded.snapshot()
    venue.holds(row(size="0.9", seq=110, updatedTime=str(NOW_MS - 500)))
    await refused(guarded, "sequence 110")
    venue.holds(row(size="0.4", seq=5, updatedTime=str(NOW_MS + 500)))
    assert (await guarded.snapshot()).positions[0].contracts == D("0.4")


@pytest.mark.parametrize("path", [POSITIONS, WALLET, "/v5/order/realtime", "/v5/market/tickers"])
async def test_no_list_may_be_older_than_it_was(path: str) -> None:
    venue, clock = StubVenue(), VirtualClock(NOW)
    guarded = gateway(venue, clock)
    fresh: Callable[[Sent], Reply] = venue.answers.get(path, lambda _: listed())

    def at(milliseconds: int) -> None:
        def stamped(sent: Sent) -> Reply:
            reply = fresh(sent)
            assert isinstance(reply, tuple)
            return reply[0], reply[1].replace(f'"time":{NOW_MS}', f'"time":{NOW_MS + milliseconds}')

        venue.answers[path] = stamped

    at(0)
    await guarded.snapshot()
    at(-50)
    await guarded.snapshot()
    at(-3000)
    with pytest.raises(GatewayError, match="came after one of") as caught:
        await guarded.snapshot()
    assert (caught.value.verdict, caught.value.code) == (Verdict.UNKNOWN, OLD_BODY)
    clock.advance(KEPT.total_seconds())
    await guarded.snapshot()
    await guarded.close()


def test_calls_that_are_not_repeated_are_forgotten() -> None:
    clock = VirtualClock(NOW)
    freshness = Freshness(clock)
    for number in range(3 * MOST_CALLS):
        freshness.check("call", {"start": number}, NOW)
        clock.advance(1)
    assert len(freshness._newest) <= MOST_CALLS + 1


@pytest.mark.parametrize("margin", list(EngineMarginMode))
@pytest.mark.parametrize("mode", list(EnginePositionMode))
async def test_the_sandbox_agrees_with_itself_through_a_crash(
    margin: EngineMarginMode, mode: EnginePositionMode
) -> None:
    engine = make_engine()
    open_account(engine, margin_mode=margin, position_mode=mode)
    async with serving(engine) as running, onto(running) as guarded:
        hold(running, "BTCUSDT", EngineSide.BUY, "0.5")
        hold(running, "ETHUSDT", EngineSide.SELL, "10")
        hold(running, "SOLUSDT", EngineSide.BUY, "1")
        if mode is EnginePositionMode.HEDGE:
            hold(running, "BTCUSDT", EngineSide.SELL, "0.4")
        for price in ("100000", "97000", "91000", "88000"):
            engine.set_price("BTCUSDT", D(price))
            shown = (await guarded.snapshot()).positions
            assert len(shown) == len(engine.positions(running.account.account_id))


async def test_a_page_that_is_lost_without_a_word_is_noticed() -> None:
    engine = engine_with_symbols(30)
    open_account(engine, deposit="10000000")
    async with serving(engine) as running, onto(running) as guarded:
        for instrument in engine.instruments.values():
            hold(running, instrument.symbol, EngineSide.BUY, str(instrument.min_qty * 100))
        assert len((await guarded.snapshot()).positions) == 30
        whole: Any = guarded._reader.privateGetV5PositionList
        for left in (29, 25, 1):

            async def cut(params: dict[str, object], left: int = left) -> dict[str, Any]:
                answer: dict[str, Any] = await whole(params)
                if "symbol" not in params:
                    answer["result"]["list"] = answer["result"]["list"][:left]
                return answer

            guarded._reader.privateGetV5PositionList = cut
            await refused(guarded, "incomplete")
            guarded._reader.privateGetV5PositionList = whole
            assert len((await guarded.snapshot()).positions) == 30
