"""Free margin while moves are planned: what may be used, what stays, and what the caps of the day leave."""

from decimal import ROUND_FLOOR, Decimal

from msgspec import Struct

from bot.model import Demand, Number, Unknown
from bot.planning.request import PlanRequest
from bot.risk.figures import number_of

CENT = Decimal("0.01")


class Bound(Struct, frozen=True):
    """The most that may be moved, with the code and words of what bounds it."""

    most: float
    code: str
    words: str


class Purse:
    """What is free in the account, and what this plan has taken from it. Money in USD."""

    def __init__(self, request: PlanRequest) -> None:
        self._request = request
        snapshot = request.snapshot
        self._free = number_of(snapshot.balance.available, f"the free margin of {snapshot.account}")
        self._taken: dict[str, float] = {}

    @property
    def equity(self) -> Number:
        """Equity of the account."""
        return self._request.portfolio.equity

    @property
    def left(self) -> Number:
        """What is free and not taken yet."""
        return self._free if isinstance(self._free, Unknown) else self._free - sum(self._taken.values())

    def for_margin(self, demand: Demand) -> Bound | Unknown:
        """Return what a rule may still add to positions: never the last of the free margin."""
        terms, usage, caps = demand.moves.margin, self._request.usage, self._request.caps
        left = self.left
        if isinstance(left, Unknown) or isinstance(self._free, Unknown):
            return left if isinstance(left, Unknown) else Unknown("free margin is unknown")
        if isinstance(self.equity, Unknown):
            return self.equity
        kept = terms.keep.amount(self.equity)
        taken, share = self._taken.get(demand.rule, 0.0), terms.max_share * self._free
        bounds = [
            Bound(left - kept, "margin_kept", f"of {left:.2f} USD free margin {kept:.2f} USD are kept"),
            Bound(
                share - taken,
                "cap_margin",
                f"{terms.max_share:.0%} of the free margin, {share:.2f} USD, in one cycle",
            ),
        ]
        if terms.max_per_day is not None:
            spent = float(usage.margin_today.get(demand.rule, 0)) + taken
            bounds.append(daily(terms.max_per_day, spent, "cap_margin", "the rule's margin"))
        if caps.margin_per_day is not None:
            spent = float(sum(usage.margin_today.values())) + sum(self._taken.values())
            bounds.append(daily(float(caps.margin_per_day), spent, "cap_margin", "margin"))
        return min(bounds, key=lambda bound: bound.most)

    def take(self, rule: str, amount: Decimal) -> None:
        """Take something out of the free margin."""
        self._taken[rule] = self._taken.get(rule, 0.0) + float(amount)


def daily(limit: float, spent: float, code: str, what: str) -> Bound:
    """Return what is left of a bound on a day."""
    left = max(limit - spent, 0.0)
    return Bound(left, code, f"{what} of {limit:.2f} USD a day; {left:.2f} USD are left")


def cents_below(amount: float) -> Decimal:
    """Round USD down to cents; never below 0."""
    return max(Decimal(repr(amount)).quantize(CENT, ROUND_FLOOR), Decimal(0))
