"""Solve, round, check, solve again: the cheapest plan that the independent check lets pass.

A goal that the check finds missed is tightened, a limit that it finds worsened becomes a row. Where no plan
of the programme passes after ATTEMPTS, or the solver gives none, the closed forms answer as if there were no
programme, and the plan says so. So they do where they bring every limit back that the programme does, and
more; where no trims could bring back more, they are not asked.
"""

from collections.abc import Callable, Sequence

from msgspec import Struct

from bot.model import Demand, Reasoning, Refusal, Unknown
from bot.planning.caps import Allowance
from bot.planning.check import Meter
from bot.planning.drafting import Prices, draw
from bot.planning.effort import ATTEMPTS, Effort
from bot.planning.known import Known
from bot.planning.programme.proposal import (
    Kept,
    Programme,
    Proposal,
    harming,
    kept_of,
    programme_of,
)
from bot.planning.programme.reach import all_beyond
from bot.planning.programme.solver import Failed
from bot.planning.recomputation import State
from bot.planning.request import PlanRequest
from bot.planning.settling import Attempt, attempt_of, fault_of, settle, settle_with

_TIGHTENINGS = 2


class Settled(Struct, frozen=True):
    """The amounts of a plan, what was dropped on the way, and how they were found."""

    attempt: Attempt
    refusals: list[Refusal]
    reasoning: Reasoning | None


def settle_cheapest(
    request: PlanRequest,
    demands: Sequence[Demand],
    known: Known,
    allowance: Allowance,
    first: Proposal | None = None,
) -> Settled:
    """Answer all demands at once at the least cost, or one after another where nothing of that passes.

    `first` is what the programme proposes, where it has been asked already.
    """
    before, meter, prices = known.before, known.meter, Prices(request, known.quotes, known.book)
    found: Settled | Failed | None = None
    if demands and not isinstance(before, Unknown):
        found = _Search(request, demands, before, allowance, prices, meter).run(first)
    met = found.attempt.met if isinstance(found, Settled) else frozenset()
    if isinstance(found, Settled) and len(met) == len(demands):
        return found
    if isinstance(found, Settled):
        unmet = [demand for demand in demands if (demand.rule, demand.target) not in met]
        if all_beyond(unmet, demands, prices.book, prices):
            return found
    given = (request, demands, before, allowance, prices, meter)
    if isinstance(found, Settled):
        more = settle_with(met, *given)
        if more is None or not met < more[0].met:
            return found
        attempt, refusals = more
        found = Failed("meets_less", "the programme meets fewer limits than one after another")
    else:
        attempt, refusals = settle(*given)
    reasoning = None if found is None else Reasoning("closed_form", found.code, found.reason)
    return Settled(attempt, refusals, reasoning)


class _Search:
    """The loop for one request."""

    def __init__(
        self,
        request: PlanRequest,
        demands: Sequence[Demand],
        before: State,
        allowance: Allowance,
        prices: Prices,
        meter: Meter,
    ) -> None:
        self._request = request
        self._demands = demands
        self._before = before
        self._allowance = allowance
        self._prices = prices
        self._meter = meter
        self._efforts = [Effort() for _ in demands]
        self._kept: dict[int, Kept] = {}
        self._programme: Programme | None = None
        """As far as it is written; None where it must be written anew."""
        self._left_out: set[str] = set()
        self._again: Callable[[], Programme] | None = None
        """What writes the programme that the first proposal was read from."""

    def run(self, first: Proposal | None) -> Settled | Failed | None:
        """Return what passes the check; Failed where nothing does, None where nothing is to choose."""
        reason, last = "", None
        self._again = None if first is None else first.again
        for number in range(ATTEMPTS):
            made = first if number == 0 and first is not None else self._propose()
            if not isinstance(made, Proposal):
                return Failed("check_failed", reason) if made is None and reason else made
            if made.amounts == last:  # a tighter goal moves nothing
                break
            attempt = self._attempt(made)
            fault = fault_of(self._request, attempt, self._efforts)
            if fault is None:
                return Settled(attempt, [], made.reasoning)
            reason = f"no plan of the programme passes the check: {fault.reason}"
            if self._keep(attempt):
                last = None
                continue
            again = self._efforts[fault.index].again(fault.missed) if fault.retry else None
            if again is None:
                break
            self._efforts[fault.index], last = again, made.amounts
            if self._programme is not None and not self._programme.tighten(fault.index, again):
                self._programme = None
        return Failed("check_failed", reason)

    def _propose(self) -> Proposal | Failed | None:
        if self._programme is None:
            self._programme = self._goes_on() or self._written()
            if self._programme is not None:
                self._programme.keep(self._kept.values())
        return None if self._programme is None else self._programme.propose()

    def _goes_on(self) -> Programme | None:
        """Return what the first proposal was read from, its goals as tight as they are now; None where it
        must be written anew."""
        again, self._again = self._again, None
        if again is None or self._left_out:
            return None
        found = again()
        tighter = [(place, effort) for place, effort in enumerate(self._efforts) if effort.tries]
        return found if all(found.tighten(place, effort) for place, effort in tighter) else None

    def _written(self) -> Programme | None:
        return programme_of(
            self._request, self._demands, self._efforts, self._prices, self._left_out, self._allowance
        )

    def _attempt(self, made: Proposal) -> Attempt:
        drawing = draw(self._demands, self._efforts, self._prices, made.amounts, self._left_out)
        return attempt_of(self._request, drawing, self._before, self._allowance, self._meter)

    def _keep(self, attempt: Attempt) -> bool:
        """Write down what a plan makes worse, for the next one to respect; False where nothing is new.

        Where a limit gets worse although it has its row, its level is tightened; where that does not help,
        the lots are too coarse for it, and the trims that harm it are left out.
        """
        new = False
        for harm in attempt.harms:
            kept = self._kept.get(harm.number)
            effort = Effort() if kept is None else _further(kept)
            if effort is not None:
                further = kept_of(harm.watch, self._meter, self._before, effort)
                self._kept[harm.number] = further
                if self._programme is not None:
                    self._programme.keep((further,))
                new = True
                continue
            assert kept is not None
            harmful = harming(kept, attempt.drawing) - self._left_out
            self._left_out |= harmful
            self._programme = None
            new = new or bool(harmful)
        return new


def _further(kept: Kept) -> Effort | None:
    """Tighten a limit that has room, a few times."""
    if kept.effort is None or kept.effort.tries >= _TIGHTENINGS:
        return None
    return kept.effort.again()
