"""One line of plain words for each kind of entry."""

from collections.abc import Sized
from functools import singledispatch

from bot.cli.move_text import move_text
from bot.cli.output import number, price
from bot.journal import Entry
from bot.journal import controls as c
from bot.journal import records as r
from bot.journal.told import Notified, Silenced, Summary
from bot.model import (
    CancelRequest,
    ConvertRequest,
    LeverageRequest,
    MarginRequest,
    OrderRequest,
    Request,
    StopRequest,
    TransferRequest,
    Unknown,
)
from bot.risk.catalogue import WHEN


def summary(entry: Entry) -> str:
    """Say what an entry records."""
    return line(entry.record)


@singledispatch
def line(body: object) -> str:
    """Say what one body records."""
    return type(body).__name__


@line.register
def _(body: r.Started) -> str:
    return f"Reef {body.version} started, {body.mode} on {body.network}, accounts {', '.join(body.accounts)}"


@line.register
def _(body: r.Stopped) -> str:
    return f"stopped: {body.reason}"


@line.register
def _(body: r.Decision) -> str:
    plan = body.plan
    steps = "no plan" if plan is None else f"{_many(plan.steps, 'step')}, {_many(plan.refusals, 'refusal')}"
    acting = ", ".join(f"{one.rule} {one.state.value}" for one in body.findings) or "nothing fires"
    return f"decided: {steps}; {acting}"


def _many(things: Sized, name: str) -> str:
    return f"{len(things)} {name}{'' if len(things) == 1 else 's'}"


@line.register
def _(body: r.FindingChanged) -> str:
    one = body.finding
    before = "new" if body.before is None else body.before.value
    value = "unknown" if isinstance(one.value, Unknown) else f"{one.value:.4g}"
    limit = f"({one.metric} {value}, limit {one.limit:.4g})"
    if one.metric == WHEN:
        limit = f"({one.note})"
    silenced = f"; not told of while {one.inhibited_by} is firing" if one.inhibited_by else ""
    return f"{one.rule} on {one.target.text}: {before} -> {one.state.value} {limit}{silenced}"


@line.register
def _(body: r.Prepared) -> str:
    return f"{request_text(body.step.request)}: {body.step.reason}"


@line.register
def _(body: r.Clipped) -> str:
    return f"clipped from {body.planned} to {body.contracts}: {body.reason}"


@line.register
def _(body: r.Submitted) -> str:
    answer = body.answer
    return f"sent; the venue: {answer.verdict.value} {answer.code} {answer.message}".strip()


@line.register
def _(body: r.Resent) -> str:
    return f"it never arrived: {body.contracts} contracts are sent again under the same id, time {body.sends}"


@line.register
def _(body: r.Progress) -> str:
    return _standing(body)


@line.register
def _(body: r.Outcome) -> str:
    return _standing(body)


def _standing(body: r.Standing) -> str:
    at = "" if body.average_price is None else f" at {price(body.average_price)}"
    filled = f", {body.filled} filled{at}" if body.filled else ""
    fee = f", fee {number(body.fee, 4)}" if body.fee else ""
    done = body.state is r.IntentState.FILLED and not body.filled  # a stop that rests, an order that is gone
    return f"{'done' if done else body.state.value}{filled}{fee}: {body.evidence}"


@line.register
def _(body: r.Verification) -> str:
    agrees = "agrees" if body.agrees else f"DOES NOT AGREE: {body.note}"
    return f"{body.symbol} {body.side}: {body.before} -> {body.after}, executed {body.executed}; {agrees}"


@line.register
def _(body: r.Outside) -> str:
    whose = f"others {body.others:+f} ({', '.join(body.kinds) or 'no execution'}), ours {body.ours:+f}"
    note = f"; {body.note}" if body.note else ""
    return f"{body.symbol} {body.side}: {body.before} -> {body.after}, {whose}{note}"


@line.register
def _(body: r.HedgeChanged) -> str:
    what = f"hedge {body.symbol} {body.side} of {body.parent.replace('#', ' ')}, by {body.rule}"
    return f"{what}: {body.before} -> {body.after}; {body.note}"


@line.register
def _(body: r.DifferencesSeen) -> str:
    return "; ".join(
        f"{one.target.text} {one.figure}: ours {number(one.ours)}, venue {number(one.venue)}"
        for one in body.differences
    )


@line.register
def _(body: r.Protection) -> str:
    return f"{body.symbol} {body.side}: {body.shelter.value}, stop at {price(body.found)} {body.note}".strip()


@line.register
def _(body: r.Adopted) -> str:
    return f"adopted order {body.order.order_id} on {body.order.symbol}: {body.note}"


@line.register
def _(body: r.Word) -> str:
    about = f" {body.about}" if body.about else ""
    return f"{body.command.value}{about} by {body.who}: {body.why}"


@line.register
def _(body: r.Recovered) -> str:
    return (
        f"reconciled: {len(body.settled)} settled, {len(body.open)} open, {len(body.adopted)} adopted, "
        f"{len(body.unprotected)} without stop, {len(body.orphan_stops)} stops without position"
        + (f", {len(body.orphan_hedges)} hedges without parent" if body.orphan_hedges else "")
    )


@line.register
def _(body: r.Failure) -> str:
    return f"{body.call} failed: {body.message}"


@line.register
def _(body: r.Blindness) -> str:
    if body.ended is not None:
        seconds = (body.ended - body.since).total_seconds()
        return f"seen again after {seconds:,.0f} s; blind since {body.since:%H:%M:%S} UTC: {body.reason}"
    owner = "; the venue refuses the key, so the owner must act" if body.refused else ""
    return f"blind since {body.since:%H:%M:%S} UTC: {body.reason}{owner}"


@line.register
def _(body: r.BlindRule) -> str:
    does = ", ".join(body.do)
    return f"{body.rule} on {body.target.text} cannot be known: {body.reason}; if_blind: {does}"


@line.register
def _(body: Silenced) -> str:
    what = f"rule {body.rule}" if body.rule else "everything"
    if body.ended:
        return f"notifications of {what} are wanted again, says {body.who}: {body.why}"
    return f"notifications of {what} silenced until {body.until:%Y-%m-%d %H:%M} UTC by {body.who}: {body.why}"


@line.register
def _(body: Notified) -> str:
    more = f" ({_many(range(body.held_back), 'notice')} held back)" if body.held_back else ""
    how = "told" if body.delivered else "NOT told"
    return f"{how} by {body.channel}: {body.subject}{more}" + (f"; {body.error}" if body.error else "")


@line.register
def _(body: c.Preview) -> str:
    firing = ", ".join(f"{one.rule} on {one.target.text} ({one.state.value})" for one in body.firing)
    wait = f"; orders wait until {body.until:%H:%M:%S} UTC" if body.until is not None else ""
    sent = "" if body.armed else ", and disarmed sends none"
    steps = f"{_many(body.steps, 'step')} for about {number(body.cost)} USD{sent}"
    return f"at the start: {firing or 'nothing fires'}; {steps}{wait}"


@line.register
def _(body: c.Proposed) -> str:
    changed = f" Instead of the one before: {body.changed}." if body.changed else ""
    return (
        f"asks for approval of {body.name}: {'; '.join(body.what)}, for about {number(body.cost)} USD; until "
        f"{body.deadline:%Y-%m-%d %H:%M:%S} UTC, then {body.then.value}. Why: {'; '.join(body.why)}.{changed}"
    )


@line.register
def _(body: c.Answered) -> str:
    return f"proposal {body.name} {body.closing.value} by {body.who}: {body.why}"


@line.register
def _(body: c.Reloaded) -> str:
    note = f"; {body.note}" if body.note else ""
    if body.mistakes:
        return f"rules not reloaded ({body.trigger}), the old ones run on: {'; '.join(body.mistakes)}{note}"
    versions = f"{body.before[:8]} -> {body.after[:8]}"
    return f"rules reloaded ({body.trigger}), {versions}: {'; '.join(body.changes) or 'as before'}{note}"


@line.register
def _(body: c.EpisodeEnded) -> str:
    return f"{body.rule} on {body.target.text}: the episode ended, {body.reason.replace('_', ' ')}"


@line.register
def _(body: c.Churned) -> str:
    one = body.churning
    what = f"{one.item.replace('#', ' ')} was filled up again {one.refills} times after {one.rule} trimmed it"
    if not body.backs_off:
        return f"{what}; the rule stands between the account and liquidation, and goes on"
    return f"{what}; it waits until {one.until:%H:%M:%S} UTC"


@line.register
def _(body: Summary) -> str:
    return f"summary of {_many(body.days, 'account')}"


@line.register
def _(body: r.Pruned) -> str:
    return (
        f"pruned the inputs of {_many(body.decisions, 'decision')} before {body.before:%Y-%m-%d %H:%M} UTC, "
        f"{body.size / 1e6:,.1f} MB; nothing was sent from them"
    )


def request_text(request: Request) -> str:
    """Say what a request asks the venue for."""
    match request:
        case OrderRequest():
            at = "at market" if request.price is None else f"at {price(request.price)} or better"
            what = f"{request.side.value} {request.contracts} {request.symbol}"
            effect = "may open" if request.opens else "reduce-only"
            return f"{what} {at}, {request.style.value}, {effect}"
        case StopRequest():
            trigger = price(request.trigger_price)
            gain = "" if request.take_profit is None else f", in gain at {price(request.take_profit)}"
            return f"stop for {request.symbol} {request.position_side.value} at mark {trigger}{gain}"
        case CancelRequest():
            return f"cancel order {request.order_id} on {request.symbol}"
        case MarginRequest() | LeverageRequest() | TransferRequest() | ConvertRequest():
            return move_text(request)
