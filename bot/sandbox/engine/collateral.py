"""Coins of the wallet that are not the settle coin: what they are worth, and what of it counts as margin."""

from decimal import Decimal
from typing import TYPE_CHECKING

from bot.sandbox.engine.accounts import Account
from bot.sandbox.engine.types import ZERO

if TYPE_CHECKING:
    from bot.sandbox.engine.core import Core

ONE = Decimal(1)
DOLLARS = frozenset({"USDT", "USDC"})
"""Coins that are worth one USD here, always."""


def rate_of(core: "Core", account: Account, coin: str) -> Decimal:
    """What one of a coin is worth at its index price, in the account's settle coin; 0 without a market."""
    if coin == account.settle_coin or {coin, account.settle_coin} <= DOLLARS:
        return ONE
    market = core.markets.get(f"{coin}{account.settle_coin}") or core.markets.get(f"{coin}USD")
    return ZERO if market is None else market.index


def worth_of(core: "Core", account: Account, coin: str) -> Decimal:
    """What a coin of the wallet is worth at its index price, below 0 for debt; 0 for the settle coin."""
    if coin == account.settle_coin:
        return ZERO
    return account.wallets.get(coin, ZERO) * rate_of(core, account, coin)


def worth(core: "Core", account: Account) -> Decimal:
    """What all other coins are worth."""
    if len(account.wallets) == 1:
        return ZERO
    return sum((worth_of(core, account, coin) for coin in account.wallets), ZERO)


def as_margin(core: "Core", value: Decimal) -> Decimal:
    """What of a coin that is worth so much counts as margin; debt counts in full."""
    return value * (1 - core.terms.coin_haircut) if value > 0 else value


def margin_of(core: "Core", account: Account) -> Decimal:
    """What of all other coins counts as margin."""
    if len(account.wallets) == 1:
        return ZERO
    return sum((as_margin(core, worth_of(core, account, coin)) for coin in account.wallets), ZERO)
