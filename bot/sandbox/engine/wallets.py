"""Money between an account's two wallets: the unified one that carries positions, and the funding one."""

from decimal import Decimal

from bot.sandbox.engine import administration
from bot.sandbox.engine.core import Core
from bot.sandbox.engine.moves import WalletMove
from bot.sandbox.engine.types import ZERO, EngineRefusal, Reason

UNIFIED, FUND = "UNIFIED", "FUND"


def move(
    core: Core, account_id: str, transfer_id: str, coin: str, amount: Decimal, source: str, target: str
) -> WalletMove:
    """Move a coin from one wallet to the other (see `Engine.move_between_wallets`)."""
    account = core.account(account_id)
    if transfer_id in account.transfers:
        raise EngineRefusal(Reason.DUPLICATE_TRANSFER, f"transfer {transfer_id} was made before")
    if source == target or {source, target} - {UNIFIED, FUND}:
        raise EngineRefusal(Reason.INVALID_VALUE, f"no transfer from {source} to {target}")
    if not amount.is_finite() or amount <= 0:
        raise EngineRefusal(Reason.INVALID_VALUE, f"transfer of {amount} {coin} must be positive")
    held = account.fund.get(coin, ZERO)
    if source == FUND and amount > held:
        raise EngineRefusal(
            Reason.INSUFFICIENT_BALANCE, f"cannot move {amount} {coin}: {held} are in the funding wallet"
        )
    into_unified = amount if target == UNIFIED else -amount
    administration.transfer(core, account_id, coin, into_unified, reference=transfer_id)
    account.fund[coin] = held - into_unified
    made = WalletMove(
        transfer_id=transfer_id,
        coin=coin,
        amount=amount,
        source=source,
        target=target,
        time_ms=core.now_ms(),
    )
    account.transfers[transfer_id] = made
    return made
