"""Fills that no snapshot shows yet. A plan made from such a snapshot would trade the same size again."""

from datetime import datetime
from decimal import Decimal

from msgspec import Struct

from bot.execution.intents import Intent
from bot.execution.terms import ExecutionTerms
from bot.model import OrderRequest, Snapshot, position_key


class Move(Struct, frozen=True):
    """How a position must have moved."""

    symbol: str
    key: str
    before: Decimal | None
    """Contracts before the order; None where they were not known."""
    filled: Decimal
    sign: int
    """+1 where it must have grown, -1 where it must have fallen."""
    found_at: datetime
    """The venue's time of the look-up that found the fill."""


class Unseen:
    """Orders that have filled, until the positions of a snapshot show it.

    A snapshot shows a fill when its positions are no older than the look-up that found the fill, by the
    venue's own time, and the position moved by at least as much as was filled. Where it moved by less,
    perhaps because somebody else traded, that is believed `explain_seconds` after the fill was found.
    """

    def __init__(self, terms: ExecutionTerms) -> None:
        self._terms = terms
        self._moves: dict[str, Move] = {}

    @property
    def symbols(self) -> frozenset[str]:
        """Symbols of which the positions are not known well enough for a new order."""
        return frozenset(move.symbol for move in self._moves.values())

    def note(self, intent: Intent) -> None:
        """Remember an order that has ended with fills."""
        standing, request = intent.standing, intent.prepared.step.request
        if standing is None or standing.looked_at is None or not isinstance(request, OrderRequest):
            return
        if intent.ended and standing.filled:
            self._moves[intent.intent] = Move(
                symbol=request.symbol,
                key=position_key(request.symbol, request.position_side),
                before=_before(intent, opens=request.opens),
                filled=standing.filled,
                sign=request.change,
                found_at=standing.looked_at,
            )

    def look(self, snapshot: Snapshot) -> None:
        """Forget the fills that a snapshot shows."""
        self._moves = {name: move for name, move in self._moves.items() if not self._shown(move, snapshot)}

    def _shown(self, move: Move, snapshot: Snapshot) -> bool:
        later = (snapshot.times.positions - move.found_at).total_seconds()
        if later < 0 or move.before is None:
            return later >= 0
        position = snapshot.position(move.key)
        left = position.contracts if position else Decimal(0)
        return (left - move.before) * move.sign >= move.filled or later >= self._terms.explain_seconds


def _before(intent: Intent, *, opens: bool) -> Decimal | None:
    """Contracts that were held; where an order opened, a position that was not there held nothing."""
    seen = intent.prepared.before
    return seen.contracts if seen else (Decimal(0) if opens else None)
