"""An exchange in virtual time with fixed prices, and short ways to trade on it."""

from dataclasses import dataclass, field
from decimal import Decimal

import pytest

from bot.sandbox.engine.clocks import VirtualClock
from bot.sandbox.engine.events import Event
from bot.sandbox.engine.exchange import Engine
from bot.sandbox.engine.feeds import Feed, ManualFeed
from bot.sandbox.engine.options.settings import OptionSettings
from bot.sandbox.engine.terms import VenueTerms
from bot.sandbox.engine.types import (
    AccountSpec,
    EngineRefusal,
    MarginMode,
    Order,
    OrderKind,
    OrderRequest,
    PositionMode,
    Reason,
    Side,
)

START_MS = 1_763_078_400_000  # 2025-11-14T00:00:00Z
PRICES = {"BTCUSDT": 100_000.0, "ETHUSDT": 3_500.0, "SOLUSDT": 200.0}
BUY, SELL = Side.BUY, Side.SELL
BTC, ETH, SOL = PRICES
INVERSE = "BTCUSD"


def dec(value: object) -> Decimal:
    """A decimal from what a test writes."""
    return Decimal(str(value))


@dataclass
class Desk:
    """An engine, its clock, and the id of its first account."""

    engine: Engine
    clock: VirtualClock
    account: str
    events: list[Event] = field(default_factory=list)

    def place(self, symbol: str, side: Side, qty: object, account: str = "", **more: object) -> Order:
        """Place an order; a price makes it a limit order."""
        if "price" in more:
            more["price"] = dec(more["price"])
            more.setdefault("kind", OrderKind.LIMIT)
        if "trigger_price" in more:
            more["trigger_price"] = dec(more["trigger_price"])
        request = OrderRequest(symbol=symbol, side=side, qty=dec(qty), **more)  # type: ignore[arg-type]
        return self.engine.place(account or self.account, request)

    def add(self, key: str, deposit: object = 10_000, **more: object) -> str:
        """Open another account."""
        spec = AccountSpec(api_key=key, secret="secret", deposit=dec(deposit), **more)  # type: ignore[arg-type]
        return self.engine.add_account(spec).account_id

    def size(self, symbol: str, account: str = "") -> Decimal:
        """Signed size of the net position."""
        position = self.engine.position(account or self.account, symbol)
        return position.size * (position.side.sign if position.side else 0)

    def price(self, symbol: str, price: object) -> None:
        """Set every price of a symbol."""
        self.engine.set_price(symbol, dec(price))

    def run(self, seconds: float) -> int:
        """Let virtual time pass."""
        self.clock.advance(seconds)
        return self.engine.advance()


def open_desk(
    deposit: object = 10_000,
    *,
    feed: Feed | None = None,
    terms: VenueTerms | None = None,
    margin_mode: MarginMode = MarginMode.CROSS,
    position_mode: PositionMode = PositionMode.ONE_WAY,
    start_ms: int = START_MS,
    market_step_ms: int = 1000,
    seed: int = 0,
    options: OptionSettings | None = None,
) -> Desk:
    """A desk with one account."""
    clock = VirtualClock(start_ms)
    engine = Engine(
        clock,
        feed or ManualFeed(start_ms, PRICES),
        terms=terms,
        market_step_ms=market_step_ms,
        seed=seed,
        options=options,
    )
    spec = AccountSpec(
        api_key="key",
        secret="secret",
        deposit=dec(deposit),
        margin_mode=margin_mode,
        position_mode=position_mode,
    )
    return Desk(engine, clock, engine.add_account(spec).account_id)


class refused:  # noqa: N801 - reads as a sentence: with refused(Reason.X)
    """Expect a refusal for one reason."""

    def __init__(self, reason: Reason) -> None:
        self._reason = reason
        self._raises = pytest.raises(EngineRefusal)

    def __enter__(self) -> None:
        self._info = self._raises.__enter__()

    def __exit__(self, *error: object) -> bool:
        caught = self._raises.__exit__(*error)  # type: ignore[arg-type]
        assert self._info.value.reason is self._reason
        assert self._info.value.message
        return bool(caught)
