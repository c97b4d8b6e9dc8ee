"""How venues differ in margin: flags that the mathematics asks for."""

from msgspec import Struct

from bot.errors import MisuseError


class VenueTerms(Struct, frozen=True):
    """What a venue counts, and when."""

    close_fee_in_maintenance: bool
    """Whether maintenance margin holds the estimated taker fee to close."""
    releases_isolated_margin: bool
    """Whether a partial close of an isolated position frees its margin pro rata."""
    balance_includes_isolated: bool
    """Whether the account's margin balance and maintenance margin count isolated positions too."""


VENUE_TERMS: dict[str, VenueTerms] = {
    "bybit": VenueTerms(
        close_fee_in_maintenance=True, releases_isolated_margin=True, balance_includes_isolated=True
    ),
}
"""Terms by ccxt id. Bybit: unified trading account, from its help pages on maintenance margin."""


def venue_terms(venue: str) -> VenueTerms:
    """Return the terms of a venue.

    Raises MisuseError where the venue's terms are not written down.
    """
    terms = VENUE_TERMS.get(venue)
    if terms is None:
        raise MisuseError(
            f"no margin terms are known for the venue '{venue}'; known: {', '.join(sorted(VENUE_TERMS))}"
        )
    return terms
