"""The account as numbers: what every metric, closed form and shock is computed from."""

from datetime import datetime
from functools import cached_property

from msgspec import Struct

from bot.model import Number, Side, Unknown, position_key


class Bracket(Struct, frozen=True):
    """MM(v) = max over brackets of rate * v - deduction; the fee to close is inside `rate`.

    The brackets of a holding ascend in rate and form an upper envelope: as v grows, each is the largest
    once and never again (`bot.risk.margin.brackets_of` makes them so).
    """

    floor: float
    rate: float
    deduction: float


class Holding(Struct, frozen=True):
    """One position with everything known that its mathematics needs. Money in USD."""

    symbol: str
    base: str
    side: Side
    size: float
    """Coins, positive (q)."""
    price: float
    """Mark price (p)."""
    notional: float
    """q p (N)."""
    isolated_equity: float | None
    """Isolated wallet plus own unrealised PnL; None in cross margin."""
    brackets: tuple[Bracket, ...]
    maintenance: float
    """Maintenance margin: the worse of the recomputed and the venue's."""
    maintenance_excess: float
    """What the venue asks above the recomputed figure, never below 0; carried through shocks."""
    liquidation_price: Number
    """The worse (nearer to mark) of the recomputed and the venue's.

    0 for a long that no fall liquidates; a short's is at most 11 times mark (`margin.DISTANCE_BOUND`).
    At or past mark (a distance of 0 or less) it is liquidated already.
    """
    beta: float
    residual: float
    trade_cost: float
    """c: half spread, taker fee and impact for one USD traded."""
    releases_margin: bool
    """Whether an isolated partial close frees margin pro rata."""
    liquidation_excess: float = 0.0
    """USD of margin by which the venue liquidates earlier than the recomputed price, never below 0."""

    @property
    def key(self) -> str:
        """Identity of the position inside its account."""
        return position_key(self.symbol, self.side)

    @property
    def sign(self) -> int:
        """+1 long, -1 short (s)."""
        return self.side.sign


class Portfolio(Struct, frozen=True, dict=True):
    """All positions of an account. Where a part could not be known, `gaps` says which and why.

    A gap makes every figure of the account that would need it unknown; positions that are known stay usable.
    """

    account: str
    at: datetime
    holdings: tuple[Holding, ...]
    equity: Number
    margin_balance: Number
    """Cross margin balance with unrealised PnL of cross positions (M)."""
    maintenance_excess: float
    """What the venue's account figure asks above the sum over positions, never below 0."""
    reference: str
    """Base currency that betas refer to."""
    gaps: tuple[str, ...]
    missing: dict[str, str] = {}
    """Positions that are open but could not be read: key -> why. They are no holdings; each is also a gap."""
    reference_price: float | None = None
    """Mark price of the reference market in the snapshot; None where the snapshot has none."""
    margin_floor: Number | None = None
    """With gaps: what of the margin balance may at least be counted on, in USD (`bot.risk.floor`)."""
    available: Number = Unknown("the free margin was not read")
    """Free margin in USD, as the venue states it."""

    def holding(self, key: str) -> Holding | None:
        """Find a holding by position key."""
        return self._by_key.get(key)

    @cached_property
    def _by_key(self) -> dict[str, Holding]:
        return {holding.key: holding for holding in reversed(self.holdings)}
