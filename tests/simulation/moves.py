"""What the guard may do with margin and money, judged by the venue's own books and the journal's intents.

The ledger notes every change of margin and leverage that the venue made; transfers and sales of coins stand
in its books. On a seeded day nobody but the guard asks for any of them.
"""

from collections import Counter
from decimal import Decimal
from typing import Protocol

from msgspec import Struct

from bot.journal.records import IntentState
from bot.model import ConvertRequest, LeverageRequest, MarginRequest, TransferRequest
from bot.sandbox.engine.exchange import Engine
from bot.sandbox.engine.types import Leg, Position
from tests.replay.intents import IntentBook, Tracked, venue_symbol
from tests.replay.truth import Key

Amounts = Counter[tuple[Key, Decimal]]
"""How often an amount of margin went to a leg."""
ROUNDING = Decimal("0.01")
"""USD by which the sums of a whole venue may differ: single payments are rounded."""


class Must(Protocol):
    """Takes note of what does not hold."""

    def __call__(self, holds: bool, number: int, what: str, /) -> None: ...


class Lowered(Struct, frozen=True):
    """A leverage that was set."""

    symbol: str
    before: Decimal
    after: Decimal


class Ledger(Engine):
    """A venue that notes whose margin and leverage it changed."""

    def __init__(self, *arguments: object, **more: object) -> None:
        super().__init__(*arguments, **more)  # type: ignore[arg-type]
        self.margins: dict[str, Amounts] = {}
        self.leverages: dict[str, list[Lowered]] = {}

    def add_isolated_margin(
        self, account_id: str, symbol: str, amount: Decimal, leg: Leg = Leg.NET
    ) -> Position:
        """Add margin, and note it."""
        made = super().add_isolated_margin(account_id, symbol, amount, leg)
        self.margins.setdefault(account_id, Counter())[(symbol, leg), amount] += 1
        return made

    def set_leverage(self, account_id: str, symbol: str, buy: Decimal, sell: Decimal | None = None) -> None:
        """Set a leverage, and note it."""
        before = self.leverage(account_id, symbol)
        super().set_leverage(account_id, symbol, buy, sell)
        self.leverages.setdefault(account_id, []).append(Lowered(symbol, before, buy))


class MoveJudge:
    """Judges the moves of one account: each is asked for, done once, and told as it was."""

    def __init__(self, account: str, venue: Ledger, book: IntentBook, must: Must) -> None:
        self._account = account
        self._venue = venue
        self._book = book
        self._must = must
        self._seen = 0

    def after_cycle(self) -> None:
        """2 to 4: nothing was done that no intent asks for, and nothing twice."""
        asked = self._margins(lambda _: True)
        for key, times in self._done().items():
            self._must(times <= asked[key], 3, f"margin {key} was added {times} times, asked {asked[key]}")
        transfers = [one.amount for one in self._venue.wallet_moves(self._account)]
        wanted = Counter(one.request.amount for one in self._of(TransferRequest))  # type: ignore[union-attr]
        for amount, times in Counter(transfers).items():
            said = f"{amount} was moved {times} times, asked {wanted[amount]}"
            self._must(times <= wanted[amount], 3, said)
        levels = {
            (venue_symbol(one.request.symbol), one.request.leverage)
            for one in self._of(LeverageRequest)
            if isinstance(one.request, LeverageRequest)
        }
        for set_ in self._venue.leverages.get(self._account, [])[self._seen :]:
            self._seen += 1
            self._must((set_.symbol, set_.after) in levels, 2, f"{set_} was not asked for")
            self._must(set_.after <= set_.before, 1, f"{set_} raises a leverage")
        self._sales()

    def _sales(self) -> None:
        for sold in self._venue.spot_orders(self._account):
            name = sold.request.client_id
            tracked = self._book.intents.get(name)
            own = tracked is not None and isinstance(tracked.request, ConvertRequest)
            self._must(own, 2, f"coins were sold by {name}, which no intent asks for")
            if tracked is not None and isinstance(tracked.request, ConvertRequest):
                self._must(sold.filled_qty <= tracked.request.amount, 4, f"{name} sold {sold.filled_qty}")

    def at_end(self) -> None:
        """6: what the journal tells of margin and money is what the venue did, to the cent."""
        self.after_cycle()
        done = self._done()
        told = self._margins(lambda state: state is IntentState.FILLED)
        possible = self._margins(lambda state: state is not IntentState.REJECTED)
        for key in {*done, *told}:
            said = f"margin {key}: {done[key]} times added, {told[key]} told, {possible[key]} at most"
            self._must(told[key] <= done[key] <= possible[key], 6, said)
        moved = sum((one.amount for one in self._venue.wallet_moves(self._account)), Decimal(0))
        outcomes = [one.outcome for one in self._of(TransferRequest) if one.outcome is not None]
        recorded = sum((one.filled for one in outcomes), Decimal(0))
        self._must(moved == recorded, 6, f"{moved} USD were moved out, {recorded} recorded")
        fund = self._venue.fund(self._account).get("USDT", Decimal(0))
        self._must(fund == moved, 6, f"{fund} USD are in the funding wallet, {moved} were moved there")
        for sold in self._venue.spot_orders(self._account):
            tracked = self._book.intents.get(sold.request.client_id)
            filled = tracked.outcome.filled if tracked and tracked.outcome else None
            same = filled == sold.filled_qty
            self._must(same, 6, f"{sold.request.client_id} sold {sold.filled_qty}, recorded is {filled}")
        off = self._venue.totals().difference
        self._must(abs(off) <= ROUNDING, 6, f"{off} USD of the venue are not accounted for")

    def count(self) -> dict[str, int]:
        """How many of each were done, for the closing note."""
        return {
            "margins": sum(self._done().values()),
            "leverages": len(self._venue.leverages.get(self._account, [])),
            "transfers": len(self._venue.wallet_moves(self._account)),
            "conversions": len(self._venue.spot_orders(self._account)),
        }

    def _done(self) -> Amounts:
        return self._venue.margins.get(self._account, Counter())

    def _of(self, kind: type) -> list[Tracked]:
        return [one for one in self._book.intents.values() if isinstance(one.request, kind)]

    def _margins(self, fits: "Fits") -> Amounts:
        found: Amounts = Counter()
        for one in self._of(MarginRequest):
            request, state = one.request, None if one.outcome is None else one.outcome.state
            if isinstance(request, MarginRequest) and fits(state):
                key = (venue_symbol(request.symbol), Leg(request.position_index))
                found[key, request.amount] += 1
        return found


class Fits(Protocol):
    """Whether an intent counts by how it ended; None where it has not."""

    def __call__(self, state: IntentState | None, /) -> bool: ...
