"""The real sandbox engine with a shock that is really applied, seen through the real gateway."""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal

import msgspec

from bot.clock import VirtualClock
from bot.decision import DecisionInput
from bot.exchange.factory import make_gateway
from bot.facts import GuardTerms, decision_input
from bot.inspection import NOTHING_KNOWN
from bot.model import Caps, MarketStats, OrderBook, ProtectionTerms
from bot.risk.flows import Flows
from bot.sandbox.engine.clocks import VirtualClock as EngineClock
from bot.sandbox.engine.exchange import Engine
from bot.sandbox.engine.feeds import Bar, Tick
from bot.sandbox.engine.instruments import default_instruments
from bot.sandbox.engine.options.settings import OptionSettings
from bot.sandbox.engine.terms import VenueTerms
from bot.sandbox.engine.types import AccountSpec, MarginMode, OrderRequest, PositionMode, Side
from bot.sandbox.host import Sandbox
from bot.sandbox.transport import InProcessTransport

START = datetime(2025, 11, 14, tzinfo=UTC)
START_MS = int(START.timestamp() * 1000)
MINUTE_MS = 60_000
MINUTES = 400
"""How long the shock takes: no funding falls into it."""
PRICES = {"BTCUSDT": 100_000.0, "ETHUSDT": 3_500.0, "SOLUSDT": 180.0, "XRPUSDT": 2.4, "DOTUSDT": 3.0}
TERMS = GuardTerms(caps=Caps(), protection=ProtectionTerms(), max_age_seconds=10.0)
NAME = "main"


class Stake(msgspec.Struct, frozen=True):
    """A position to open."""

    symbol: str
    side: Side
    qty: Decimal
    isolated: bool = False


class Bought(msgspec.Struct, frozen=True):
    """An option to buy: the one with most of a month left whose strike is nearest to a share of the price."""

    base: str
    qty: Decimal
    share: float
    call: bool = False


class Slide:
    """Prices that stand still for a minute, then go to `moves` in a straight line, and stay."""

    def __init__(self, moves: dict[str, float], funding: float = 0.0) -> None:
        self._moves = moves
        self._funding = funding

    @property
    def symbols(self) -> Sequence[str]:
        return tuple(PRICES)

    @property
    def start_ms(self) -> int:
        return START_MS

    @property
    def end_ms(self) -> int | None:
        return None

    def tick(self, symbol: str, time_ms: int) -> Tick:
        way = min(max((time_ms - START_MS - MINUTE_MS) / (MINUTES * MINUTE_MS), 0.0), 1.0)
        price = PRICES[symbol] * (1.0 + self._moves.get(symbol, 0.0) * way)
        return Tick(last=price, index=price, mark=price, funding_rate=self._funding)

    def next_breakpoint(self, after_ms: int) -> int | None:
        return None

    def beta(self, symbol: str) -> float | None:
        return None

    def bars(self, symbol: str) -> Sequence[Bar]:
        return ()


class Scene:
    """One account at a venue whose market is about to slide."""

    def __init__(
        self,
        deposit: Decimal,
        stakes: Sequence[Stake],
        moves: dict[str, float],
        *,
        hedged: bool = False,
        funding: float = 0.0,
        coin_haircut: str = "0.05",
        options: OptionSettings | None = None,
        bought: Sequence[Bought] = (),
    ) -> None:
        self.clock = EngineClock(START_MS)
        listed = [one for one in default_instruments() if one.symbol in PRICES or one.inverse]
        feed = Slide(moves, funding)
        terms = VenueTerms(coin_haircut=Decimal(coin_haircut))
        self.engine = Engine(self.clock, feed, listed, terms=terms, market_step_ms=MINUTE_MS, options=options)
        self._options = options is not None
        mode = PositionMode.HEDGE if hedged else PositionMode.ONE_WAY
        spec = AccountSpec(
            api_key="key", secret="secret", deposit=deposit, account_id=NAME, position_mode=mode
        )
        self.engine.add_account(spec)
        for one in stakes:
            if one.isolated and self.engine.margin_mode(NAME, one.symbol) is MarginMode.CROSS:
                self.engine.set_margin_mode(NAME, MarginMode.ISOLATED, one.symbol)
        for one in stakes:
            self.engine.open_position(NAME, one.symbol, one.side, one.qty, None, Decimal(20))

        for option in bought:
            self.buy(option)

    def buy(self, option: Bought) -> None:
        """Buy an option at market."""
        wanted = PRICES[f"{option.base}USDT"] * option.share
        month_ms = START_MS + 30 * 86_400_000
        found = min(
            (one for one in self.engine.options.listed() if one.base == option.base),
            key=lambda one: (
                one.is_call is not option.call,
                abs(one.expiry_ms - month_ms),
                abs(float(one.strike) - wanted),
            ),
        )
        request = OrderRequest(symbol=found.symbol, side=Side.BUY, qty=option.qty)
        order = self.engine.options.place(NAME, request)
        assert order.filled_qty == option.qty

    def volatility(self) -> float:
        """At which the first option that is held is marked."""
        (first, *_) = self.engine.options.positions(NAME)
        return float(self.engine.options.quote(first.contract.symbol).mark_volatility)

    async def look(self) -> DecisionInput:
        """See the account as a guard does, with the books of what it holds."""
        clock = VirtualClock(START)
        gateway = make_gateway(
            account=NAME,
            venue="bybit",
            network="sandbox",
            api_key="key",
            api_secret="secret",
            clock=clock,
            base_url="http://127.0.0.1:1",
            transport=InProcessTransport(Sandbox(self.engine).handle),
        )
        try:
            gateway.show_options(self._options)
            snapshot = await gateway.snapshot()
            symbols = {one.symbol for one in snapshot.positions if not one.inverse}
            books: dict[str, OrderBook] = {one: await gateway.order_book(one) for one in sorted(symbols)}
        finally:
            await gateway.close()
        stats = MarketStats("BTC", {}, {}, {}, START)
        given = decision_input(snapshot, stats, NOTHING_KNOWN, Flows(), TERMS, clock.now())
        return msgspec.structs.replace(given, depths=books)

    def shock(self) -> None:
        """Let the shock happen."""
        self.clock.advance((MINUTES + 2) * 60)
        self.engine.advance()

    @property
    def equity(self) -> float:
        """What the venue says is left."""
        return float(self.engine.wallet(NAME).equity)

    @property
    def order(self) -> list[str]:
        """Keys of the positions that the venue touched, each once, in its order."""
        keys = [
            key_of(one.symbol, "long" if one.position_side is Side.BUY else "short")
            for one in self.engine.liquidations(NAME)
        ]
        return list(dict.fromkeys(keys))

    @property
    def liquidated(self) -> set[str]:
        """The same without an order."""
        return set(self.order)


def symbol_of(venue_symbol: str) -> str:
    """The unified symbol of the venue's."""
    if venue_symbol.endswith("USDT"):
        return f"{venue_symbol.removesuffix('USDT')}/USDT:USDT"
    base = venue_symbol.removesuffix("USD")
    return f"{base}/USD:{base}"


def key_of(venue_symbol: str, side: str) -> str:
    """The key of a position."""
    return f"{symbol_of(venue_symbol)}#{side}"
