"""Whether an account can pay a premium. Nothing is borrowed: the coin that is asked for must be there."""

from decimal import Decimal

from bot.sandbox.engine import margin
from bot.sandbox.engine.accounts import Account
from bot.sandbox.engine.core import Core
from bot.sandbox.engine.options import backing
from bot.sandbox.engine.options.contracts import OptionContract
from bot.sandbox.engine.types import ZERO, EngineRefusal, Order, OrderKind, OrderRequest, Reason


def check(core: Core, account: Account, contract: OptionContract, request: OrderRequest) -> None:
    """Refuse (INSUFFICIENT_BALANCE) an order to buy whose premium and fee the account cannot pay.

    A limit order counts at its price; a market order at what it would meet in the book.
    """
    needed = _cost(core, contract, request)
    there = spendable(core, account, contract.settle)
    if needed > there:
        raise EngineRefusal(
            Reason.INSUFFICIENT_BALANCE,
            f"{request.qty} {contract.symbol} cost {needed:.8f} {contract.settle}, "
            f"of which {max(ZERO, there):.8f} are free",
        )


def is_there(core: Core, account: Account, order: Order, qty: Decimal) -> bool:
    """Whether a resting order to buy can still be paid without what others keep back; a sale always can."""
    if order.side.sign < 0:
        return True
    settle = backing.settle_of(core, order)
    kept, own = (
        backing.cost(core, order.symbol, one, order.price or ZERO) for one in (order.leaves_qty, qty)
    )
    return own <= spendable(core, account, settle) + kept


def spendable(core: Core, account: Account, coin: str) -> Decimal:
    """What of a coin may be spent: it is in the wallet, and no position or resting order needs it."""
    sums, reserved = margin.figures(core, account), backing.reserved_in(core, account, coin)
    held = account.wallets.get(coin, ZERO) - reserved
    if coin == account.settle_coin:
        return min(sums.free, held - sums.isolated_margin)
    as_margin = 1 - core.terms.coin_haircut
    return min(held, sums.free / as_margin) if account.held else held


def _cost(core: Core, contract: OptionContract, request: OrderRequest) -> Decimal:
    if request.kind is OrderKind.LIMIT:
        return backing.cost(core, contract.symbol, request.qty, request.price or ZERO)
    left, cost = request.qty, ZERO
    for level in core.chains.levels(contract, request.side):
        qty = min(left, level.qty)
        cost += backing.cost(core, contract.symbol, qty, level.price)
        left -= qty
    return cost
