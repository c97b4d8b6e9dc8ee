"""Which demands a hedge answers, and which one of the hedges is opened in this cycle.

The programme chooses among trims, perpetuals, options and margin for all demands at once, and how much of
each. What it chose is sized by the hedge's own closed form, bounded and checked; where trims belong to the
cheapest plan as well, no more of it than the programme says. Where the programme cannot tell, or what it
chose does not pass, each demand is asked for itself: a hedge that reaches the goal against trims that do.
"""

from collections.abc import Mapping, Sequence
from math import inf
from operator import is_

from msgspec import Struct
from msgspec.structs import replace

from bot.model import Action, Demand, OrderRequest, Plan, Refusal
from bot.planning.costs import dearer
from bot.planning.demands import is_trading, refuse
from bot.planning.hedge_seats import NoHedge
from bot.planning.hedging import offer_at, offer_of, openings, resized
from bot.planning.nature import SURVIVAL
from bot.planning.offers import Desk, Offer, Opening
from bot.planning.options.columns import Bought, bought_of
from bot.planning.options.offering import Way, best_option, offer_with, option_ways
from bot.planning.planner import plan
from bot.planning.programme.choice import Chosen, choose
from bot.planning.request import PlanRequest


class Choice(Struct, frozen=True):
    """Which demands trims answer, and the hedge that answers one of the others."""

    trimmed: tuple[Demand, ...]
    offer: Offer | None
    refusals: tuple[Refusal, ...]
    chosen: Chosen | None = None
    """What the programme chose, where all of that stands."""
    made: Plan | None = None
    """The plan of the trims, where it was made to compare."""


class _Open:
    """What may answer a demand beside trims: one perpetual after another, and options."""

    def __init__(self, demand: Demand, desk: Desk) -> None:
        terms = demand.hedge
        self.demand = demand
        self.ways: list[Way] = []
        self.refusals: list[Refusal] = []
        """Why nothing may be bought."""
        self.opening: Opening | None = None
        self._openings = openings(demand, desk) if terms is not None and terms.perp else iter(())
        for way in option_ways(demand, desk) if terms is not None and (terms.put or terms.call) else ():
            if isinstance(way, Way):
                self.ways.append(way)
            else:
                self.refusals.append(way)
        self.turn()

    def turn(self) -> None:
        """Turn to the next perpetual; to none where there is no further one."""
        self.opening = next((one for one in self._openings if isinstance(one, Opening)), None)


def choose_hedges(request: PlanRequest, desk: Desk) -> Choice:
    """Choose what each demand is answered by; the first hedge is opened, others wait for the next cycle."""
    trimmed: list[Demand] = []
    refusals: list[Refusal] = []
    alone: list[tuple[Demand, Plan]] = []
    first: Offer | None = None
    opened = [_Open(demand, desk) for demand in request.demands]
    chosen, picked = _chosen(request, opened, desk)
    for place, (demand, one) in enumerate(zip(request.demands, opened, strict=True)):
        if demand.hedge is None:
            trimmed.append(demand)
            continue
        pick = picked.get(place)
        if isinstance(pick, Offer):
            found: Offer | tuple[Refusal, ...] = pick
        elif place in picked and pick is None and is_trading(demand):
            found = ()
        else:
            found = _alone(best_offer(demand, one, desk), demand, desk, alone)
        if not isinstance(found, Offer):
            trimmed.append(demand)
            refusals += found
        elif first is None:
            first = found
            if Action.CANCEL_ORDERS in demand.permits:
                trimmed.append(replace(demand, permits=(Action.CANCEL_ORDERS,)))
        else:
            reason = "one hedge is opened in a cycle: the next follows on fresh data"
            refusals.append(refuse(demand, item_of(found), "hedge_waits", reason))
    made = next((one for demand, one in alone if trimmed == [demand]), None)
    stands = not any(isinstance(one, NoHedge) for one in picked.values())
    return Choice(tuple(trimmed), first, tuple(refusals), chosen if stands else None, made)


_Picked = dict[int, Offer | NoHedge | None]


def _chosen(request: PlanRequest, opened: Sequence[_Open], desk: Desk) -> tuple[Chosen | None, _Picked]:
    """Ask the programme, and check the hedges that it chose, by the places of their demands.

    A perpetual that does not pass is no choice: its demand turns to the next one that it may use, and the
    programme is asked again, unless that leaves it the same ones.
    """
    bought = bought_of([way for one in opened for way in one.ways], desk)
    chosen, picked, asked = None, _Picked(), None
    turned: Sequence[int] = ()
    while asked is None or turned:
        offered = _openings(opened)
        if asked is None or not _are_same(offered, asked):
            asked, picked = offered, {}
            chosen = choose(request, desk.allowance, desk.known.quotes, offered, bought)
            turned = () if chosen is None else sorted(chosen.answers)
        if chosen is not None:
            turned = _turned(turned, opened, bought, chosen, desk, picked)
    return chosen, picked


def _turned(
    places: Sequence[int],
    opened: Sequence[_Open],
    bought: Sequence[Bought],
    chosen: Chosen,
    desk: Desk,
    picked: _Picked,
) -> list[int]:
    """Check what was chosen for some demands, and return those that turned to their next perpetual."""
    turned: list[int] = []
    for place in places:
        one = opened[place]
        if one.demand.hedge is None:
            continue
        best, mixed = _best(one, bought, chosen)
        picked[place] = found = None if best is None else _offered(best, one, chosen, desk, mixed=mixed)
        if isinstance(best, Opening) and isinstance(found, NoHedge):
            one.turn()
            turned.append(place)
    return turned


def _are_same(some: Mapping[str, Opening], others: Mapping[str, Opening]) -> bool:
    """Whether the programme would be asked of the very same perpetuals."""
    return len(some) == len(others) and all(map(is_, some.values(), others.values()))


def _openings(opened: Sequence[_Open]) -> dict[str, Opening]:
    """Return the perpetuals by key, each with the widest room that a rule leaves it."""
    found: dict[str, Opening] = {}
    for one in opened:
        opening = one.opening
        if opening is not None:
            key = opening.seat.one.key
            known = found.get(key)
            if known is None or opening.priced.room > known.priced.room:
                found[key] = opening
    return found


def _best(one: _Open, bought: Sequence[Bought], chosen: Chosen) -> tuple[Bought | Opening | None, bool]:
    """Return the hedge that the programme chose for a demand, that with most exposure of several; None where
    it chose none. And whether something else belongs to the cheapest plan beside it."""
    usable: list[tuple[float, Bought | Opening]] = [
        (chosen.options[option.key] * option.exposure, option)
        for option in bought
        if option.case.demand is one.demand and option.key in chosen.options
    ]
    opening = one.opening
    usd = 0.0 if opening is None else chosen.hedges.get(opening.seat.one.key, 0.0)
    if opening is not None and usd:
        usable.append((usd * opening.seat.unit.beta, opening))
    if not usable:
        return None, False
    _, best = max(usable, key=lambda entry: entry[0])
    return best, is_trading(one.demand) and (chosen.trims or len(usable) > 1)


def _offered(
    best: Bought | Opening, one: _Open, chosen: Chosen, desk: Desk, *, mixed: bool
) -> Offer | NoHedge | None:
    """Size and check a hedge that the programme chose: NoHedge where it does not pass.

    A limit of survival does not wait for the rest: a hedge that does not bring it all the way is none.
    """
    demand = one.demand
    if isinstance(best, Bought):
        most = best.coins(chosen.options[best.key]) if mixed else inf
        found = offer_with(best.case, best.candidate, desk, most)
    elif mixed and demand.metric not in SURVIVAL:
        found = resized(best, demand, chosen.hedges[best.seat.one.key], desk)
    else:
        found = offer_at(best, demand, desk)
    if isinstance(found, Offer) and not found.proof.met and is_trading(demand):
        return None if demand.metric in SURVIVAL else _partial(found)
    return found


def _partial(offer: Offer) -> Offer:
    reason = "it brings back a part at less cost than trims; what is left is planned again on fresh data"
    told = refuse(offer.demand, item_of(offer), "rest_follows", reason)
    return replace(offer, refusals=(*offer.refusals, told))


def best_offer(demand: Demand, one: _Open, desk: Desk) -> Offer | tuple[Refusal, ...]:
    """Return the hedge that answers a demand: one that reaches its goal, the cheaper of a perpetual and an
    option; or why there is none, where nothing else may answer it."""
    terms = demand.hedge
    perpetual = offer_of(demand, desk) if terms is not None and terms.perp else ()
    barred = bool(one.ways) and is_trading(demand) and desk.is_barred
    option = () if barred else best_option(one.ways, desk)
    offers = [found for found in (perpetual, option) if isinstance(found, Offer)]
    if offers:
        return min(offers, key=lambda found: (not found.proof.met, found.cost))
    assert not isinstance(option, Offer)
    assert not isinstance(perpetual, Offer)
    return tuple(dict.fromkeys((*perpetual, *one.refusals, *option)))


def _alone(
    found: Offer | tuple[Refusal, ...], demand: Demand, desk: Desk, made: list[tuple[Demand, Plan]]
) -> Offer | tuple[Refusal, ...]:
    """Return a hedge where it answers one demand at less cost than trims; trims win where both cost the same.

    A hedge is taken where it reaches the goal and trims do not; where neither does, trims are, since they
    lower what margin must carry, too. Why there is no hedge is told only where trims are not permitted. A
    plan of trims for this demand alone is added to `made`.
    """
    if not is_trading(demand):
        return found
    if not isinstance(found, Offer):
        return ()
    alone = plan(replace(desk.request, demands=(demand,)), desk.known)
    made.append((demand, alone))
    steps = [step for step in alone.steps if isinstance(step.request, OrderRequest)]
    met = bool(steps) and all(proof.met for proof in alone.proofs)
    if not found.proof.met:
        return () if steps else found
    return found if not met or found.cost < sum(step.cost + dearer(step, demand) for step in steps) else ()


def item_of(offer: Offer) -> str:
    """Name a hedge in a refusal."""
    return f"hedge of {offer.link.parent}"
