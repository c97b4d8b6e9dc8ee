"""Expiry: what is in the money is exercised by itself and paid in cash, the rest is gone."""

from decimal import Decimal

from bot.sandbox.engine.accounts import Account
from bot.sandbox.engine.core import Core, money
from bot.sandbox.engine.options.contracts import OptionContract
from bot.sandbox.engine.options.fills import OptionFill, books_of, fill, save, tell
from bot.sandbox.engine.options.holdings import Holding, OptionBooks
from bot.sandbox.engine.options.orders import end, option_order
from bot.sandbox.engine.options.values import Delivery
from bot.sandbox.engine.types import CancelCause, ExecutionKind, OrderRequest, Origin, Side


def deliver(core: Core, contract: OptionContract, settlement: Decimal) -> None:
    """Settle a contract in every account: its orders end, and what is held becomes cash or nothing."""
    for account in core.accounts.values():
        if account.options is not None:
            _end_orders(core, account.options, contract)
            holding = account.options.holdings.get(contract.symbol)
            if holding is not None and holding.qty:
                _settle(core, account, holding, settlement)


def _end_orders(core: Core, books: OptionBooks, contract: OptionContract) -> None:
    for order in [one for one in books.orders.values() if one.symbol == contract.symbol]:
        end(core, order, CancelCause.EXPIRED)


def _settle(core: Core, account: Account, holding: Holding, settlement: Decimal) -> None:
    contract = holding.contract
    qty, entry, payoff = holding.qty, holding.entry_price, contract.payoff(settlement)
    fee = money(qty * contract.fee_at_delivery(settlement))
    request = OrderRequest(symbol=contract.symbol, side=Side.SELL, qty=qty, reduce_only=True)
    order = option_order(core, account.account_id, request, qty, last=payoff, origin=Origin.ADMIN)
    what = OptionFill(
        order=order, qty=qty, price=payoff, fee=fee, is_maker=False, kind=ExecutionKind.DELIVERY
    )
    save(core, fill(core, what))
    books_of(account).deliveries.append(
        Delivery(
            contract=contract,
            side=Side.SELL,
            qty=qty,
            entry_price=entry,
            settlement=settlement,
            fee=fee,
            realised_pnl=money(qty * (payoff - entry)) - fee,
            time_ms=contract.expiry_ms,
        )
    )
    tell(core, account, holding)
