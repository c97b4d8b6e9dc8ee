"""Keeps what happens to an account on its way."""

from bot.stress.books import Books
from bot.stress.liquidation import Liquidator
from bot.stress.path import Walk
from bot.stress.results import Ending, Liquidated
from bot.stress.terms import LiquidationTerms

STEPS = 20
"""Even parts of the way at which rules are looked at and equity is noted."""


class Tally:
    """A walk with its liquidations, its highest ratio and its equity."""

    def __init__(self, walk: Walk, books: Books, terms: LiquidationTerms) -> None:
        self.walk = walk
        self.books = books
        self._terms = terms
        self._begun = {key: leg.size for key, leg in walk.account.legs.items()}
        self._order: dict[str, Liquidated] = {}
        self._ruined = False
        self._worst = 0.0
        self._curve: list[float] = []

    def note(self) -> None:
        """Take note of where the account stands."""
        account = self.walk.account
        self._curve.append(account.equity + account.moved_out)
        self._measure()

    def liquidate(self, at: float) -> None:
        """Go to a moment and let the venue take what is used up there."""
        self.walk.go(at)
        self._measure()
        liquidator = Liquidator(self.walk.account, self._terms, self.books)
        self.books.refill()
        for unit in self.walk.failing(at):
            for cut in liquidator.run(unit):
                leg = self.walk.account.legs[cut.key]
                begun = self._begun.get(cut.key, 0.0)
                size = cut.notional if leg.inverse else cut.notional / leg.price
                known = self._order.get(cut.key)
                share = size / begun if begun else 1.0
                self._order[cut.key] = Liquidated(
                    position=cut.key,
                    at=at if known is None else known.at,
                    price=leg.price if known is None else known.price,
                    share=min(share + (known.share if known else 0.0), 1.0),
                    notional=cut.notional + (known.notional if known else 0.0),
                    cost=cut.cost + (known.cost if known else 0.0),
                    gone=cut.gone,
                )

    def ending(self) -> Ending:
        """Say how it ended."""
        account = self.walk.account
        return Ending(
            equity=account.equity,
            margin_ratio=account.ratio,
            worst_ratio=None if self._ruined else self._worst,
            gross=account.gross,
            liquidated=tuple(self._order.values()),
            left={key: account.legs[key].size / begun for key, begun in self._begun.items() if begun},
            cost=account.spent,
            curve=tuple(self._curve),
        )

    def _measure(self) -> None:
        ratio = self.walk.account.ratio
        if ratio is None:
            self._ruined = True
        else:
            self._worst = max(self._worst, ratio)


def unguarded(tally: Tally) -> Ending:
    """Walk the whole way with nobody acting: no rule, no stop."""
    tally.note()
    for number in range(1, STEPS + 1):
        until = number / STEPS
        while (at := tally.walk.first_failure(until)) is not None:
            tally.liquidate(at)
        tally.walk.go(until)
        tally.note()
    return tally.ending()
