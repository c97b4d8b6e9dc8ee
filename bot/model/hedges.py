"""Hedges: positions that the guard opened against others, and what ties them to those."""

from datetime import datetime
from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace

from bot.model.account import Side, position_key
from bot.model.options import Right, option_base
from bot.model.orders import OrderRequest

ZERO = Decimal(0)


class OptionTerms(Struct, frozen=True):
    """Which options a rule lets positions be hedged with. Shares are fractions."""

    protect_below: float = 0.2
    """How far the price may go against the position before the strike is reached."""
    min_days: int = 14
    """Days that an option must have left when it is bought; it is replaced once half of them are."""
    max_premium: float = 0.02
    """Largest share of equity that the options of a rule may have cost, fees included."""

    @property
    def max_days(self) -> int:
        """Days that an option may have left at most: time beyond the need is paid for, too."""
        return 3 * self.min_days


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
    perp: bool = True
    """Whether a perpetual may hedge."""
    put: OptionTerms | None = None
    """Whether puts may stand against long positions, and which."""
    call: OptionTerms | None = None
    """Whether calls may stand against short positions, and which."""

    def options(self, right: Right) -> OptionTerms | None:
        """Return the terms of one right; None where the rule does not permit it."""
        return self.put if right is Right.PUT else self.call


class HedgeLink(Struct, frozen=True):
    """What an order of a hedge belongs to. The step's rule and episode are those that opened it."""

    parent: str
    """Key of the position that is hedged."""
    parent_contracts: Decimal
    """Its size when the order was planned; 0 where it is gone."""
    held: Decimal
    """Contracts of the hedge's position when the order was planned: all of them are hedges of the guard."""
    stop: float
    parent_left: Decimal | None = None
    """What stays of it after the trims of the plan, for an order that takes off; None where not told."""


class Hedge(Struct, frozen=True):
    """What one rule opened against one position, as the journal's orders add up."""

    symbol: str
    side: Side
    position_index: int
    parent: str
    rule: str
    episode: str
    """The one in which something of it was opened last."""
    contracts: Decimal
    ratio: Decimal
    """Contracts of it for one contract of its parent, when it was opened last; less where it was taken off
    since, and its parent was not."""
    opened_at: datetime
    stop: float
    pending: Decimal = ZERO
    """Contracts of an order to open more, of which nobody knows yet how much was filled."""
    lost_at: datetime | None = None
    """When others closed it or a part of it: its owner, the venue, its own stop."""

    @property
    def is_option(self) -> bool:
        """Whether it is an option, and no perpetual."""
        return option_base(self.symbol) is not None

    @property
    def key(self) -> str:
        """Key of the position that it is, or is a part of."""
        return position_key(self.symbol, self.side)

    @property
    def name(self) -> tuple[str, str, str]:
        """Identity of the hedge inside its account."""
        return self.key, self.parent, self.rule

    @property
    def most(self) -> Decimal:
        """Contracts that may be open: those that are, and those that may be."""
        return self.contracts + self.pending

    def more(self, contracts: Decimal, link: HedgeLink, episode: str, at: datetime) -> "Hedge":
        """Return it with contracts that were opened."""
        held = self.contracts + contracts
        ratio = held / link.parent_contracts
        return replace(self, episode=episode, contracts=held, ratio=ratio, opened_at=at, stop=link.stop)

    def less(self, contracts: Decimal, link: HedgeLink) -> "Hedge":
        """Return it without contracts that were taken off; its ratio falls where its parent stays larger."""
        left = max(self.contracts - contracts, ZERO)
        ratio = min(self.ratio, left / link.parent_left) if link.parent_left else self.ratio
        return replace(self, contracts=left, ratio=ratio)


def begun(request: OrderRequest, link: HedgeLink, rule: str, episode: str, at: datetime) -> Hedge:
    """Return the hedge that an order opens, before anything of it is open."""
    return Hedge(
        symbol=request.symbol,
        side=request.position_side,
        position_index=request.position_index,
        parent=link.parent,
        rule=rule,
        episode=episode,
        contracts=ZERO,
        ratio=ZERO,
        opened_at=at,
        stop=link.stop,
    )
