"""The venue's leverage setting of a symbol, set down: it limits what can be opened next, and frees nothing.

Lower leverage asks for more initial margin, of what is open and of what rests: it is refused where the free
margin, less what the rule keeps, does not cover that. On Bybit an isolated position gets the difference moved
into its own margin, which takes it from the rest of the account: then the whole account is measured again.
"""

from collections.abc import Sequence
from decimal import Decimal

from msgspec import Struct

from bot.model import (
    WALLET,
    Action,
    Demand,
    LeverageRequest,
    MarginMode,
    Position,
    Refusal,
    Step,
    StepKind,
    Unknown,
)
from bot.planning.caps import Allowance
from bot.planning.check import Examination, Meter, worsened
from bot.planning.demands import refuse, that_permit
from bot.planning.lifting import waiting, with_margin
from bot.planning.numbering import Numbering
from bot.planning.purse import Purse
from bot.planning.recomputation import State, state_before
from bot.planning.request import PlanRequest


class Lowering(Struct, frozen=True):
    """A symbol whose leverage is set down."""

    demand: Demand
    symbol: str
    leverage: Decimal
    was: Decimal
    moved: dict[str, float]
    """USD of margin that go into isolated positions, by key."""


class _No(Struct, frozen=True):
    code: str
    reason: str


def lowerings(
    request: PlanRequest, before: State | Unknown, purse: Purse, allowance: Allowance
) -> tuple[tuple[Lowering, ...], tuple[Refusal, ...]]:
    """Return the symbols whose leverage is set down now, and what is not done of it.

    `request` is the account as it stands once everything planned before is done.
    """
    found: dict[str, Lowering] = {}
    refusals: list[Refusal] = []
    for demand in that_permit(Action.LOWER_LEVERAGE, request.demands):
        for symbol in _symbols(demand, request):
            if symbol in found:
                continue
            made = _lowering(demand, symbol, request, before, purse, allowance)
            if isinstance(made, _No):
                refusals.append(refuse(demand, symbol, made.code, made.reason))
            elif made is not None:
                found[symbol] = made
                purse.take(demand.rule, Decimal(repr(sum(made.moved.values()))))
                request = with_margin(request, made.moved)
    return tuple(found.values()), tuple(refusals)


def _symbols(demand: Demand, request: PlanRequest) -> list[str]:
    if demand.target.symbol:
        return [demand.target.symbol]
    return sorted({position.symbol for position in request.snapshot.positions if position.is_open})


def _lowering(
    demand: Demand,
    symbol: str,
    request: PlanRequest,
    before: State | Unknown,
    purse: Purse,
    allowance: Allowance,
) -> Lowering | _No | None:
    """Decide about one symbol; None where its leverage is low enough already."""
    legs = [one for one in request.snapshot.positions if one.symbol == symbol and one.is_open]
    wanted = Decimal(f"{demand.moves.leverage_to:g}")
    was = _leverage_of(legs, wanted)
    if not isinstance(was, Decimal):
        return was
    if {symbol, WALLET} & request.blocked_symbols:
        return _No("unknown_outcome", f"an earlier request on {symbol} or on the wallet has not ended")
    refused = waiting(f"leverage of {symbol}", request)
    if refused is not None:
        return _No("refused_before", refused.words)
    more = _more_margin(legs, wanted, was, request)
    if isinstance(more, Unknown):
        return _No("unknown_figure", more.reason)
    moved = {
        one.key: float(_value(one, entry=True) * (1 / wanted - 1 / was))
        for one in legs
        if one.margin_mode is MarginMode.ISOLATED
    }
    refusal = _unaffordable(demand, symbol, wanted, max(more, sum(moved.values())), purse)
    refusal = refusal or _worse(request, before, moved)
    if refusal is not None:
        return refusal
    if not allowance.cancel():
        return _No("cap_actions", "settings may use half of an hour's actions, and it is used up")
    return Lowering(demand, symbol, wanted, was, moved)


def _leverage_of(legs: Sequence[Position], wanted: Decimal) -> Decimal | _No | None:
    """Return the leverage that is set now; None where it is not above what is wanted."""
    known = [one.leverage for one in legs if isinstance(one.leverage, Decimal)]
    if len(known) < len(legs):
        return _No("unknown_figure", "the venue gave no leverage of it")
    above = [one for one in known if one > wanted]
    if not above:
        return None
    if any(one < wanted for one in known):
        return _No("other_leg_lower", f"one leg stands below {wanted:f} already, and would be raised by it")
    return max(above)


def _value(position: Position, *, entry: bool) -> Decimal:
    """USD at entry or at mark; 0 where that is no price."""
    price = position.entry_price if entry else position.mark_price
    return position.notional(position.contracts, price) if isinstance(price, Decimal) else Decimal(0)


def _more_margin(
    legs: Sequence[Position], wanted: Decimal, was: Decimal, request: PlanRequest
) -> float | Unknown:
    """USD of initial margin that positions and resting orders of a symbol need more, rather too much."""
    if any(not isinstance(one.entry_price, Decimal) for one in legs):
        return Unknown("an entry price is not known")
    value = sum((max(_value(one, entry=True), _value(one, entry=False)) for one in legs), Decimal(0))
    market = request.snapshot.markets.get(legs[0].symbol)
    for order in request.snapshot.orders:
        if order.symbol == legs[0].symbol and not order.reduce_only and order.price is not None:
            worth = legs[0] if market is None else market
            value += worth.notional(order.remaining, order.price)
    return float(value * (1 / wanted - 1 / was))


def _unaffordable(demand: Demand, symbol: str, wanted: Decimal, more: float, purse: Purse) -> _No | None:
    bound = purse.for_margin(demand)
    if isinstance(bound, Unknown):
        return _No("unknown_figure", bound.reason)
    if more <= bound.most:
        return None
    words = f"{symbol} at leverage {wanted:f} needs {more:.2f} USD more margin"
    return _No(bound.code, f"{words}, and {max(bound.most, 0.0):.2f} USD may be used: {bound.words}")


def _worse(request: PlanRequest, before: State | Unknown, moved: dict[str, float]) -> _No | None:
    """Say which limit the moved margin would make worse; None where none."""
    if not moved:
        return None
    after = state_before(with_margin(request, moved))
    if isinstance(before, Unknown) or isinstance(after, Unknown):
        unknown = before if isinstance(before, Unknown) else after
        assert isinstance(unknown, Unknown)
        return _No("check_failed", f"the account cannot be recomputed: {unknown.reason}")
    meter, examination = Meter(request), Examination(before, after, after)
    worse = worsened(request.watches, meter, examination)
    return None if worse is None else _No("check_failed", f"another limit would be made worse: {worse}")


def lowering_step(lowering: Lowering, numbering: Numbering) -> Step:
    """Return the step that sets a leverage."""
    demand = lowering.demand
    number = numbering.next(demand.episode)
    moved = sum(lowering.moved.values(), 0.0)
    isolated = f"; {moved:.2f} USD of margin go into the position" if lowering.moved else ""
    asked = LeverageRequest(
        client_order_id=numbering.identity(demand.rule, demand.target.text, demand.episode, number),
        symbol=lowering.symbol,
        leverage=lowering.leverage,
    )
    return Step(
        kind=StepKind.LOWER_LEVERAGE,
        rule=demand.rule,
        episode=demand.episode,
        number=number,
        request=asked,
        notional=moved,
        cost=0.0,
        reason=f"leverage of {lowering.symbol} from {lowering.was:f} to {lowering.leverage:f}: it limits what"
        f" can be opened next, and frees nothing{isolated}",
    )
