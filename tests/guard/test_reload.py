"""Rules change under a guard: a cycle has one set of them, and an episode goes on or ends with a reason."""

import asyncio
from pathlib import Path

import pytest

from bot.execution import halt
from bot.journal.controls import EpisodeEnded, Reloaded
from bot.journal.records import Decision, Kind, Prepared
from bot.model import Answer, OrderRequest, Request, State, StepKind
from bot.reloading import Reload
from bot.replaying import decide_again
from bot.rules import load_rules_text
from bot.sandbox.engine.types import Side
from tests.guard.support import ACCOUNT, LEVERAGE_CAP, Bench, bench

NOTICE = LEVERAGE_CAP.replace("[cancel_orders, trim]", "[notify]")
LOWER = NOTICE.replace("max: 5", "max: 3").replace("restore: 4", "restore: 2")
OTHER = NOTICE.replace("leverage cap", "another")
BY = Reload("rules.yaml changed")


def reloads(it: Bench) -> list[Reloaded]:
    return [one.record for one in it.of_kind(Kind.RELOAD) if isinstance(one.record, Reloaded)]


async def test_an_episode_goes_on_under_a_limit_that_moved(tmp_path: Path) -> None:
    async with bench(tmp_path, NOTICE) as it:
        it.open("BTCUSDT", Side.BUY, "8")
        before = await it.guard.cycle()
        it.guard.reload(load_rules_text(LOWER, "rules.yaml"), BY)
        after = await it.guard.cycle()
        assert before.decision is not None
        assert after.decision is not None
        (was,), (now,) = before.decision.evaluation.findings, after.decision.evaluation.findings
        assert was.episode == now.episode != ""
        assert (now.state, now.limit, now.goal) == (State.FIRING, 3.0, 2.0)
        (told,) = reloads(it)
        assert told.changes == ("leverage cap: max 5 -> 3, restore 4 -> 2",)
        assert told.before != told.after == it.guard.rules.version
        assert it.of_kind(Kind.EPISODE_END) == []


async def test_an_episode_of_a_rule_that_is_gone_ends_and_says_so(tmp_path: Path) -> None:
    async with bench(tmp_path, NOTICE) as it:
        it.open("BTCUSDT", Side.BUY, "8")
        before = await it.guard.cycle()
        assert before.decision is not None
        it.guard.reload(load_rules_text(OTHER, "rules.yaml"), BY)
        await it.guard.cycle()
        (entry,) = it.of_kind(Kind.EPISODE_END)
        body = entry.record
        assert isinstance(body, EpisodeEnded)
        assert (body.rule, body.reason) == ("leverage cap", "rule_gone")
        assert body.episode == before.decision.evaluation.findings[0].episode
        assert reloads(it)[0].changes == ("removed: leverage cap", "added: another")


async def test_a_reload_while_firing_leaves_the_cycle_its_rules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The new rules come while the first order is on its way; that cycle still goes by the old ones."""
    async with bench(tmp_path) as it:
        it.open("BTCUSDT", Side.BUY, "8")
        submit = it.gateway.submit

        async def slow(request: Request) -> Answer:
            if isinstance(request, OrderRequest):
                it.guard.reload(load_rules_text(LOWER, "rules.yaml"), BY)
                await asyncio.sleep(0)
                assert it.guard.rules.rules[0].limit == 5.0
            return await submit(request)

        with monkeypatch.context() as patch:
            patch.setattr(it.gateway, "submit", slow)
            first = await it.guard.cycle()
        assert first.error == ""
        assert first.decision is not None
        assert first.decision.evaluation.findings[0].limit == 5.0
        second = await it.guard.cycle()
        assert second.decision is not None
        (finding,) = second.decision.evaluation.findings
        assert (finding.limit, finding.state) == (3.0, State.FIRING)
        assert finding.episode == first.decision.evaluation.findings[0].episode
        decisions = it.of_kind(Kind.DECISION)
        digests = {one.record.rules for one in decisions if isinstance(one.record, Decision)}
        assert len(digests) == 2
        assert all(decide_again(it.journal, one).same for one in decisions)


async def test_rules_that_were_put_back_before_a_cycle_change_nothing(tmp_path: Path) -> None:
    async with bench(tmp_path, NOTICE) as it:
        await it.guard.cycle()
        for text in (LOWER, NOTICE):
            it.guard.reload(load_rules_text(text, "rules.yaml"), BY)
        await it.guard.cycle()
        assert reloads(it) == []


async def test_a_halt_while_acting_stops_at_the_next_step_and_protection_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    close = LEVERAGE_CAP.replace("[cancel_orders, trim]", "[close_all]")
    async with bench(tmp_path, close) as it:
        for symbol, size in (("BTCUSDT", "4"), ("ETHUSDT", "50"), ("SOLUSDT", "500")):
            it.open(symbol, Side.BUY, size)
        submit = it.gateway.submit
        sent: list[str] = []

        async def halting(request: Request) -> Answer:
            if isinstance(request, OrderRequest):
                sent.append(request.symbol)
                clock = it.guard._clock
                halt(it.journal, ACCOUNT, who="ann", why="by hand", at=clock.now())
            return await submit(request)

        with monkeypatch.context() as patch:
            patch.setattr(it.gateway, "submit", halting)
            report = await it.guard.cycle()
        assert len(sent) == 1
        assert report.execution is not None
        assert "halted by ann" in report.execution.halted
        await it.guard.cycle()
        assert len(sent) == 1
        bodies = [one.record for one in it.of_kind(Kind.PREPARED)]
        stops = {
            one.step.request.symbol
            for one in bodies
            if isinstance(one, Prepared) and one.step.kind is StepKind.PROTECT
        }
        assert len(stops | set(sent)) == 3
