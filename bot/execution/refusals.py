"""What the venue refused, so that the next plan asks for something else, or for the same less often."""

from datetime import datetime, timedelta
from decimal import Decimal

from msgspec import Struct

from bot.exchange.protocol import Gateway
from bot.execution import moves
from bot.model import (
    Answer,
    CancelRequest,
    Cause,
    Move,
    OrderRequest,
    RefusedBefore,
    Request,
    Snapshot,
    StopRequest,
    Verdict,
    position_key,
)

FIRST = timedelta(seconds=2)
LONGEST = timedelta(seconds=60)
CROWDED = timedelta(seconds=60)
"""For so long a symbol counts as crowded after the venue said so."""

REFUSING = frozenset({Verdict.REJECTED, Verdict.OVERLOADED})
TAKING = frozenset({Verdict.ACCEPTED, Verdict.DUPLICATE, Verdict.NOTHING_TO_DO})

Sizes = frozenset[tuple[str, Decimal]]


class Kept(Struct, frozen=True):
    """A refusal, with the positions of its symbol at the time."""

    refused: RefusedBefore
    since: datetime
    symbol: str
    sizes: Sizes


class Refusals:
    """Refusals of one account: orders by symbol, stops by position, moves by what they move.

    A pause grows from `FIRST` to `LONGEST` with every refusal, and ends with anything that is taken and with
    any change of the symbol's positions. Where the first refusal says what must change, there is none.
    """

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._kept: dict[str, Kept] = {}
        self._crowded: dict[str, datetime] = {}

    def took(self, request: Request, answer: Answer, snapshot: Snapshot, now: datetime) -> None:
        """Take note of an answer."""
        if isinstance(request, CancelRequest):
            return
        item = _item_of(request)
        if answer.verdict in TAKING:
            self._kept.pop(item, None)
        if answer.verdict not in REFUSING:
            return
        if answer.cause is Cause.CROWDED:
            self._crowded[request.symbol] = now
        if answer.cause is Cause.FILTERS:
            self._gateway.forget_market(request.symbol)
        before = self._kept.get(item)
        count = before.refused.count + 1 if before else 1
        pause = min(FIRST * 2 ** min(count - 1, 10), LONGEST)
        if count == 1 and answer.cause is not Cause.NONE:
            pause = timedelta(0)
        refused = RefusedBefore(item, answer.code, answer.message, count, now + pause)
        self._kept[item] = Kept(refused, now, request.symbol, _sizes(request.symbol, snapshot))

    def look(self, snapshot: Snapshot) -> None:
        """Forget what was refused for positions that are not what they were."""
        self._kept = {
            item: kept for item, kept in self._kept.items() if kept.sizes == _sizes(kept.symbol, snapshot)
        }

    def in_force(self, now: datetime) -> tuple[RefusedBefore, ...]:
        """Return the refusals that are waited out. A clock that was set back makes no wait longer."""
        return tuple(
            kept.refused for _, kept in sorted(self._kept.items()) if kept.since <= now < kept.refused.until
        )

    def crowded(self, now: datetime) -> tuple[str, ...]:
        """Return the symbols on which resting reduce-only orders hold the position."""
        return tuple(
            sorted(symbol for symbol, at in self._crowded.items() if timedelta(0) <= now - at < CROWDED)
        )


def _item_of(request: OrderRequest | StopRequest | Move) -> str:
    if isinstance(request, Move):
        return moves.item_of(request)
    if isinstance(request, StopRequest):
        return position_key(request.symbol, request.position_side)
    return request.symbol


def _sizes(symbol: str, snapshot: Snapshot) -> Sizes:
    return frozenset((one.key, one.contracts) for one in snapshot.positions if one.symbol == symbol)
