"""Values for the demo's tests."""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal

from bot.demo.chronicle import Deed
from bot.demo.scene import Cast, Keys
from bot.demo.track import Track
from bot.demo.venue import AccountState, HeldPosition, Liquidation, Ticker, VenueState, Wallet
from bot.journal import VerifyReport
from bot.model import Finding, Sense, Severity, Side, State, Target

CAST = Cast(guarded=Keys("guarded-key", "guarded-secret"), twin=Keys("twin-key", "twin-secret"))
START_MS = 1_763_699_400_000
LENGTH_MS = 10_500_000
SERVER_MS = 1_800_000_000_000


def account(
    keys: Keys,
    equity: str,
    held: dict[str, str] | None = None,
    *,
    liquidated: bool = False,
    ratio: str | None = "0.02",
) -> AccountState:
    """An account with positions, given as size by symbol and worth 100 USD a coin."""
    return AccountState(
        api_key=keys.api_key,
        account_id=f"id-{keys.api_key}",
        wallet=Wallet(equity=Decimal(equity), margin_ratio=None if ratio is None else Decimal(ratio)),
        positions=tuple(
            HeldPosition(symbol=symbol, size=Decimal(size), value=Decimal(size) * 100)
            for symbol, size in (held or {}).items()
        ),
        liquidated_ms=SERVER_MS if liquidated else None,
    )


def state(
    elapsed_s: float = 0.0,
    btc: str = "126000",
    guarded: AccountState | None = None,
    twin: AccountState | None = None,
    liquidations: Sequence[Liquidation] = (),
) -> VenueState:
    """The exchange at a moment of the scenario, played 300 times as fast as a clock."""
    return VenueState(
        server_ms=SERVER_MS + round(elapsed_s * 1000 / 300),
        market_ms=START_MS + round(elapsed_s * 1000),
        start_ms=START_MS,
        feed_end_ms=START_MS + LENGTH_MS,
        tickers=(
            Ticker("BTCUSDT", Decimal(btc)),
            Ticker("ETHUSDT", Decimal(2800)),
            Ticker("SOLUSDT", Decimal(120)),
        ),
        accounts=(guarded or account(CAST.guarded, "100000"), twin or account(CAST.twin, "100000")),
        liquidations=tuple(liquidations),
    )


def liquidation(symbol: str, qty: str, price: str, mark: str, elapsed_s: float) -> Liquidation:
    """A forced sale of the twin: 5 USD of trading fee and 10 USD of liquidation fee."""
    return Liquidation(
        account_id="id-twin-key",
        symbol=symbol,
        position_side="buy",
        qty=Decimal(qty),
        price=Decimal(price),
        mark_price=Decimal(mark),
        taker_fee=Decimal(5),
        fee=Decimal(10),
        market_ms=START_MS + round(elapsed_s * 1000),
    )


def finding(rule: str = "cushion", metric: str = "account.cushion", value: float = 0.431) -> Finding:
    """A firing rule."""
    at = datetime(2025, 11, 21, tzinfo=UTC)
    return Finding(
        rule=rule,
        target=Target("guarded"),
        metric=metric,
        value=value,
        limit=0.25,
        goal=0.23,
        sense=Sense.MAX,
        state=State.FIRING,
        severity=Severity.CRITICAL,
        since=at,
        episode="cushion.guarded.1",
    )


def deed(
    symbol: str = "BTC/USDT:USDT", size: str = "0.5", price: str = "125900", elapsed_s: float = 0.0
) -> Deed:
    """A trim of a long, decided at a mark of 126,000, with a fee of 34 USD."""
    return Deed(
        intent="reef-1",
        at=datetime.fromtimestamp(SERVER_MS / 1000 + elapsed_s / 300, UTC),
        kind="trim",
        symbol=symbol,
        side=Side.LONG,
        size=Decimal(size),
        price=Decimal(price),
        mark=Decimal(126_000),
        fee=Decimal(34),
        rule="cushion",
        episode="cushion.guarded.1",
        why=finding(),
    )


def track(states: Sequence[VenueState]) -> Track:
    """A track of states."""
    made = Track()
    for one in states:
        made.add(one, CAST)
    return made


def verified() -> VerifyReport:
    """A sound journal."""
    return VerifyReport(path="reef.sqlite", entries=42, blobs=3, head_seq=42, head_hash="ab", problems=())
