"""What must be shown beside what is held, because rules may hedge with it."""

from bot.model import Hedge
from bot.rules.ruleset import RuleSet


def hedging_symbols(rules: RuleSet, reference: str) -> frozenset[str]:
    """Return the perpetuals that rules may hedge with, to be shown although nothing may be held there."""
    return frozenset(
        rule.hedge.symbol or reference for rule in rules.rules if rule.hedge is not None and rule.hedge.perp
    )


def buys_options(rules: RuleSet, hedges: tuple[Hedge, ...] = ()) -> bool:
    """Whether options may be bought, or are held as hedges: then snapshots show them."""
    terms = [rule.hedge for rule in rules.rules if rule.hedge is not None]
    return any(one.put or one.call for one in terms) or any(lot.is_option for lot in hedges)
