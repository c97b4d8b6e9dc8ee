"""Hedges: positions that the guard opened against others, and what ties them to those."""

from datetime import datetime
from decimal import Decimal

from msgspec import Struct

from bot.model.account import Side, position_key

ZERO = Decimal(0)


class HedgeTerms(Struct, frozen=True):
    """How a rule lets positions be hedged. Shares are fractions."""

    symbol: str = ""
    """The perpetual that hedges; '' is the reference market, in hedge mode the other leg of the same
    symbol."""
    max_share: float = 0.5
    """Largest share of the parent's notional that its hedges of this rule may have."""
    horizon_seconds: float = 86_400.0
    """How long a hedge is expected to be held: what its funding is reckoned over."""
    max_slippage: float = 0.005
    """Largest distance of a fill from mark and from index when it is opened."""
    stop: float = 0.1
    """How far the market may move against a hedge before its own stop closes it, from its entry."""


class HedgeLink(Struct, frozen=True):
    """What an order of a hedge belongs to. The step's rule and episode are those that opened it."""

    parent: str
    """Key of the position that is hedged."""
    parent_contracts: Decimal
    """Its size when the order was planned; 0 where it is gone."""
    held: Decimal
    """Contracts of the hedge's position when the order was planned: all of them are hedges of the guard."""
    stop: float


class Hedge(Struct, frozen=True):
    """What one rule opened in one episode against one position, as the journal's orders add up."""

    symbol: str
    side: Side
    position_index: int
    parent: str
    rule: str
    episode: str
    contracts: Decimal
    ratio: Decimal
    """Contracts of it for one contract of its parent, when it was opened last."""
    opened_at: datetime
    stop: float
    pending: Decimal = ZERO
    """Contracts of an order to open more, of which nobody knows yet how much was filled."""
    lost_at: datetime | None = None
    """When others closed it or a part of it: its owner, the venue, its own stop."""

    @property
    def key(self) -> str:
        """Key of the position that it is, or is a part of."""
        return position_key(self.symbol, self.side)

    @property
    def name(self) -> tuple[str, str, str, str]:
        """Identity of the hedge inside its account."""
        return self.key, self.parent, self.rule, self.episode

    @property
    def most(self) -> Decimal:
        """Contracts that may be open: those that are, and those that may be."""
        return self.contracts + self.pending
