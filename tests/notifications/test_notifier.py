"""From the journal to the owner's phone: real Apprise, real servers, a real journal file."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec import structs

from bot.journal import FullDiskError, Journal, verify
from bot.journal.records import Blindness, Failure, Stopped, canonical
from bot.model import Route, Severity, State, Unknown
from bot.notifications import notifier as module
from bot.notifications.silence import Silence, end_silence, silence
from bot.record import STATUS, Status
from tests.notifications.listener import TOKEN
from tests.notifications.support import (
    BLIND,
    BTC,
    EPISODE,
    START,
    finding,
    fired,
    office,
    restored,
    started,
    terms,
)

QUIET = Failure("cycle", None, "SlowViewError", "no whole snapshot")


async def test_what_was_recorded_before_the_first_look_is_old(tmp_path: Path) -> None:
    async with office(tmp_path) as it:
        it.write(started(), account="")
        await it.look()
        assert it.first.subjects == ["[info] Reef 1.0 has started"]
        it.again()
        await it.look()
        assert len(it.first.bodies) == 1


async def test_an_episode_is_told_when_it_begins_and_ends_not_in_between(tmp_path: Path) -> None:
    async with office(tmp_path) as it:
        it.write(started(), account="")
        await it.look()
        it.write(fired(), episode=EPISODE)
        await it.look()
        for _ in range(5):
            it.write(structs.replace(fired(), before=State.RESTORING), episode=EPISODE)
            await it.look(1.0)
        it.write(restored(), episode=EPISODE)
        await it.look(1.0)
        assert it.first.subjects[1:] == [
            "[critical] main: leverage cap fires",
            "[critical] main: leverage cap is restored",
        ]
        assert "account.leverage is 6.20; fires over 5, goal 4." in it.first.text
        assert "It took 5 s. No order was filled for it." in it.first.text
        assert it.second.bodies == []
        assert [(one.channel, one.delivered) for one in it.notified()] == [("first", True)] * 3
        assert it.notified()[1].entries == (3,)
        assert verify(tmp_path / "journal.sqlite").sound


async def test_what_happens_together_is_told_together(tmp_path: Path) -> None:
    async with office(tmp_path, terms(group=timedelta(seconds=3))) as it:
        it.write(started(), account="")
        it.write(fired(), episode=EPISODE)
        await it.look(1.0)
        it.write(
            fired(rule="other", episode="other.main.1", severity=Severity.WARNING), episode="other.main.1"
        )
        await it.look(1.0)
        assert it.first.bodies == []
        await it.look(2.0)
        assert it.first.subjects == ["[critical] main: leverage cap fires, and 2 more"]
        text = it.first.text
        assert text.index("Reef 1.0 has started") < text.index("main: other fires")


async def test_a_channel_that_fails_falls_over_and_is_tried_again_later(tmp_path: Path) -> None:
    async with office(tmp_path) as it:
        it.first.status = 500
        it.write(started(), account="")
        await it.look()
        assert it.second.subjects == ["[info] Reef 1.0 has started"]
        failed, taken = it.notified()
        assert (failed.channel, failed.delivered, "500" in failed.error) == ("first", False, True)
        assert (taken.channel, taken.delivered, taken.error) == ("second", True, "")
        assert TOKEN not in failed.error
        it.first.status = 200
        it.write(Stopped("asked to"), account="")
        await it.look(1.0)
        assert len(it.first.calls) == 1, "it is left alone for a while"
        assert len(it.second.bodies) == 2
        it.write(started(), account="")
        await it.look(5.0)
        assert it.first.subjects == ["[info] Reef 1.0 has started"]


async def test_nothing_is_lost_while_no_channel_takes_anything(tmp_path: Path) -> None:
    async with office(tmp_path) as it:
        it.first.status = it.second.status = 503
        it.write(started(), account="")
        await it.look()
        it.write(fired(), episode=EPISODE)
        await it.look(1.0)
        assert not it.first.bodies
        assert not it.second.bodies
        it.again()  # the daemon is killed and comes back
        it.first.status = 200
        await it.look(400.0)
        (subject,) = it.first.subjects
        assert subject == "[critical] main: leverage cap fires, and 1 more"
        assert "Reef 1.0 has started" in it.first.text


async def test_a_crash_between_sending_and_recording_tells_twice_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with office(tmp_path) as it:
        await it.look()
        it.write(started(), account="")

        def killed(*_: object, **__: object) -> None:
            raise RuntimeError("killed")

        monkeypatch.setattr(Journal, "append", killed)
        it.notifier._saved_at = it.clock.now()
        await it.look()
        (delivery,) = it.notifier._deliveries.values()
        assert "killed" in str(delivery.exception())
        monkeypatch.undo()
        assert len(it.first.bodies) == 1
        it.again()
        await it.look(1.0)
        assert it.first.subjects == ["[info] Reef 1.0 has started"] * 2


async def test_a_channel_that_hangs_holds_up_no_look_and_no_other_chain(tmp_path: Path) -> None:
    routes = (Route(("first",)), Route(("second",)))
    async with office(tmp_path, terms(routes=routes)) as it:
        it.first.hangs = True
        it.write(started(), account="")
        await it.notifier.look()
        await asyncio.to_thread(it.first.wait_for_call)
        it.write(fired(), episode=EPISODE)
        await asyncio.wait_for(it.notifier.look(), 2.0)
        for _ in range(200):
            if len(it.second.bodies) == 2:
                break
            await asyncio.sleep(0.01)
            await it.notifier.look()
        assert it.second.subjects == ["[info] Reef 1.0 has started", "[critical] main: leverage cap fires"]


async def test_what_is_critical_is_told_again_while_it_lasts(tmp_path: Path) -> None:
    async with office(tmp_path) as it:
        it.write(started(), account="")
        it.write(BLIND)
        await it.look()
        await it.look(800.0)
        assert len(it.first.bodies) == 1
        await it.look(100.0)
        assert it.first.subjects[1] == "[critical] main: is blind (still, for 15 min)"
        it.write(structs.replace(BLIND, ended=START + timedelta(minutes=16)))
        await it.look(60.0)
        await it.look(3600.0)
        assert it.first.subjects[2:] == ["[critical] main: can be seen again"]


async def test_the_same_failure_is_told_once_in_a_while(tmp_path: Path) -> None:
    async with office(tmp_path) as it:
        for _ in range(3):
            it.write(QUIET)
            await it.look(60.0)
        assert len(it.first.bodies) == 1
        it.write(QUIET)
        await it.look(600.0)
        assert len(it.first.bodies) == 2


async def test_a_silence_covers_what_is_critical_and_what_lasts_is_told_after_it(
    tmp_path: Path,
) -> None:
    async with office(tmp_path) as it:
        it.write(started(), account="")
        await it.look()
        until = START + timedelta(hours=1)
        silence(it.journal, Silence("main", "leverage*", until, "ann", "known", it.clock.now()))
        it.write(fired(), episode=EPISODE)
        it.write(fired(rule="other", episode="other.1"), episode="other.1")
        await it.look(1.0)
        assert "leverage cap fires" not in it.first.text
        assert "main: other fires" in it.first.text
        assert "notifications of rule leverage* silenced until 2025-11-21 08:30 UTC" in it.first.text
        await it.look(3600.0)
        assert "main: leverage cap fires" in it.first.text


async def test_a_silence_that_is_ended_and_an_episode_that_was_over_before(tmp_path: Path) -> None:
    async with office(tmp_path) as it:
        until = START + timedelta(hours=1)
        silence(it.journal, Silence("", "", until, "ann", "known", it.clock.now()))
        it.write(fired(), episode=EPISODE)
        await it.look(1.0)
        it.write(restored(), episode=EPISODE)
        await it.look(1.0)
        assert it.first.bodies == []
        assert end_silence(it.journal, "", "", who="ann", why="back", at=it.clock.now()) is not None
        await it.look(1.0)
        assert it.first.subjects == ["[warning] notifications of all accounts are wanted again"]


async def test_a_stronger_rule_silences_a_weaker_one_for_as_long_as_it_fires(tmp_path: Path) -> None:
    async with office(tmp_path) as it:
        it.write(
            fired(rule="weak", episode="weak.1", inhibited_by="leverage cap"),
            fired(),
            episode=EPISODE,
        )
        await it.look()
        assert it.first.subjects == ["[critical] main: leverage cap fires"]
        it.write(restored(), episode=EPISODE)
        await it.look(1.0)
        await it.look(1.0)
        assert it.first.subjects[-1] == "[critical] main: weak fires" or "weak fires" in it.first.text


async def test_a_position_that_is_gone_ends_what_was_told_of_it(tmp_path: Path) -> None:
    async with office(tmp_path) as it:
        it.write(fired(symbol=BTC), episode=EPISODE)
        await it.look()
        unseen = Unknown("x")
        at = it.clock.now()
        status = Status(at, True, unseen, unseen, 1, (), (finding(symbol=BTC),), "")
        it.journal.append((), {("main", STATUS): canonical(status).decode()}, at=at)
        await it.look(1.0)
        assert len(it.first.bodies) == 1
        gone = structs.replace(status, at=it.clock.now(), active=())
        it.journal.append((), {("main", STATUS): canonical(gone).decode()}, at=at)
        await it.look(1.0)
        assert it.first.subjects[1] == f"[critical] main: leverage cap fires on {BTC} long: over"
        await it.look(3600.0)
        assert len(it.first.bodies) == 2


async def test_a_journal_that_takes_no_writes_is_told_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with office(tmp_path) as it:
        await it.look()

        def full(*_: object, **__: object) -> None:
            raise FullDiskError(tmp_path, "the disk is full", "Make room.")

        monkeypatch.setattr(Journal, "append", full)
        await it.look(31.0)
        await it.look(1.0)
        assert it.first.subjects == ["[critical] the journal cannot be written"]
        assert "the disk is full" in it.first.text
        monkeypatch.undo()
        await it.look(31.0)
        await it.look(1.0)
        assert it.first.subjects[1] == "[critical] the journal can be written again"
        assert [one.subject for one in it.notified()] == it.first.subjects


async def test_the_end_is_told_before_the_process_ends(tmp_path: Path) -> None:
    async with office(tmp_path, terms(group=timedelta(seconds=30))) as it:
        it.write(Stopped("signal SIGTERM"), account="")
        await it.notifier.end("")
        assert it.first.subjects == ["[warning] Reef has stopped"]
        assert len(it.notified()) == 1


async def test_the_end_is_not_held_up_by_a_channel_that_hangs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "END_SECONDS", 0.3)
    async with office(tmp_path) as it:
        it.first.hangs = True
        it.write(Stopped("signal SIGTERM"), account="")
        await asyncio.wait_for(it.notifier.end(""), 3.0)
        await asyncio.to_thread(it.first.wait_for_call)
        it.first.hangs = False
        it.first.released.set()
        it.again()
        await it.look(1.0)
        assert it.first.subjects == ["[warning] Reef has stopped"], "the next daemon tells it"


async def test_a_daemon_that_lost_its_lease_says_so_without_writing(tmp_path: Path) -> None:
    async with office(tmp_path) as it:
        head = it.journal.head()
        await it.notifier.end("another daemon took over")
        assert it.first.subjects == ["[critical] a daemon lost its lease and has ended"]
        assert "another daemon took over" in it.first.text
        assert it.journal.head() == head


async def test_a_rate_holds_back_and_says_how_much(tmp_path: Path) -> None:
    async with office(tmp_path, terms(rate=2)) as it:
        for number in range(60):
            it.write(Failure("call", None, f"code-{number}", "x" * 100))
            await it.look(1.0)
        assert len(it.first.bodies) == 2
        await it.look(3600.0)
        last = it.notified()[-1]
        assert last.subject.endswith("and 57 more")
        assert last.held_back > 0
        assert f"{last.held_back} more were held back" in it.first.text


async def test_what_is_critical_goes_beyond_the_rate_once_a_minute(tmp_path: Path) -> None:
    async with office(tmp_path, terms(rate=1)) as it:
        it.write(QUIET)
        await it.look()
        it.write(BLIND)
        await it.look(1.0)
        assert len(it.first.bodies) == 1
        await it.look(60.0)
        assert it.first.subjects[1] == "[critical] main: is blind"


async def test_an_entry_that_cannot_be_read_is_told_and_passed(tmp_path: Path) -> None:
    async with office(tmp_path) as it:
        it.write(started(), account="")
        connection = it.journal._db
        connection.execute(
            "INSERT INTO entries SELECT 2, at, account, 'newer', episode, intent, body, previous, hash "
            "FROM entries WHERE seq = 1"
        )
        connection.commit()
        await it.look()
        assert "entry 2 of the journal cannot be read" in it.first.text


async def test_it_looks_until_it_is_cancelled_and_a_failure_does_not_end_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.01)
    fails = [2]

    def flaky(journal: Journal, now: object) -> tuple[()]:
        if fails[0]:
            fails[0] -= 1
            raise FullDiskError(tmp_path, "it cannot be read", "")
        return ()

    monkeypatch.setattr(module, "silences", flaky)
    async with office(tmp_path) as it:
        it.write(started(), account="")
        running = asyncio.create_task(it.notifier.run())
        await asyncio.to_thread(it.first.wait_for_call)
        running.cancel()
        await asyncio.wait({running})
        assert running.cancelled()


async def test_blindness_is_told_once_not_once_a_rule(tmp_path: Path) -> None:
    async with office(tmp_path) as it:
        unknown = finding(State.UNKNOWN, episode="")
        unknown = structs.replace(unknown, value=Unknown("the account is blind"))
        it.write(BLIND, structs.replace(fired(), finding=unknown))
        await it.look()
        assert it.first.subjects == ["[critical] main: is blind"]
        it.write(Blindness(START, START, "x", None, START + timedelta(seconds=30)))
        it.write(structs.replace(fired(), finding=finding(State.INACTIVE, episode=""), before=State.UNKNOWN))
        await it.look(1.0)
        assert it.first.subjects[1:] == ["[critical] main: can be seen again"]
