"""What open hedges are worth and what holding them costs, for people."""

from collections.abc import Iterable
from decimal import Decimal

from msgspec import Struct

from bot.model import Hedge, Number, Snapshot, Unknown
from bot.risk.figures import number_of

PAYMENTS_A_DAY = 3
"""Funding is taken to be paid every 8 hours."""


class HedgeShown(Struct, frozen=True):
    """One hedge as it stands."""

    key: str
    """Key of its position."""
    parent: str
    """Key of the position that it hedges."""
    rule: str
    episode: str
    contracts: Decimal
    pending: Decimal
    notional: Number
    """USD at mark; of an option what it is worth."""
    funding_a_day: Number
    """USD that it pays in a day at the rate in force; negative where it earns."""
    orphan: bool
    """Whether its parent is gone."""


def shown_hedges(hedges: Iterable[Hedge], snapshot: Snapshot) -> tuple[HedgeShown, ...]:
    """Return every hedge that is open, or may be."""
    return tuple(_shown(lot, snapshot) for lot in hedges if lot.most)


def funding_paid(hedges: Iterable[Hedge], snapshot: Snapshot) -> Number:
    """Return what hedges pay for funding in a day, in USD; one that earns takes nothing off what others pay.

    Unknown where the rate of one is.
    """
    paid = 0.0
    for one in shown_hedges((lot for lot in hedges if lot.contracts), snapshot):
        if isinstance(one.funding_a_day, Unknown):
            return one.funding_a_day
        paid += max(one.funding_a_day, 0.0)
    return paid


def _shown(lot: Hedge, snapshot: Snapshot) -> HedgeShown:
    prices, market = snapshot.marks.get(lot.symbol), snapshot.markets.get(lot.symbol)
    notional: Number = Unknown(f"prices of {lot.symbol} are not known")
    funding: Number = notional
    if prices is not None and market is not None:
        mark = number_of(prices.mark, f"the mark price of {lot.symbol}")
        rate = number_of(prices.funding_rate, f"the funding rate of {lot.symbol}")
        coins = float(lot.contracts * market.contract_size)
        notional = mark if isinstance(mark, Unknown) else coins * mark
        funding = rate
        if not isinstance(rate, Unknown):
            paid = lot.side.sign * rate * PAYMENTS_A_DAY
            funding = notional if isinstance(notional, Unknown) else paid * notional
    option = snapshot.option(lot.key)
    if option is not None:
        price = number_of(option.quote.mark, f"the mark price of {lot.symbol}")
        coins = float(lot.contracts * option.market.contract_size)
        notional, funding = price if isinstance(price, Unknown) else coins * price, 0.0
    return HedgeShown(
        key=lot.key,
        parent=lot.parent,
        rule=lot.rule,
        episode=lot.episode,
        contracts=lot.contracts,
        pending=lot.pending,
        notional=notional,
        funding_a_day=funding,
        orphan=snapshot.position(lot.parent) is None,
    )
