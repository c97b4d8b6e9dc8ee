"""The table of transitions, and folding."""

from decimal import Decimal
from itertools import product

import pytest

from bot.execution import Executor, IllegalTransitionError, Intent, IntentState, StoryError, fold
from bot.execution.intents import ALLOWED, VERDICTS, advance
from bot.journal import Draft, JournalWorker
from bot.journal.records import TERMINAL, Failure, Prepared, Progress, Stopped
from bot.model import Verdict
from tests.execution.fake_gateway import START, FakeGateway
from tests.execution.support import cancel, plan, trim


def intent(state: IntentState) -> Intent:
    return Intent("reef1", "main", "", Prepared(trim(), None), START, state)


@pytest.mark.parametrize(("before", "after"), list(product(IntentState, IntentState)))
def test_every_pair_of_states_is_allowed_or_refused(before: IntentState, after: IntentState) -> None:
    standing = Progress(state=after, evidence="by table")
    if after in ALLOWED[before]:
        assert advance(intent(before), standing).state is after
    else:
        with pytest.raises(IllegalTransitionError, match=f"from {before.value} to {after.value}"):
            advance(intent(before), standing)


def test_ends_are_ends_and_every_verdict_has_a_state() -> None:
    assert {state for state in IntentState if not ALLOWED[state]} == TERMINAL
    assert set(VERDICTS) == set(Verdict)
    assert not any(IntentState.PREPARED in after for after in ALLOWED.values())
    assert VERDICTS[Verdict.UNKNOWN] is IntentState.UNKNOWN


def test_only_orders_have_contracts() -> None:
    assert intent(IntentState.PREPARED).contracts == Decimal("0.5")
    other = Intent("reef1", "main", "", Prepared(cancel(), None), START, IntentState.PREPARED)
    assert other.contracts == 0
    assert not other.is_order


async def test_a_story_begins_with_its_preparation(
    executor: Executor, gateway: FakeGateway, worker: JournalWorker
) -> None:
    with pytest.raises(StoryError, match="no entries"):
        fold([])
    worker.journal.append([Draft(START, "main", Stopped("x"), intent="reef1")])
    with pytest.raises(StoryError, match="first entry is stopped"):
        fold(worker.journal.entries())


async def test_entries_that_say_nothing_of_the_state_are_passed_over(
    executor: Executor, gateway: FakeGateway, worker: JournalWorker
) -> None:
    await executor.carry_out(plan(trim()), await gateway.snapshot())
    worker.journal.append([Draft(START, "main", Failure("x", None, "", ""), intent="reef1")])
    assert fold(worker.journal.entries(intent="reef1")).state is IntentState.FILLED
