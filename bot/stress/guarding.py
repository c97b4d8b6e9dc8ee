"""The same way with the guard: rules fire, the real decision plans, its steps are done, stops are reached."""

from bot.decision import Decision, DecisionInput, decide
from bot.model import Finding, Step, StepKind
from bot.risk.portfolio import Portfolio
from bot.stress.account import TINY, Leg
from bot.stress.carrying import Porter
from bot.stress.results import Act, Fired, Guarded
from bot.stress.tally import STEPS, Tally
from bot.stress.watching import Lookout, Name, name_of

MOST_DECISIONS = 60
"""Decisions that are taken on one way; a guard that needs more is told of as one that does not come home."""
AGAIN = 3
"""Times that a rule may act at one moment: caps and coarse steps may leave something over."""


class Guard:
    """One guarded account on one way."""

    def __init__(self, tally: Tally, porter: Porter, lookout: Lookout) -> None:
        self._tally = tally
        self._walk = tally.walk
        self._porter = porter
        self._lookout = lookout
        self._muted: set[Name] = set()
        self._fired: dict[Name, Fired] = {}
        self._acts: list[Act] = []
        self._stops: list[str] = []
        self._refused: dict[str, None] = {}
        self._halted = ""
        self._decisions = 0

    def begin(self, first: Decision, given: DecisionInput) -> None:
        """Carry out what is decided before the shock; stops are placed by it too."""
        self._do(first, given)
        self._look_again()

    def run(self) -> Guarded:
        """Walk the whole way."""
        self._tally.note()
        for number in range(1, STEPS + 1):
            until = number / STEPS
            while self._next(until):
                pass
            self._walk.go(until)
            self._tally.note()
        account = self._walk.account
        return Guarded(
            ending=self._tally.ending(),
            fired=tuple(self._fired.values()),
            acts=tuple(self._acts),
            stops=tuple(self._stops),
            refused=tuple(self._refused),
            halted=self._halted,
            moved_out=account.moved_out,
        )

    def _next(self, until: float) -> bool:
        """Do what comes next on the way; False where nothing does."""
        stop = self._first_stop(until)
        limit = until if stop is None else stop[0]
        lost = self._walk.first_failure(limit)
        limit = limit if lost is None else lost
        fires = self._first_firing(limit)
        if fires is not None:
            self._walk.go(fires)
            self._decide()
        elif lost is not None:
            self._tally.liquidate(lost)
            self._porter.follow()
            self._look_again()
        elif stop is not None:
            self._stop(*stop)
            self._look_again()
        else:
            return False
        return True

    def _first_firing(self, until: float) -> float | None:
        if self._halted or self._decisions >= MOST_DECISIONS or not self._walk.account.held:
            return None
        return self._lookout.first(self._porter.given, self._walk, until, self._muted)

    def _first_stop(self, until: float) -> tuple[float, Leg] | None:
        found: tuple[float, Leg] | None = None
        for leg in self._walk.account.held:
            at = self._reached(leg, until)
            if at is not None and (found is None or at < found[0]):
                found = at, leg
        return found

    def _reached(self, leg: Leg, until: float) -> float | None:
        """Return when a position's stop is reached, None where it is not."""
        if leg.stop is None or leg.sign * (self._walk.price(leg, until) - leg.stop) > 0.0:
            return None
        ahead = leg.sign * (leg.price - leg.stop)
        whole = leg.sign * (leg.price - self._walk.price(leg, until))
        if ahead <= 0.0 or whole <= TINY:
            return self._walk.t
        return self._walk.t + (until - self._walk.t) * ahead / whole

    def _stop(self, at: float, leg: Leg) -> None:
        self._walk.go(at)
        self._tally.books.refill()
        size, value = leg.size, leg.value(leg.price)
        sold, distance = self._tally.books.sell(leg, size, None)
        self._porter.close_at_stop(leg, value * (distance + float(leg.market.taker_fee)))
        self._porter.follow()
        self._stops.append(leg.key)
        if sold < size:
            self._refused[f"the book of {leg.position.symbol} does not hold all that its stop would sell"] = (
                None
            )

    def _look_again(self) -> None:
        """Decide after something happened, without waiting for the next rule."""
        if not self._live():
            return
        if self._porter.orphans or self._lookout.fires(self._here(), self._muted):
            self._decide()

    def _live(self) -> bool:
        left = self._walk.account.held or self._porter.orphans
        return not self._halted and self._decisions < MOST_DECISIONS and bool(left)

    def _here(self) -> DecisionInput:
        walk = self._walk
        return self._lookout.input_at(self._porter.given, walk, walk.account, walk.t)

    def _decide(self) -> None:
        for _ in range(AGAIN):
            given = self._lookout.input_to_act_on(self._porter.given, self._walk)
            made = decide(given, self._lookout.rules)
            self._decisions += 1
            if not self._do(made, given) or not self._live():
                return

    def _do(self, made: Decision, shown: DecisionInput) -> bool:
        """Note what fires, carry the plan out; whether it may be worth deciding again at once."""
        firing = [one for one in made.evaluation.findings if one.episode]
        for one in firing:
            self._note(one, made.portfolio)
        if self._decisions >= MOST_DECISIONS:
            self._refused[f"the guard had not come home after {MOST_DECISIONS} decisions"] = None
        for refusal in made.plan.refusals:
            if refusal.rule:
                self._refused[f"{refusal.rule}, {refusal.item}: {refusal.reason}"] = None
        acting = {step.rule for step in made.plan.steps if self._carry(step, shown)}
        if made.plan.halt:
            self._halted = made.plan.halt
        # What no step mends fires on; it is not looked at again.
        self._muted |= {name_of(one) for one in firing if one.rule not in acting}
        return any(one.rule in acting for one in firing)

    def _carry(self, step: Step, shown: DecisionInput) -> bool:
        if not self._porter.carry(step, shown):
            self._refused[
                f"{step.rule}: a step of the kind {step.kind.value} is not followed in a stress"
            ] = None
            return False
        if step.kind is StepKind.PROTECT:
            return False
        said = step.reason
        self._acts.append(Act(self._walk.t, step.rule, step.kind.value, said, step.notional, step.cost))
        return True

    def _note(self, finding: Finding, portfolio: Portfolio) -> None:
        if name_of(finding) in self._fired:
            return
        key = finding.target.position
        holding = portfolio.holding(key) if key else None
        self._fired[name_of(finding)] = Fired(
            rule=finding.rule,
            target=finding.target.text,
            metric=finding.metric,
            value=finding.value,
            limit=finding.limit,
            at=self._walk.t,
            market=portfolio.reference if holding is None else holding.symbol,
            price=portfolio.reference_price if holding is None else holding.price,
        )
