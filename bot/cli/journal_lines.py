"""One line of plain words for each kind of entry."""

from collections.abc import Sized
from functools import singledispatch

from bot.cli.output import number, price
from bot.journal import Entry
from bot.journal import records as r
from bot.model import CancelRequest, OrderRequest, Request, StopRequest, Unknown


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
    change = f"{before} -> {one.state.value} ({one.metric} {value}, limit {one.limit:.4g})"
    return f"{one.rule} on {one.target.text}: {change}"


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
    filled = f", {body.filled} filled at {price(body.average_price)}" if body.filled else ""
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
    return f"{body.command.value} by {body.who}: {body.why}"


@line.register
def _(body: r.Recovered) -> str:
    return (
        f"reconciled: {len(body.settled)} settled, {len(body.open)} open, {len(body.adopted)} adopted, "
        f"{len(body.unprotected)} without stop, {len(body.orphan_stops)} stops without position"
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
            return f"{what} {at}, {request.style.value}, reduce-only"
        case StopRequest():
            trigger = price(request.trigger_price)
            return f"stop for {request.symbol} {request.position_side.value} at mark {trigger}"
        case CancelRequest():
            return f"cancel order {request.order_id} on {request.symbol}"
