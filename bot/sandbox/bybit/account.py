"""The account, its wallet and its keys: /v5/account/*, /v5/user/*, /v5/asset/*."""

from typing import Any

from bot.sandbox.bybit import options, words
from bot.sandbox.bybit.codes import translate
from bot.sandbox.bybit.contracts import CATEGORIES, OPTION, category_of, in_contracts, of_category
from bot.sandbox.bybit.envelope import BybitError
from bot.sandbox.bybit.formats import number
from bot.sandbox.bybit.pages import page
from bot.sandbox.bybit.params import Params
from bot.sandbox.bybit.views import wallet_row
from bot.sandbox.engine.exchange import Engine
from bot.sandbox.engine.instruments import Instrument
from bot.sandbox.engine.types import AccountInfo, EngineRefusal, LogEntry, LogKind

SET_MARGIN_MODE = "/v5/account/set-margin-mode"

_WALLET_PERMISSIONS = (("transfer", "AccountTransfer"), ("withdraw", "Withdraw"))


def info(engine: Engine, account: AccountInfo, _params: Params) -> dict[str, Any]:
    """/v5/account/info."""
    return {
        "marginMode": words.MARGIN_MODE_WORDS[account.margin_mode],
        "updatedTime": str(account.created_ms),
        "unifiedMarginStatus": 6,
        "dcpStatus": "OFF",
        "timeWindow": 10,
        "smpGroup": 0,
        "isMasterTrader": False,
        "spotHedgingStatus": "OFF",
    }


def wallet_balance(engine: Engine, account: AccountInfo, params: Params) -> dict[str, Any]:
    """/v5/account/wallet-balance; only the unified account exists."""
    if params.required("accountType") != "UNIFIED":
        raise BybitError(10001, "accountType only support UNIFIED.")
    coins = params.text("coin")
    chosen = frozenset(coins.split(",")) if coins else None
    return {"list": [wallet_row(engine.wallet(account.account_id), chosen)]}


def fee_rate(engine: Engine, account: AccountInfo, params: Params) -> dict[str, Any]:
    """/v5/account/fee-rate."""
    category = params.category()
    symbol, base = params.text("symbol"), params.text("baseCoin")
    if category == OPTION:
        return {"category": category, "list": options.fee_rows(engine, base)}
    chosen: list[Instrument] = []
    if category in CATEGORIES:
        chosen = (
            [engine.instrument(symbol)]
            if symbol
            else [one for one in of_category(engine.instruments, category) if base in ("", one.base)]
        )
    rows = [
        {
            "symbol": one.symbol,
            "takerFeeRate": number(one.taker_fee if account.taker_fee is None else account.taker_fee),
            "makerFeeRate": number(one.maker_fee if account.maker_fee is None else account.maker_fee),
        }
        for one in chosen
    ]
    return {"category": category, "list": rows}


def transaction_log(engine: Engine, account: AccountInfo, params: Params) -> dict[str, Any]:
    """/v5/account/transaction-log; newest first."""
    kind, coin = params.text("type"), params.text("currency")
    start, end = params.window()
    rows = [
        entry
        for entry in engine.transaction_log(account.account_id)
        if kind in ("", words.LOG_WORDS[entry.kind])
        and coin in ("", entry.coin)
        and start <= entry.time_ms <= end
    ]
    shown, cursor = page(rows, _log_key, params.text("cursor"), params.limit(20, 50), descending=True)
    return {"list": [_log_row(engine, entry) for entry in shown], "nextPageCursor": cursor}


def set_margin_mode(engine: Engine, account: AccountInfo, params: Params) -> dict[str, Any]:
    """/v5/account/set-margin-mode; portfolio margin is not offered."""
    mode = params.required_choice("setMarginMode", words.MARGIN_MODES)
    try:
        engine.set_margin_mode(account.account_id, mode)
    except EngineRefusal as refusal:
        error = translate(refusal, SET_MARGIN_MODE)
        reasons = [{"reasonCode": str(error.code), "reasonMsg": refusal.message}]
        raise BybitError(error.code, error.message, {"reasons": reasons}) from refusal
    return {"reasons": []}


def query_api(_engine: Engine, account: AccountInfo, _params: Params) -> dict[str, Any]:
    """/v5/user/query-api: what the key may do. The secret is never shown."""
    trade = "trade" in account.permissions
    wallet = [word for name, word in _WALLET_PERMISSIONS if name in account.permissions]
    return {
        "id": account.account_id,
        "note": "sandbox",
        "apiKey": account.api_key,
        "readOnly": 0 if trade else 1,
        "secret": "",
        "permissions": {
            "ContractTrade": ["Order", "Position"] if trade else [],
            "Spot": ["SpotTrade"] if trade else [],
            "Wallet": wallet,
            "Options": ["OptionsTrade"] if trade else [],
            "Derivatives": ["DerivativesTrade"] if trade else [],
            "CopyTrading": [],
            "BlockTrade": [],
            "Exchange": [],
            "NFT": [],
            "Affiliate": [],
            "Earn": [],
        },
        "ips": ["*"],
        "type": 1,
        "deadlineDay": 90,
        "expiredAt": "2099-01-01T00:00:00Z",
        "createdAt": "2025-01-01T00:00:00Z",
        "unified": 0,
        "uta": 1,
        "userID": _user_id(account),
        "inviterID": 0,
        "vipLevel": "No VIP",
        "mktMakerLevel": "0",
        "affiliateID": 0,
        "rsaPublicKey": "",
        "isMaster": True,
        "parentUid": "0",
        "kycLevel": "LEVEL_DEFAULT",
        "kycRegion": "",
    }


def coin_info(engine: Engine, _account: AccountInfo, params: Params) -> dict[str, Any]:
    """/v5/asset/coin/query-info: the coins that exist here, without chains (nothing can be sent out)."""
    wanted = params.text("coin")
    coins = sorted({coin for one in engine.instruments.values() for coin in (one.base, one.settle)})
    rows = [
        {"name": coin, "coin": coin, "remainAmount": "0", "chains": []}
        for coin in coins
        if wanted in ("", coin)
    ]
    return {"rows": rows}


def no_unified(_engine: Engine, _account: AccountInfo, _params: Params) -> dict[str, Any]:
    """Calls of classic accounts, which the venue refuses to unified ones."""
    raise BybitError(100028, "The API cannot be accessed by unified account users.")


def _user_id(account: AccountInfo) -> int:
    if account.account_id.isdecimal():
        return int(account.account_id)
    return sum(byte << (8 * place) for place, byte in enumerate(account.account_id.encode()[:6]))


def _log_key(entry: LogEntry) -> str:
    return f"{entry.time_ms:013d},{entry.entry_id:>16}"


def _category(engine: Engine, entry: LogEntry) -> str:
    if entry.kind is LogKind.SPOT:
        return "spot"
    return category_of(engine, entry.symbol) if entry.symbol else ""


def _log_row(engine: Engine, entry: LogEntry) -> dict[str, Any]:
    return {
        "id": entry.entry_id,
        "symbol": entry.symbol,
        "category": _category(engine, entry),
        "side": words.SIDE_WORDS[entry.side] if entry.side is not None else "None",
        "transactionTime": str(entry.time_ms),
        "type": words.LOG_WORDS[entry.kind],
        "transSubType": "",
        "qty": in_contracts(engine, entry.symbol, entry.qty) if entry.symbol else number(entry.qty),
        "size": "",
        "currency": entry.coin,
        "tradePrice": number(entry.price),
        "funding": number(entry.funding) if entry.funding else "",
        "fee": number(entry.fee),
        "cashFlow": number(entry.cash_flow),
        "change": number(entry.change),
        "cashBalance": number(entry.balance),
        "feeRate": number(entry.fee_rate),
        "bonusChange": "",
        "tradeId": entry.reference,
        "orderId": entry.order_id,
        "orderLinkId": entry.client_id,
        "extraFees": "",
    }
