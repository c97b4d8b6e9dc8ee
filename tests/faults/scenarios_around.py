"""Rows 26 to 32: the venue, its clock, its doors and the way to it."""

from datetime import timedelta
from decimal import Decimal

from bot.journal.records import Kind, Outcome, Submitted
from bot.model import Verdict
from bot.sandbox.engine.types import Side
from tests.faults.stage import START, Stage
from tests.faults.story import Story

BTC, SOL = "BTCUSDT", "SOLUSDT"
KLINE = "/v5/market/kline"


def answers(it: Stage) -> list[Verdict]:
    """What the venue's answers to orders and stops proved, oldest first."""
    bodies = [entry.record for entry in it.of_kind(Kind.SUBMITTED)]
    return [one.answer.verdict for one in bodies if isinstance(one, Submitted)]


async def the_clock_jumps(it: Stage, seconds: str, looks: int) -> None:
    """The venue's clock is off while a trim is due: the same order goes out once more, and at once."""
    it.open(BTC, Side.BUY, "6")
    await it.cycles(8)
    held, before = it.size(BTC), len(it.requests())
    it.fault("clock_skew", value=seconds)
    it.price(BTC, "92000")
    await it.cycles(looks)
    tries = it.requests()[before:]
    assert [one.code for one in tries] == [10002, 0]
    assert len({one.client_id for one in tries}) == 1
    assert it.size(BTC) < held
    assert it.booked() == 6 - it.size(BTC)


async def the_venues_clock_runs_ahead(it: Stage) -> None:
    await the_clock_jumps(it, "60", 1)


async def the_venues_clock_falls_back(it: Stage) -> None:
    """What it shows looks older than what it showed before, which is not believed for `max_age`."""
    await the_clock_jumps(it, "-60", 6)


async def the_venue_is_closed_for_half_a_minute(it: Stage) -> None:
    it.open(BTC, Side.BUY, "4")
    await it.cycles(2)
    it.fault("maintenance", seconds=30)
    it.price(BTC, "93000")
    for report in await it.cycles(5, after=6.0):
        assert "venue is closed for now" in report.error
    assert it.size(BTC) == 4
    assert (it.of_kind(Kind.BLINDNESS) != []) is True
    await it.cycles(2)
    assert it.size(BTC) < 4, "the wish has outlived the closing"


async def orders_alone_are_closed(it: Stage) -> None:
    """Reads are answered: each refused order makes the next pause longer, up to half a minute."""
    it.open(BTC, Side.BUY, "6")
    it.fault("maintenance", path="/v5/order/create", seconds=120)
    reports = await it.cycles(60)
    assert all(report.error == "" for report in reports)
    assert 3 <= len(it.requests()) <= 8
    assert set(answers(it)) <= {Verdict.MAINTENANCE, Verdict.ACCEPTED}
    it.mend()
    await it.cycles(20)
    assert it.size(BTC) < 4
    assert it.booked() == 6 - it.size(BTC)


async def only_post_only_after_an_upgrade(it: Stage) -> None:
    it.open(BTC, Side.BUY, "6")
    it.fault("post_only", seconds=30)
    await it.cycles(14, after=3.0)
    refused = [one.code for one in it.requests() if one.code]
    assert Verdict.UNKNOWN not in answers(it)
    assert refused.count(110103) <= 5
    assert it.stop(BTC) is not None, "protection has not waited"
    assert it.booked() == 6 - it.size(BTC) > 2


async def a_market_is_taken_away(it: Stage) -> None:
    it.open(BTC, Side.BUY, "5")
    it.open(SOL, Side.BUY, "50")
    await it.cycles(2)
    it.fault("delisted", symbol=SOL)
    held = it.size(BTC)
    it.price(BTC, "90000")
    reports = await it.cycles(5)
    assert all(report.error == "" for report in reports)
    assert it.size(BTC) < held
    assert it.size(SOL) == 50
    assert {one.body["symbol"] for one in it.requests()} == {BTC}
    assert reports[-1].decision is not None
    assert any("SOL/USDT:USDT" in one.reason for one in reports[-1].decision.plan.refusals)


async def the_key_is_lost(it: Stage, code: int) -> None:
    """Fatal for this account and nothing else: its neighbour is guarded, public data are read on."""
    other = it.neighbour("other")
    it.open(BTC, Side.BUY, "4")
    other.open(BTC, Side.BUY, "4")
    await it.cycle()
    await other.cycle()
    it.fault("permission_lost", code=code, api_key="planted-key-of-main")
    it.price(BTC, "93000")
    for _ in range(8):
        report = await it.cycle(after=0.0)
        assert "Check the key" in report.error
        assert (await other.cycle()).error == ""
    assert it.requests()
    assert {one.api_key for one in it.requests()} == {"planted-key-of-other"}
    assert other.size(BTC) < 4
    assert it.size(BTC) == 4
    asked = len([path for _, path in it.line.asked if path == KLINE])
    it.clock.advance(3600)
    await it.guard.refresh_stats()
    assert len([path for _, path in it.line.asked if path == KLINE]) > asked
    (blind,) = (entry.record for entry in it.of_kind(Kind.BLINDNESS))
    assert getattr(blind, "refused", False) is True, "only the owner can mend it, and is told so"


async def the_key_is_invalid(it: Stage) -> None:
    await the_key_is_lost(it, 10003)


async def the_address_is_no_longer_allowed(it: Stage) -> None:
    await the_key_is_lost(it, 10010)


async def answers_are_rubbish(it: Stage) -> None:
    """Every kind of rubbish at every call: nothing is decided on it, and nothing breaks."""
    it.open(BTC, Side.BUY, "4")
    await it.cycles(2)
    stop = it.stop(BTC)
    it.price(BTC, "93000")
    for variant in ("html", "empty", "null", "cut", "error_in_200"):
        for path in ("/v5/*", "/v5/position/list", "/v5/account/wallet-balance", "/v5/order/realtime"):
            it.fault("corrupt", variant=variant, path=path)
            report = await it.cycle(after=0.5)
            assert report.error
            assert report.decision is None
            it.mend()
    assert it.size(BTC) == 4
    assert it.stop(BTC) == stop
    await it.cycles(2)
    assert it.size(BTC) < 4


async def the_answer_to_an_order_is_rubbish(it: Stage) -> None:
    for variant in ("html", "empty", "null", "cut", "error_in_200"):
        await it.cycle(after=3600.0)  # longer ago, so that the owner's next purchase is no churn
        it.open(BTC, Side.BUY, str(Decimal(6) - it.size(BTC)))
        it.fault("corrupt", variant=variant, path="/v5/order/create", count=1)
        bought = it.size(BTC)
        booked = it.booked()
        report = await it.cycle()
        assert report.error == ""
        await it.cycles(2)
        it.mend()
        assert it.booked() - booked == bought - it.size(BTC) > 2
    assert answers(it).count(Verdict.UNKNOWN) == 5
    assert len(it.accepted()) == len(set(it.accepted())) == 5


async def the_way_is_cut_after_an_order(it: Stage) -> None:
    """An order is out, nobody is reached for minutes, the process begins again: its trace is not lost."""
    it.open(BTC, Side.BUY, "6")
    it.fault("hang", count=1)
    await it.cycle(after=1.0)
    it.fault("refused_connection")
    await it.cycles(5, after=30.0)
    assert it.open_intents() >= 1
    await it.restart()
    await it.cycles(3, after=30.0)
    assert it.open_intents() >= 1, "time alone ends no intent"
    it.mend()
    await it.cycles(4, after=10.0)
    assert it.clock.now() - START > timedelta(minutes=4)
    (outcome,) = (one for one in it.outcomes() if one.filled)
    assert isinstance(outcome, Outcome)
    assert it.booked() == 6 - it.size(BTC) > 2
    assert len(it.requests()) == 1
    assert it.open_intents() == 0


STORIES = (
    Story(26, the_venues_clock_runs_ahead),
    Story(26, the_venues_clock_falls_back),
    Story(27, the_venue_is_closed_for_half_a_minute),
    Story(27, orders_alone_are_closed),
    Story(27, only_post_only_after_an_upgrade),
    Story(28, a_market_is_taken_away),
    Story(30, the_key_is_invalid),
    Story(30, the_address_is_no_longer_allowed),
    Story(31, answers_are_rubbish),
    Story(31, the_answer_to_an_order_is_rubbish),
    Story(32, the_way_is_cut_after_an_order),
)
