"""From demands' amounts to orders: one a position, under the rule that asked most of it."""

from decimal import Decimal

from bot.planning.book import Leg
from bot.planning.caps import Draft
from bot.planning.demands import is_lifeline
from bot.planning.drafting import Drawing, Outcome
from bot.planning.rounding import largest
from bot.risk.figures import as_float


def drafts_of(drawing: Drawing) -> tuple[tuple[Draft, ...], frozenset[str]]:
    """Merge the demands' amounts to one order a position, and say which had to stay under the largest order.

    The order carries the rule that asked most of the position, with that rule's price.
    """
    asked: dict[str, tuple[Decimal, int]] = {}
    for index, outcome in enumerate(drawing.outcomes):
        for key, contracts in outcome.taken.items():
            known = asked.get(key)
            if known is None or contracts > known[0]:
                asked[key] = (contracts, index)
    found: list[Draft] = []
    short: set[str] = set()
    words = {
        index: (one.demand.target.text, one.demand.standing)
        for index, one in enumerate(drawing.outcomes)
        if one.taken
    }
    for index, key in sorted([(index, key) for key, (_, index) in asked.items()]):
        leg = drawing.book.by_key[key]
        draft = _draft(leg, drawing.outcomes[index], *words[index])
        if draft.contracts < leg.taken:
            short.add(key)
        found.append(draft)
    return tuple(found), frozenset(short)


def _draft(leg: Leg, outcome: Outcome, target: str, standing: str) -> Draft:
    demand, priced = outcome.demand, outcome.priced[leg.key]
    assert leg.market is not None
    most = largest(leg.market, priced.quote.style)
    contracts = leg.taken if most is None else min(leg.taken, most)
    return Draft(
        rule=demand.rule,
        episode=demand.episode,
        target=target,
        position=leg.position,
        market=leg.market,
        quote=priced.told(leg.position.contracts),
        contracts=contracts,
        trade_cost=priced.expected_of(contracts, as_float(leg.market.taker_fee)),
        lifeline=is_lifeline(demand),
        reason=standing,
    )
