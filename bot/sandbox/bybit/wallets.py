"""Transfers between the wallets of one account: /v5/asset/transfer/*."""

import uuid
from typing import Any

from bot.sandbox.bybit.envelope import BybitError
from bot.sandbox.bybit.formats import number
from bot.sandbox.bybit.pages import page
from bot.sandbox.bybit.params import Params
from bot.sandbox.engine.exchange import Engine
from bot.sandbox.engine.moves import WalletMove
from bot.sandbox.engine.types import AccountInfo
from bot.sandbox.engine.wallets import FUND, UNIFIED

WALLETS = {UNIFIED: UNIFIED, FUND: FUND}


def transfer(engine: Engine, account: AccountInfo, params: Params) -> dict[str, Any]:
    """/v5/asset/transfer/inter-transfer: each transferId, a UUID, is taken once."""
    transfer_id = params.required("transferId")
    try:
        uuid.UUID(transfer_id)
    except ValueError:
        raise BybitError(131203, "Request parameter error: transferId is no UUID.") from None
    made = engine.move_between_wallets(
        account.account_id,
        transfer_id,
        params.required("coin"),
        params.required_decimal("amount"),
        params.required_choice("fromAccountType", WALLETS),
        params.required_choice("toAccountType", WALLETS),
    )
    return {"transferId": made.transfer_id, "status": "SUCCESS"}


def transfers(engine: Engine, account: AccountInfo, params: Params) -> dict[str, Any]:
    """/v5/asset/transfer/query-inter-transfer-list; newest first."""
    wanted, coin, status = params.text("transferId"), params.text("coin"), params.text("status", "SUCCESS")
    start, end = params.window()
    found = [
        one
        for one in engine.wallet_moves(account.account_id)
        if wanted in ("", one.transfer_id) and coin in ("", one.coin) and start <= one.time_ms <= end
    ]
    chosen = found if status == "SUCCESS" else []
    shown, cursor = page(chosen, _key, params.text("cursor"), params.limit(20, 50), descending=True)
    return {"list": [_row(one) for one in shown], "nextPageCursor": cursor}


def coins_balance(engine: Engine, account: AccountInfo, params: Params) -> dict[str, Any]:
    """/v5/asset/transfer/query-account-coins-balance: the funding wallet."""
    kind, coin = params.required("accountType"), params.text("coin")
    if kind != FUND:
        raise BybitError(10001, "accountType only support FUND here.")
    rows = [
        {"coin": name, "walletBalance": number(held), "transferBalance": number(held), "bonus": "0"}
        for name, held in sorted(engine.fund(account.account_id).items())
        if coin in ("", name)
    ]
    return {"memberId": account.account_id, "accountType": kind, "balance": rows}


def _key(one: WalletMove) -> str:
    return f"{one.time_ms:013d},{one.transfer_id}"


def _row(one: WalletMove) -> dict[str, Any]:
    return {
        "transferId": one.transfer_id,
        "coin": one.coin,
        "amount": number(one.amount),
        "fromAccountType": one.source,
        "toAccountType": one.target,
        "timestamp": str(one.time_ms),
        "status": "SUCCESS",
    }
