"""An account that cannot be seen: told once, its rules unknown, and what they ask for meanwhile."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog
from msgspec.structs import replace

from bot.clock import SystemClock
from bot.execution import halted, resume
from bot.facts import GuardTerms
from bot.journal.records import Blindness, BlindRule, FindingChanged, Kind, Prepared
from bot.model import (
    Answer,
    Caps,
    ProtectionTerms,
    Request,
    Snapshot,
    State,
    StepKind,
    StopRequest,
    Unknown,
    Verdict,
)
from bot.record import BLINDNESS, STATUS, Status, remembered_blindness, remembered_status
from bot.sandbox.engine.types import Side
from bot.sight import BareStops, Sight
from tests.guard import support
from tests.guard.support import ACCOUNT, Bench, bench

RULES = """
version: 1
rules:
  - name: leverage cap
    metric: account.leverage
    max: 5
    restore: 4
    cooldown: 0s
    do: [trim]
    if_blind: {after: 30s, do: [notify, protect]}
  - name: last word
    metric: account.margin_ratio
    max: 90%
    do: [halt]
    if_blind: {after: 60s, do: [halt]}
"""
WAITS = """
version: 1
rules:
  - {name: leverage cap, metric: account.leverage, max: 5, restore: 4, cooldown: 0s, do: [trim]}
"""
TERMS = GuardTerms(caps=Caps(), protection=ProtectionTerms(), max_age_seconds=10.0)


class Hands(SystemClock):
    """The machine's clock, moved by hand; the venue's goes on as it does."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def now(self) -> datetime:
        """Return the time, as far ahead as it was moved."""
        return super().now() + timedelta(seconds=self.ahead)


@contextmanager
def dark(it: Bench) -> Iterator[None]:
    """Let the venue answer no reads of positions."""
    it.fault("status", path="/v5/position/list", status=503)
    try:
        yield
    finally:
        it.mend()


def status(it: Bench) -> Status:
    found = remembered_status(it.journal.load_memory(ACCOUNT, STATUS))
    assert found is not None
    return found


def blindnesses(it: Bench) -> list[Blindness]:
    return [body for one in it.of_kind(Kind.BLINDNESS) if isinstance(body := one.record, Blindness)]


def calls(it: Bench) -> list[BlindRule]:
    return [body for one in it.of_kind(Kind.IF_BLIND) if isinstance(body := one.record, BlindRule)]


def changes(it: Bench) -> list[tuple[str, State]]:
    bodies = (one.record for one in it.of_kind(Kind.FINDING))
    return [(one.finding.rule, one.finding.state) for one in bodies if isinstance(one, FindingChanged)]


def prepared(it: Bench) -> list[StepKind]:
    bodies = (one.record for one in it.of_kind(Kind.PREPARED))
    return [one.step.kind for one in bodies if isinstance(one, Prepared)]


async def test_a_blindness_is_recorded_when_it_begins_and_when_it_ends(tmp_path: Path) -> None:
    clock = Hands()
    async with bench(tmp_path, WAITS, clock=clock) as it:
        it.open("BTCUSDT", Side.BUY, "8")
        await it.guard.cycle()
        episode = status(it).active[0].episode
        with dark(it):
            first = await it.guard.cycle()
            assert first.error
            assert status(it).blind is None
            assert blindnesses(it) == []
            clock.ahead += 11
            with structlog.testing.capture_logs() as logs:
                for _ in range(3):
                    await it.guard.cycle()
            told = [line for line in logs if line["log_level"] == "critical"]
            assert [line["event"] for line in told] == ["account is blind"]
            (begun,) = blindnesses(it)
            assert (begun.verdict, begun.ended, begun.refused) == (Verdict.UNKNOWN, None, False)
            assert begun.seen_at is not None
            assert begun.since - first.at < timedelta(seconds=1)
            shown = status(it)
            assert shown.blind is not None
            assert shown.blind.since == begun.since
            (finding,) = shown.active
            assert (finding.state, finding.episode) == (State.UNKNOWN, episode)
            assert isinstance(finding.value, Unknown)
            assert f"blind since {begun.since:%Y-%m-%d %H:%M:%S} UTC" in finding.note
            assert changes(it).count(("leverage cap", State.UNKNOWN)) == 1
        clock.ahead += 1
        back = await it.guard.cycle()
        assert back.error == ""
        assert back.decision is not None
        assert episode in {one.episode for one in back.decision.evaluation.findings} | {
            one.episode for one in back.decision.evaluation.ended
        }
        ended = blindnesses(it)[1]
        assert ended.since == begun.since
        assert ended.ended is not None
        assert status(it).blind is None
        assert it.journal.load_memory(ACCOUNT, BLINDNESS) is None
        assert len(blindnesses(it)) == 2


async def test_a_guard_that_has_seen_nothing_yet_is_blind_at_once(tmp_path: Path) -> None:
    async with bench(tmp_path, RULES) as it:
        with dark(it):
            await it.guard.cycle()
            (begun,) = blindnesses(it)
            assert begun.seen_at is None
            assert {finding.state for finding in status(it).active} == {State.UNKNOWN}
            assert isinstance(status(it).equity, Unknown)


async def test_a_blindness_goes_on_over_a_restart(tmp_path: Path) -> None:
    clock = Hands()
    async with bench(tmp_path, RULES, clock=clock) as it:
        it.open("BTCUSDT", Side.BUY, "1")
        await it.guard.cycle()
        clock.ahead += 11
        with dark(it):
            await it.guard.cycle()
            worker = it.guard.executor.worker
            again = support.wire(it.gateway, worker, clock, RULES, True, TERMS)
            clock.ahead += 31
            await again.cycle()
            (begun,) = blindnesses(it)
            assert remembered_blindness(it.journal.load_memory(ACCOUNT, BLINDNESS)) == begun
            assert [one.rule for one in calls(it)] == ["leverage cap"]
        await again.cycle()
        assert [one.since for one in blindnesses(it)] == [begun.since, begun.since]


async def test_a_refused_key_is_named_as_such_and_public_data_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bench(tmp_path, WAITS) as it:
        it.open("BTCUSDT", Side.BUY, "1")
        await it.guard.cycle()
        asked: list[str] = []
        take = it.gateway.candles

        async def counted(symbol: str, timeframe: str, limit: int) -> Any:
            asked.append(symbol)
            return await take(symbol, timeframe, limit)

        monkeypatch.setattr(it.gateway, "candles", counted)
        refused = {"code": 10003, "message": "API key is invalid."}
        for path in ("/v5/position/*", "/v5/account/*", "/v5/order/*"):
            it.fault("error_code", path=path, **refused)
        again = it.again(WAITS)
        again._held = it.guard._held
        assert (await again.cycle()).error
        (begun,) = blindnesses(it)
        assert begun.refused
        await again.refresh_stats()
        assert asked
        it.mend()
        assert (await again.cycle()).error == ""


async def test_what_if_blind_asks_for_comes_once_and_in_its_time(tmp_path: Path) -> None:
    clock = Hands()
    async with bench(tmp_path, RULES, clock=clock) as it:
        it.open("BTCUSDT", Side.BUY, "1")
        await it.guard.cycle()
        with dark(it):
            clock.ahead += 11
            await it.guard.cycle()
            assert calls(it) == []
            clock.ahead += 31
            with structlog.testing.capture_logs() as logs:
                for _ in range(3):
                    await it.guard.cycle()
            told = [line["rule"] for line in logs if line["event"] == "rule is blind"]
            assert told == ["leverage cap"]
            assert [one.rule for one in calls(it)] == ["leverage cap"]
            assert halted(it.journal, ACCOUNT) is None
            clock.ahead += 30
            await it.guard.cycle()
            halt = halted(it.journal, ACCOUNT)
            assert halt is not None
            assert halt.who == "the rules"
            assert "last word: not known for main since" in halt.why
            assert resume(it.journal, ACCOUNT, who="ann", why="I watch it", at=clock.now())
            await it.guard.cycle()
            assert halted(it.journal, ACCOUNT) is None
            clock.ahead -= 3600
            await it.guard.cycle()
            assert len(calls(it)) == 2


async def test_disarmed_it_only_tells(tmp_path: Path) -> None:
    clock = Hands()
    async with bench(tmp_path, RULES, armed=False, clock=clock) as it:
        it.open("BTCUSDT", Side.BUY, "1")
        await it.guard.cycle()
        with dark(it):
            clock.ahead += 11
            await it.guard.cycle()
            clock.ahead += 61
            await it.guard.cycle()
        assert len(calls(it)) == 2
        assert halted(it.journal, ACCOUNT) is None
        assert prepared(it) == []


async def test_the_stop_that_was_wanted_is_sent_until_the_venue_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Hands()
    async with bench(tmp_path, RULES, clock=clock) as it:
        submit = it.gateway.submit
        lost = [True]

        async def sometimes(request: Request) -> Answer:
            if lost[0] and isinstance(request, StopRequest):
                return Answer(Verdict.UNKNOWN, "", "timeout", "", clock.now())
            return await submit(request)

        monkeypatch.setattr(it.gateway, "submit", sometimes)
        it.open("BTCUSDT", Side.BUY, "1")
        await it.guard.cycle()
        assert prepared(it) == [StepKind.PROTECT]
        with dark(it):
            clock.ahead += 11
            await it.guard.cycle()
            assert len(prepared(it)) == 1
            clock.ahead += 31
            await it.guard.cycle()
            await it.guard.cycle()
            assert len(prepared(it)) == 2
            lost[0] = False
            clock.ahead += 5
            await it.guard.cycle()
            assert len(prepared(it)) == 3
            clock.ahead += 40
            await it.guard.cycle()
            assert len(prepared(it)) == 3
        position = it.venue.engine.position(it.venue.account.account_id, "BTCUSDT")
        assert position is not None
        assert position.stop_loss is not None


async def test_one_symbol_without_data_is_blind_for_its_rules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Hands()
    async with bench(tmp_path, RULES, clock=clock) as it:
        it.open("BTCUSDT", Side.BUY, "1")
        it.open("ETHUSDT", Side.BUY, "1")
        await it.guard.cycle()
        take = it.gateway.snapshot
        nothing: Any = Unknown("the venue gave no markPrice")

        async def torn() -> Snapshot:
            seen = await take()
            marks = {
                name: replace(one, mark=nothing) if "ETH" in name else one for name, one in seen.marks.items()
            }
            held = tuple(
                replace(one, mark_price=nothing) if "ETH" in one.symbol else one for one in seen.positions
            )
            return replace(seen, marks=marks, positions=held)

        monkeypatch.setattr(it.gateway, "snapshot", torn)
        assert (await it.guard.cycle()).error == ""
        clock.ahead += 31
        assert (await it.guard.cycle()).error == ""
        (call,) = calls(it)
        assert (call.rule, call.do) == ("leverage cap", ("notify", "protect"))
        assert "ETH" in call.reason
        assert blindnesses(it) == []


async def test_a_view_that_is_too_old_does_not_count_as_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Hands()
    async with bench(tmp_path, WAITS, clock=clock) as it:
        it.open("BTCUSDT", Side.BUY, "1")
        await it.guard.cycle()
        take, late = it.gateway.snapshot, timedelta(seconds=11)

        async def behind() -> Snapshot:
            seen = await take()
            return replace(seen, times=replace(seen.times, positions=seen.times.positions - late))

        clock.ahead += 22
        with monkeypatch.context() as patch:
            patch.setattr(it.gateway, "snapshot", behind)
            report = await it.guard.cycle()
        assert report.error == ""
        assert report.decision is not None
        assert {one.state for one in report.decision.evaluation.findings} == {State.UNKNOWN}
        (begun,) = blindnesses(it)
        assert begun.reason.startswith("positions are ")
        assert status(it).blind == begun
        await it.guard.cycle()
        assert len(blindnesses(it)) == 2


async def test_a_look_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with bench(tmp_path, WAITS) as it:
        it.open("BTCUSDT", Side.BUY, "1")
        await it.guard.cycle()
        with monkeypatch.context() as patch:
            patch.setattr("bot.guard.READ_SECONDS", 0.3)
            it.fault("hang", path="/v5/account/wallet-balance")
            report = await asyncio.wait_for(it.guard.cycle(), 5)
            assert "no whole snapshot within 0.3 s" in report.error
        it.mend()
        report = await asyncio.wait_for(it.guard.cycle(), 5)
        assert report.error == ""


async def test_while_the_journal_refuses_news_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bench(tmp_path, RULES) as it:
        append = it.journal.append

        def full(*_: object, **__: object) -> None:
            raise support.refusal(it.journal.path)

        with dark(it):
            monkeypatch.setattr(it.journal, "append", full)
            assert (await it.guard.cycle()).error
            monkeypatch.setattr(it.journal, "append", append)
            assert blindnesses(it) == []
            await it.guard.cycle()
            assert len(blindnesses(it)) == 1


def test_a_clock_that_was_set_back_makes_nobody_blind_sooner_or_later() -> None:
    start = datetime.fromisoformat("2025-11-21T07:30:00+00:00")
    sight = Sight("main", 10.0)
    sight.saw(start)
    sight.missed("no answer", None, start - timedelta(hours=1))
    assert sight.lasting is None
    sight.missed("no answer", None, start - timedelta(hours=1) + timedelta(seconds=11))
    assert sight.blind is not None
    assert sight.blind.since == start - timedelta(hours=1)
    sight.missed("still none", Verdict.AUTH, start - timedelta(hours=2))
    assert "blind since 2025-11-21 05:30:00 UTC: still none" in sight.unseen.reason


def test_no_stop_is_due_where_none_was_wanted() -> None:
    assert BareStops().due(datetime.fromisoformat("2025-11-21T07:30:00+00:00")) == ()
