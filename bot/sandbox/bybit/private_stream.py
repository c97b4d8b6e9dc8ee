"""/v5/private: positions, orders, executions and the wallet of one account, as they change."""

from typing import Any

from bot.sandbox.bybit.api import BybitApi
from bot.sandbox.bybit.contracts import category_of
from bot.sandbox.bybit.options import position_row as option_row
from bot.sandbox.bybit.session import Session
from bot.sandbox.bybit.views import execution_row, order_row, position_row, wallet_row
from bot.sandbox.engine.events import (
    Event,
    ExecutionEvent,
    OptionEvent,
    OrderEvent,
    PositionEvent,
    WalletEvent,
)
from bot.sandbox.engine.exchange import Engine
from bot.sandbox.engine.types import Position, Wallet
from bot.sandbox.http import Send

KINDS = ("position", "order", "execution", "wallet", "greeks")
CATEGORIES = ("", "linear", "spot", "inverse", "option")


class PrivateSession(Session):
    """A connection to the private stream."""

    needs_auth = True

    def __init__(self, api: BybitApi, send: Send) -> None:
        super().__init__(api, send)
        self._topics: dict[str, set[str]] = {kind: set() for kind in KINDS}
        self._unsubscribe = api.engine.subscribe(self._on_event)

    def pong(self, message: dict[str, Any]) -> None:
        """Answer a ping in this stream's own form."""
        reply = {"op": "pong", "args": [str(self.engine.venue_ms())], "conn_id": self.conn_id}
        if message.get("req_id") is not None:
            reply["req_id"] = str(message["req_id"])
        self.send(reply)

    def add_topics(self, topics: list[str]) -> str:
        """Subscribe to `kind` or `kind.category`."""
        for name in topics:
            kind, _, category = name.partition(".")
            if kind not in KINDS or category not in CATEGORIES:
                return f"error:handler not found,topic:{name}"
        for name in topics:
            self._topics[name.partition(".")[0]].add(name)
        return ""

    def drop_topics(self, topics: list[str]) -> None:
        """Unsubscribe; unknown ones are passed over."""
        for name in topics:
            self._topics.get(name.partition(".")[0], set()).discard(name)

    def topics(self) -> list[str]:
        """What the client is subscribed to."""
        return [name for names in self._topics.values() for name in names]

    def close(self) -> None:
        """Stop listening."""
        self._unsubscribe()
        for names in self._topics.values():
            names.clear()

    def _on_event(self, event: Event) -> None:
        if self.account_id is None:
            return
        match event:
            case OrderEvent(order=order) if order.account_id == self.account_id:
                self._publish("order", order.symbol, order_row(self.engine, order))
            case ExecutionEvent(execution=execution) if execution.account_id == self.account_id:
                self._publish("execution", execution.symbol, execution_row(self.engine, execution))
            case PositionEvent(position=position) if position.account_id == self.account_id:
                self._publish("position", position.symbol, _position(self.engine, position))
            case OptionEvent(position=option) if option.account_id == self.account_id:
                self._publish("position", option.contract.symbol, _with_entry(option_row(option)))
            case WalletEvent(wallet=wallet) if wallet.account_id == self.account_id:
                self._publish("wallet", "", _wallet(wallet))

    def _publish(self, kind: str, symbol: str, row: dict[str, Any]) -> None:
        now = self.engine.venue_ms()
        category = category_of(self.engine, symbol) if symbol else ""
        if symbol:
            row = {"category": category, **row}
        for name in self._topics[kind]:
            if name in (kind, f"{kind}.{category}"):
                self.publish(
                    {
                        "id": f"{self.account_id}_{name}_{now}",
                        "topic": name,
                        "creationTime": now,
                        "data": [row],
                    }
                )


def _position(engine: Engine, position: Position) -> dict[str, Any]:
    return _with_entry(position_row(engine, position))


def _with_entry(row: dict[str, Any]) -> dict[str, Any]:
    return {"entryPrice": row["avgPrice"], **row}


def _wallet(wallet: Wallet) -> dict[str, Any]:
    """As REST shows it, but without the coins' `locked`, which the venue leaves out of the stream."""
    row = wallet_row(wallet)
    for coin in row["coin"]:
        del coin["locked"]
    return row
