"""How orders are told: what became of them, what they cost, and what nobody knows."""

from collections.abc import Iterator

from bot.journal.records import IntentState, Outcome, Prepared, Progress, Standing, Verification
from bot.model import CancelRequest, NoticeKind, OrderRequest, OrderSide, Severity, StopRequest
from bot.notifications.figures import amount, money, price
from bot.notifications.notice import Notice, lines
from bot.notifications.sources import Source

ORDER, PROTECTION = NoticeKind.ORDER, NoticeKind.PROTECTION
LOOKS_AGAIN = "Next: the next look at the account shows what is still to be done."


def outcome(source: Source, body: Outcome) -> Iterator[Notice]:
    """Tell how an order or cancel ended; of stops, only that one was refused."""
    prepared = source.prepared
    request = None if prepared is None else prepared.step.request
    if isinstance(request, StopRequest):
        if body.state is IntentState.REJECTED:
            yield _stop_refused(source, body, request)
    elif isinstance(request, CancelRequest):
        yield _cancel(source, body, request)
    elif isinstance(request, OrderRequest):
        assert prepared is not None
        yield _order(source, body, prepared, request)
    else:
        yield _other(source, body, prepared)


def _order(source: Source, body: Outcome, prepared: Prepared, request: OrderRequest) -> Notice:
    step = prepared.step
    verb = "sold" if request.side is OrderSide.SELL else "bought"
    planned = amount(request.contracts)
    if body.filled:
        done = f"{verb} {amount(body.filled)} of {planned} at {price(body.average_price)}"
    else:
        done = f"nothing {verb} of {planned}: {body.state.value}"
    loud = body.filled or body.state is not IntentState.CANCELLED
    return source.notice(
        ORDER,
        Severity.WARNING if loud else Severity.INFO,
        f"{source.entry.intent}:{body.state.value}",
        f"{step.kind.value} {request.symbol}: {done}",
        lines(
            f"Rule {step.rule}: {step.reason}" if step.rule else step.reason,
            _cost(body),
            "" if body.state is IntentState.FILLED else f"{body.evidence} {body.code}".strip(),
            LOOKS_AGAIN,
        ),
        rule=step.rule,
        symbol=request.symbol,
        side=request.position_side.value,
    )


def _cost(body: Standing) -> str:
    if not body.filled:
        return ""
    return (
        f"{money(body.notional, 0)} USD traded, fee {money(body.fee)} USD, "
        f"realised loss and cost {money(body.loss)} USD."
    )


def _cancel(source: Source, body: Outcome, request: CancelRequest) -> Notice:
    done = "is cancelled" if body.state is not IntentState.REJECTED else "could not be cancelled"
    return source.notice(
        ORDER,
        Severity.INFO if body.state is not IntentState.REJECTED else Severity.WARNING,
        f"{source.entry.intent}:{body.state.value}",
        f"order {request.order_id} on {request.symbol} {done}",
        lines(f"{body.evidence} {body.code}".strip(), LOOKS_AGAIN),
        symbol=request.symbol,
    )


def _stop_refused(source: Source, body: Outcome, request: StopRequest) -> Notice:
    side = request.position_side.value
    return source.notice(
        PROTECTION,
        Severity.WARNING,
        f"stop:{request.symbol}:{side}:{body.code}",
        f"the stop for {request.symbol} {side} at {price(request.trigger_price)} was refused",
        lines(f"{body.evidence} {body.code}".strip(), "Next: the next cycle asks for it again."),
        symbol=request.symbol,
        side=side,
    )


def _other(source: Source, body: Outcome, prepared: Prepared | None) -> Notice:
    """Tell of what is no order, cancel or stop, or what the journal did not prepare."""
    unknown = "an order that the journal did not prepare"
    name = unknown if prepared is None else prepared.step.kind.value
    return source.notice(
        ORDER,
        Severity.WARNING,
        f"{source.entry.intent}:{body.state.value}",
        f"{name}: {body.state.value}",
        lines("" if prepared is None else prepared.step.reason, _cost(body), body.evidence, LOOKS_AGAIN),
        rule="" if prepared is None else prepared.step.rule,
    )


def progress(source: Source, body: Progress) -> Iterator[Notice]:
    """Tell of an order of which nobody knows what became of it."""
    prepared = source.prepared
    if body.state is not IntentState.UNKNOWN or prepared is None:
        return
    step = prepared.step
    symbol = getattr(step.request, "symbol", "")
    yield source.notice(
        ORDER,
        Severity.WARNING,
        f"{source.entry.intent}:unknown",
        f"{step.kind.value} {symbol}: nobody knows yet what became of it",
        lines(
            body.evidence,
            f"Next: it is looked up until the venue tells; {symbol} takes no new order until then.",
            f"`reef abandon {source.entry.intent}` ends the waiting, once you have looked at the venue.",
        ),
        rule=step.rule,
        symbol=symbol,
    )


def verification(source: Source, body: Verification) -> Iterator[Notice]:
    """Tell of a position that did not change by what was executed."""
    if body.agrees:
        return
    yield source.notice(
        NoticeKind.OUTSIDE,
        Severity.WARNING,
        f"{source.entry.intent}:verification",
        f"{body.symbol} {body.side} did not change by what was executed",
        lines(
            f"{amount(body.before)} -> {amount(body.after)}, executed {amount(body.executed)} of "
            f"{amount(body.planned)} planned. {body.note}".strip(),
            LOOKS_AGAIN,
        ),
        symbol=body.symbol,
        side=body.side,
    )
