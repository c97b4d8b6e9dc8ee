"""From demands' amounts to orders: one a position, under the rule that asked most of it."""

from decimal import Decimal

from bot.planning.book import Leg, Priced
from bot.planning.caps import Draft
from bot.planning.costs import average
from bot.planning.drafting import Drawing, Outcome, is_lifeline
from bot.planning.request import PlanRequest
from bot.planning.rounding import largest


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
        draft = _draft(leg, drawing.outcomes[index], drawing.book.request)
        if draft.contracts < leg.taken:
            short.add(leg.key)
        found.append((index, draft))
    found.sort(key=lambda entry: (entry[0], entry[1].key))
    return tuple(draft for _, draft in found), frozenset(short)


def _expected(leg: Leg, priced: Priced, contracts: Decimal, request: PlanRequest) -> float:
    """Cost of one USD of an order, by the order book where it was read."""
    holding, market = leg.holding, leg.market
    if holding is None or market is None:
        return priced.expected
    usd = holding.notional * float(contracts / leg.position.contracts)
    book = average(holding, holding.side, float(market.taker_fee), usd, request)
    return priced.expected + book - holding.trade_cost


def _draft(leg: Leg, outcome: Outcome, request: PlanRequest) -> Draft:
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
        quote=priced.quote,
        contracts=contracts,
        trade_cost=_expected(leg, priced, contracts, request),
        lifeline=is_lifeline(demand),
        reason=demand.standing,
    )
