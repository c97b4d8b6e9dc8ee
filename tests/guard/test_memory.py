"""What a guard remembers: money that moved, statistics, episodes, stops and halts."""

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import msgspec

from bot.execution import halt, resume
from bot.inspection import inspect
from bot.journal.records import Kind, Prepared
from bot.model import State, StepKind, Unknown
from bot.outlook import outlook
from bot.record import LEDGER, STATUS, remembered_ledger, remembered_status
from bot.replaying import decide_again
from bot.rules import load_rules_text
from bot.sandbox.engine.types import Side
from tests.guard.support import LEVERAGE_CAP, TERMS, Bench, bench

DRAWDOWN = """
version: 1
rules:
  - {name: drawdown stop, metric: account.drawdown, max: 25%, do: [notify]}
  - {name: day, metric: account.daily_loss, max: 25%, do: [notify]}
"""
SLOW = """
version: 1
rules:
  - name: leverage cap
    metric: account.leverage
    max: 5
    restore: 4
    cooldown: 0s
    do: [cancel_orders, trim]
    trim: {max_share: 5%}
"""
BTC = "BTC/USDT:USDT"


def steps(it: Bench) -> list[StepKind]:
    """Kinds of the prepared steps, oldest first."""
    return [body.step.kind for one in it.of_kind(Kind.PREPARED) if isinstance(body := one.record, Prepared)]


async def test_a_deposit_is_no_gain_and_a_withdrawal_no_loss(tmp_path: Path) -> None:
    async with bench(tmp_path, DRAWDOWN) as it:
        it.open("BTCUSDT", Side.BUY, "1")
        assert (await it.guard.cycle()).error == ""
        account = it.venue.account.account_id
        for amount in ("50000", "-70000"):
            it.venue.engine.transfer(account, "USDT", Decimal(amount))
            report = await it.guard.cycle()
            assert report.error == ""
            assert report.decision is not None
            for finding in report.decision.evaluation.findings:
                assert not isinstance(finding.value, Unknown)
                assert abs(finding.value) < 0.001
        ledger = remembered_ledger(it.journal.load_memory("main", LEDGER))
        assert ledger is not None


async def test_transfers_that_cannot_be_read_make_drawdown_unknown(tmp_path: Path) -> None:
    async with bench(tmp_path, DRAWDOWN) as it:
        assert (await it.guard.cycle()).error == ""
        it.venue.engine.transfer(it.venue.account.account_id, "USDT", Decimal(50_000))
        it.fault("status", path="/v5/*transaction-log*")
        report = await it.guard.cycle()
        assert report.error == ""
        assert report.decision is not None
        (first, *_) = report.decision.evaluation.findings
        assert isinstance(first.value, Unknown)
        it.mend()
        healed = await it.guard.cycle()
        assert healed.decision is not None
        assert not isinstance(healed.decision.evaluation.findings[0].value, Unknown)


async def test_disarmed_sends_nothing(tmp_path: Path) -> None:
    async with bench(tmp_path, armed=False) as it:
        it.open("BTCUSDT", Side.BUY, "8")
        for _ in range(2):
            report = await it.guard.cycle()
            assert report.error == ""
            assert report.decision is not None
            assert {step.kind for step in report.decision.plan.steps} >= {StepKind.TRIM, StepKind.PROTECT}
        assert it.venue.sandbox.log.listing() == []
        assert it.of_kind(Kind.PREPARED) == []
        assert it.of_kind(Kind.DECISION)


async def test_a_halted_account_keeps_its_protection(tmp_path: Path) -> None:
    async with bench(tmp_path) as it:
        it.open("BTCUSDT", Side.BUY, "8")
        halt(it.journal, "main", who="ann", why="by hand", at=datetime.now(UTC))
        first = await it.guard.cycle()
        assert first.error == ""
        assert first.execution is not None
        assert first.execution.halted
        assert set(steps(it)) == {StepKind.PROTECT}
        second = await it.guard.cycle()
        assert second.snapshot is not None
        assert isinstance(second.snapshot.positions[0].stop_price, Decimal)
        resume(it.journal, "main", who="ann", why="done", at=datetime.now(UTC))
        await it.guard.cycle()
        assert StepKind.TRIM in steps(it)


async def test_a_new_position_has_its_stop_after_one_cycle(tmp_path: Path) -> None:
    async with bench(tmp_path) as it:
        assert (await it.guard.cycle()).error == ""
        it.open("ETHUSDT", Side.SELL, "10")
        assert (await it.guard.cycle()).error == ""
        snapshot = await it.gateway.snapshot()
        assert isinstance(snapshot.positions[0].stop_price, Decimal)


async def test_betas_come_from_candles_once_they_were_read(tmp_path: Path) -> None:
    async with bench(tmp_path) as it:
        it.open("ETHUSDT", Side.BUY, "1")
        await it.guard.cycle()
        assert it.guard.stats.beta("ETH/USDT:USDT") is None
        await it.guard.refresh_stats()
        beta = it.guard.stats.beta("ETH/USDT:USDT")
        assert beta is not None
        report = await it.guard.cycle()
        assert report.decision is not None
        assert report.decision.context.stats.betas == {"ETH/USDT:USDT": beta}
        now = datetime.now(UTC)
        assert it.guard.stats.missing(["ETH/USDT:USDT"], now) == ()
        assert it.guard.stats.missing(["ETH/USDT:USDT"], now + timedelta(hours=2)) == ("ETH/USDT:USDT",)


async def test_candles_that_cannot_be_read_keep_what_was_known(tmp_path: Path) -> None:
    async with bench(tmp_path) as it:
        it.open("BTCUSDT", Side.BUY, "1")
        await it.guard.cycle()
        it.fault("status", path="/v5/market/*kline")
        await it.guard.refresh_stats()
        assert it.guard.stats.beta(BTC) is None
        it.mend()
        now = datetime.now(UTC)
        assert it.guard.stats.missing([BTC], now) == ()
        await it.guard.stats.refresh([BTC], now + timedelta(minutes=6))
        assert it.guard.stats.beta(BTC) is not None


async def test_a_guard_that_ends_does_not_wait_for_candles(tmp_path: Path) -> None:
    async with bench(tmp_path) as it:
        it.open("BTCUSDT", Side.BUY, "1")
        await it.guard.cycle()
        it.fault("hang", path="/v5/market/*kline")

        reading = asyncio.create_task(it.guard.refresh_stats())
        await asyncio.sleep(0)
        await asyncio.wait_for(it.guard.close(), 5)
        await asyncio.wait_for(reading, 5)


async def test_a_restart_keeps_the_episode_and_the_ledger(tmp_path: Path) -> None:
    async with bench(tmp_path, SLOW) as it:
        it.open("BTCUSDT", Side.BUY, "8")
        first = await it.guard.cycle()
        assert first.decision is not None
        (finding,) = first.decision.evaluation.findings
        assert finding.state is State.FIRING
        ledger = it.journal.load_memory("main", LEDGER)
        again = it.again(SLOW)
        second = await again.cycle()
        assert second.error == ""
        assert second.decision is not None
        (after,) = second.decision.evaluation.findings
        assert after.state in {State.FIRING, State.RESTORING}
        assert after.episode == finding.episode
        assert ledger is not None
        assert second.decision.ledger is not None
        before = remembered_ledger(ledger)
        assert before is not None
        names = [
            body.step.request.client_order_id
            for one in it.of_kind(Kind.PREPARED)
            if isinstance(body := one.record, Prepared)
        ]
        assert len(names) == len(set(names))
        assert len(it.of_kind(Kind.RECOVERY)) == 2
        for entry in it.of_kind(Kind.DECISION):
            assert decide_again(it.journal, entry).same


async def test_how_often_it_looks_is_on_record_also_where_it_saw_nothing_yet(tmp_path: Path) -> None:
    terms = msgspec.structs.replace(TERMS, poll_seconds=300.0)
    async with bench(tmp_path, terms=terms) as it:
        it.fault("status", path="/v5/position/list", status=503)
        for error in (True, False):
            assert bool((await it.guard.cycle()).error) is error
            status = remembered_status(it.journal.load_memory("main", STATUS))
            assert status is not None
            assert status.poll_seconds == 300.0
            it.mend()


async def test_a_look_records_and_sends_nothing_and_knows_the_journal(tmp_path: Path) -> None:
    async with bench(tmp_path, SLOW) as it:
        it.open("BTCUSDT", Side.BUY, "8")
        await it.guard.cycle()
        sent, head = len(it.venue.sandbox.log.listing()), it.journal.head()
        rules = load_rules_text(SLOW, "rules.yaml")
        clock = it.guard.executor.clock
        seen = await inspect(it.gateway, it.guard.stats, rules, TERMS, clock, it.journal)
        assert seen.rules[0].past
        assert seen.rules[0].finding.episode
        assert "account.leverage" in seen.metrics
        blank = await inspect(it.gateway, it.guard.stats, rules, TERMS, clock, None)
        assert blank.decision.evaluation.findings[0].episode != seen.rules[0].finding.episode
        assert len(it.venue.sandbox.log.listing()) == sent
        assert it.journal.head() == head


async def test_the_outlook_says_at_which_price_a_rule_fires(tmp_path: Path) -> None:
    rules = LEVERAGE_CAP.replace("account.leverage", "account.margin_ratio").replace("5\n", "50%\n")
    rules = rules.replace("restore: 4", "restore: 40%")
    async with bench(tmp_path, rules) as it:
        it.open("ETHUSDT", Side.BUY, "60")
        report = await it.guard.cycle()
        assert report.decision is not None
        (look,) = outlook(report.decision, load_rules_text(rules, "rules.yaml"))
        assert not look.past
        assert isinstance(look.move, float)
        assert -0.95 < look.move < 0
        assert isinstance(look.fires_at, Unknown)
        assert look.prices["ETH/USDT:USDT"] < 4000
