"""The options of one account's venue: which are listed, what they are quoted at, and what is held of them."""

from datetime import datetime, timedelta

from msgspec import Struct

from bot.clock import Clock
from bot.exchange.errors import GatewayError
from bot.exchange.parts import CurrencyOf, OptionListing, Profile
from bot.exchange.reading import Reads
from bot.model import Chain, Market, OptionPosition, option_base

MAX_AGE = timedelta(hours=1)
"""For so long a list of contracts serves: new days are listed about once a day."""


class Held(Struct, frozen=True):
    """What is held of options, or why that is not known."""

    options: tuple[OptionPosition, ...] = ()
    read: bool = False
    unread: str = ""


class OptionDesk:
    """Reads options where they are asked for, apart from everything else."""

    def __init__(self, venue: Profile, currency_of: CurrencyOf, clock: Clock) -> None:
        self._venue = venue
        self._currency_of = currency_of
        self._clock = clock
        self._listings: dict[str, tuple[OptionListing, datetime]] = {}
        self.wanted = False
        """Whether snapshots show what is held."""

    async def held(self, reads: Reads) -> Held:
        """Read what is held, where that is wanted. What cannot be read never holds up a snapshot."""
        if not self.wanted:
            return Held()
        try:
            found = await self._venue.held_options(reads, lambda base: self._listing(reads, base))
        except GatewayError as error:
            return Held((), True, str(error))
        return Held(found, True)

    async def chain(self, reads: Reads, base: str) -> Chain:
        """Read the options of a base with their quotes. Raises GatewayError."""
        return await self._venue.chain(reads, base, await self._listing(reads, base))

    async def market(self, reads: Reads, symbol: str) -> Market | None:
        """Return what orders need to know of an option; None where it is not listed. Raises GatewayError."""
        base = option_base(symbol)
        if base is None:
            return None
        found = (await self._listing(reads, base)).markets.get(symbol)
        return None if found is None else found.market

    async def _listing(self, reads: Reads, base: str) -> OptionListing:
        """Return the contracts of a base, read anew where they are old; while that fails the old ones
        serve."""
        now = self._clock.now()
        known = self._listings.get(base)
        if known is not None and now - known[1] < MAX_AGE:
            return known[0]
        try:
            listing = await self._venue.option_listing(reads, base, self._currency_of)
        except GatewayError:
            if known is None:
                raise
            return known[0]
        self._listings[base] = (listing, now)
        return listing
