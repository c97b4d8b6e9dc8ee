"""Margin for isolated positions: what brings a limit back without a trade.

The amounts are those of the closed forms: a face of an isolated position that is short by g USD, with its
margin counted k times, needs g / k USD more margin (for a distance d: N d + MM(N (1 - s d)) - e), rounded up
to cents. A position that is short gets what a goal needs that is AHEAD further: in a market that runs, the
next tick would ask again, and an hour's actions would be used up. It goes before every
trim, and trims are sized on the account as it will stand then. Where the programme has chosen how much of it
belongs to the cheapest plan, a rule that may trim as well adds no more than that; else it costs nothing, and
all that may be is added. What is added is lost to the
rest of the account: the whole of it is measured again by the independent recomputation, and no other limit
may get worse by it.
"""

from collections.abc import Mapping, Sequence
from decimal import ROUND_CEILING, Decimal
from math import inf, isfinite

from msgspec import Struct
from msgspec.structs import replace

from bot.model import (
    WALLET,
    Action,
    Demand,
    LimitProof,
    MarginRequest,
    Position,
    Refusal,
    RefusedBefore,
    Step,
    StepKind,
    Unknown,
)
from bot.planning.aftermath import funded
from bot.planning.book import Book, open_book
from bot.planning.caps import Allowance
from bot.planning.check import Examination, is_block_nearer, is_nearer, prove, worsened
from bot.planning.demands import is_trading, refuse, that_permit, tightened
from bot.planning.known import Known
from bot.planning.numbering import Numbering
from bot.planning.purse import CENT, Bound, Purse, cents_below
from bot.planning.recomputation import State
from bot.planning.request import PlanRequest, watch_of
from bot.planning.sizing import CannotHelp, Faces, faces
from bot.planning.spread import missing
from bot.risk.definitions import MARGIN_HELPS

AHEAD = 0.02
"""How much further than its goal a limit is brought, as a share of the goal."""
ALMOST = 1e-6
"""Share of what is needed that is no more than the solver's tolerance."""
TRIFLE = Decimal("0.01")
"""Share of a position's margin: where a bound leaves less than that of what is needed, it is not added."""


class Need(Struct, frozen=True):
    """USD of margin that a position is short of, and what it is given where that may be."""

    least: float
    wanted: float


class Addition(Struct, frozen=True):
    """Margin to be added to one position."""

    demand: Demand
    position: Position
    amount: Decimal
    before: Decimal


class Lift(Struct, frozen=True):
    """What margin does for the demands that permit it."""

    request: PlanRequest
    """The same, as if the margin had been added."""
    book: Book
    """The account so, nothing taken."""
    after: State | Unknown
    """The account so, recomputed."""
    additions: tuple[Addition, ...]
    refusals: tuple[Refusal, ...]
    proofs: tuple[LimitProof, ...]
    """Of demands that trims have nothing to do with."""
    answered: tuple[Demand, ...]
    """Demands that need nothing more."""

    def rest(self, demands: Sequence[Demand]) -> tuple[Demand, ...]:
        """Leave the demands that still need something."""
        return tuple(demand for demand in demands if not any(demand is one for one in self.answered))


def lift(
    request: PlanRequest,
    known: Known,
    purse: Purse,
    allowance: Allowance,
    chosen: Mapping[str, float] | None = None,
) -> Lift:
    """Add margin where demands permit it, each demand on what the ones before it left.

    `chosen` is what of each position's margin belongs to the cheapest plan, in USD; None is all that may be.
    """
    lifter = _Lifter(request, known, purse, allowance, chosen)
    for demand in that_permit(Action.ADD_MARGIN, request.demands):
        lifter.answer(demand)
    return lifter.lift()


class _Lifter:
    """The account while margin is added to it."""

    def __init__(
        self,
        request: PlanRequest,
        known: Known,
        purse: Purse,
        allowance: Allowance,
        chosen: Mapping[str, float] | None,
    ) -> None:
        self._chosen = None if chosen is None else dict(chosen)
        self._request = request
        self._before = known.before
        self._after = known.before
        """As `request` stands, with the margin that is added."""
        self._book = known.book
        """The same, nothing taken."""
        self._purse = purse
        self._allowance = allowance
        self._meter = known.meter
        self._additions: list[Addition] = []
        self._refusals: list[Refusal] = []
        self._proofs: list[LimitProof] = []
        self._answered: list[Demand] = []

    def lift(self) -> Lift:
        return Lift(
            self._request,
            self._book,
            self._after,
            tuple(self._additions),
            tuple(self._refusals),
            tuple(self._proofs),
            tuple(self._answered),
        )

    def answer(self, demand: Demand) -> None:
        """Answer one demand as far as margin can."""
        if isinstance(self._before, Unknown):
            why = f"the account cannot be recomputed: {self._before.reason}"
            self._refuse(demand, demand.target.text, "check_failed", why)
            return
        needed = _needed(demand, self._book)
        if isinstance(needed, CannotHelp):
            if not is_trading(demand):
                self._refuse(demand, demand.target.text, needed.code, needed.reason)
        else:
            self._add(demand, needed, self._before)
        self._judge(demand)

    def _add(self, demand: Demand, needed: dict[str, Need], before: State) -> None:
        found = (self._addition(demand, key, need) for key, need in sorted(needed.items()))
        made = [one for one in found if one is not None]
        if not made:
            return
        assert isinstance(self._after, State)
        added = {one.position.key: float(one.amount) for one in made}
        state = funded(self._after, added)
        fault = self._fault(demand, made, Examination(before, state, state))
        if fault is not None:
            for one in made:
                self._purse.take(demand.rule, -one.amount)
            self._refuse(demand, demand.target.text, *fault)
            return
        self._request, self._after = with_margin(self._request, added), state
        self._book = open_book(self._request)
        self._additions += made

    def _share(self, demand: Demand, key: str, need: Need, bound: Bound) -> tuple[Need, float] | None:
        """Return what of a position's need margin is to answer, and the most of it; None where trims do it
        at less cost."""
        if self._chosen is None:
            return need, bound.most
        left, whole = self._chosen.get(key, 0.0), sum(self._chosen.values())
        self._chosen[key] = max(left - need.least, 0.0)
        if Action.TRIM not in demand.permits or left >= need.least * (1.0 - ALMOST):
            others = whole - left
            return need, max(bound.most - others, min(need.least, bound.most))
        if whole >= bound.most - float(CENT):
            return need, min(left, bound.most)
        margin = self._request.portfolio.holding(key)
        assert margin is not None
        least = float(TRIFLE) * (margin.isolated_equity or 0.0)
        return (Need(left, left), bound.most) if left > least else None

    def _addition(self, demand: Demand, key: str, need: Need) -> Addition | None:
        """Bound what one position needs; what is not added is refused with its reason."""
        position = self._request.snapshot.position(key)
        assert position is not None
        margin = position.isolated_margin
        assert isinstance(margin, Decimal)
        held = _held(position, self._request)
        if held is not None:
            self._refuse(demand, key, *held)
            return None
        bound = self._purse.for_margin(demand)
        if isinstance(bound, Unknown):
            self._refuse(demand, key, "unknown_figure", bound.reason)
            return None
        share = self._share(demand, key, need, bound)
        if share is None:
            return None
        least, wanted = (
            Decimal(repr(usd)).quantize(CENT, ROUND_CEILING) for usd in (share[0].least, share[0].wanted)
        )
        amount = min(wanted, cents_below(share[1]))
        if amount < min(least, margin * TRIFLE):
            amount = Decimal(0)
        if amount < least:
            self._refuse(demand, key, bound.code, f"{amount} of {least} USD are added: {bound.words}")
        if amount <= 0:
            return None
        if not self._allowance.cancel():
            most = self._allowance.caps.actions_per_hour
            words = f"margin may use half of the {most} actions of an hour, and they are used up"
            self._refuse(demand, key, "cap_actions", words)
            return None
        self._purse.take(demand.rule, amount)
        return Addition(demand, position, amount, margin)

    def _fault(
        self, demand: Demand, made: Sequence[Addition], examination: Examination
    ) -> tuple[str, str] | None:
        """Say why margin that was sized may not be added, a code and a reason; None where it may."""
        worse = worsened(self._request.watches, self._meter, examination)
        if worse is not None:
            return "check_failed", f"another limit would be made worse: {worse}"
        proof, keys = prove(watch_of(demand), self._meter, examination), {one.position.key for one in made}
        if is_trading(demand) and Action.TRIM not in demand.permits and not proof.met:
            return "closed_instead", "margin alone is not enough, and the position is closed instead"
        if is_nearer(proof) or is_block_nearer(watch_of(demand), self._meter, examination, keys):
            return None
        return "check_failed", f"more margin would not bring {demand.metric} nearer to its goal"

    def _judge(self, demand: Demand) -> None:
        before, after = self._before, self._after
        assert isinstance(before, State)
        assert isinstance(after, State)
        proof = prove(watch_of(demand), self._meter, Examination(before, after, after))
        if proof.met:
            self._answered.append(demand)
        if proof.met or not is_trading(demand):
            self._proofs.append(proof)

    def _refuse(self, demand: Demand, item: str, code: str, reason: str) -> None:
        """Refuse; no alarm is raised where trims may do instead."""
        if is_trading(demand):
            self._refusals.append(Refusal(demand.rule, item, code, reason))
        else:
            self._refusals.append(refuse(demand, item, code, reason))


def margin_rooms(request: PlanRequest, purse: Purse, allowance: Allowance) -> dict[str, float]:
    """Return the most USD that rules may add to each isolated position now; none where nobody may."""
    found: dict[str, float] = {}
    if not allowance.copy().cancel():
        return found
    for demand in request.demands:
        if Action.ADD_MARGIN not in demand.permits or demand.metric not in MARGIN_HELPS:
            continue
        bound, own = purse.for_margin(demand), demand.target.position
        for holding in request.portfolio.holdings:
            if holding.isolated_equity is None or own not in (None, holding.key):
                continue
            position = request.snapshot.position(holding.key)
            assert position is not None
            if not isinstance(bound, Unknown) and bound.most > 0.0 and _held(position, request) is None:
                found[holding.key] = max(found.get(holding.key, 0.0), bound.most)
    return found


def _needed(demand: Demand, book: Book) -> dict[str, Need] | CannotHelp:
    """Return the margin that isolated positions are short of, by key.

    For a limit of the account no more than cross positions can spare at the same goal: margin that is taken
    from them would have to be made good by trims.
    """
    if demand.metric not in MARGIN_HELPS:
        return CannotHelp(f"margin does not move {demand.metric}", "margin_cannot_help")
    watch = watch_of(demand)
    found = _short(faces(watch, book), book)
    if isinstance(found, CannotHelp):
        return found
    needed, spare = found
    if not needed:
        return CannotHelp("no isolated position is short of margin for it", "margin_cannot_help")
    if spare <= 0.0:
        return CannotHelp("cross positions are short of margin themselves", "margin_cannot_help")
    own = Book(book.request, {key: book.by_key[key] for key in needed})
    further = _short(faces(tightened(watch, AHEAD), own), own)
    ahead = {} if isinstance(further, CannotHelp) else further[0]
    wanted = {key: max(usd, ahead.get(key, usd)) for key, usd in needed.items()}
    part = min(1.0, spare / sum(wanted.values()))
    return {key: Need(min(needed[key], usd * part), usd * part) for key, usd in wanted.items()}


def _short(found: Faces, book: Book) -> tuple[dict[str, float], float] | CannotHelp:
    """Return what each isolated position is short of, and what cross positions can spare."""
    if isinstance(found, CannotHelp):
        return found
    needed: dict[str, float] = {}
    spare = inf
    for face in found:
        short = missing(face, book) / face.cost_weight
        if not isfinite(short):
            return CannotHelp("the figures of this limit are not finite numbers", "unknown_figure")
        if not face.alone:
            spare = min(spare, max(-short, 0.0))
        elif short > 0.0:
            (key,) = face.payers
            needed[key] = max(needed.get(key, 0.0), short)
    return needed, spare


def _held(position: Position, request: PlanRequest) -> tuple[str, str] | None:
    """Say why nothing may be asked for a position's margin now: a code and a reason."""
    if {position.symbol, WALLET} & request.blocked_symbols:
        return "unknown_outcome", f"an earlier request on {position.symbol} or on the wallet has not ended"
    refused = waiting(f"margin of {position.key}", request)
    return None if refused is None else ("refused_before", refused.words)


def waiting(item: str, request: PlanRequest) -> RefusedBefore | None:
    """Return what the venue refused of a move and is not asked for yet."""
    return next((one for one in request.refused if one.item == item and request.at < one.until), None)


def with_margin(request: PlanRequest, added: dict[str, float]) -> PlanRequest:
    """Return the same account with margin moved from what is free to isolated positions, in USD by key."""
    portfolio = request.portfolio
    holdings = tuple(
        replace(one, isolated_equity=(one.isolated_equity or 0.0) + added[one.key])
        if one.key in added
        else one
        for one in portfolio.holdings
    )
    balance = portfolio.margin_balance
    if not isinstance(balance, Unknown):
        balance -= sum(added.values())
    return replace(request, portfolio=replace(portfolio, holdings=holdings, margin_balance=balance))


def addition_step(addition: Addition, numbering: Numbering) -> Step:
    """Return the step that adds margin."""
    demand, position = addition.demand, addition.position
    number = numbering.next(demand.episode)
    asked = MarginRequest(
        client_order_id=numbering.identity(demand.rule, demand.target.text, demand.episode, number),
        symbol=position.symbol,
        position_side=position.side,
        position_index=position.position_index,
        amount=addition.amount,
        before=addition.before,
        contracts=position.contracts,
    )
    reason = f"{demand.metric} is {demand.value:.6g}, limit {demand.limit:.6g}, goal {demand.goal:.6g}"
    return Step(
        kind=StepKind.ADD_MARGIN,
        rule=demand.rule,
        episode=demand.episode,
        number=number,
        request=asked,
        notional=float(addition.amount),
        cost=0.0,
        reason=f"{reason}: add {addition.amount} USD to the {addition.before:f} USD behind {position.key}",
    )
