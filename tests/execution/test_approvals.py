"""The owner's word on a proposal, as the command line gives it, and what has been used of a yes."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from bot.clock import VirtualClock
from bot.execution import Executor, approvals
from bot.execution.approvals import Proposal, TooLateError
from bot.journal import Draft, Journal, JournalWorker, open_journal
from bot.journal.controls import Closing, Proposed
from bot.journal.records import Command, Kind, Outcome, Prepared, Submitted, Word
from bot.journal.records import IntentState as State
from bot.model import Answer, Item, Unanswered, Verdict
from tests.execution.fake_gateway import BTC, START, FakeGateway
from tests.execution.support import LONG, cancel, plan, stop, trim

BODY = Proposed(
    name="p-1",
    rules=("cap",),
    episodes=("c.1",),
    what=("trim",),
    why=("cap: too much",),
    items=(Item("trim", BTC, LONG, 0.5),),
    cost=1.0,
    deadline=START + timedelta(minutes=10),
    then=Unanswered.DROP,
)
ONE = Proposal("main", START, BODY)
WHO = {"who": "ann", "why": "agreed"}


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with open_journal(tmp_path / "reef.db") as opened:
        yield opened


def keep(journal: Journal, *proposals: Proposal) -> None:
    """Remember proposals as the daemon does."""
    for one in proposals:
        journal.append([Draft(one.at, one.account, one.body)], approvals.remembered(one))


def later(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def test_a_yes_is_recorded_with_who_and_why_and_names_its_proposal(journal: Journal) -> None:
    keep(journal, ONE)
    said = approvals.approve(journal, approvals.find(journal, ["main"], None), **WHO, at=later(1))
    assert approvals.answer_to(journal, ONE) == said
    assert journal.entries(kind=Kind.WORD)[0].record == Word(Command.APPROVE, "ann", "agreed", "p-1")
    assert approvals.answer_to(journal, replace(ONE, body=replace(BODY, name="p-2"))) is None
    with pytest.raises(TooLateError, match="was approved by ann already: agreed"):
        approvals.approve(journal, ONE, **WHO, at=later(2))


def test_which_one_is_meant(journal: Journal) -> None:
    names = ["main", "other", "third"]
    with pytest.raises(approvals.NothingProposedError, match="No proposal waits"):
        approvals.find(journal, names, None)
    second = Proposal("other", START, replace(BODY, name="p-2"))
    keep(journal, ONE, second)
    with pytest.raises(approvals.NothingProposedError, match=r"There are several: .*p-1, p-2"):
        approvals.find(journal, names, None)
    assert approvals.find(journal, names, "p-2") == second
    with pytest.raises(approvals.NothingProposedError, match=r"no proposal 'p-3', .*Waiting now: p-1, p-2"):
        approvals.find(journal, names, "p-3")
    approvals.approve(journal, ONE, **WHO, at=later(1))
    assert approvals.find(journal, names, None) == second


@pytest.mark.parametrize(
    ("closing", "minutes", "words"),
    [
        (None, 11, r"ended at 2025-11-21 07:40:00 UTC \(drop\); nothing was approved.*--renew"),
        (Closing.DROPPED, 5, "was dropped already.*--renew"),
        (Closing.PROTECTED, 11, "was protected already.*--renew"),
        (Closing.ACTED, 11, "was acted already. There is nothing left to approve"),
        (Closing.WITHDRAWN, 5, "was withdrawn already. There is nothing left to approve"),
        (Closing.DONE, 5, "was done already. There is nothing left to approve"),
    ],
)
def test_a_yes_that_comes_too_late(
    journal: Journal, closing: Closing | None, minutes: float, words: str
) -> None:
    one = replace(ONE, closing=closing)
    keep(journal, one)
    with pytest.raises(TooLateError, match=words):
        approvals.approve(journal, one, **WHO, at=later(minutes))
    assert journal.entries(kind=Kind.WORD) == []


def test_what_was_dropped_is_asked_for_again(journal: Journal) -> None:
    for one, minutes, state in (
        (ONE, 1, "still waits for an answer"),
        (replace(ONE, closing=Closing.APPROVED), 11, "was approved"),
    ):
        with pytest.raises(TooLateError, match=f"{state}: there is nothing to renew"):
            approvals.renew(journal, one, **WHO, at=later(minutes))
    for one, minutes in ((ONE, 11), (replace(ONE, closing=Closing.DROPPED), 5)):
        assert approvals.renew(journal, one, **WHO, at=later(minutes)).renew
    words = [entry.record for entry in journal.entries(kind=Kind.WORD)]
    assert words == [Word(Command.RENEW, "ann", "agreed", "p-1")] * 2
    again = replace(ONE, at=later(12))
    keep(journal, again)
    approvals.approve(journal, again, **WHO, at=later(5))


async def test_what_has_been_used_of_a_yes(
    gateway: FakeGateway, worker: JournalWorker, executor: Executor, clock: VirtualClock
) -> None:
    """Filled orders count with what they filled, open ones whole, refused ones not at all."""
    snapshot = await gateway.snapshot()
    await executor.carry_out(plan(trim("reef1", "0.2")), snapshot)
    after = worker.journal.head().seq
    await executor.carry_out(plan(trim("reef2", "0.2", number=1)), snapshot)
    await executor.carry_out(plan(cancel("reefc", "gone")), snapshot)
    await executor.protect([stop("reefs")], snapshot)
    shares = {
        step.request.client_order_id: share for step, share in approvals.used(worker.journal, "main", after)
    }
    assert shares == {"reef2": 1.0, "reefc": 1.0, "reefs": 1.0}


def test_what_is_open_or_refused(journal: Journal) -> None:
    answer = Answer(Verdict.REJECTED, "1", "no", "", START)
    journal.append(
        [
            Draft(START, "main", Prepared(trim("reef1"), None), "c.1", "reef1"),
            Draft(START, "main", Prepared(trim("reef2", number=1), None), "c.1", "reef2"),
            Draft(START, "main", Submitted(answer, START), "c.1", "reef2"),
            Draft(START, "main", Outcome(State.REJECTED, "no"), "c.1", "reef2"),
            Draft(START, "main", Prepared(stop("reef3"), None), "c.1", "reef3"),
            Draft(START, "main", Outcome(State.REJECTED, "no"), "c.1", "reef3"),
        ]
    )
    assert [share for _, share in approvals.used(journal, "main", 0)] == [1.0, 0.0, 0.0]
