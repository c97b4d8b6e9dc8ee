"""From demands' amounts to orders: one a position, under the rule that asked most of it."""

from bot.planning.book import Leg
from bot.planning.caps import Draft
from bot.planning.drafting import Drawing, Outcome, is_lifeline
from bot.planning.rounding import largest
from bot.risk.figures import as_float


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
    contracts = leg.taken if most is None else min(leg.taken, most)
    return Draft(
        rule=demand.rule,
        episode=demand.episode,
        target=demand.target.text,
        position=leg.position,
        market=leg.market,
        quote=priced.told(leg.position.contracts),
        contracts=contracts,
        trade_cost=priced.expected_of(contracts, as_float(leg.market.taker_fee)),
        lifeline=is_lifeline(demand),
        reason=demand.standing,
    )
