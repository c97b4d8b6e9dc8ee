"""What came of both accounts, as figures."""

from collections.abc import Sequence
from decimal import Decimal

import msgspec
from msgspec import Struct

from bot.demo.books import Books
from bot.demo.chronicle import Deed
from bot.demo.scene import DEPOSIT, POSITIONS, REFERENCE, Cast
from bot.demo.track import Track
from bot.demo.venue import AccountState, Liquidation, VenueState, venue_symbol
from bot.journal import VerifyReport

KEEPS_AT_LEAST = 0.7
"""Share of its equity that the guarded account must keep for the demo to count as passed."""


class Ending(Struct, frozen=True):
    """How one account ended. Money in USD.

    `actions` are filled orders of the guard. `cost` is fees and what the fills were worse than the mark price
    of the moment: for the guarded account of the guard's orders, for the twin of its liquidation.
    """

    initial_equity: float
    final_equity: float
    liquidated: bool
    actions: int
    cost: float

    @property
    def kept(self) -> float:
        """Final equity as a share of the first."""
        return self.final_equity / self.initial_equity


class Fall(Struct, frozen=True):
    """When an account was first liquidated, and how much was sold for it."""

    elapsed_s: float
    btc: float
    sold: float
    sales: int


class Told(Struct, frozen=True):
    """One order of the guard with its place in market time. Money in USD."""

    deed: Deed
    elapsed_s: float
    cost: float
    saved: float


class Score(Struct, frozen=True):
    """Everything that the last page tells."""

    seed: int
    journal: str
    guarded: Ending
    unguarded: Ending
    guarded_fall: Fall | None
    unguarded_fall: Fall | None
    told: tuple[Told, ...]
    by_stops: dict[str, Decimal]
    """Coins by symbol that protective stops sold at the exchange: what no order of the guard explains."""
    verified: VerifyReport
    least: float = KEEPS_AT_LEAST
    books: Books | None = None
    """What the exchange's books showed of the hedges; None where nothing hedges."""

    @property
    def passed(self) -> bool:
        """Whether the guarded account lives, kept enough, and its journal is sound; where it hedges, also
        whether it was never net short and nothing of the hedges is left."""
        alive = not self.guarded.liquidated and self.guarded.kept > self.least
        return alive and self.verified.sound and (self.books is None or self.books.right)

    def as_json(self) -> dict[str, object]:
        """The object that `--json` prints."""
        return {
            "seed": self.seed,
            "journal": self.journal,
            "guarded": msgspec.to_builtins(self.guarded),
            "unguarded": msgspec.to_builtins(self.unguarded),
        }


def score(
    *,
    seed: int,
    journal: str,
    cast: Cast,
    final: VenueState,
    track: Track,
    deeds: Sequence[Deed],
    verified: VerifyReport,
    least: float = KEEPS_AT_LEAST,
    books: Books | None = None,
) -> Score:
    """Sum up the last state of the exchange, the guard's journal and the track."""
    told = tuple(_told(deed, final, track) for deed in deeds)
    guarded, twin = final.account(cast.guarded.api_key), final.account(cast.twin.api_key)
    forced, forced_twin = _forced(guarded, final), _forced(twin, final)
    cost = sum(one.cost for one in told) + _forced_cost(forced)
    return Score(
        seed=seed,
        journal=journal,
        guarded=_ending(guarded, len(told), cost),
        unguarded=_ending(twin, 0, _forced_cost(forced_twin)),
        guarded_fall=_fall(forced, final, track),
        unguarded_fall=_fall(forced_twin, final, track),
        told=told,
        by_stops=_by_stops(guarded, deeds, forced),
        verified=verified,
        least=least,
        books=books,
    )


def _told(deed: Deed, final: VenueState, track: Track) -> Told:
    return Told(
        deed=deed,
        elapsed_s=track.at_server(deed.at.timestamp() * 1000).elapsed_s,
        cost=float(deed.cost),
        saved=float(deed.saved(final.mark(venue_symbol(deed.symbol)))),
    )


def _ending(account: AccountState, actions: int, cost: float) -> Ending:
    return Ending(
        initial_equity=float(DEPOSIT),
        final_equity=float(account.wallet.equity),
        liquidated=account.liquidated_ms is not None,
        actions=actions,
        cost=cost,
    )


def _forced(account: AccountState, final: VenueState) -> list[Liquidation]:
    return [one for one in final.liquidations if one.account_id == account.account_id]


def _forced_cost(forced: Sequence[Liquidation]) -> float:
    """Fees of forced sales, and what they were worse than mark. The accounts hold longs alone."""
    slippage = sum(((one.mark_price - one.price) * one.qty for one in forced), Decimal(0))
    return float(slippage + sum((one.taker_fee + one.fee for one in forced), Decimal(0)))


def _fall(forced: Sequence[Liquidation], final: VenueState, track: Track) -> Fall | None:
    if not forced:
        return None
    elapsed = (forced[0].market_ms - final.start_ms) / 1000
    at_once = [one for one in forced if one.symbol == REFERENCE and one.market_ms == forced[0].market_ms]
    return Fall(
        elapsed_s=elapsed,
        btc=float(at_once[0].mark_price) if at_once else track.at_market(elapsed).btc,
        sold=float(sum((one.price * one.qty for one in forced), Decimal(0))),
        sales=len(forced),
    )


def _by_stops(
    account: AccountState, deeds: Sequence[Deed], forced: Sequence[Liquidation]
) -> dict[str, Decimal]:
    held = {one.symbol: one.size for one in account.positions if one.side != "sell"}
    left = {one.symbol: one.qty - held.get(one.symbol, Decimal(0)) for one in POSITIONS}
    for deed in deeds:
        if not deed.hedges:
            left[venue_symbol(deed.symbol)] -= deed.size
    for one in forced:
        left[one.symbol] -= one.qty
    return {symbol: size for symbol, size in left.items() if size}
