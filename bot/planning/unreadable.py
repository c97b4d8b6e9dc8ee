"""What protective stops are told of an account of which not everything could be read."""

from bot.risk.floor import MOST_OF_ROOM, RESERVE_SHARE
from bot.risk.portfolio import Portfolio


def unreadable(portfolio: Portfolio) -> list[tuple[str, str, str]]:
    """Return item, code and reason for each position without a stop, and for coins that nobody can value."""
    assumed = counted = ""
    if isinstance(portfolio.margin_floor, float):
        assumed = (
            "; until it can be read, stops that others lack are placed as if it lost "
            f"{RESERVE_SHARE:.0%} of its notional (at most {MOST_OF_ROOM:.0%} of the room)"
        )
        counted = f"; until it is, missing stops are placed as if {MOST_OF_ROOM:.0%} of the room were gone"
    positions = [(key, "unprotected", f"{why}{assumed}") for key, why in sorted(portfolio.missing.items())]
    coins = sorted(portfolio.unpriced_coins.items())
    return positions + [(coin, "coin_unpriced", f"{why}{counted}") for coin, why in coins]
