"""Requests that move margin, money or a setting, and trade no position; and what a rule says of them."""

from decimal import Decimal
from enum import StrEnum

from msgspec import Struct

from bot.model.account import Side

WALLET = "wallet"
"""Stands where other requests name their symbol: money that moves between an account's wallets."""


class MarginRequest(Struct, frozen=True, tag="margin"):
    """Add margin to an isolated position, out of what is free in the account."""

    client_order_id: str
    """Names the intent in the journal; venues have no client id for it."""
    symbol: str
    position_side: Side
    position_index: int
    amount: Decimal
    """In the settle coin; positive."""
    before: Decimal
    """Margin set apart for the position when this was planned: what proves it later."""
    contracts: Decimal
    """Size of the position then: a part that is closed takes its margin along."""


class LeverageRequest(Struct, frozen=True, tag="leverage"):
    """Set the leverage of a symbol at the venue. Repeated, it changes nothing."""

    client_order_id: str
    """Names the intent in the journal."""
    symbol: str
    leverage: Decimal


class TransferRequest(Struct, frozen=True, tag="transfer"):
    """Move a coin out of the derivatives wallet into the funding wallet of the same account."""

    client_order_id: str
    """The venue's own id of the transfer is made of it: it takes each id once."""
    coin: str
    amount: Decimal

    @property
    def symbol(self) -> str:
        """What waits for it: the wallet."""
        return WALLET


class ConvertRequest(Struct, frozen=True, tag="convert"):
    """Sell a coin of the wallet for a stablecoin: an immediate-or-cancel order on the spot market."""

    client_order_id: str
    symbol: str
    """Unified spot symbol, for example BTC/USDT."""
    coin: str
    stable: str
    amount: Decimal
    """Coins to sell; fits the market's step."""
    price: Decimal
    """Least price."""
    worth: Decimal
    """What the venue valued one coin at: what was given up is told against it."""


PositionMove = MarginRequest | LeverageRequest
"""Proven by what the position shows afterwards."""

WalletMove = TransferRequest | ConvertRequest
"""Looked up by an id of ours."""

Move = PositionMove | WalletMove


class Stable(StrEnum):
    """Coins that count as one USD."""

    USDT = "USDT"
    USDC = "USDC"


class Wallet(StrEnum):
    """Where secured money goes."""

    FUND = "fund"


class Keep(Struct, frozen=True):
    """Money that always stays: an amount in USD, or a share of equity."""

    usd: float = 0.0
    share: float = 0.0

    def amount(self, equity: float) -> float:
        """Return what stays, in USD."""
        return max(self.usd, self.share * equity)


class MarginTerms(Struct, frozen=True):
    """How a rule lets margin be added."""

    max_share: float = 0.3
    """Largest share of the free margin that one cycle may add."""
    max_per_day: float | None = None
    """USD; None is no bound of the rule's own."""
    keep: Keep = Keep(share=0.05)
    """Free margin that stays, so that everything else in the account keeps room."""


class SecureTerms(Struct, frozen=True):
    """What a rule lets be moved out of reach of the positions."""

    keep: Keep
    """Free margin that stays."""
    to: Wallet = Wallet.FUND
    convert: bool = False
    """Whether other coins are sold for the stablecoin first."""
    stable: Stable = Stable.USDT
    max_per_day: float | None = None
    """USD moved out in a day; None is no bound of the rule's own."""
    max_slippage: float = 0.005
    """Least price of a conversion, below what the venue values the coin at, as a fraction."""


class MoveTerms(Struct, frozen=True):
    """How a rule's actions that are not orders are carried out."""

    margin: MarginTerms = MarginTerms()
    leverage_to: float = 0.0
    """For `lower_leverage`; 0 where the rule does not lower it."""
    secure: SecureTerms | None = None
