"""A rule in plain words: what it watches, when it fires, where it goes back to, what it may do."""

from collections.abc import Iterator
from datetime import timedelta

from bot.cli.output import bound, percent
from bot.documents import show_duration
from bot.model import Action, HedgeTerms, OrderPolicy, Right, Sense, TrimTerms
from bot.planning.nature import SURVIVAL
from bot.risk.catalogue import WHEN, definition_of
from bot.rules import Gates, Match, Rule

Row = tuple[str, str]
DEEDS = {
    Action.NOTIFY: "tell",
    Action.CANCEL_ORDERS: "cancel resting orders that would add risk",
    Action.CLOSE: "close the position",
    Action.CLOSE_ALL: "close every position of the account",
    Action.HALT: "halt the account once that is done, until `reef resume`",
}


def words_of(rule: Rule) -> Iterator[Row]:
    """Tell a rule: rows of a label and a text."""
    yield "watches", _watches(rule)
    yield "where", _where(rule)
    yield "fires", _fires(rule)
    yield "ends", _ends(rule)
    if rule.active is not None:
        yield "hours", f"begins only {rule.active.text}; what runs then ends as always"
    yield "may", "; ".join(_deeds(rule))
    if rule.approve:
        yield "approve", "waits for the owner's yes"
    yield "blind", _blind(rule)
    if rule.inhibited_by:
        yield "silent", f"not told of while {' or '.join(rule.inhibited_by)} is firing; acts all the same"


def _watches(rule: Rule) -> str:
    if rule.metric == WHEN:
        return "a condition"
    return f"{rule.metric}: {definition_of(rule.metric).description}"


def _where(rule: Rule) -> str:
    match: Match = rule.match
    on = "each position" if rule.of_position else "the account"
    parts = [
        f"{key.replace('_', ' ')} {' or '.join(words)}"
        for key in match.__struct_fields__
        if (words := getattr(match, key))
    ]
    return f"{on}, where {', '.join(parts)}" if parts else f"{on}, everywhere"


def _fires(rule: Rule) -> str:
    held = f", for {show_duration(rule.hold)} on end" if rule.hold else ", at once"
    if rule.metric == WHEN and rule.when is not None:
        return f"while it is true{held}: {rule.when.text}"
    unit = definition_of(rule.metric).unit.value
    side = "above" if rule.sense is Sense.MAX else "below"
    also = "" if rule.when is None else f", and only while {rule.when.text}"
    waits = "" if rule.gates is Gates.ON else "; does not wait for prices that are apart"
    return f"{side} {bound(unit, rule.limit)}{also}{held}{waits}"


def _ends(rule: Rule) -> str:
    cooldown = f"; then rests for {show_duration(rule.cooldown)}" if rule.cooldown else ""
    if rule.metric == WHEN:
        return f"as soon as it is false{cooldown}"
    unit = definition_of(rule.metric).unit.value
    side = "below" if rule.sense is Sense.MAX else "above"
    also = "" if rule.when is None else ", or when the condition is false"
    return f"at {bound(unit, rule.goal)} or {side}{also}{cooldown}"


def _deeds(rule: Rule) -> Iterator[str]:
    unit = "" if rule.metric == WHEN else definition_of(rule.metric).unit.value
    for action in rule.permits:
        if action is Action.TRIM:
            yield f"trim positions until {bound(unit, rule.goal)}, {_terms(rule.trim, rule.metric)}"
        elif action is Action.HALT and rule.permits == (Action.HALT,):
            yield "halt the account, until `reef resume`"
        elif action is Action.HEDGE and rule.hedge is not None:
            yield "; ".join(_hedges(rule.hedge))
        else:
            yield DEEDS.get(action, action.value)


def _hedges(terms: HedgeTerms) -> Iterator[str]:
    if terms.perp:
        yield f"open a perpetual against a position, for at most {percent(terms.max_share, 0)} of it"
    for right, one in ((Right.PUT, terms.put), (Right.CALL, terms.call)):
        if one is None:
            continue
        side, way = ("long", "fall") if right is Right.PUT else ("short", "rise")
        yield (
            f"buy {right.value}s against a {side} position that protect beyond a {way} of "
            f"{percent(one.protect_below, 0)}, with {one.min_days} to {one.max_days} days left, "
            f"for at most {percent(one.max_premium)} of equity"
        )


def _terms(terms: TrimTerms, metric: str) -> str:
    share = "" if terms.max_share >= 1 else f"at most {percent(terms.max_share, 0)} of one in a cycle, "
    order = "market orders" if terms.order is OrderPolicy.MARKET else "limit orders"
    within = f"{share}with {order} within {percent(terms.max_slippage)} of mark and index"
    if terms.order is not OrderPolicy.PASSIVE:
        return within
    if metric in SURVIVAL:
        return f"{within}; passive is skipped, since a limit of survival does not wait"
    after = show_duration(timedelta(seconds=terms.escalate_after_seconds))
    return f"{within}; first with orders that only rest, for {after}"


def _blind(rule: Rule) -> str:
    if rule.if_blind is None:
        return "waits and says so; a running episode goes on when the data are back"
    return f"after {show_duration(rule.if_blind.after)}: {', '.join(rule.if_blind.do)}"
