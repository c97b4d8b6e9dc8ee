"""Coins of the wallet that are not the settle coin: what they are worth, and what of it counts as margin."""

from decimal import Decimal
from typing import TYPE_CHECKING

from bot.sandbox.engine.accounts import Account
from bot.sandbox.engine.types import ZERO

if TYPE_CHECKING:
    from bot.sandbox.engine.core import Core


def worth_of(core: "Core", account: Account, coin: str) -> Decimal:
    """What a coin of the wallet is worth at its index price; 0 for one without a market, and for debt."""
    market = core.markets.get(f"{coin}{account.settle_coin}")
    if coin == account.settle_coin or market is None:
        return ZERO
    return max(ZERO, account.wallets.get(coin, ZERO)) * market.index


def worth(core: "Core", account: Account) -> Decimal:
    """What all other coins are worth."""
    if len(account.wallets) == 1:
        return ZERO
    return sum((worth_of(core, account, coin) for coin in account.wallets), ZERO)


def as_margin(core: "Core", value: Decimal) -> Decimal:
    """What of coins that are worth so much counts as margin."""
    return value * (1 - core.terms.coin_haircut)
