"""What only memory knows while the journal cannot be written. Pure."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from bot.execution.intents import Intent, begun, told
from bot.journal import Draft
from bot.journal.records import Outcome, Prepared
from bot.model import StepKind, Usage


def with_waiting(intents: Sequence[Intent], waiting: Sequence[Draft]) -> tuple[Intent, ...]:
    """Return the intents that are open once everything that waits is counted, oldest first."""
    known = {intent.intent: intent for intent in intents}
    for draft in waiting:
        if isinstance(draft.body, Prepared):
            known[draft.intent] = begun(draft.intent, draft.account, draft.episode, draft.body, draft.at)
        elif draft.intent in known and not known[draft.intent].ended:
            known[draft.intent] = told(known[draft.intent], draft.body)
    return tuple(intent for intent in known.values() if not intent.ended)


def attempts(waiting: Sequence[Draft], name: str) -> int:
    """Return how often an intent, or a repetition of it (`name` + '.' + number), waits."""
    return sum(
        isinstance(draft.body, Prepared) and (draft.intent == name or draft.intent.startswith(f"{name}."))
        for draft in waiting
    )


def steps_taken(taken: Mapping[str, int], waiting: Sequence[Draft]) -> dict[str, int]:
    """Return the next numbers of episodes, above the steps that wait."""
    found = dict(taken)
    for draft in waiting:
        body = draft.body
        if isinstance(body, Prepared) and body.step.kind is not StepKind.PROTECT and draft.episode in found:
            found[draft.episode] = max(found[draft.episode], body.step.number + 1)
    return found


def usage(recorded: Usage, waiting: Sequence[Draft]) -> Usage:
    """Return what has been used of the caps, what waits included; rather too much than too little."""
    outcomes = {draft.intent: draft.body for draft in waiting if isinstance(draft.body, Outcome)}
    steps = {
        draft.intent: draft.body.step
        for draft in waiting
        if isinstance(draft.body, Prepared) and draft.body.step.kind is not StepKind.PROTECT
    }
    planned = [Decimal(str(step.notional)) for name, step in steps.items() if name not in outcomes]
    return Usage(
        actions_last_hour=recorded.actions_last_hour + len(steps),
        notional_today=sum((one.notional for one in outcomes.values()), recorded.notional_today)
        + sum(planned, Decimal(0)),
        loss_today=sum((one.loss for one in outcomes.values()), recorded.loss_today),
    )
