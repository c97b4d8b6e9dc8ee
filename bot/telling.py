"""What the log is told of a cycle before anything is sent: once when it begins, not in every cycle."""

from collections.abc import Mapping

import structlog
from msgspec import structs

from bot.decision import Decision, DecisionInput
from bot.execution import HedgeLook
from bot.execution.onlooker import Look
from bot.model import Difference, State, Target
from bot.risk.gates import PriceGates
from bot.rules import RuleSet, unknown_symbols

log = structlog.get_logger(__name__)


class Teller:
    """Tells of one account."""

    def __init__(self, account: str, rules: RuleSet, *, armed: bool) -> None:
        self._account = account
        self._rules = rules
        self._armed = armed
        self._looked = False
        self._bare: dict[str, str] = {}
        self._apart: frozenset[tuple[Target, str]] = frozenset()
        self._doubted: frozenset[tuple[str, bool]] = frozenset()

    def take(self, rules: RuleSet) -> None:
        """Tell by other rules from now on."""
        self._rules = rules
        self._looked = False

    def tell(self, given: DecisionInput, made: Decision, venue: str, symbols: frozenset[str]) -> None:
        """Tell of a decision; the first look says in one line what would fire."""
        if not self._looked:
            self._looked = True
            self._first_look(given, made)
            self._unknown_symbols(given, venue, symbols)
        self.differences(made.differences)
        self._doubts(made.gates)
        self._findings(given, made)
        for step in made.plan.steps:
            log.info("step", armed=self._armed, kind=step.kind.value, rule=step.rule, reason=step.reason)

    def _first_look(self, given: DecisionInput, made: Decision) -> None:
        log.info(
            "first look",
            account=self._account,
            armed=self._armed,
            equity=str(given.snapshot.balance.equity),
            positions=len(given.snapshot.positions),
            fires=sorted({demand.rule for demand in made.evaluation.demands}),
            steps=len(made.plan.steps),
        )

    def _unknown_symbols(self, given: DecisionInput, venue: str, symbols: frozenset[str]) -> None:
        known = symbols | {position.symbol for position in given.snapshot.positions}
        for one in unknown_symbols(self._rules, self._account, venue, known, given.tags):
            log.warning("rule names no market", account=self._account, **structs.asdict(one))

    def bare(self, bare: Mapping[str, str]) -> None:
        """Tell of positions that a cycle leaves without a whole stop, once while that and its reason last."""
        before, self._bare = self._bare, dict(bare)
        for key, why in bare.items():
            if before.get(key) != why:
                log.critical("unprotected", account=self._account, position=key, why=why)

    def outside(self, look: Look) -> None:
        """Tell of positions that others changed, and of harm that the guard did."""
        for one in look.outside:
            log.warning("changed by others", account=self._account, **structs.asdict(one))
        if look.harm:
            log.critical("halted: the guard's orders add risk", account=self._account, why=look.harm)

    def hedges(self, look: HedgeLook) -> None:
        """Tell of hedges that others closed, and of those whose parent is gone."""
        for one in look.changed:
            log.warning("hedge closed by others", account=self._account, **structs.asdict(one))
        for lot in look.orphans:
            log.critical("hedge without parent", account=self._account, hedge=lot.key, parent=lot.parent)

    def differences(self, differences: tuple[Difference, ...]) -> None:
        """Tell of figures that newly differ from the venue's."""
        before, self._apart = self._apart, frozenset((one.target, one.figure) for one in differences)
        for one in differences:
            if (one.target, one.figure) not in before:
                log.warning(
                    "recomputed figure differs from the venue's",
                    account=self._account,
                    target=one.target.text,
                    figure=one.figure,
                    ours=one.ours,
                    venue=one.venue,
                    share=one.share,
                )

    def _doubts(self, gates: PriceGates) -> None:
        """Tell of prices that are newly apart, and of those that are newly believed."""
        before = self._doubted
        self._doubted = frozenset((one.symbol, one.held) for one in gates.doubts.values())
        for one in gates.doubts.values():
            if (one.symbol, one.held) not in before:
                log.warning("price apart", account=self._account, why=one.text, believed=not one.held)

    def _findings(self, given: DecisionInput, made: Decision) -> None:
        if made.evaluation.memory is given.memory:
            return
        before = {(one.rule, one.target): one.state for one in given.memory.standings}
        for finding in made.evaluation.findings:
            if finding.state is not before.get((finding.rule, finding.target), State.INACTIVE):
                log.info(
                    "finding",
                    rule=finding.rule,
                    target=finding.target.text,
                    state=finding.state.value,
                    value=finding.value,
                    limit=finding.limit,
                    episode=finding.episode,
                    note=finding.note,
                    inhibited_by=finding.inhibited_by,
                )
