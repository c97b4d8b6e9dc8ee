"""The exchange's admin API, as the demo uses it."""

import http.client
from collections.abc import Sequence
from decimal import Decimal
from typing import TypeVar
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from bot.demo.process import DemoError

T = TypeVar("T")

TIMEOUT_S = 10.0


class Ticker(Struct, frozen=True):
    """Prices of one symbol."""

    symbol: str
    mark_price: Decimal


class Wallet(Struct, frozen=True):
    """Figures of an account in USD; `margin_ratio` is 1 at liquidation, None without a margin balance."""

    equity: Decimal
    margin_ratio: Decimal | None


class HeldPosition(Struct, frozen=True):
    """A position: `size` in coins, positive; `value` in USD at mark; `stop_loss` is its stop's trigger."""

    symbol: str
    size: Decimal
    value: Decimal
    stop_loss: Decimal | None = None
    side: str | None = None
    """buy or sell; None where nothing is held."""


class Contract(Struct, frozen=True):
    """An option, by the exchange's name."""

    symbol: str
    base: str


class Greeks(Struct, frozen=True):
    """How a whole position moves: coins that it moves like."""

    delta: Decimal


class HeldOption(Struct, frozen=True):
    """An option that was bought: `size` in coins, `entry_price` in USD for one."""

    contract: Contract
    size: Decimal
    entry_price: Decimal
    greeks: Greeks


class AccountState(Struct, frozen=True):
    """One account."""

    api_key: str
    account_id: str
    wallet: Wallet
    positions: tuple[HeldPosition, ...]
    liquidated_ms: int | None
    options: tuple[HeldOption, ...] = ()

    @property
    def gross(self) -> Decimal:
        """Value of all positions in USD."""
        return sum((one.value for one in self.positions), Decimal(0))

    @property
    def leverage(self) -> Decimal | None:
        """Gross notional over equity, None without equity."""
        return self.gross / self.wallet.equity if self.wallet.equity > 0 else None


class Liquidation(Struct, frozen=True):
    """One forced sale. Money in USD; `market_ms` is market time."""

    account_id: str
    symbol: str
    position_side: str
    qty: Decimal
    price: Decimal
    mark_price: Decimal
    taker_fee: Decimal
    fee: Decimal
    market_ms: int


class VenueState(Struct, frozen=True):
    """The whole exchange at one moment. `server_ms` is the wall clock's, the others are market time."""

    server_ms: int
    market_ms: int
    start_ms: int
    feed_end_ms: int
    tickers: tuple[Ticker, ...]
    accounts: tuple[AccountState, ...]
    liquidations: tuple[Liquidation, ...]

    @property
    def elapsed_s(self) -> float:
        """Seconds of market time since the scenario's start."""
        return (self.market_ms - self.start_ms) / 1000

    @property
    def length_s(self) -> float:
        """Length of the scenario in seconds of market time."""
        return (self.feed_end_ms - self.start_ms) / 1000

    @property
    def over(self) -> bool:
        """Whether the scenario has been played to its end."""
        return self.market_ms >= self.feed_end_ms

    def mark(self, symbol: str) -> Decimal:
        """Mark price of a symbol; raises `DemoError` where it is not listed."""
        for ticker in self.tickers:
            if ticker.symbol == symbol:
                return ticker.mark_price
        raise DemoError(f"the exchange lists no {symbol}")

    def account(self, api_key: str) -> AccountState:
        """One account; raises `DemoError` where it does not exist."""
        for account in self.accounts:
            if account.api_key == api_key:
                return account
        raise DemoError("the exchange does not know the account")


class Opening(Struct, frozen=True):
    """A position that an account starts with."""

    symbol: str
    side: str
    qty: Decimal
    leverage: Decimal


class Venue:
    """Speaks to /sandbox/ at a base URL. Every failure is a `DemoError`."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._address = urlsplit(url).netloc

    def open_account(
        self,
        api_key: str,
        secret: str,
        deposit: Decimal,
        positions: Sequence[Opening],
        position_mode: str = "one_way",
    ) -> None:
        """Open an account with money and positions at the present marks."""
        body = {"api_key": api_key, "secret": secret, "deposit": deposit, "positions": list(positions)}
        self._call("POST", "account", {**body, "position_mode": position_mode})

    def start(self) -> None:
        """Let market time run."""
        self._call("POST", "scenario", {"action": "start"})

    def state(self) -> VenueState:
        """What the exchange looks like now."""
        return self._read(self._call("GET", "state"), VenueState)

    def _call(self, method: str, name: str, body: object = None) -> bytes:
        connection = http.client.HTTPConnection(self._address, timeout=TIMEOUT_S)
        try:
            connection.request(
                method, f"/sandbox/{name}", None if body is None else msgspec.json.encode(body)
            )
            answer = connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise DemoError(f"the exchange at {self.url} did not answer {method} {name}: {error}") from error
        finally:
            connection.close()
        if answer.status != http.client.OK:
            raise DemoError(f"the exchange refused {method} {name}: {text.decode(errors='replace')[:300]}")
        return text

    def _read(self, text: bytes, wanted: type[T]) -> T:
        try:
            return msgspec.json.decode(text, type=wanted)
        except msgspec.MsgspecError as error:
            raise DemoError(f"the exchange's answer is not understood: {error}") from error


def venue_symbol(symbol: str) -> str:
    """The exchange's own name of a unified symbol: BTC/USDT:USDT is BTCUSDT."""
    return symbol.partition(":")[0].replace("/", "")
