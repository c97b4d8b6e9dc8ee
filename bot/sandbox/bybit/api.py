"""The REST side: routes, signatures, permissions, envelopes."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from bot.sandbox.bybit import account, auth, market, options, orders, positions, wallets, wording
from bot.sandbox.bybit.calls import read_call
from bot.sandbox.bybit.codes import translate
from bot.sandbox.bybit.envelope import SUCCESS, BybitError, answer, envelope
from bot.sandbox.bybit.limits import RateLimiter
from bot.sandbox.bybit.params import Params, from_body, from_query
from bot.sandbox.engine.exchange import Engine
from bot.sandbox.engine.types import AccountInfo, EngineRefusal
from bot.sandbox.faults import FaultRegistry
from bot.sandbox.faults.kinds import Call, Fields, Refusal, Row
from bot.sandbox.http import Request, Response
from bot.sandbox.requests_log import OrderRequestLog, OrderRequestRecord
from bot.sandbox.stream_rules import StreamRules

Public = Callable[[Engine, Params], dict[str, Any]]
Private = Callable[[Engine, AccountInfo, Params], dict[str, Any]]

TRANSFER = "/v5/asset/transfer/inter-transfer"

PUBLIC: dict[str, Public] = {
    "/v5/market/time": market.server_time,
    "/v5/market/instruments-info": market.instruments_info,
    "/v5/market/tickers": market.tickers,
    "/v5/market/orderbook": market.orderbook,
    "/v5/market/kline": market.last_kline,
    "/v5/market/mark-price-kline": market.mark_kline,
    "/v5/market/index-price-kline": market.index_kline,
    "/v5/market/funding/history": market.funding_history,
    "/v5/market/risk-limit": market.risk_limit,
    "/v5/system/status": market.system_status,
}

READS: dict[str, Private] = {
    "/v5/account/info": account.info,
    "/v5/account/wallet-balance": account.wallet_balance,
    "/v5/account/fee-rate": account.fee_rate,
    "/v5/account/transaction-log": account.transaction_log,
    "/v5/user/query-api": account.query_api,
    "/v5/asset/coin/query-info": account.coin_info,
    "/v5/asset/delivery-record": options.deliveries,
    "/v5/asset/transfer/query-inter-transfer-list": wallets.transfers,
    "/v5/asset/transfer/query-account-coins-balance": wallets.coins_balance,
    "/v5/position/list": positions.positions,
    "/v5/order/realtime": orders.realtime,
    "/v5/order/history": orders.history,
    "/v5/execution/list": orders.executions,
}

WRITES: dict[str, Private] = {
    "/v5/order/create": orders.create,
    "/v5/order/amend": orders.amend,
    "/v5/order/cancel": orders.cancel,
    "/v5/order/cancel-all": orders.cancel_all,
    "/v5/position/set-leverage": positions.set_leverage,
    "/v5/position/switch-mode": positions.switch_mode,
    "/v5/position/trading-stop": positions.trading_stop,
    "/v5/position/add-margin": positions.add_margin,
    TRANSFER: wallets.transfer,
    "/v5/account/set-margin-mode": account.set_margin_mode,
    "/v5/position/switch-isolated": account.no_unified,
}

ORDER_PATHS = frozenset(path for path in WRITES if path.startswith("/v5/order/"))
"""Requests that the order log keeps."""


class BybitApi:
    """Answers REST requests for every account of an engine.

    `faults` bends answers, `log` keeps order requests, `limiter` (None: off, the default) counts calls.
    """

    def __init__(
        self,
        engine: Engine,
        faults: FaultRegistry | None = None,
        log: OrderRequestLog | None = None,
        limiter: RateLimiter | None = None,
    ) -> None:
        self.engine = engine
        self.faults = faults or FaultRegistry()
        self.log = log or OrderRequestLog()
        self.streams = StreamRules()
        self._limiter = limiter
        self.faults.bind(self)

    def handle(self, request: Request) -> Response:
        """The answer to one request; never raises for what a client may send."""
        api_key = request.headers.get("x-bapi-api-key", "")
        record = self._record(request, api_key) if request.path in ORDER_PATHS else None

        def execute(*, page: int | None = None) -> Response:
            return self._execute(request, record, page)

        response = self.faults.answer(request, api_key, execute)
        if record is not None and not response.dropped:
            record.http_status = response.status
        return response

    def call(self, path: str, who: AccountInfo, params: Params, record: OrderRequestRecord) -> dict[str, Any]:
        """One write, already authenticated (the trade stream's way in). Raises BybitError."""
        if "trade" not in who.permissions:
            raise BybitError(10005, "Permission denied, please check your API key permissions.")
        return self._perform(path, lambda: WRITES[path](self.engine, who, params), record)

    @property
    def fields(self) -> Fields:
        """The names in the venue's rows."""
        return wording.FIELDS

    def describe(self, request: Request, api_key: str) -> Call:
        """What a request is for."""
        return read_call(self.engine, request, api_key, public=request.path in PUBLIC)

    def error(self, code: int, message: str) -> Response:
        """A refusal in the venue's envelope."""
        return wording.error(code, message, self.engine.venue_ms())

    def refuse(self, refusal: Refusal, code: int | None = None, message: str = "") -> Response:
        """A refusal with the venue's own code and words, unless others are given."""
        return wording.refuse(refusal, self.engine.venue_ms(), code, message)

    def limited(self, wait_ms: int) -> Response:
        """HTTP 429."""
        return wording.limited(wait_ms, self.engine.venue_ms())

    def banned(self, status: int, wait_ms: int) -> Response:
        """HTTP 403, or another status."""
        return wording.banned(status, wait_ms)

    def rows(self, response: Response) -> list[Row]:
        """The rows of a list."""
        return wording.rows(response)

    def with_rows(self, response: Response, rows: Sequence[Row], *, last: bool = False) -> Response:
        """The same answer with other rows."""
        return wording.with_rows(response, rows, last=last)

    def placed_id(self, response: Response) -> str:
        """The id of the order that this answer says was taken."""
        return wording.placed_id(response)

    def without_result(self, response: Response) -> Response:
        """The same answer with null for its result."""
        return wording.without_result(response)

    def _record(self, request: Request, api_key: str) -> OrderRequestRecord:
        try:
            body: Any = msgspec.json.decode(request.body)
        except msgspec.DecodeError:
            body = request.body.decode(errors="replace")
        client_id = body.get("orderLinkId", "") if isinstance(body, dict) else ""
        now = self.engine.clock.server_ms()
        return self.log.add(OrderRequestRecord(now, api_key, request.path, str(client_id or ""), body))

    def _execute(self, request: Request, record: OrderRequestRecord | None, page: int | None) -> Response:
        headers: Mapping[str, str] = {}
        try:
            handler, headers = self._prepare(request, page)
            result = self._perform(request.path, handler, record)
        except BybitError as error:
            if record is not None:
                record.code, record.message = error.code, error.message
            return self._refuse(error, headers or error.headers)
        now = self.engine.venue_ms()
        return answer(envelope(result, now), now, headers=headers)

    def _perform(
        self, path: str, handler: Callable[[], dict[str, Any]], record: OrderRequestRecord | None
    ) -> dict[str, Any]:
        if record is not None:
            record.executed = True
        try:
            result = handler()
        except EngineRefusal as refusal:
            error = translate(refusal, path)
            if record is not None:
                record.code, record.message = error.code, error.message
            raise error from refusal
        if record is not None:
            record.code, record.message = SUCCESS, "OK"
            record.order_id = str(result.get("orderId", ""))
        return result

    def _refuse(self, error: BybitError, headers: Mapping[str, str]) -> Response:
        now = self.engine.venue_ms()
        body = envelope(error.result, now, code=error.code, message=error.message)
        return answer(body, now, status=404 if error.code == NO_SUCH_PATH else 200, headers=headers)

    def _prepare(
        self, request: Request, page: int | None
    ) -> tuple[Callable[[], dict[str, Any]], Mapping[str, str]]:
        """What will answer the request, after its signature, permission and rate were checked."""
        path, method = request.path, request.method
        if method == "GET" and path in PUBLIC:
            public, params = PUBLIC[path], from_query(request.query, page)
            return lambda: public(self.engine, params), {}
        if method == "GET" and path in READS:
            private, payload = READS[path], request.query
        elif method == "POST" and path in WRITES:
            private, payload = WRITES[path], _text(request.body)
        else:
            raise BybitError(
                NO_SUCH_PATH, f"request path not found or request method is invalid: {method} {path}"
            )
        who = self.authenticate(request.headers, payload)
        needed = "transfer" if path == TRANSFER else "trade"
        if method == "POST" and needed not in who.permissions:
            raise BybitError(10005, "Permission denied, please check your API key permissions.")
        headers = self._count(who.api_key, path)
        params = from_query(request.query, page) if method == "GET" else from_body(request.body)
        return lambda: private(self.engine, who, params), headers

    def _count(self, api_key: str, path: str) -> Mapping[str, str]:
        if self._limiter is None:
            return _UNLIMITED
        allowed, headers = self._limiter.count(api_key, path, self.engine.venue_ms())
        if not allowed:
            raise BybitError(10006, "Too many visits. Exceeded the API Rate Limit.", headers=headers)
        return headers

    def authenticate(self, headers: Mapping[str, str], payload: str) -> AccountInfo:
        """The account that signed. Raises BybitError 10001 to 10004."""
        signed = auth.read_headers(headers, payload)
        who = self.engine.account_by_key(signed.api_key)
        if who is None:
            raise BybitError(10003, "API key is invalid.")
        auth.check_time(signed, self.engine.venue_ms())
        auth.check_signature(signed, who.secret)
        return who


NO_SUCH_PATH = 10017
_UNLIMITED = {"X-Bapi-Limit": "50", "X-Bapi-Limit-Status": "49"}


def _text(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise BybitError(10001, "Request body is not UTF-8.") from None
