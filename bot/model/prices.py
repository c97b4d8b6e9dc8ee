"""Which prices are believed."""

from msgspec import Struct


class PriceTerms(Struct, frozen=True):
    """When a mark price is believed, beside its age. Fractions."""

    band: float = 0.05
    """Largest distance from the other prices of the symbol."""
    jump: float = 0.10
    """Largest move within a minute that nothing else confirms."""
    confirmations: int = 3
    """Looks, one after the other and agreeing, after which a price that is apart is believed."""
    waive_at: float = 0.6
    """Margin ratio, by the venue's own figures, from which on nothing waits."""
