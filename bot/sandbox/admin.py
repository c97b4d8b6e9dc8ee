"""The admin API under /sandbox/: accounts, prices, time, faults and what happened. Secrets never leave."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import msgspec

from bot.sandbox.engine.clocks import ScaledClock, VirtualClock
from bot.sandbox.engine.exchange import Engine
from bot.sandbox.engine.types import AccountSpec, EngineRefusal, MarginMode, PositionMode, Side
from bot.sandbox.faults import FaultError, FaultRegistry
from bot.sandbox.faults.schedule import Schedule
from bot.sandbox.http import Request, Response
from bot.sandbox.requests_log import OrderRequestLog

PREFIX = "/sandbox/"
LONGEST_STEP_S = 86_400 * 31
PERMISSIONS = frozenset({"read", "trade", "transfer", "withdraw"})

_SIDES = {"buy": Side.BUY, "long": Side.BUY, "sell": Side.SELL, "short": Side.SELL}

Body = TypeVar("Body")


class AdminError(ValueError):
    """A request that cannot be done; the text says why and what would be right."""


class MarkBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """POST /sandbox/mark: `release` gives the price back to the feed."""

    symbol: str
    price: Decimal | None = None
    index: Decimal | None = None
    release: bool = False


class PositionBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A position that a new account starts with."""

    symbol: str
    side: str
    qty: Decimal
    leverage: Decimal | None = None
    entry_price: Decimal | None = None


class AccountBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """POST /sandbox/account."""

    api_key: str
    secret: str
    deposit: Decimal
    permissions: list[str] | None = None
    margin_mode: MarginMode = MarginMode.CROSS
    position_mode: PositionMode = PositionMode.ONE_WAY
    positions: list[PositionBody] = []
    coins: dict[str, Decimal] = {}
    """Balances in other coins."""


class TransferBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """POST /sandbox/transfer: a negative amount is withdrawn."""

    api_key: str
    amount: Decimal
    coin: str = "USDT"


class StepBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """POST /sandbox/step, in virtual time."""

    seconds: float


class FaultName(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """DELETE /sandbox/fault?name=: all of this name."""

    name: str


class ScenarioBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """POST /sandbox/scenario: let market time run or hold it."""

    action: str


class AdminApi:
    """Answers requests under /sandbox/; every answer is JSON, every bad request a 400 with a sentence."""

    def __init__(
        self,
        engine: Engine,
        faults: FaultRegistry,
        schedule: Schedule,
        log: OrderRequestLog,
        topics: Callable[[], list[str]],
        advance: Callable[[], int],
    ) -> None:
        self._engine = engine
        self._faults = faults
        self._schedule = schedule
        self._advance = advance
        self._log = log
        self._topics = topics
        self._routes: dict[tuple[str, str], Callable[[bytes], Any]] = {
            ("GET", "state"): self._state,
            ("GET", "orders"): self._orders,
            ("GET", "liquidations"): self._liquidations,
            ("GET", "faults"): self._list_faults,
            ("POST", "mark"): self._mark,
            ("POST", "account"): self._account,
            ("POST", "transfer"): self._transfer,
            ("POST", "step"): self._step,
            ("POST", "scenario"): self._scenario,
            ("POST", "fault"): self._fault,
            ("DELETE", "fault"): self._clear_fault,
            ("DELETE", "faults"): self._clear_faults,
        }

    def handle(self, request: Request) -> Response:
        """Answer one request."""
        name = request.path.removeprefix(PREFIX).strip("/")
        route = self._routes.get((request.method, name))
        if route is None:
            return self._no_route(request.method, name)
        try:
            return _json(200, route(_payload(request)))
        except (AdminError, FaultError) as error:
            return _json(400, {"error": str(error)})
        except EngineRefusal as refusal:
            return _json(400, {"error": refusal.message, "reason": refusal.reason.value})

    def _no_route(self, method: str, name: str) -> Response:
        allowed = sorted(verb for verb, known in self._routes if known == name)
        if allowed:
            return _json(405, {"error": f"{PREFIX}{name} takes {' or '.join(allowed)}, not {method}"})
        known = ", ".join(f"{verb} {PREFIX}{path}" for verb, path in sorted(self._routes))
        return _json(404, {"error": f"no admin call {PREFIX}{name}; there are: {known}"})

    def _state(self, _body: bytes) -> Any:
        clock = self._engine.clock
        state = msgspec.to_builtins(self._engine.state())
        state["time"] = "virtual" if isinstance(clock, VirtualClock) else "running"
        state["paused"] = isinstance(clock, ScaledClock) and clock.paused
        state["faults"] = self._faults.listing()
        state["topics"] = self._topics()
        return state

    def _orders(self, _body: bytes) -> Any:
        return {"orders": self._log.listing()}

    def _liquidations(self, _body: bytes) -> Any:
        return {"liquidations": self._engine.liquidations()}

    def _list_faults(self, _body: bytes) -> Any:
        planned = self._schedule.listing()
        return {"faults": self._faults.listing(), **({"planned": planned} if planned else {})}

    def _mark(self, body: bytes) -> Any:
        mark = _read(body, MarkBody)
        if mark.release:
            self._engine.release_price(mark.symbol)
        elif mark.price is None:
            raise AdminError("price is missing: give a positive number, or release: true")
        else:
            _check_positive(price=mark.price, index=mark.index)
            self._engine.set_price(mark.symbol, mark.price, mark.index)
        return {"ticker": self._engine.ticker(mark.symbol)}

    def _account(self, body: bytes) -> Any:
        wanted = _read(body, AccountBody)
        _check_account(wanted)
        permissions = wanted.permissions if wanted.permissions is not None else ["read", "trade"]
        account = self._engine.add_account(
            AccountSpec(
                api_key=wanted.api_key,
                secret=wanted.secret,
                deposit=wanted.deposit,
                coins=wanted.coins,
                permissions=frozenset(permissions),
                margin_mode=wanted.margin_mode,
                position_mode=wanted.position_mode,
            )
        )
        for number, position in enumerate(wanted.positions):
            try:
                self._engine.open_position(
                    account.account_id,
                    position.symbol,
                    _SIDES[position.side.lower()],
                    position.qty,
                    position.entry_price,
                    position.leverage,
                )
            except EngineRefusal as refusal:
                raise AdminError(
                    f"the account was opened, but positions[{number}] ({position.symbol}) was refused: "
                    f"{refusal.message}"
                ) from refusal
        return {
            "account_id": account.account_id,
            "api_key": account.api_key,
            "wallet": self._engine.wallet(account.account_id),
            "positions": self._engine.positions(account.account_id),
        }

    def _transfer(self, body: bytes) -> Any:
        wanted = _read(body, TransferBody)
        _check_finite(amount=wanted.amount)
        account = self._engine.account_by_key(wanted.api_key)
        if account is None:
            raise AdminError(f"no account with api_key {wanted.api_key!r}; open it with POST {PREFIX}account")
        return {"entry": self._engine.transfer(account.account_id, wanted.coin, wanted.amount)}

    def _step(self, body: bytes) -> Any:
        step = _read(body, StepBody)
        clock = self._engine.clock
        if not isinstance(clock, VirtualClock):
            raise AdminError("time runs by itself here; step needs virtual time (--time virtual)")
        if not 0 <= step.seconds <= LONGEST_STEP_S:
            raise AdminError(f"seconds must lie between 0 and {LONGEST_STEP_S}, got {step.seconds}")
        clock.advance(step.seconds)
        steps = self._advance()
        return {"server_ms": clock.server_ms(), "market_ms": self._engine.market_ms, "steps": steps}

    def _scenario(self, body: bytes) -> Any:
        wanted = _read(body, ScenarioBody)
        clock = self._engine.clock
        if wanted.action not in ("start", "pause"):
            raise AdminError(f"action must be start or pause, got {wanted.action!r}")
        if not isinstance(clock, ScaledClock):
            raise AdminError(f"virtual time moves by POST {PREFIX}step alone")
        if wanted.action == "start":
            clock.resume()
        else:
            clock.pause()
        return {"paused": clock.paused, "market_ms": clock.market_ms()}

    def _fault(self, body: bytes) -> Any:
        wanted = _read(body, dict[str, Any])
        return {"fault": self._faults.arm(wanted)}

    def _clear_fault(self, body: bytes) -> Any:
        return {"cleared": self._faults.clear(_read(body, FaultName).name)}

    def _clear_faults(self, _body: bytes) -> Any:
        return {"cleared": self._faults.clear()}


def _payload(request: Request) -> bytes:
    """The body; of a DELETE, which has none, its query as JSON."""
    if request.method != "DELETE":
        return request.body
    return msgspec.json.encode(dict(parse_qsl(request.query, keep_blank_values=True)))


def _read(body: bytes, wanted: type[Body]) -> Body:
    try:
        return msgspec.json.decode(body, type=wanted)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise AdminError(f"the body is not what this call takes: {error}") from None


def _json(status: int, body: Any) -> Response:
    return Response(
        status=status,
        headers={"Content-Type": "application/json; charset=utf-8"},
        body=msgspec.json.encode(body),
    )


def _check_account(wanted: AccountBody) -> None:
    if not wanted.api_key or not wanted.secret:
        raise AdminError("api_key and secret must not be empty")
    unknown = sorted(set(wanted.permissions or ()) - PERMISSIONS)
    if unknown:
        known = ", ".join(sorted(PERMISSIONS))
        raise AdminError(f"unknown permissions {', '.join(unknown)}; known are {known}")
    for name, amount in {"deposit": wanted.deposit, **wanted.coins}.items():
        _check_finite(**{name: amount})
        if amount < 0:
            raise AdminError(f"{name} must not be negative, got {amount}")
    for number, position in enumerate(wanted.positions):
        if position.side.lower() not in _SIDES:
            raise AdminError(f"positions[{number}].side must be long or short, got {position.side!r}")
        _check_positive(qty=position.qty, leverage=position.leverage, entry_price=position.entry_price)


def _check_finite(**values: Decimal | None) -> None:
    for name, value in values.items():
        if value is not None and (not value.is_finite() or abs(value.adjusted()) > 30):
            raise AdminError(f"{name} must be a finite number, got {value}")


def _check_positive(**values: Decimal | None) -> None:
    _check_finite(**values)
    for name, value in values.items():
        if value is not None and value <= 0:
            raise AdminError(f"{name} must be positive, got {value}")
