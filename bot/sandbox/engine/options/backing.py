"""What an account's options are worth, and what its resting orders for options keep back."""

from decimal import Decimal
from typing import TYPE_CHECKING

from bot.sandbox.engine import collateral
from bot.sandbox.engine.accounts import Account
from bot.sandbox.engine.types import ZERO, Order, Side

if TYPE_CHECKING:
    from bot.sandbox.engine.core import Core


def worth(core: "Core", account: Account) -> Decimal:
    """What all options are worth at their marks, in the account's settle coin."""
    if account.options is None:
        return ZERO
    coins = {one.contract.settle for one in account.options.held()}
    each = (worth_in(core, account, coin) * collateral.rate_of(core, account, coin) for coin in coins)
    return sum(each, ZERO)


def worth_in(core: "Core", account: Account, coin: str) -> Decimal:
    """What the options that settle in a coin are worth, in that coin."""
    if account.options is None:
        return ZERO
    held = (one for one in account.options.held() if one.contract.settle == coin)
    return sum((one.qty * core.chains.mark(one.contract) for one in held), ZERO)


def credited(core: "Core", account: Account) -> Decimal:
    """What of that counts as margin balance."""
    return worth(core, account) * core.chains.credit if core.chains.credit else ZERO


def reserved(core: "Core", account: Account) -> Decimal:
    """The premiums and fees that resting orders may come to, in the account's settle coin."""
    if account.options is None or not account.options.orders:
        return ZERO
    coins = {settle_of(core, order) for order in account.options.orders.values()}
    each = (reserved_in(core, account, coin) * collateral.rate_of(core, account, coin) for coin in coins)
    return sum(each, ZERO)


def reserved_in(core: "Core", account: Account, coin: str) -> Decimal:
    """The same of the orders that settle in one coin, in that coin."""
    if account.options is None or not account.options.orders:
        return ZERO
    buying = (one for one in account.options.orders.values() if one.side is Side.BUY)
    costs = (
        cost(core, one.symbol, one.leaves_qty, one.price or ZERO)
        for one in buying
        if settle_of(core, one) == coin
    )
    return sum(costs, ZERO)


def cost(core: "Core", symbol: str, qty: Decimal, price: Decimal) -> Decimal:
    """What a quantity costs at a price, the taker fee included."""
    contract = core.chains.contract(symbol)
    return qty * (price + contract.fee(price, core.chains.index(contract.base), maker=False))


def settle_of(core: "Core", order: Order) -> str:
    """The coin that an order's contract settles in."""
    return core.chains.contract(order.symbol).settle
