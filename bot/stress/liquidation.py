"""What the venue does where margin is used up: which positions it cuts, in which order, and what is left."""

from decimal import ROUND_CEILING, Decimal

from msgspec import Struct

from bot.model import Tier
from bot.stress.account import TINY, Account, Leg, same_base
from bot.stress.books import Books
from bot.stress.terms import LiquidationTerms

CROSS = ""
"""The unit of all cross positions; another is the key of an isolated one."""


class Cut(Struct, frozen=True):
    """One position that the venue closed, or a part of it."""

    key: str
    contracts: Decimal
    notional: float
    cost: float
    """What was lost to fees and to the book."""
    gone: bool
    """Whether nothing of the position is left."""


class Liquidator:
    """Liquidates units of one account at its present prices."""

    def __init__(self, account: Account, terms: LiquidationTerms, books: Books) -> None:
        self._account = account
        self._terms = terms
        self._books = books
        self._shares: dict[str, float] = {}

    def run(self, unit: str) -> list[Cut]:
        """Cut a unit until it is safe or flat."""
        self._shares = {}
        cuts = []
        while (legs := self._legs(unit)) and self._asked(unit) >= self._behind(unit):
            cuts.append(self._step(unit, max(legs, key=lambda leg: leg.asked(leg.price))))
        self._settle(unit)
        return cuts

    def _legs(self, unit: str) -> list[Leg]:
        if unit == CROSS:
            return self._account.cross
        leg = self._account.legs[unit]
        return [leg] if leg.contracts else []

    def _asked(self, unit: str) -> float:
        if unit == CROSS:
            return self._account.upkeep
        leg = self._account.legs[unit]
        return leg.asked(leg.price)

    def _behind(self, unit: str) -> float:
        return self._account.balance if unit == CROSS else self._account.legs[unit].equity or 0.0

    def _step(self, unit: str, leg: Leg) -> Cut:
        value = leg.value(leg.price)
        contracts = self._contracts(leg, value, ruined=self._behind(unit) <= 0.0)
        share = float(contracts / leg.contracts)
        notional = value * share
        lost = self._lost(leg, leg.size * share, notional, self._bound(unit, leg))
        if unit == CROSS:
            leg.cut(contracts)
            self._account.pay(leg, lost)
            fee = max(min(notional * self._terms.fee, self._behind(unit)), 0.0)
            self._account.pay(leg, fee)
        else:
            lost, fee = self._close_isolated(leg, contracts, lost, notional)
        return Cut(leg.key, contracts, notional, lost + fee, not leg.contracts)

    def _lost(self, leg: Leg, size: float, notional: float, bound: float | None) -> float:
        """Return what closing costs: the book, the fee, and what the fund takes over at its own price."""
        limit = bound if bound is not None and bound > 0.0 else None
        sold, distance = self._books.sell(leg, size, limit)
        taken = notional * (sold / size if size else 0.0)
        return taken * (distance + float(leg.market.taker_fee)) + (notional - taken) * (bound or 0.0)

    def _close_isolated(
        self, leg: Leg, contracts: Decimal, lost: float, notional: float
    ) -> tuple[float, float]:
        """Close at most what its own margin can pay; of one that is gone the fund keeps the rest."""
        before = leg.equity or 0.0
        freed = before * leg.cut(contracts)
        leg.equity = before - freed
        if not leg.contracts:
            self._account.spent += max(before, 0.0)
            return max(before, 0.0), 0.0
        fee = max(min(notional * self._terms.fee, leg.equity), 0.0)
        leg.equity -= fee
        paid = max(min(lost, freed), 0.0) if freed > 0.0 else 0.0
        self._account.receive(max(freed - lost, 0.0))
        self._account.spent += paid + fee
        return paid, fee

    def _contracts(self, leg: Leg, value: float, *, ruined: bool) -> Decimal:
        """Return what one step closes."""
        if ruined or value <= 0.0:
            return leg.contracts
        in_tiers = leg.size / leg.price if leg.inverse else value
        floor = _floor(leg.tiers, in_tiers)
        if floor > 0.0:
            wanted = 1.0 - floor / in_tiers
        else:
            first = self._shares.setdefault(leg.key, value)
            wanted = max(first * self._terms.share, self._terms.least) / value
        step = leg.market.amount_step
        exact = leg.contracts * Decimal(repr(min(wanted, 1.0)))
        rounded = (exact / step).to_integral_value(ROUND_CEILING) * step
        closed = max(leg.market.amount_min, min(leg.contracts, rounded))
        return leg.contracts if leg.contracts - closed < leg.market.amount_min else closed

    def _bound(self, unit: str, leg: Leg) -> float | None:
        """Return how far from mark nothing is left behind the unit, as a fraction; None where nowhere.

        Below 0 it is passed already.
        """
        behind = self._behind(unit)
        if unit != CROSS:
            slope = leg.sign * leg.value(leg.price)
        else:
            base = leg.market.base
            slope = sum(one.sign * one.value(one.price) for one in same_base(self._account.cross, base))
            purse = self._account.coins.get(base)
            slope += purse.margin if purse else 0.0
        if abs(slope) <= TINY or behind / slope >= 1.0:
            return None
        return leg.sign * behind / slope

    def _settle(self, unit: str) -> None:
        """Let the fund pay what a flat unit owes, and keep what is left of an isolated one."""
        account = self._account
        if unit != CROSS:
            leg = account.legs[unit]
            if not leg.contracts:
                leg.equity = 0.0
        elif not account.cross and account.balance < 0.0:
            owed = 0.0
            for purse in account.coins.values():
                owed += max(-purse.worth, 0.0)
                purse.worth = max(purse.worth, 0.0)
            account.cash = max(account.cash - owed, 0.0)
            account.margin = account.cash


def _floor(tiers: tuple[Tier, ...], value: float) -> float:
    """Return where the tier begins that a value is in."""
    floors = [float(tier.floor) for tier in tiers if float(tier.floor) < value]
    return max(floors, default=0.0)
