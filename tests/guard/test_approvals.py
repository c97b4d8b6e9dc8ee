"""What a guard asks its owner for, and what it sends after a yes, a late yes, and no answer."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace

from bot.asking import item_text
from bot.execution import approvals, halt, resume
from bot.execution.approvals import Proposal, TooLateError
from bot.journal.controls import Answered, Closing, Proposed
from bot.journal.records import Command, Kind, Prepared, Word
from bot.model import ApprovalTerms, Item, OrderRequest, ProtectionTerms, StepKind, Unanswered
from bot.replaying import decide_again
from bot.sandbox.engine.types import Side
from tests.guard.leaping import Leaping
from tests.guard.support import ACCOUNT, LEVERAGE_CAP, TERMS, Bench, bench, refusal

ASKS = f"{LEVERAGE_CAP}    approve: true\n"
MINUTE = ApprovalTerms(every=True, deadline=timedelta(minutes=1))
APPROVE = replace(TERMS, approvals=MINUTE)
UNGUARDED = ProtectionTerms(enabled=False)


def waiting(it: Bench) -> Proposal:
    found = approvals.proposal(it.journal, ACCOUNT)
    assert found is not None
    return found


def sent(it: Bench) -> list[Decimal]:
    """Contracts of the orders that were prepared."""
    found = []
    for entry in it.of_kind(Kind.PREPARED):
        body = entry.record
        assert isinstance(body, Prepared)
        if isinstance(body.step.request, OrderRequest):
            found.append(body.step.request.contracts)
    return found


def kinds(it: Bench) -> set[StepKind]:
    return {body.step.kind for one in it.of_kind(Kind.PREPARED) if isinstance(body := one.record, Prepared)}


def answers(it: Bench) -> list[tuple[Closing, str]]:
    return [
        (body.closing, body.who)
        for one in it.of_kind(Kind.ANSWER)
        if isinstance(body := one.record, Answered)
    ]


def say_yes(it: Bench, clock: Leaping) -> None:
    approvals.approve(it.journal, waiting(it), who="ann", why="agreed", at=clock.now())


async def test_nothing_is_sent_before_the_yes_and_no_more_than_that_after_it(tmp_path: Path) -> None:
    clock = Leaping()
    async with bench(tmp_path, terms=APPROVE, clock=clock) as it:
        it.open("BTCUSDT", Side.BUY, "8")
        for _ in range(3):
            report = await it.guard.cycle()
            assert report.error == ""
        assert kinds(it) == {StepKind.PROTECT}
        (entry,) = it.of_kind(Kind.PROPOSAL)
        body = entry.record
        assert isinstance(body, Proposed)
        assert body.rules == ("leverage cap",)
        assert "account.leverage of main is" in body.why[0]
        assert body.cost > 0
        assert body.then is Unanswered.DROP
        assert timedelta(seconds=50) < body.deadline - clock.now() <= timedelta(minutes=1)
        say_yes(it, clock)
        await it.guard.cycle()
        (size,) = sent(it)
        assert float(size) <= body.items[0].amount
        report = await it.guard.cycle()
        assert report.decision is not None
        assert report.decision.evaluation.demands == ()
        assert answers(it) == [(Closing.APPROVED, "ann"), (Closing.DONE, "the guard")]
        assert [decide_again(it.journal, one).same for one in it.of_kind(Kind.DECISION)].count(False) == 0
        words = [one.record for one in it.of_kind(Kind.WORD)]
        assert words == [Word(Command.APPROVE, "ann", "agreed", body.name)]


async def test_only_a_rule_that_asks_waits(tmp_path: Path) -> None:
    both = ASKS + LEVERAGE_CAP.split("rules:\n")[1].replace("leverage cap", "free").replace(
        "max: 5\n    restore: 4", "max: 6\n    restore: 5.5"
    )
    async with bench(tmp_path, both) as it:
        it.open("BTCUSDT", Side.BUY, "8")
        await it.guard.cycle()
        assert len(sent(it)) == 1
        report = await it.guard.cycle()
        assert report.decision is not None
        (demand,) = report.decision.evaluation.demands
        assert demand.rule == "leverage cap"
        assert demand.value == pytest.approx(5.5, abs=0.2)
        assert len(sent(it)) == 1
        assert waiting(it).body.rules == ("leverage cap",)


async def test_disarmed_asks_nobody(tmp_path: Path) -> None:
    async with bench(tmp_path, terms=APPROVE, armed=False) as it:
        it.open("BTCUSDT", Side.BUY, "8")
        report = await it.guard.cycle()
        assert report.decision is not None
        assert StepKind.TRIM in {step.kind for step in report.decision.plan.steps}
        assert it.of_kind(Kind.PROPOSAL) == []


async def test_a_yes_to_less_lets_nothing_through_and_a_new_proposal_says_what_changed(
    tmp_path: Path,
) -> None:
    clock = Leaping()
    async with bench(tmp_path, terms=APPROVE, clock=clock) as it:
        it.open("BTCUSDT", Side.BUY, "8")
        await it.guard.cycle()
        first = waiting(it)
        say_yes(it, clock)
        it.open("BTCUSDT", Side.BUY, "4")
        await it.guard.cycle()
        assert sent(it) == []
        second = waiting(it)
        assert second.body.name != first.body.name
        assert "at most" in second.body.changed
        assert answers(it) == [(Closing.APPROVED, "ann"), (Closing.REPLACED, "the guard")]
        with pytest.raises(approvals.NothingProposedError, match="a newer one has replaced it"):
            approvals.find(it.journal, [ACCOUNT], first.body.name)


async def test_a_proposal_stands_while_prices_move_a_little_and_ends_with_its_episode(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path, terms=APPROVE) as it:
        it.open("BTCUSDT", Side.BUY, "8")
        await it.guard.cycle()
        it.price("BTCUSDT", "99500")
        await it.guard.cycle()
        assert len(it.of_kind(Kind.PROPOSAL)) == 1
        it.venue.engine.transfer(it.venue.account.account_id, "USDT", Decimal(200_000))
        for _ in range(2):
            await it.guard.cycle()
        assert answers(it) == [(Closing.WITHDRAWN, "the guard")]
        assert sent(it) == []


async def test_what_was_sent_uses_a_yes_up_also_over_a_restart(tmp_path: Path) -> None:
    clock = Leaping()
    async with bench(tmp_path, ASKS, clock=clock) as it:
        it.open("BTCUSDT", Side.BUY, "8")
        await it.guard.cycle()
        say_yes(it, clock)
        await it.guard.cycle()
        (size,) = sent(it)
        most = waiting(it).body.items[0].amount
        it.open("BTCUSDT", Side.BUY, "4")
        again = it.again(ASKS)
        await again.cycle()
        assert sum(sent(it)) == size
        assert float(size) * 2 > most
        assert waiting(it).open
        assert waiting(it).body.changed


@pytest.mark.parametrize("then", list(Unanswered))
async def test_when_nobody_answers(tmp_path: Path, then: Unanswered) -> None:
    clock = Leaping()
    terms = replace(APPROVE, approvals=replace(MINUTE, then=then), protection=UNGUARDED)
    async with bench(tmp_path, terms=terms, clock=clock) as it:
        it.open("BTCUSDT", Side.BUY, "8")
        await it.guard.cycle()
        clock.passes(50)
        await it.guard.cycle()
        assert (sent(it), answers(it)) == ([], [])
        clock.passes(11)
        for _ in range(2):
            await it.guard.cycle()
        expected = {
            Unanswered.DROP: (Closing.DROPPED, set()),
            Unanswered.ACT: (Closing.ACTED, {StepKind.TRIM}),
            Unanswered.PROTECT: (Closing.PROTECTED, {StepKind.PROTECT}),
        }
        closing, done = expected[then]
        assert answers(it)[0] == (closing, "nobody")
        assert kinds(it) == done
        assert len(it.of_kind(Kind.PROPOSAL)) == 1


async def test_a_yes_after_the_deadline_is_refused_and_says_what_to_do(tmp_path: Path) -> None:
    clock = Leaping()
    async with bench(tmp_path, terms=APPROVE, clock=clock) as it:
        it.open("BTCUSDT", Side.BUY, "8")
        await it.guard.cycle()
        clock.passes(61)
        late = waiting(it)
        with pytest.raises(TooLateError, match=r"nothing was approved. .*--renew"):
            say_yes(it, clock)
        await it.guard.cycle()
        with pytest.raises(TooLateError, match=r"was dropped already. .*--renew"):
            say_yes(it, clock)
        for _ in range(2):
            await it.guard.cycle()
        assert sent(it) == []
        approvals.renew(it.journal, waiting(it), who="ann", why="I am here", at=clock.now())
        await it.guard.cycle()
        assert waiting(it).open
        assert waiting(it).body.name != late.body.name
        assert answers(it) == [(Closing.DROPPED, "nobody"), (Closing.RENEWED, "ann")]
        say_yes(it, clock)
        await it.guard.cycle()
        assert len(sent(it)) == 1


@pytest.mark.parametrize("leap", [3600, -3600])
async def test_a_clock_that_jumps_an_hour_ends_no_deadline(tmp_path: Path, leap: float) -> None:
    clock = Leaping()
    terms = replace(APPROVE, approvals=replace(MINUTE, then=Unanswered.ACT))
    async with bench(tmp_path, terms=terms, clock=clock) as it:
        it.open("BTCUSDT", Side.BUY, "8")
        await it.guard.cycle()
        clock.set_by(leap)
        clock.passes(50)
        for _ in range(3):
            await it.guard.cycle()
        assert (sent(it), answers(it)) == ([], [])
        clock.passes(11)
        for _ in range(2):
            await it.guard.cycle()
        assert answers(it)[0] == (Closing.ACTED, "nobody")
        assert len(sent(it)) == 1


async def test_growing_prices_do_not_put_off_for_ever_what_nobody_answers(tmp_path: Path) -> None:
    clock = Leaping()
    terms = replace(APPROVE, approvals=replace(MINUTE, then=Unanswered.ACT))
    async with bench(tmp_path, terms=terms, clock=clock) as it:
        it.open("BTCUSDT", Side.BUY, "8")
        await it.guard.cycle()
        deadline = waiting(it).body.deadline
        clock.passes(40)
        it.open("BTCUSDT", Side.BUY, "4")
        await it.guard.cycle()
        assert len(it.of_kind(Kind.PROPOSAL)) == 2
        assert waiting(it).body.deadline == deadline
        clock.passes(25)
        for _ in range(2):
            await it.guard.cycle()
        assert len(sent(it)) == 1


async def test_a_halt_holds_what_was_approved_and_new_proposals(tmp_path: Path) -> None:
    clock = Leaping()
    async with bench(tmp_path, terms=APPROVE, clock=clock) as it:
        it.open("BTCUSDT", Side.BUY, "8")
        halt(it.journal, ACCOUNT, who="ann", why="by hand", at=clock.now())
        await it.guard.cycle()
        assert it.of_kind(Kind.PROPOSAL) == []
        resume(it.journal, ACCOUNT, who="ann", why="done", at=clock.now())
        await it.guard.cycle()
        halt(it.journal, ACCOUNT, who="ann", why="by hand", at=clock.now())
        say_yes(it, clock)
        await it.guard.cycle()
        assert sent(it) == []
        resume(it.journal, ACCOUNT, who="ann", why="done", at=clock.now())
        await it.guard.cycle()
        assert len(sent(it)) == 1


async def test_an_answer_that_cannot_be_recorded_lets_nothing_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Leaping()
    async with bench(tmp_path, ASKS, clock=clock) as it:
        it.open("BTCUSDT", Side.BUY, "8")
        await it.guard.cycle()
        say_yes(it, clock)

        def full(*_: object, **__: object) -> None:
            raise refusal(it.journal.path)

        with monkeypatch.context() as patch:
            patch.setattr(it.journal, "append", full)
            report = await it.guard.cycle()
            assert "the disk is full" in report.error
        assert sent(it) == []
        await it.guard.cycle()
        assert len(sent(it)) == 1


async def test_a_guard_that_begins_again_reads_its_proposal_from_the_journal(tmp_path: Path) -> None:
    clock = Leaping()
    async with bench(tmp_path, terms=APPROVE, clock=clock) as it:
        it.open("BTCUSDT", Side.BUY, "8")
        await it.guard.cycle()
        it.guard.begin_again("a defect")
        await it.guard.cycle()
        assert len(it.of_kind(Kind.PROPOSAL)) == 1


def test_what_is_asked_for_in_words() -> None:
    assert item_text(Item("cancel", "BTC", "BTC", 2.0)) == "cancel 2 orders on BTC that would add risk"
    assert (
        item_text(Item("trim", "BTC", "BTC#long", 2.0), 0.25) == "trim BTC long by 2 contracts (at most 2.5)"
    )
    assert item_text(Item("add_margin", "BTC", "BTC", 50.0)) == "add_margin BTC by 50 USD"


async def test_a_proposal_that_another_position_joins_says_so(tmp_path: Path) -> None:
    own = ASKS.replace("account.leverage", "position.leverage").replace("max: 5", "max: 3")
    own = own.replace("restore: 4", "restore: 2").replace("leverage cap", "own")
    async with bench(tmp_path, own) as it:
        it.open("BTCUSDT", Side.BUY, "4")
        await it.guard.cycle()
        it.open("ETHUSDT", Side.BUY, "100")
        await it.guard.cycle()
        body = waiting(it).body
        assert "new: trim ETH/USDT:USDT long by" in body.changed
        assert "a new episode: own.main." in body.changed
        assert len(body.episodes) == 2
        assert answers(it) == [(Closing.REPLACED, "the guard")]
