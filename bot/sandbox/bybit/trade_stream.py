"""/v5/trade: orders sent, amended and cancelled over a WebSocket."""

from typing import Any

import msgspec

from bot.sandbox.bybit import auth
from bot.sandbox.bybit.envelope import BybitError, answer, envelope
from bot.sandbox.bybit.params import Params
from bot.sandbox.bybit.session import Session
from bot.sandbox.engine.types import AccountInfo
from bot.sandbox.http import Request, Response
from bot.sandbox.requests_log import OrderRequestRecord

OPERATIONS = {
    "order.create": "/v5/order/create",
    "order.amend": "/v5/order/amend",
    "order.cancel": "/v5/order/cancel",
}


class TradeSession(Session):
    """A connection to the trade stream; answers carry `retCode` where other streams have `success`."""

    def operate(self, op: str, message: dict[str, Any]) -> None:
        """Do one operation."""
        if op in OPERATIONS:
            self._trade(op, message)
        elif op in ("ping", "auth"):
            super().operate(op, message)
        else:
            self._answer(op, message, 10404, f"op not found: {op}", {})

    def pong(self, message: dict[str, Any]) -> None:
        """Answer a ping."""
        now = str(self.engine.venue_ms())
        self.send({"retCode": 0, "op": "pong", "data": [now], "connId": self.conn_id})

    def authenticate(self, message: dict[str, Any]) -> None:
        """As on the other streams, answered in this one's form."""
        problem = self.check_auth(message)
        code, words = (10004, problem) if problem else (0, "OK")
        self.send({"retCode": code, "retMsg": words, "op": "auth", "connId": self.conn_id})

    def _trade(self, op: str, message: dict[str, Any]) -> None:
        try:
            account, body = self._order(message)
        except BybitError as error:
            self._answer(op, message, error.code, error.message, {})
            return
        path, api_key = OPERATIONS[op], account.api_key
        client_id = str(body.get("orderLinkId") or "")
        now = self.engine.venue_ms()
        received = self.engine.clock.server_ms()
        record = self.api.log.add(
            OrderRequestRecord(received, api_key, path, client_id, body, carrier="websocket")
        )

        def execute(*, page: int | None = None) -> Response:
            try:
                self._check_time(message.get("header"), now)
                result = self.api.call(path, account, Params(body, page), record)
            except BybitError as error:
                record.code, record.message = error.code, error.message
                return self.api.error(error.code, error.message)
            return answer(envelope(result, now), now)

        request = Request("POST", path, body=msgspec.json.encode(body))
        self._forward(op, message, self.api.faults.answer(request, api_key, execute))

    def _order(self, message: dict[str, Any]) -> tuple[AccountInfo, dict[str, Any]]:
        args = message.get("args")
        body = args[0] if isinstance(args, list) and len(args) == 1 else None
        if not isinstance(body, dict):
            raise BybitError(10001, "args must hold one order")
        if self.account_id is None:
            raise BybitError(10003, "API key is invalid.")
        return self.engine.account(self.account_id), body

    def _forward(self, op: str, message: dict[str, Any], response: Response) -> None:
        """Send an answer on, unless a fault made of it what this stream has no form for."""
        if response.dropped or response.delay_s > 0 or response.status != 200:
            return
        try:
            body = msgspec.json.decode(response.body)
        except msgspec.DecodeError:
            return
        if isinstance(body, dict):
            self._answer(op, message, body["retCode"], body["retMsg"], body["result"])

    def _check_time(self, header: object, now_ms: int) -> None:
        values = header if isinstance(header, dict) else {}
        timestamp = str(values.get("X-BAPI-TIMESTAMP", ""))
        window = str(values.get("X-BAPI-RECV-WINDOW", "") or auth.DEFAULT_RECV_WINDOW_MS)
        if not timestamp.isdecimal() or not window.isdecimal():
            raise BybitError(10001, "header X-BAPI-TIMESTAMP is required")
        auth.check_time(auth.SignedRequest("", int(timestamp), int(window), "", ""), now_ms)

    def _answer(self, op: str, message: dict[str, Any], code: int, words: str, data: object) -> None:
        self.send(
            {
                "reqId": str(message.get("reqId", "")),
                "retCode": code,
                "retMsg": words,
                "op": op,
                "data": data,
                "retExtInfo": {},
                "header": {"Timenow": str(self.engine.venue_ms())},
                "connId": self.conn_id,
            }
        )
