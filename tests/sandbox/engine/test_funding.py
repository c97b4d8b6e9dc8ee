"""Funding at its hours."""

from bot.sandbox.engine.feeds import ManualFeed
from bot.sandbox.engine.types import ExecutionKind, LogKind, MarginMode
from tests.sandbox.engine.support import BTC, BUY, PRICES, SELL, START_MS, dec, open_desk

EIGHT_HOURS_MS = 8 * 3_600_000


def test_longs_pay_shorts_at_the_hour() -> None:
    desk = open_desk(market_step_ms=60_000)
    other = desk.add("other")
    desk.engine.open_position(desk.account, BTC, BUY, dec("0.1"))
    desk.engine.open_position(other, BTC, SELL, dec("0.2"))
    assert desk.engine.ticker(BTC).next_funding_ms == START_MS + EIGHT_HOURS_MS
    desk.run(8 * 3600 - 1)
    assert desk.engine.executions(desk.account)[-1].kind is ExecutionKind.TRADE
    desk.run(1)
    assert desk.engine.wallet(desk.account).wallet_balance == 10_000 - 1
    assert desk.engine.wallet(other).wallet_balance == 10_000 + 2
    paid = desk.engine.executions(desk.account)[-1]
    assert (paid.kind, paid.fee, paid.fee_rate) == (ExecutionKind.FUNDING, dec(1), dec("0.0001"))
    entry = desk.engine.transaction_log(desk.account)[-1]
    assert (entry.kind, entry.funding, entry.reference) == (LogKind.FUNDING, dec(-1), paid.execution_id)
    assert desk.engine.position(desk.account, BTC).realised_pnl == -1
    assert desk.engine.totals().difference == 0
    assert desk.engine.totals().funding == -1


def test_negative_rate_pays_longs() -> None:
    desk = open_desk(feed=ManualFeed(START_MS, PRICES, funding_rate=-0.002), market_step_ms=60_000)
    desk.engine.open_position(desk.account, BTC, BUY, dec("0.1"))
    desk.run(8 * 3600)
    assert desk.engine.wallet(desk.account).wallet_balance == 10_020


def test_history_is_kept_and_a_long_step_misses_no_hour() -> None:
    desk = open_desk(market_step_ms=50 * 3_600_000)
    desk.engine.open_position(desk.account, BTC, BUY, dec("0.1"))
    desk.run(3 * 24 * 3600)
    history = desk.engine.funding_history(BTC)
    assert [one.time_ms for one in history] == [START_MS + n * EIGHT_HOURS_MS for n in range(1, 10)]
    assert desk.engine.wallet(desk.account).wallet_balance == 10_000 - 9
    assert desk.engine.funding_history(BTC, limit=2) == history[-2:]
    span = desk.engine.funding_history(BTC, start_ms=history[2].time_ms, end_ms=history[4].time_ms)
    assert span == history[2:5]


def test_what_the_wallet_cannot_pay_comes_out_of_the_isolated_margin() -> None:
    feed = ManualFeed(START_MS, PRICES, 0.005)
    desk = open_desk(1100, margin_mode=MarginMode.ISOLATED, feed=feed, market_step_ms=60_000)
    desk.engine.open_position(desk.account, BTC, BUY, dec("0.1"))
    before = desk.engine.position(desk.account, BTC).isolated_margin
    free = desk.engine.wallet(desk.account).available
    desk.run(8 * 3600)
    assert desk.engine.wallet(desk.account).available == free - 50
    desk.run(8 * 3600)
    assert desk.engine.wallet(desk.account).available == 0
    assert desk.engine.position(desk.account, BTC).isolated_margin == before - (100 - free)
