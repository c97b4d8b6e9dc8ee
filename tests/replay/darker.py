"""A recorded decision taken again with a worse mark: the trim may then not be smaller."""

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

import msgspec
from msgspec.structs import replace

from bot.decision import Decision as DecisionMade
from bot.decision import DecisionInput, decide
from bot.journal import Journal
from bot.journal.records import Decision
from bot.model import (
    Balance,
    Figure,
    MarginMode,
    Mark,
    OrderBook,
    OrderRequest,
    Plan,
    Position,
    Snapshot,
    State,
    Unknown,
)
from bot.replaying import recorded_rules

WORSE = Decimal("0.005")
"""Share of mark by which every position's price moves against it."""
LEEWAY = Decimal("0.9")
DERIVED = Unknown("left to be recomputed at the worse mark")


def smaller_when_worse(journal: Journal, recorded: Decision) -> str:
    """Return in words what a worse mark would have trimmed less of; '' where it trims as much or more.

    With one position that is its contracts. With several, a plan may choose others among them, which bring
    more for a USD: then it is the value of all trims, less a little, or as many limits at their goals. What
    would make a limit worse that the worse mark carries past its level is not trimmed.
    """
    body, text = journal.blob(recorded.input), journal.blob(recorded.rules)
    if body is None or text is None or recorded.plan is None:
        return "the decision's input is missing"
    given = msgspec.json.decode(body, type=DecisionInput)
    if any(one.margin_mode is MarginMode.ISOLATED for one in given.snapshot.positions):
        return ""  # it can lose its own margin only, and a worse mark leaves less of that
    if len({one.side for one in given.snapshot.positions}) > 1:
        return ""  # one offsets another: what is worse for one is better for the other
    if not _leveraged(given.snapshot):
        return ""  # what is held falls faster than equity: its share of equity falls, too
    rules = recorded_rules(text)
    made, worse_made = (decide(derived(given, worse), rules) for worse in (Decimal(0), WORSE))
    plan, worse_plan = made.plan, worse_made.plan
    if harmful(worse_plan) > harmful(plan) and passed(worse_made) > passed(made):
        return ""
    as_seen, darker = trims(plan), trims(worse_plan)
    if as_seen and as_expected(worse_plan) and not as_expected(plan):
        # at expected prices less is enough than at the worst permitted ones, but never nothing
        return "" if darker else f"a mark {WORSE:%} worse trims nothing"
    # each rule has slippage of its own, and what a trim may cost is part of its size
    share = Decimal(1) if trimmers(plan) == trimmers(worse_plan) else LEEWAY
    if len(given.snapshot.positions) > 1:
        seen, worse = _value(as_seen, given.snapshot), _value(darker, given.snapshot)
        return (
            ""
            if worse >= seen * LEEWAY or met(plan) <= met(worse_plan)
            else f"a mark {WORSE:%} worse trims {worse:.2f} USD instead of {seen:.2f}"
        )
    less = [
        f"{symbol} {darker.get(symbol, Decimal(0))} instead of {contracts}"
        for symbol, contracts in as_seen.items()
        if darker.get(symbol, Decimal(0)) < contracts * share
    ]
    return f"a mark {WORSE:%} worse trims less: {', '.join(less)}" if less else ""


def trims(made: Plan) -> dict[str, Decimal]:
    """Return the contracts that a plan takes off, by symbol."""
    found: dict[str, Decimal] = {}
    for step in made.steps:
        if isinstance(step.request, OrderRequest):
            symbol = step.request.symbol
            found[symbol] = found.get(symbol, Decimal(0)) + step.request.contracts
    return found


def trimmers(made: Plan) -> set[str]:
    """Return the rules that a plan's orders are of."""
    return {step.rule for step in made.steps if isinstance(step.request, OrderRequest)}


def met(made: Plan) -> set[tuple[str, str]]:
    """Return the limits that a plan brings back, by rule and target."""
    return {(proof.rule, proof.target) for proof in made.proofs if proof.met}


def harmful(made: Plan) -> set[tuple[str, str]]:
    """Return what is not done because another limit would be made worse, by rule and target."""
    return {(one.rule, one.item) for one in made.refusals if one.code == "check_failed"}


def as_expected(made: Plan) -> bool:
    """Whether a plan was sized at expected prices, because at the worst permitted ones nothing helps."""
    return any(one.expected for one in made.proofs)


def passed(made: DecisionMade) -> set[tuple[str, str]]:
    """Return the limits that are past their level, by rule and target."""
    return {(one.rule, one.target.text) for one in made.evaluation.findings if one.state is State.FIRING}


def _leveraged(snapshot: Snapshot) -> bool:
    """Whether more is held than the account has of its own."""
    held = {one.symbol: Decimal(0) for one in snapshot.positions}
    for one in snapshot.positions:
        held[one.symbol] += one.contracts
    equity = snapshot.balance.equity
    return isinstance(equity, Decimal) and _value(held, snapshot) > equity


def _value(trimmed: dict[str, Decimal], snapshot: Snapshot) -> Decimal:
    marks: dict[str, Decimal] = {}
    for one in snapshot.positions:
        if isinstance(one.mark_price, Decimal):
            marks[one.symbol] = one.mark_price * one.contract_size
    return sum(
        (contracts * marks.get(symbol, Decimal(0)) for symbol, contracts in trimmed.items()), Decimal(0)
    )


def derived(given: DecisionInput, worse: Decimal) -> DecisionInput:
    """Return the input at a mark that is worse by a fraction, the account's figures moved with it.

    What the venue derived from the mark (maintenance margin, liquidation price) becomes unknown on both
    sides of a comparison, so that both use the same recomputation.
    """
    snapshot = given.snapshot
    lost = Decimal(0)
    positions = []
    for position in snapshot.positions:
        shown = snapshot.marks.get(position.symbol)
        price = shown.mark if shown else position.mark_price
        if isinstance(price, Decimal):
            lost += price * worse * position.size
        positions.append(_moved(position, worse * position.side.sign))
    signs = {position.symbol: position.side.sign for position in snapshot.positions}
    marks = {symbol: _mark(mark, 1 - worse * signs.get(symbol, 0)) for symbol, mark in snapshot.marks.items()}
    darker: Snapshot = replace(
        snapshot, positions=tuple(positions), marks=marks, balance=_poorer(snapshot.balance, lost)
    )
    books = {symbol: _book(one, 1 - worse * signs.get(symbol, 0)) for symbol, one in given.depths.items()}
    return replace(given, snapshot=darker, depths=books)


def _book(book: OrderBook, factor: Decimal) -> OrderBook:
    return replace(
        book,
        bids=tuple(replace(one, price=on_step(one.price, factor, ROUND_CEILING)) for one in book.bids),
        asks=tuple(replace(one, price=on_step(one.price, factor, ROUND_FLOOR)) for one in book.asks),
    )


def _moved(position: Position, fall: Decimal) -> Position:
    return replace(
        position,
        mark_price=_times(position.mark_price, 1 - fall),
        maintenance_margin=DERIVED,
        liquidation_price=DERIVED,
    )


def _mark(mark: Mark, factor: Decimal) -> Mark:
    return replace(
        mark,
        mark=_times(mark.mark, factor),
        index=_times(mark.index, factor),
        last=_times(mark.last, factor),
        bid=on_step(mark.bid, factor, ROUND_CEILING) if isinstance(mark.bid, Decimal) else mark.bid,
        ask=on_step(mark.ask, factor, ROUND_FLOOR) if isinstance(mark.ask, Decimal) else mark.ask,
    )


def _poorer(balance: Balance, lost: Decimal) -> Balance:
    return replace(
        balance,
        equity=_less(balance.equity, lost),
        margin_balance=_less(balance.margin_balance, lost),
        maintenance_margin=DERIVED,
    )


def _times(value: Figure, factor: Decimal) -> Figure:
    return value * factor if isinstance(value, Decimal) else value


def on_step(price: Decimal, factor: Decimal, rounding: str) -> Decimal:
    """Move a price that stands in the book; between two steps it would miss a cap that is rounded to one."""
    return (price * factor).quantize(price, rounding)


def _less(value: Figure, amount: Decimal) -> Figure:
    return value - amount if isinstance(value, Decimal) else value
