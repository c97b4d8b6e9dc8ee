"""Fills that no snapshot shows yet. A plan made from such a snapshot would trade the same size again."""

from datetime import datetime
from decimal import Decimal

from msgspec import Struct

from bot.execution.intents import Intent
from bot.execution.terms import ExecutionTerms
from bot.model import OrderRequest, Snapshot, position_key


class Fall(Struct, frozen=True):
    """How a position must have fallen."""

    symbol: str
    key: str
    before: Decimal | None
    """Contracts before the order; None where they were not known."""
    filled: Decimal
    found_at: datetime
    """The venue's time of the look-up that found the fill."""


class Unseen:
    """Orders that have filled, until the positions of a snapshot show it.

    A snapshot shows a fill when its positions are no older than the look-up that found the fill, by the
    venue's own time, and the position fell by at least as much as was filled. Where it fell by less,
    perhaps because somebody added to it, that is believed `explain_seconds` after the fill was found.
    """

    def __init__(self, terms: ExecutionTerms) -> None:
        self._terms = terms
        self._falls: dict[str, Fall] = {}

    @property
    def symbols(self) -> frozenset[str]:
        """Symbols of which the positions are not known well enough for a new order."""
        return frozenset(fall.symbol for fall in self._falls.values())

    def note(self, intent: Intent) -> None:
        """Remember an order that has ended with fills."""
        standing, request = intent.standing, intent.prepared.step.request
        if standing is None or standing.looked_at is None or not isinstance(request, OrderRequest):
            return
        if intent.ended and standing.filled:
            self._falls[intent.intent] = Fall(
                symbol=request.symbol,
                key=position_key(request.symbol, request.position_side),
                before=intent.prepared.before.contracts if intent.prepared.before else None,
                filled=standing.filled,
                found_at=standing.looked_at,
            )

    def look(self, snapshot: Snapshot) -> None:
        """Forget the fills that a snapshot shows."""
        self._falls = {name: fall for name, fall in self._falls.items() if not self._shown(fall, snapshot)}

    def _shown(self, fall: Fall, snapshot: Snapshot) -> bool:
        later = (snapshot.times.positions - fall.found_at).total_seconds()
        if later < 0 or fall.before is None:
            return later >= 0
        position = snapshot.position(fall.key)
        left = position.contracts if position else Decimal(0)
        return fall.before - left >= fall.filled or later >= self._terms.explain_seconds
