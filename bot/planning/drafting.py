"""From demands to amounts: each demand in its order takes from one book what it still needs."""

from collections.abc import Mapping, Sequence, Set
from decimal import Decimal
from functools import partial

from msgspec import Struct
from msgspec.structs import replace

from bot.model import Action, Demand, Refusal
from bot.planning.book import Book, Leg, Priced, open_book
from bot.planning.book import take as take_contracts
from bot.planning.costs import KEPT, is_kept
from bot.planning.demands import refuse, tightened
from bot.planning.effort import Effort, can_be_expected
from bot.planning.folding import folded
from bot.planning.mending import mending
from bot.planning.quotes import Quotes, manner_of
from bot.planning.request import PlanRequest, watch_of
from bot.planning.sizing import CannotHelp, Face, Faces, faces
from bot.planning.spread import Candidate, Spread, helps, spread
from bot.planning.strangers import STRANGER

_ROUNDS = 3


class Prices:
    """Every leg's price under every demand's terms, and what each demand asks. Both hold while a plan is
    sized again."""

    def __init__(self, request: PlanRequest, quotes: Quotes | None = None, book: Book | None = None) -> None:
        self._request = request
        self._book = book
        self.quotes = quotes or Quotes(request)
        self._found: dict[tuple[int, bool], tuple[dict[str, Priced], tuple[Refusal, ...]]] = {}
        self._faces: dict[tuple[int, float], Faces] = {}

    @property
    def book(self) -> Book:
        """The account before anything is taken. Nobody may take from it."""
        if self._book is None:
            self._book = open_book(self._request)
        return self._book

    def of(
        self, demand: Demand, legs: Sequence[Leg], *, whole: bool
    ) -> tuple[dict[str, Priced], tuple[Refusal, ...]]:
        """Price the legs that a demand may use; refusals tell which cannot be."""
        at = (id(demand), whole)
        if at not in self._found:
            self._found[at] = self._price(demand, legs, whole=whole)
        return self._found[at]

    def faces(self, demand: Demand, tightness: float, book: Book) -> Faces:
        """Return the faces of a demand's limit at its tightened goal, hedges with their parents."""
        at = (id(demand), tightness)
        if at not in self._faces:
            found = faces(tightened(watch_of(demand), tightness), book)
            if book.request.hedges and not isinstance(found, CannotHelp):
                found = tuple(folded(face, book) for face in found)
            self._faces[at] = found
        return self._faces[at]

    def _price(
        self, demand: Demand, legs: Sequence[Leg], *, whole: bool
    ) -> tuple[dict[str, Priced], tuple[Refusal, ...]]:
        request = self._request
        refusals: list[Refusal] = []
        if request.hedges:
            own, hedges = demand.target.position, request.hedge_keys
            if own in hedges and any(leg.key == own for leg in legs):
                reason = f"{own} is a hedge: it shrinks with its parent"
                refusals.append(refuse(demand, own, "is_hedge", reason))
            legs = [leg for leg in legs if leg.key not in hedges]
        pricer = self.quotes.pricer(manner_of(demand, request, whole=whole), request)
        priced, refused = pricer.price(legs, request)
        refusals += [refuse(demand, key, one.code, one.reason) for key, one in refused.items()]
        return priced, tuple(refusals)


class Outcome(Struct, frozen=True):
    """What one demand took, and whether its goal is met by the sizing."""

    demand: Demand
    taken: dict[str, Decimal] = {}
    priced: dict[str, Priced] = {}
    met: bool = False
    faces: tuple[Face, ...] = ()
    """The limit as it was sized; empty for a close of all that is asked."""
    closes: bool = False
    """Whether whole positions were ordered away, whatever the limit says afterwards."""
    whole: bool = False
    """Whether only whole positions may go."""
    final: bool = False
    """Whether nothing may be added to what was proposed."""
    sealed: bool = False
    """Whether what was proposed meets the limit, so that nothing need be added."""
    expected: bool = False
    """Whether it was sized at expected prices, because at the worst permitted ones selling would not help."""
    resting: bool = True
    """Whether it would take nothing more of the same book."""
    refusals: tuple[Refusal, ...] = ()
    shortfall: tuple[Refusal, ...] = ()
    """What is missing to the goal, and why."""


class Proposed(Struct, frozen=True):
    """What is proposed for one demand before it is answered: contracts by position, and their prices."""

    amounts: dict[str, Decimal] = {}
    priced: dict[str, Priced] = {}
    final: bool = False
    """Whether nothing may be added, although the limit is not met: what is left would harm another one."""
    met: bool = False
    """Whether it meets the limit: the check tells whether that is so."""


class Drawing(Struct, frozen=True):
    """All demands' amounts on one book."""

    book: Book
    outcomes: tuple[Outcome, ...]

    @property
    def expected(self) -> bool:
        """Whether any of them was sized at expected prices."""
        return any(outcome.expected for outcome in self.outcomes)


def draw(
    demands: Sequence[Demand],
    efforts: Sequence[Effort],
    prices: Prices,
    proposed: Sequence[Proposed] | None = None,
    left_out: Set[str] = frozenset(),
) -> Drawing:
    """Size every demand, each on what the ones before it left. `efforts` is by demand, and so is `proposed`.

    What is proposed is taken first; the closed forms answer the demands that it does not. What a later demand
    takes may hedge an earlier one's limit, so all are gone through again until none needs more, at most
    _ROUNDS times.
    """
    book = prices.book.anew()
    given = proposed or [Proposed()] * len(demands)
    begun = [_begin(one, book) for one in given]
    outcomes = [
        _even(demand, book, effort, prices)
        if effort.even
        else _answer(demand, book, effort, prices, _Begun(taken, one.final, one.met, left_out))
        for demand, effort, one, taken in zip(demands, efforts, given, begun, strict=True)
    ]
    took = [place for place, one in enumerate(outcomes) if one.taken != begun[place]]
    _go_round(outcomes, book, max(took, default=0))
    return Drawing(book, tuple(outcomes))


def _go_round(outcomes: list[Outcome], book: Book, last: int) -> None:
    """Take what outcomes still need, as long as any takes. `last` is the place of the last that took.

    One that would take nothing more of the book as it is, is left alone.
    """
    resting = [one.resting and place >= last for place, one in enumerate(outcomes)]
    for _ in range(_ROUNDS):
        if all(resting):
            break
        for place, outcome in enumerate(outcomes):
            if resting[place]:
                continue
            outcomes[place] = found = _once_more(outcome, book)
            if found.taken != outcome.taken:
                resting = [False] * len(outcomes)
            resting[place] = found.resting


class _Begun(Struct, frozen=True):
    """What one demand has before it is answered."""

    taken: dict[str, Decimal] = {}
    final: bool = False
    met: bool = False
    left_out: Set[str] = frozenset()


def _begin(proposed: Proposed, book: Book) -> dict[str, Decimal]:
    """Take what is proposed for one demand, fitted to the markets."""
    terms = book.request.order_terms
    taken: dict[str, Decimal] = {}
    for key, contracts in proposed.amounts.items():
        priced = proposed.priced[key]
        taken[key] = take_contracts(book.by_key[key], priced, contracts, priced.cost, terms, whole=False)
    return taken


def _answer(
    demand: Demand,
    book: Book,
    effort: Effort,
    prices: Prices,
    begun: _Begun,
) -> Outcome:
    if Action.TRIM not in demand.permits:
        return _close(demand, book, effort, prices)
    outcome = _sized(demand, book, effort, prices, begun, whole=False)
    may_close = Action.CLOSE in demand.permits or Action.CLOSE_ALL in demand.permits
    if outcome.taken or outcome.met or not may_close:
        return outcome
    closed = _close(demand, book, effort, prices)
    return replace(closed, refusals=outcome.refusals + outcome.shortfall + closed.refusals)


def _even(demand: Demand, book: Book, effort: Effort, prices: Prices) -> Outcome:
    """Take the same share off every position that can be sized."""
    share, terms = effort.share(demand), book.request.order_terms
    priced, refusals = prices.of(demand, book.holdings, whole=False)
    taken: dict[str, Decimal] = {}
    short: list[str] = []
    for key, found in priced.items():
        leg = book.by_key[key]
        wanted = leg.position.contracts * share - leg.taken
        more = (
            take_contracts(leg, found, wanted, found.cost, terms, whole=False) if wanted > 0 else Decimal(0)
        )
        if more > 0:
            taken[key] = more
        if more < wanted:
            short.append(key)
    shortfall: tuple[Refusal, ...] = ()
    if short:
        shortfall = (_full(demand, short, priced),)
    met = bool(priced) and not short
    return Outcome(demand, taken, priced, met, refusals=refusals, shortfall=shortfall)


def legs_of(demand: Demand, book: Book) -> list[Leg]:
    """The legs that a demand's target covers."""
    own = demand.target.position
    if own is None:
        return list(book.legs)
    leg = book.leg(own)
    return [] if leg is None else [leg]


def _sized(
    demand: Demand,
    book: Book,
    effort: Effort,
    prices: Prices,
    begun: _Begun,
    *,
    whole: bool,
) -> Outcome:
    """Trim (or close whole positions) until the limit is back at its goal."""
    legs = [leg for leg in legs_of(demand, book) if leg.holding is not None]
    if begun.met:
        priced, refusals = prices.of(demand, legs, whole=whole)
        return Outcome(demand, begun.taken, priced, met=True, sealed=True, refusals=refusals)
    found = prices.faces(demand, effort.tightness, book)
    if isinstance(found, CannotHelp):
        refusal = refuse(demand, demand.target.text, found.code, found.reason)
        return Outcome(demand, shortfall=(refusal,))
    if not found:
        return Outcome(demand, met=True)
    priced, refusals = prices.of(demand, legs, whole=whole)
    if begun.left_out:
        priced = {key: one for key, one in priced.items() if key not in begun.left_out}
    start = Outcome(
        demand,
        begun.taken,
        priced,
        faces=found,
        whole=whole,
        final=begun.final,
        expected=effort.expected,
        refusals=refusals,
    )
    outcome = _once_more(start, book)
    if outcome.met or outcome.taken or effort.expected or not can_be_expected(demand):
        return outcome
    free = replace(start, final=False)
    if start.final and helps(found, book, _candidates(free, book), strict=_is_strict(demand)):
        return outcome  # no price stands in the way
    second = _once_more(replace(free, expected=True), book)
    return second if second.taken else outcome


def _is_strict(demand: Demand) -> bool:
    return demand.target.position is not None


def _once_more(outcome: Outcome, book: Book) -> Outcome:
    """Take what an outcome's limit still needs."""
    if outcome.sealed or not outcome.faces:
        return outcome
    strict = _is_strict(outcome.demand)
    asked = partial(_candidates, outcome, book)
    result = spread(outcome.faces, book, asked, whole=outcome.whole, strict=strict)
    taken = dict(outcome.taken)
    for key, more in result.taken.items():
        taken[key] = taken.get(key, Decimal(0)) + more
    short = _shortfall(outcome, book, result, taken)
    return replace(outcome, taken=taken, met=result.met, resting=result.resting, shortfall=short)


def _candidates(outcome: Outcome, book: Book) -> list[Candidate]:
    """Return what a demand may trim, at the prices that it is sized with.

    Survival and leverage are sized at expected prices where at the worst permitted ones nothing helps. A sale
    lowers a margin ratio, say, only while the maintenance rate exceeds ratio times cost: near liquidation a
    wide slippage cap breaks that for every large coin, although a real fill helps.
    """
    found: list[Candidate] = []
    keep = outcome.demand.trim.keep
    for key, terms in () if outcome.final else outcome.priced.items():
        leg = book.by_key[key]
        if outcome.expected and leg.holding is not None and leg.holding.isolated_equity is not None:
            continue
        dear = KEPT if keep and is_kept(leg.position.symbol, keep) else 0.0
        cost = terms.expected if outcome.expected else terms.cost
        found.append(Candidate(leg, terms, cost, dear))
    return found


def _shortfall(
    outcome: Outcome, book: Book, result: Spread, taken: dict[str, Decimal]
) -> tuple[Refusal, ...]:
    """Tell what is missing after a spread that did not reach its goal, why, and what would mend it."""
    if result.met:
        return ()
    demand, item = outcome.demand, outcome.demand.target.text
    if result.help is not None and not taken and not outcome.final:
        return (refuse(demand, item, result.help.code, result.help.reason),)
    full = [key for key, terms in outcome.priced.items() if _is_full(book.by_key[key], terms)]
    missing = f"{result.shortfall:.2f} USD are missing to the goal {demand.goal:g}"
    shares = [key for key in full if not outcome.priced[key].thin]
    mended = mending(demand, shares, outcome.refusals, book)
    if full:
        return (_full(demand, full, outcome.priced, f"; {missing}{mended}"),)
    words = (
        "no trims reach it without harm to another limit" if outcome.final else "trims alone do not reach it"
    )
    return (refuse(demand, item, "goal_out_of_reach", f"{words}: {missing}{mended}"),)


def _full(demand: Demand, keys: Sequence[str], priced: Mapping[str, Priced], more: str = "") -> Refusal:
    """Refuse what positions do not give any more in this cycle."""
    thin = all(priced[key].thin for key in keys)
    code, words = (
        ("thin_book", "the book takes no more at once")
        if thin
        else ("cap_share", "no more may go in one cycle")
    )
    return refuse(demand, demand.target.text, code, f"{', '.join(keys)}: {words}{more}")


def _is_full(leg: Leg, terms: Priced) -> bool:
    return leg.taken >= terms.room and terms.room < leg.position.contracts


def _close(demand: Demand, book: Book, effort: Effort, prices: Prices) -> Outcome:
    """Close whole positions: all, the target, or for an account's limit as many as it needs."""
    everything = Action.CLOSE_ALL in demand.permits
    if not everything and demand.target.position is None:
        return _sized(demand, book, effort, prices, _Begun(), whole=True)
    legs = list(book.legs) if everything else legs_of(demand, book)
    priced, refusals = prices.of(demand, legs, whole=True)
    terms = book.request.order_terms
    taken: dict[str, Decimal] = {}
    for key, found in priced.items():
        leg = book.by_key[key]
        more = take_contracts(leg, found, leg.position.contracts, found.cost, terms, whole=True)
        if more > 0:
            taken[key] = more
    left = {refusal.item for refusal in refusals if refusal.code == STRANGER}
    may_go = [leg for leg in legs if leg.key not in left]
    gone = all(leg.taken == leg.position.contracts for leg in may_go) and len(may_go) + everything > 0
    return Outcome(demand, taken, priced, gone, closes=True, refusals=refusals)
