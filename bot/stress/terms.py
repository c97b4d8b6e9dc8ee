"""How venues liquidate, as far as a stress follows it."""

from msgspec import Struct

from bot.errors import MisuseError


class LiquidationTerms(Struct, frozen=True):
    """What a venue closes at once, and what it takes for it.

    A unit is all cross positions, or one isolated position. While its maintenance margin reaches what stands
    behind it, the position that asks most is cut: down to its next lower tier, in the lowest one by `share`.
    """

    share: float
    """Of a position, as large as it came into its lowest tier."""
    least: float
    """USD that such a cut closes at least."""
    fee: float
    """Of what is closed, beside the taker fee."""


LIQUIDATION: dict[str, LiquidationTerms] = {"bybit": LiquidationTerms(share=0.25, least=2_000.0, fee=0.002)}
"""By ccxt id."""


def liquidation_terms(venue: str) -> LiquidationTerms:
    """Return how a venue liquidates. Raises MisuseError where that is not written down."""
    terms = LIQUIDATION.get(venue)
    if terms is None:
        known = ", ".join(sorted(LIQUIDATION))
        raise MisuseError(f"it is not known how the venue '{venue}' liquidates; known: {known}")
    return terms
