"""From demands to amounts: each demand in its order takes from one book what it still needs."""

from collections.abc import Sequence
from decimal import Decimal
from math import isfinite

from msgspec import Struct
from msgspec.structs import replace

from bot.model import Action, Demand, Refusal, Sense, Severity
from bot.planning.book import Book, Leg, Priced, open_book, price_leg
from bot.planning.book import take as take_contracts
from bot.planning.caps import Draft
from bot.planning.check import SURVIVAL
from bot.planning.pricing import NoQuote
from bot.planning.request import PlanRequest, Watch, watch_of
from bot.planning.rounding import largest
from bot.planning.sizing import CannotHelp, Face, faces
from bot.planning.spread import Candidate, Spread, spread

_RANKS = {
    "account.stress_loss": 1,
    "account.cushion": 1,
    "account.leverage": 2,
    "position.leverage": 2,
}
_SEVERITIES = {Severity.CRITICAL: 0, Severity.WARNING: 1, Severity.INFO: 2}
_TRADES = (Action.TRIM, Action.CLOSE, Action.CLOSE_ALL)


class Outcome(Struct, frozen=True):
    """What one demand took, and whether its goal is met by the sizing."""

    demand: Demand
    taken: dict[str, Decimal]
    priced: dict[str, Priced]
    met: bool
    closes: bool = False
    """Whether whole positions were ordered away: their price is no matter of the limit."""
    expected: bool = False
    """Whether it was sized at expected prices, because at the worst permitted ones selling would not help."""
    refusals: tuple[Refusal, ...] = ()


class Drawing(Struct, frozen=True):
    """All demands' amounts on one book."""

    book: Book
    outcomes: tuple[Outcome, ...]


def acting(demands: Sequence[Demand]) -> tuple[Demand, ...]:
    """Return the demands that permit trades: survival first, then stress, leverage, the rest."""
    trading = [demand for demand in demands if any(action in demand.permits for action in _TRADES)]
    return tuple(sorted(trading, key=_order))


def _order(demand: Demand) -> tuple[int, int, str, str]:
    rank = 0 if is_lifeline(demand) else _RANKS.get(demand.metric, 3)
    return rank, _SEVERITIES[demand.severity], demand.rule, demand.target.text


def is_lifeline(demand: Demand) -> bool:
    """Whether a demand stands between the account and liquidation, or orders a close."""
    return demand.metric in SURVIVAL or Action.TRIM not in demand.permits


def tightened(watch: Watch, share: float) -> Watch:
    """Move a goal to its safe side by a share of itself."""
    factor = 1.0 - share if watch.sense is Sense.MAX else 1.0 + share
    return replace(watch, goal=watch.goal * factor)


def refuse(demand: Demand, item: str, code: str, reason: str) -> Refusal:
    """Refuse something of a demand, loudly where a life depends on it."""
    loud = is_lifeline(demand) and code.startswith("cap_")
    return Refusal(
        rule=demand.rule, item=item, code=code, reason=f"LIFELINE BLOCKED: {reason}" if loud else reason
    )


def draw(request: PlanRequest, demands: Sequence[Demand], tightness: Sequence[float]) -> Drawing:
    """Size every demand, each on what the ones before it left. `tightness` is by demand."""
    book = open_book(request)
    outcomes = tuple(_answer(demand, book, share) for demand, share in zip(demands, tightness, strict=True))
    return Drawing(book, outcomes)


def _answer(demand: Demand, book: Book, tightness: float) -> Outcome:
    if Action.TRIM in demand.permits:
        outcome = _trim(demand, book, tightness)
        if outcome.taken or outcome.met:
            return outcome
        if Action.CLOSE in demand.permits or Action.CLOSE_ALL in demand.permits:
            closed = _close(demand, book, tightness)
            return replace(closed, refusals=outcome.refusals + closed.refusals)
        return outcome
    return _close(demand, book, tightness)


def _price(
    demand: Demand, book: Book, keys: Sequence[str], *, whole: bool
) -> tuple[dict[str, Priced], list[Refusal]]:
    """Price the legs that a demand may use; refusals tell which cannot be."""
    request = book.request
    seconds = (request.at - demand.acting_since).total_seconds()
    priced: dict[str, Priced] = {}
    refusals: list[Refusal] = []
    for key in keys:
        leg = book.leg(key)
        assert leg is not None
        found = price_leg(leg, demand.trim, request, seconds, whole=whole)
        if isinstance(found, NoQuote):
            refusals.append(refuse(demand, key, found.code, found.reason))
        else:
            priced[key] = found
    return priced, refusals


def _asked(demand: Demand, book: Book) -> list[str]:
    """Keys of the legs that a demand's target covers."""
    own = demand.target.position
    return [leg.key for leg in book.legs if own is None or leg.key == own]


def _trim(demand: Demand, book: Book, tightness: float) -> Outcome:
    none = Outcome(demand, {}, {}, met=False)
    if not isfinite(demand.goal):
        reason = f"the goal {demand.goal} is no finite number"
        return replace(none, refusals=(refuse(demand, demand.target.text, "unknown_figure", reason),))
    found = faces(tightened(watch_of(demand), tightness), book)
    if isinstance(found, CannotHelp):
        return replace(none, refusals=(refuse(demand, demand.target.text, found.code, found.reason),))
    keys = [key for key in _asked(demand, book) if _is_sized(book, key)]
    priced, refusals = _price(demand, book, keys, whole=False)
    result, expected = _best(demand, found, book, priced)
    refusals.extend(_shortfall(demand, book, priced, result))
    return Outcome(demand, result.taken, priced, result.met, expected=expected, refusals=tuple(refusals))


def _is_sized(book: Book, key: str) -> bool:
    leg = book.leg(key)
    return leg is not None and leg.holding is not None


def _is_isolated(book: Book, key: str) -> bool:
    leg = book.leg(key)
    return leg is not None and leg.holding is not None and leg.holding.isolated_equity is not None


def _best(
    demand: Demand, found: tuple[Face, ...], book: Book, priced: dict[str, Priced]
) -> tuple[Spread, bool]:
    """Spread at worst permitted prices; for the margin ratio, where that cannot help, at expected ones.

    A sale lowers the ratio only while maintenance rate exceeds ratio times cost. Near liquidation the worst
    permitted price of a wide slippage cap breaks that for every large coin, although a real fill helps.
    """
    result = _spread(demand, found, book, priced, expected=False)
    if result.met or result.taken or demand.metric != "account.margin_ratio":
        return result, False
    shared = {key: terms for key, terms in priced.items() if not _is_isolated(book, key)}
    second = _spread(demand, found, book, shared, expected=True)
    return (second, True) if second.taken else (result, False)


def _spread(
    demand: Demand,
    found: tuple[Face, ...],
    book: Book,
    priced: dict[str, Priced],
    *,
    expected: bool,
    whole: bool = False,
) -> Spread:
    candidates: list[Candidate] = []
    for key, terms in priced.items():
        leg = book.leg(key)
        assert leg is not None
        candidates.append(Candidate(leg, terms, terms.expected if expected else terms.cost))
    return spread(found, book, candidates, whole=whole, strict=demand.target.position is not None)


def _shortfall(demand: Demand, book: Book, priced: dict[str, Priced], result: Spread) -> list[Refusal]:
    """Tell what is missing after a spread that did not reach its goal, and why."""
    if result.met:
        return []
    item = demand.target.text
    if result.help is not None and not result.taken:
        return [refuse(demand, item, result.help.code, result.help.reason)]
    full = [key for key, terms in priced.items() if _is_full(book, key, terms)]
    if full:
        keys = ", ".join(full)
        return [
            refuse(
                demand,
                item,
                "cap_share",
                f"{keys}: no more may go in one cycle; {result.shortfall:.2f} USD are missing",
            )
        ]
    return [
        refuse(
            demand,
            item,
            "goal_out_of_reach",
            f"trims alone leave {result.shortfall:.2f} USD missing to the goal {demand.goal:g}",
        )
    ]


def _is_full(book: Book, key: str, terms: Priced) -> bool:
    leg = book.leg(key)
    return leg is not None and leg.taken >= terms.room and terms.room < leg.position.contracts


def _close(demand: Demand, book: Book, tightness: float) -> Outcome:
    """Close whole positions: all, the target, or for an account's limit as many as it needs."""
    keys = _asked(demand, book)
    everything = Action.CLOSE_ALL in demand.permits
    if everything:
        keys = [leg.key for leg in book.legs]
    priced, refusals = _price(demand, book, keys, whole=True)
    if not everything and demand.target.position is None:
        return _close_some(demand, book, priced, refusals, tightness)
    taken: dict[str, Decimal] = {}
    for key, terms in priced.items():
        leg = book.leg(key)
        assert leg is not None
        more = take_contracts(
            leg, terms, leg.position.contracts, terms.cost, book.request.order_terms, whole=True
        )
        if more > 0:
            taken[key] = more
    gone = all(leg.taken == leg.position.contracts for leg in book.legs if leg.key in keys)
    return Outcome(demand, taken, priced, gone, closes=True, refusals=tuple(refusals))


def _close_some(
    demand: Demand, book: Book, priced: dict[str, Priced], refusals: list[Refusal], tightness: float
) -> Outcome:
    found = faces(tightened(watch_of(demand), tightness), book)
    if isinstance(found, CannotHelp):
        refusals.append(refuse(demand, demand.target.text, found.code, found.reason))
        return Outcome(demand, {}, priced, met=False, refusals=tuple(refusals))
    sized = {key: terms for key, terms in priced.items() if _is_sized(book, key)}
    result = _spread(demand, found, book, sized, expected=False, whole=True)
    refusals.extend(_shortfall(demand, book, sized, result))
    return Outcome(demand, result.taken, sized, result.met, refusals=tuple(refusals))


def drafts_of(drawing: Drawing) -> tuple[tuple[Draft, ...], frozenset[str]]:
    """Merge the demands' amounts to one order a position, and say which had to stay under the largest order.

    The order carries the rule that asked most of the position, with that rule's price.
    """
    found: list[tuple[int, Draft]] = []
    short: set[str] = set()
    for leg in drawing.book.legs:
        asked = [
            (outcome.taken[leg.key], -index)
            for index, outcome in enumerate(drawing.outcomes)
            if leg.key in outcome.taken
        ]
        if not asked:
            continue
        index = -max(asked)[1]
        draft = _draft(leg, drawing.outcomes[index])
        if draft.contracts < leg.taken:
            short.add(leg.key)
        found.append((index, draft))
    found.sort(key=lambda entry: (entry[0], entry[1].key))
    return tuple(draft for _, draft in found), frozenset(short)


def _draft(leg: Leg, outcome: Outcome) -> Draft:
    demand, priced = outcome.demand, outcome.priced[leg.key]
    assert leg.market is not None
    most = largest(leg.market, priced.quote.style)
    return Draft(
        rule=demand.rule,
        episode=demand.episode,
        target=demand.target.text,
        position=leg.position,
        market=leg.market,
        quote=priced.quote,
        contracts=leg.taken if most is None else min(leg.taken, most),
        trade_cost=priced.expected,
        lifeline=is_lifeline(demand),
        reason=f"{demand.metric} is {demand.value:.6g}, limit {demand.limit:.6g}, goal {demand.goal:.6g}",
    )
