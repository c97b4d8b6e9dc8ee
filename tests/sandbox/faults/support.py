"""A sandbox in virtual time with one account, and the requests that tests send to it."""

from collections.abc import Callable
from typing import Any

import msgspec

from bot.sandbox.engine.clocks import VirtualClock
from bot.sandbox.engine.types import ZERO, EngineRefusal, Reason
from bot.sandbox.faults import KINDS, Fault, FaultRegistry, Kind
from bot.sandbox.faults.kinds import REQUEST_FIELDS, Strike, Venue, named
from bot.sandbox.host import Sandbox
from tests.sandbox.support import START_MS, admin, call, make_engine, open_account, signed

BUY: dict[str, Any] = {
    "category": "linear",
    "symbol": "BTCUSDT",
    "side": "Buy",
    "orderType": "Market",
    "qty": "0.1",
}
SELL_ALL: dict[str, Any] = {**BUY, "side": "Sell", "reduceOnly": True}
BID: dict[str, Any] = {**BUY, "orderType": "Limit", "price": "90000"}
STOP_ORDER: dict[str, Any] = {**SELL_ALL, "triggerPrice": "90000", "triggerDirection": 2}
POSITION_STOP: dict[str, Any] = {"category": "linear", "symbol": "BTCUSDT", "stopLoss": "90000"}
LINEAR: dict[str, Any] = {"category": "linear", "settleCoin": "USDT"}

CREATE, AMEND, CANCEL = "/v5/order/create", "/v5/order/amend", "/v5/order/cancel"
STOP = "/v5/position/trading-stop"
POSITIONS, OPEN_ORDERS = "/v5/position/list", "/v5/order/realtime"
HISTORY, FILLS = "/v5/order/history", "/v5/execution/list"
SIDE: dict[str, Any] = {"key": "other", "secret": "other"}


def make_sandbox(seed: int = 0) -> Sandbox:
    """Two accounts (the usual one and `other`), prices that stand still."""
    engine = make_engine(VirtualClock(START_MS))
    open_account(engine)
    open_account(engine, api_key="other", secret="other")
    return Sandbox(engine, fault_seed=seed)


def arm(sandbox: Sandbox, name: str, **fields: object) -> None:
    """Arm a fault as an operator does."""
    status, body = admin(sandbox, "POST", "fault", {"name": name, **fields})
    assert status == 200, body


def strikes(sandbox: Sandbox) -> list[int]:
    """How often each armed fault struck."""
    return [fault["strikes"] for fault in admin(sandbox, "GET", "faults")[1]["faults"]]


def code(sandbox: Sandbox, path: str, params: dict[str, Any], **how: Any) -> int:
    """The venue's code for one writing request."""
    return int(call(sandbox, "POST", path, params, **how)["retCode"])


def listed(sandbox: Sandbox, path: str, **more: Any) -> list[dict[str, Any]]:
    """The rows of a list (of linear USDT), first page."""
    answer = call(sandbox, "GET", path, {**LINEAR, **more})
    assert answer["retCode"] == 0, answer
    return list(answer["result"]["list"])


def position(sandbox: Sandbox, symbol: str = "BTCUSDT") -> Any:
    """The size that the engine holds for the usual account, whatever the venue shows."""
    account = sandbox.engine.account_by_key("sandbox-key")
    assert account is not None
    held = sandbox.engine.positions(account.account_id, symbol)
    return sum((one.size for one in held), ZERO)


def body_of(sandbox: Sandbox, method: str, path: str, params: dict[str, Any], **how: Any) -> bytes:
    """The raw body of an answer."""
    return sandbox.handle(signed(sandbox, method, path, params, **how)).body


def step(sandbox: Sandbox, seconds: float) -> None:
    """Let virtual time pass."""
    assert admin(sandbox, "POST", "step", {"seconds": seconds})[0] == 200


def decode(body: bytes) -> Any:
    """JSON, or the error that a client meets."""
    return msgspec.json.decode(body)


class Witness:
    """Kinds that tell what was done to them."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.lifted: Callable[[], object] = list
        self.kinds = named(
            Kind(name="first", meaning="", path="/v5/*", uses=REQUEST_FIELDS, before=self._before),
            Kind(
                name="lasting",
                meaning="",
                uses=("seconds", "share"),
                lasts=True,
                apply=self._apply,
                lift=self._lift,
            ),
            KINDS["error_code"],
        )

    def _before(self, strike: Strike) -> bool:
        self.told.append(f"before {strike.call.path}")
        return strike.call.path == POSITIONS

    def _apply(self, venue: Venue, fault: Fault) -> None:
        if fault.share == 1:
            raise EngineRefusal(Reason.INVALID_VALUE, "nothing to do")
        self.told.append(f"apply {venue.engine.clock.server_ms()}")

    def _lift(self, venue: Venue, fault: Fault) -> None:
        self.told.append(f"lift {fault.share}")
        self.lifted()


def registry_of(sandbox: Sandbox, witness: Witness) -> FaultRegistry:
    """Put a registry with the tests' kinds in the place of the sandbox's."""
    registry = FaultRegistry(kinds=witness.kinds)
    registry.bind(sandbox.api)
    sandbox.api.faults = registry
    return registry
