"""Our figures beside the venue's: a difference tells of a changed tier, a haircut, an unknown mode."""

from msgspec.structs import replace

from bot.model import Difference, Number, Snapshot, Target, Unknown
from bot.risk.assemble import venue_liquidation
from bot.risk.figures import number_of, price_of
from bot.risk.margin import Margins
from bot.risk.portfolio import Portfolio
from bot.risk.terms import venue_terms

TOLERANCE = 0.01
"""The distance from which two figures differ: of mark for prices, of notional for money."""


def differences(
    snapshot: Snapshot, portfolio: Portfolio, tolerance: float = TOLERANCE
) -> tuple[Difference, ...]:
    """Return the comparisons that are further apart than `tolerance`, in the order of `comparisons`."""
    return tuple(found for found in comparisons(snapshot, portfolio) if found.share > tolerance)


def comparisons(snapshot: Snapshot, portfolio: Portfolio) -> tuple[Difference, ...]:
    """Return every comparison that the snapshot allows, position by position, then the account.

    `portfolio` is `build_portfolio` of the same snapshot. Figures: mark_price (ours is the mark in use),
    maintenance_margin and liquidation_price of a position, maintenance_margin of the account. Where one
    side is unknown, it stays visible as Unknown and the share is 0: nothing is known to differ. Liquidation
    prices that are further than the bound of ours (11 times mark) are compared as if they stood on it.
    Raises MisuseError for a venue without terms.
    """
    margins = Margins(
        portfolio.holdings,
        portfolio.margin_balance,
        portfolio.maintenance_excess,
        portfolio.coins,
        portfolio.unpriced_coins,
    )
    found: list[Difference] = []
    for position in snapshot.positions:
        holding = portfolio.holding(position.key)
        if holding is None:
            continue
        target = Target(portfolio.account, position.symbol, position.side.value)
        mark = price_of(position.mark_price, f"the mark price of {position.key}")
        found.append(_compare(target, "mark_price", holding.price, mark, holding.price))
        venue = number_of(position.maintenance_margin, f"the maintenance margin of {position.key}")
        ours = holding.maintenance - holding.maintenance_excess
        found.append(_compare(target, "maintenance_margin", ours, venue, holding.notional))
        shared = margins.has_other_leg(holding)
        theirs = venue_liquidation(position, holding.price, shared)
        plain = replace(holding, liquidation_excess=0.0) if holding.liquidation_excess else holding
        price = margins.liquidation_price(plain)
        found.append(_compare(target, "liquidation_price", price, theirs, holding.price))
    if portfolio.holdings:
        found.append(_account(snapshot, portfolio))
    return tuple(found)


def _account(snapshot: Snapshot, portfolio: Portfolio) -> Difference:
    """Compare the maintenance margin of the positions that the account's own figure counts."""
    includes_isolated = venue_terms(snapshot.venue).balance_includes_isolated
    ours = gross = 0.0
    for holding in portfolio.holdings:
        gross += holding.notional
        if holding.isolated_equity is None or includes_isolated:
            ours += holding.maintenance - holding.maintenance_excess
    what = f"the maintenance margin of {portfolio.account}"
    venue = number_of(snapshot.balance.maintenance_margin, what)
    known: Number = Unknown(portfolio.gaps[0]) if portfolio.gaps else ours
    return _compare(Target(portfolio.account), "maintenance_margin", known, venue, gross)


def _compare(target: Target, figure: str, ours: Number, venue: Number, base: float) -> Difference:
    share = 0.0
    if not isinstance(ours, Unknown) and not isinstance(venue, Unknown):
        share = abs(ours - venue) / base
    return Difference(target, figure, ours, venue, share)
