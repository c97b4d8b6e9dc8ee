"""The story of an episode in the words of a trader."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from functools import singledispatch

import msgspec
from msgspec import Struct

from bot.cli.journal_lines import line
from bot.cli.output import bound, fires, level, number, size
from bot.cli.plan_view import order_text, proof_text, refusal_text, value_text
from bot.cli.reasoning_text import reasoning_lines
from bot.decision import DecisionInput
from bot.journal import Entry, Journal
from bot.journal import controls as c
from bot.journal import records as r
from bot.model import Finding, OrderRequest, Plan, Sense, Snapshot, State, Step, Unknown
from bot.replaying import Redecision, decide_again
from bot.risk.catalogue import definition_of
from bot.risk.definitions import Unit

MOST_POSITIONS = 10


class Chapter(Struct, frozen=True):
    """One entry of an episode; a decision comes with what it was made of, and taken again."""

    entry: Entry
    seen: Snapshot | None = None
    """None for what is no decision, or where its input is no longer there."""
    again: Redecision | None = None


def read_chapters(journal: Journal, episode: str) -> tuple[Chapter, ...]:
    """Read an episode from the journal, and take its decisions again."""
    return tuple(_chapter(journal, entry) for entry in journal.episode(episode))


def _chapter(journal: Journal, entry: Entry) -> Chapter:
    body = entry.record
    if not isinstance(body, r.Decision):
        return Chapter(entry)
    again = decide_again(journal, entry)
    given = journal.blob(body.input) if again.readable else None
    seen = None if given is None else msgspec.json.decode(given, type=DecisionInput).snapshot
    return Chapter(entry, seen, again)


def tell(episode: str, chapters: Sequence[Chapter]) -> Iterator[str]:
    """Tell an episode, a line at a time."""
    for chapter in chapters:
        yield from _chapter_lines(episode, chapter)
    yield ""
    yield from _sum(chapters)


def _chapter_lines(episode: str, chapter: Chapter) -> Iterator[str]:
    body = chapter.entry.record
    at = datetime.fromisoformat(chapter.entry.at)
    rows = _decision(episode, chapter, body) if isinstance(body, r.Decision) else tell_body(body)
    for number_, (label, text) in enumerate(rows):
        time = f"{at:%H:%M:%S}.{at.microsecond // 1000:03d}" if number_ == 0 else ""
        yield f"{time:12s}  {label:10s} {text}".rstrip()


Rows = list[tuple[str, str]]


@singledispatch
def tell_body(body: object) -> Rows:
    """Tell one entry: rows of a label and a text."""
    return [("", line(body))]


@tell_body.register
def _(body: r.FindingChanged) -> Rows:
    one = body.finding
    unit = definition_of(one.metric).unit.value
    value = value_text(one.metric, one.value)
    alone = unit == Unit.TRUTH
    match one.state:
        case State.FIRING:
            sign = "over" if one.sense is Sense.MAX else "under"
            text = f"fires: {one.metric} is {value}"
            if not alone:
                text += f", {sign} its limit of {bound(unit, one.limit)}; acts until {bound(unit, one.goal)}"
        case State.INACTIVE | State.COOLING:
            goal = "" if alone else f", goal {bound(unit, one.goal)}"
            text = f"restored: {one.metric} is {value}{goal}; the episode is over"
        case _:
            was = "new" if body.before is None else body.before.value
            text = f"{was} -> {one.state.value}: {one.metric} is {value}"
    note = f"; {one.note}" if one.note and not isinstance(one.value, Unknown) else ""
    silenced = f"; not told of while {one.inhibited_by} is firing" if one.inhibited_by else ""
    return [("rule", f"{one.rule} on {one.target.text} {text}{note}{silenced}")]


@tell_body.register
def _(body: r.Prepared) -> Rows:
    request = body.step.request
    how = ""
    if isinstance(request, OrderRequest):
        how = f", {request.style.value}, {'may open' if request.opens else 'reduce-only'}"
    link = body.step.hedge
    how += f"; hedge of {link.parent.replace('#', ' ')}" if link else ""
    return [("order", f"{body.step.kind.value}: {order_text(request)}{how}"), ("because", body.step.reason)]


@tell_body.register
def _(body: r.Submitted) -> Rows:
    return [("venue", line(body).removeprefix("sent; the venue: "))]


@tell_body.register
def _(body: r.Progress) -> Rows:
    # That the venue accepted stands in its answer already.
    return [] if body.state is r.IntentState.ACCEPTED and not body.filled else [("so far", line(body))]


@tell_body.register
def _(body: r.Outcome) -> Rows:
    return [("outcome", line(body))]


@tell_body.register
def _(body: r.Verification) -> Rows:
    return [("changed", line(body))]


@tell_body.register
def _(body: r.HedgeChanged) -> Rows:
    return [("hedge", line(body))]


@tell_body.register
def _(body: r.Word) -> Rows:
    return [("operator", line(body))]


@tell_body.register
def _(body: c.Proposed) -> Rows:
    rows = [("asked", f"{body.name}: {what}") for what in body.what]
    until = f"about {number(body.cost)} USD; until {body.deadline:%H:%M:%S} UTC, then {body.then.value}"
    rows.append(("", until))
    return [*rows, ("changed", body.changed)] if body.changed else rows


@tell_body.register
def _(body: c.Answered) -> Rows:
    return [("answer", line(body))]


@tell_body.register
def _(body: c.EpisodeEnded) -> Rows:
    return [("rule", line(body))]


def _decision(episode: str, chapter: Chapter, body: r.Decision) -> Rows:
    rows = _seen(chapter.seen)
    rows += [("rule", _standing(one)) for one in body.findings if one.episode == episode]
    rows += _plan(episode, body)
    if chapter.again is not None:
        rows.append(("again", chapter.again.said))
    return rows


def _seen(snapshot: Snapshot | None) -> Rows:
    if snapshot is None:
        return [("seen", "what was seen can no longer be read")]
    equity = number(snapshot.balance.equity)
    rows = [
        ("seen", f"equity {equity} USD, {len(snapshot.positions)} positions, {len(snapshot.orders)} orders")
    ]
    for one in snapshot.positions[:MOST_POSITIONS]:
        stop = "no stop" if one.stop_price is None else f"stop {level(one.stop_price)}"
        where = f"entry {level(one.entry_price)}, mark {level(one.mark_price)}"
        rows.append(("", f"{one.symbol} {one.side.value} {size(one.size)}: {where}, {stop}"))
    more = len(snapshot.positions) - MOST_POSITIONS
    return [*rows, ("", f"and {more} more")] if more > 0 else rows


def _standing(one: Finding) -> str:
    unit = definition_of(one.metric).unit.value
    value = value_text(one.metric, one.value)
    limits = f"fires {fires(unit, one.sense, one.limit)}, goal {bound(unit, one.goal)}"
    note = f"; {one.note}" if one.note and not isinstance(one.value, Unknown) else ""
    return f"{one.rule} is {one.state.value}: {one.metric} {value} ({limits}){note}"


def _plan(episode: str, body: r.Decision) -> Rows:
    plan = body.plan
    if plan is None:
        return [("plan", "none")]
    rule = next((one.rule for one in body.findings if one.episode == episode), "")
    mine = [step for step in plan.steps if step.episode == episode]
    rows = [("plan", _step(step)) for step in mine] or [("plan", "nothing to do for this episode now")]
    rows += [("arithmetic", proof_text(proof)) for proof in plan.proofs if proof.rule == rule]
    rows += [("why", text) for text in reasoning_lines(plan.reasoning) if mine]
    rows += [("", refusal_text(one)) for one in plan.refusals if one.rule == rule]
    rows += _rest(plan, len(mine))
    if not body.armed:
        rows.append(("", "disarmed: nothing of it was sent"))
    return rows


def _step(step: Step) -> str:
    cost = f", costs about {number(step.cost)}" if step.cost else ""
    return f"{step.kind.value}: {order_text(step.request)} ({number(step.notional, 0)} USD{cost})"


def _rest(plan: Plan, mine: int) -> Rows:
    others = len(plan.steps) - mine
    rows = [("", f"and {others} steps for other rules and for protection")] if others else []
    return [*rows, ("", f"then halt: {plan.halt}")] if plan.halt else rows


def _sum(chapters: Sequence[Chapter]) -> Iterator[str]:
    """Sum up: what was sent, what it cost, how the metric moved, whether decisions come out again."""
    bodies = [chapter.entry.record for chapter in chapters]
    outcomes = [one for one in bodies if isinstance(one, r.Outcome)]
    orders = [
        one for one in bodies if isinstance(one, r.Prepared) and isinstance(one.step.request, OrderRequest)
    ]
    if orders:
        traded, fees, loss = (
            sum((getattr(one, name) for one in outcomes), Decimal(0)) for name in ("notional", "fee", "loss")
        )
        yield (
            f"{len(orders)} orders, {number(traded, 0)} USD traded, fees {number(fees)} USD, "
            f"realised loss and cost {number(loss)} USD."
        )
    else:
        yield "No order was sent."
    findings = [one.finding for one in bodies if isinstance(one, r.FindingChanged)]
    if findings:
        yield _moved(findings)
    again = [chapter.again for chapter in chapters if chapter.again is not None]
    same = sum(one.same for one in again)
    yield f"{same} of {len(again)} decisions come out the same when they are decided again, byte for byte."
    if gone := sum(one.pruned for one in again):
        yield f"The inputs of {gone} were pruned; nothing was sent from those."


def _moved(findings: Sequence[Finding]) -> str:
    first, last = findings[0], findings[-1]
    begun, ended = value_text(first.metric, first.value), value_text(last.metric, last.value)
    if last.state in {State.INACTIVE, State.COOLING}:
        seconds = (last.since - first.since).total_seconds()
        return f"{first.metric} went from {begun} to {ended} in {seconds:,.1f} s; the episode is over."
    last_state = "unknown" if isinstance(last.value, Unknown) else last.state.value
    return f"{first.metric} went from {begun} to {ended}; the episode is not over ({last_state})."
