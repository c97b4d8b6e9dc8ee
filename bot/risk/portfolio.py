"""The account as numbers: what every metric, closed form and shock is computed from."""

from datetime import datetime
from functools import cached_property

from msgspec import Struct

from bot.model import Number, Right, Side, Unknown, position_key


class Bracket(Struct, frozen=True):
    """MM(v) = max over brackets of rate * v - deduction; the fee to close is inside.

    v is `Holding.value`, as price moves it. Of an inverse position the rates are 0 or below: what it needs is
    set by its contracts, and each tier's deduction, in coins, is worth more as price rises.

    The brackets of a holding ascend in rate and form an upper envelope: as v grows, each is the largest
    once and never again (`bot.risk.margin.brackets_of` makes them so).
    """

    floor: float
    rate: float
    deduction: float


class Coin(Struct, frozen=True):
    """A coin of the wallet that moves with the market. Money in USD, below 0 for debt."""

    base: str
    worth: float
    """Its part of equity, unrealised profit that is settled in it included."""
    margin: float
    """Its part of the margin balance: worth less the venue's haircut."""
    beta: float
    residual: float

    @property
    def key(self) -> str:
        """Name of its price among moves."""
        return self.base + "#coin"


class OptionHolding(Struct, frozen=True):
    """What is held of one option. Money in USD, prices for one coin."""

    symbol: str
    base: str
    side: Side
    right: Right
    coins: float
    """Positive; the side says whether they were bought."""
    strike: float
    years: float
    """To expiry."""
    vol: float
    """A fraction a year; 0 where it is not known, which counts on exercise alone."""
    forward: float
    worth: float
    beta: float
    """Of its base."""
    residual: float

    @property
    def key(self) -> str:
        """Identity of the position inside its account."""
        return position_key(self.symbol, self.side)


class Holding(Struct, frozen=True, dict=True):
    """One position with everything known that its mathematics needs. Money in USD."""

    symbol: str
    base: str
    side: Side
    size: float
    """Coins, positive (q): of an inverse position those that it moves like from the snapshot's mark on."""
    price: float
    """Mark price (p)."""
    notional: float
    """What is at stake, in USD (N): q p, and the contracts of an inverse position whatever the price."""
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
    inverse: bool = False

    @property
    def value(self) -> float:
        """USD that it gains or loses with a move of 100 %: q p; of an inverse one N until its price moves."""
        return self.size * self.price if self.inverse else self.notional

    def asked(
        self, notional: float, factor: float, first: int = 0, last: int | None = None
    ) -> list[tuple[float, float]]:
        """Return each bracket's line at a notional of less contracts, with price `factor` times as high.

        Slope in USD a USD of notional, and the maintenance margin that the line gives there. `first` and
        `last` are places of brackets: only these, `last` not included.
        """
        brackets = self.brackets[first:last]
        if not self.inverse:
            value = notional * factor
            return [(one.rate * factor, one.rate * value - one.deduction) for one in brackets]
        lines: list[tuple[float, float]] = []
        for one in brackets:
            slope = -one.deduction / self.notional
            lines.append((slope, slope * notional + one.rate * self.value * factor))
        return lines

    @cached_property
    def key(self) -> str:
        """Identity of the position inside its account."""
        return position_key(self.symbol, self.side)

    @cached_property
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
    """With gaps, or coins of unknown worth: what of the margin balance may at least be counted on, in USD
    (`bot.risk.floor`)."""
    available: Number = Unknown("the free margin was not read")
    """Free margin in USD, as the venue states it."""
    coins: tuple[Coin, ...] = ()
    """Coins of the wallet that move with the market."""
    unpriced: str = ""
    """Why the worth of a coin or an option is not known; '' where none is."""
    unpriced_coins: dict[str, str] = {}
    """The same of coins, by name."""
    options: tuple[OptionHolding, ...] = ()
    """Options of the account, where they were read: no margin counts on them."""

    @property
    def hidden(self) -> Unknown | None:
        """Why a move of the market cannot be followed through the whole account; None where it can."""
        if self.gaps:
            return Unknown(self.gaps[0])
        return Unknown(self.unpriced) if self.unpriced else None

    def holding(self, key: str) -> Holding | None:
        """Find a holding by position key."""
        return self._by_key.get(key)

    @cached_property
    def _by_key(self) -> dict[str, Holding]:
        return {holding.key: holding for holding in reversed(self.holdings)}
