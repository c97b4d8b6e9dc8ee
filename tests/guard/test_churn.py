"""Somebody fills up again what the guard trims: it backs off and tells, but not before liquidation."""

from datetime import timedelta
from pathlib import Path

from msgspec.structs import replace

from bot.journal.controls import Churned
from bot.journal.records import Kind, Prepared
from bot.model import ChurnTerms, OrderRequest
from bot.record import STATUS, remembered_status
from bot.sandbox.engine.types import Side
from tests.guard.leaping import Leaping
from tests.guard.support import ACCOUNT, TERMS, Bench, bench

TWICE = ChurnTerms(times=2, within=timedelta(minutes=10), pause=timedelta(minutes=1))
CHURN = replace(TERMS, churn=TWICE)
SURVIVAL = """
version: 1
rules:
  - {name: margin, metric: account.margin_ratio, max: 3.5%, restore: 2.5%, cooldown: 0s, do: [trim]}
"""


def trims(it: Bench) -> int:
    bodies = [one.record for one in it.of_kind(Kind.PREPARED)]
    return sum(isinstance(one, Prepared) and isinstance(one.step.request, OrderRequest) for one in bodies)


def churned(it: Bench) -> list[Churned]:
    return [one.record for one in it.of_kind(Kind.CHURN) if isinstance(one.record, Churned)]


async def refill(it: Bench) -> None:
    """Trim, let the guard see it, and buy it back."""
    await it.guard.cycle()
    await it.guard.cycle()
    it.open("BTCUSDT", Side.BUY, "3")
    await it.guard.cycle()


async def test_it_backs_off_tells_and_waits_longer_each_time(tmp_path: Path) -> None:
    clock = Leaping()
    async with bench(tmp_path, terms=CHURN, clock=clock) as it:
        it.open("BTCUSDT", Side.BUY, "8")
        await refill(it)
        assert churned(it) == []
        await refill(it)
        (first,) = churned(it)
        assert first.backs_off
        assert first.churning.rule == "leverage cap"
        assert first.churning.refills == 2
        assert first.churning.until - first.churning.since == timedelta(minutes=1)
        sent = trims(it)
        report = await it.guard.cycle()
        assert trims(it) == sent
        assert report.decision is not None
        assert "churn" in {refusal.code for refusal in report.decision.plan.refusals}
        status = remembered_status(it.journal.load_memory(ACCOUNT, STATUS))
        assert status is not None
        assert [one.rule for one in status.churning] == ["leverage cap"]
        clock.passes(61)
        await refill(it)
        assert trims(it) == sent + 1
        second = churned(it)[1].churning
        assert second.until - second.since == timedelta(minutes=2)
        assert (second.level, second.refills) == (2, 3)


async def test_a_pause_lasts_over_a_restart(tmp_path: Path) -> None:
    clock = Leaping()
    async with bench(tmp_path, terms=CHURN, clock=clock) as it:
        it.open("BTCUSDT", Side.BUY, "8")
        for _ in range(2):
            await refill(it)
        sent = trims(it)
        again = it.again()
        report = await again.cycle()
        assert report.decision is not None
        assert "churn" in {refusal.code for refusal in report.decision.plan.refusals}
        assert trims(it) == sent


async def test_a_rule_of_survival_goes_on_and_is_told_of(tmp_path: Path) -> None:
    async with bench(tmp_path, SURVIVAL, terms=CHURN) as it:
        it.open("BTCUSDT", Side.BUY, "8")
        for _ in range(3):
            await refill(it)
        assert [one.backs_off for one in churned(it)] == [False, False]
        assert trims(it) >= 3


async def test_the_guards_own_trims_are_no_churn(tmp_path: Path) -> None:
    async with bench(tmp_path, terms=CHURN) as it:
        it.open("BTCUSDT", Side.BUY, "8")
        for price in ("100000", "90000", "80000"):
            it.price("BTCUSDT", price)
            await it.guard.cycle()
            await it.guard.cycle()
        assert churned(it) == []
