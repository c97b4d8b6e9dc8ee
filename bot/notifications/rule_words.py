"""How rules are told: firing, restored, not known, and what is planned."""

from collections.abc import Iterator

from msgspec.structs import replace

from bot.journal.records import BlindRule, Decision, FindingChanged
from bot.model import (
    BlindAction,
    Finding,
    LimitProof,
    NoticeKind,
    OrderRequest,
    Plan,
    Refusal,
    Sense,
    Severity,
    State,
    Step,
    StepKind,
    StopRequest,
)
from bot.notifications.figures import amount, money, price
from bot.notifications.notice import Notice, Phase, lines
from bot.notifications.sources import Source

MOST_STEPS = 8
RULE, PLAN = NoticeKind.RULE, NoticeKind.PLAN
OVER = frozenset({State.INACTIVE, State.COOLING})


def finding_changed(source: Source, body: FindingChanged) -> Iterator[Notice]:
    """Tell of a rule that fires, is restored, cannot be known, or is known again."""
    one = body.finding
    name = f"{one.rule}:{one.target.text}"
    if body.before is State.UNKNOWN and one.state is not State.UNKNOWN:
        yield _of(source, one, f"unknown:{name}", "is known again", _measured(source, one), Phase.ENDS)
    if one.state is State.FIRING:
        yield _fires(source, one)
    elif one.state is State.UNKNOWN:
        if one.target.account not in source.standing.blind:
            yield _unknown(source, one, f"unknown:{name}")
    elif one.state in OVER and source.entry.episode:
        yield _restored(source, one)


def _fires(source: Source, one: Finding) -> Notice:
    goes_on = f"Next: what the rule permits, until it is back at {source.gauge.limit(one.metric, one.goal)}."
    episode = one.episode
    body = lines(
        _measured(source, one),
        source.sends or goes_on,
        f"`reef explain {episode}` tells the whole of it." if episode else "",
    )
    return _of(source, one, f"fires:{episode}", "fires", body, Phase.BEGINS)


def _unknown(source: Source, one: Finding, key: str) -> Notice:
    meanwhile = (
        "Its episode goes on, and does nothing until the data are back."
        if one.episode
        else "Until then the rule does not act."
    )
    told = _of(source, one, key, "cannot be known", lines(_measured(source, one), meanwhile), Phase.BEGINS)
    return told if one.severity is Severity.INFO else _at(told, Severity.WARNING)


def _restored(source: Source, one: Finding) -> Notice:
    episode = source.entry.episode
    body = lines(
        _measured(source, one),
        f"It took {source.lasted(episode)}. {source.cost_of(episode)}",
        f"`reef explain {episode}` tells the whole of it.",
    )
    return _of(source, one, f"fires:{episode}", "is restored", body, Phase.ENDS)


def _measured(source: Source, one: Finding) -> str:
    gauge = source.gauge
    sign = "over" if one.sense is Sense.MAX else "under"
    value, limit = gauge.value(one.metric, one.value), gauge.limit(one.metric, one.limit)
    note = f" {one.note}." if one.note and "unknown" not in value else ""
    return (
        f"{one.metric or 'its condition'} is {value}; fires {sign} {limit}, "
        f"goal {gauge.limit(one.metric, one.goal)}.{note}"
    )


def _of(source: Source, one: Finding, key: str, verb: str, body: str, phase: Phase) -> Notice:
    target = " ".join(part for part in (one.target.symbol, one.target.side) if part)
    return source.notice(
        RULE,
        one.severity,
        key,
        f"{one.rule} {verb}" + (f" on {target}" if target else ""),
        body,
        rule=one.rule,
        phase=phase,
        symbol=one.target.symbol,
        side=one.target.side,
        inhibited_by=one.inhibited_by,
    )


def _at(notice: Notice, severity: Severity) -> Notice:
    return replace(notice, severity=severity)


def blind_rule(source: Source, body: BlindRule) -> Iterator[Notice]:
    """Tell that `if_blind` came due, where the rule asks for telling."""
    if BlindAction.NOTIFY not in body.do:
        return
    rest = [action.value for action in body.do if action is not BlindAction.NOTIFY]
    yield source.notice(
        RULE,
        Severity.CRITICAL,
        f"blind:{body.rule}:{body.target.text}:{body.since.isoformat()}",
        f"{body.rule} has been blind for too long",
        lines(
            f"{body.target.text} cannot be known since {body.since:%Y-%m-%d %H:%M:%S} UTC: {body.reason}",
            f"The rule asks for {', '.join(rest)} as well." if rest else "Nothing else is done about it.",
        ),
        rule=body.rule,
        symbol=body.target.symbol,
        side=body.target.side,
    )


def decision(source: Source, body: Decision) -> Iterator[Notice]:
    """Tell the first plan of each episode, and what is refused."""
    plan = body.plan
    if plan is None:
        return
    severities = {one.rule: one.severity for one in body.findings}
    acting = [step for step in plan.steps if step.kind is not StepKind.PROTECT]
    for episode in dict.fromkeys(step.episode for step in acting):
        if episode and episode not in source.standing.planned:
            mine = [step for step in acting if step.episode == episode]
            yield _plan(source, plan, mine, severities, armed=body.armed)
    for refusal in plan.refusals:
        yield _refusal(source, refusal, severities)


def planned(body: object) -> tuple[str, ...]:
    """Return the episodes that a decision plans for."""
    if not isinstance(body, Decision) or body.plan is None:
        return ()
    return tuple({step.episode for step in body.plan.steps if step.kind is not StepKind.PROTECT} - {""})


def _plan(
    source: Source, plan: Plan, steps: list[Step], severities: dict[str, Severity], *, armed: bool
) -> Notice:
    rule = steps[0].rule
    told = [_step(step) for step in steps[:MOST_STEPS]]
    more = len(steps) - len(told)
    total = sum(step.notional for step in steps)
    cost = sum(step.cost for step in steps)
    proofs = [_proof(source, one) for one in plan.proofs if one.rule == rule]
    body = lines(
        *told,
        f"and {more} more steps" if more else "",
        f"About {money(total, 0)} USD, estimated cost {money(cost)} USD.",
        *proofs,
        f"Then the account is halted: {plan.halt}" if plan.halt else "",
        "Next: it is sent, and what becomes of it is told." if armed else "Disarmed: nothing of it is sent.",
    )
    count = "1 step" if len(steps) == 1 else f"{len(steps)} steps"
    return source.notice(
        PLAN,
        severities.get(rule, Severity.WARNING),
        f"plan:{steps[0].episode}",
        f"{rule}: {count} planned",
        body,
        rule=rule,
        symbol=getattr(steps[0].request, "symbol", ""),
    )


def _step(step: Step) -> str:
    request = step.request
    symbol = getattr(request, "symbol", "")
    what = f"{step.kind.value} {symbol}".strip()
    if isinstance(request, OrderRequest):
        at = "at market" if request.price is None else f"at {price(request.price)} or better"
        what += f": {request.side.value} {amount(request.contracts)} {at}"
    elif isinstance(request, StopRequest):
        what += f": stop at {price(request.trigger_price)}"
    return f"- {what}"


def _proof(source: Source, proof: LimitProof) -> str:
    before, after = (source.gauge.value(proof.metric, one) for one in (proof.before, proof.after))
    met = "" if proof.met else ", not yet at its goal"
    at = " at expected prices" if proof.expected else ""
    return f"{proof.metric}: {before} -> {after}{at}{met}."


def _refusal(source: Source, refusal: Refusal, severities: dict[str, Severity]) -> Notice:
    rule = refusal.rule or "protection"
    return source.notice(
        PLAN,
        severities.get(refusal.rule, Severity.WARNING),
        f"refused:{refusal.rule}:{refusal.item}:{refusal.code}",
        f"{rule}: not done for {refusal.item.replace('#', ' ')}",
        lines(f"{refusal.reason} ({refusal.code})", "Next: every cycle tries again what is still wanted."),
        rule=refusal.rule,
        symbol=refusal.item.split("#")[0] if "/" in refusal.item else "",
    )
