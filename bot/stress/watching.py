"""Looks at the rules where a shock stands: which fire, and when the first of them does."""

from collections.abc import Iterator
from datetime import timedelta

from msgspec.structs import replace

from bot.decision import DecisionInput, advance_ledger, view_units
from bot.model import Finding, Policy, Target, policies
from bot.risk.assemble import build_portfolio
from bot.risk.carrying import funding_paid
from bot.risk.context import MetricContext
from bot.risk.portfolio import Portfolio
from bot.risk.terms import VenueTerms
from bot.rules import Rule, RuleSet, RulesMemory, breaches, evaluate
from bot.stress.account import Account
from bot.stress.papers import Mover
from bot.stress.path import Walk
from bot.stress.there import there, with_markets

LOOKS = 5
"""Halvings of a step by which the moment is found at which a rule fires."""

Name = tuple[str, str]
"""Rule and target of a finding."""


def eager(rules: RuleSet) -> RuleSet:
    """Return rules that fire at once, whatever their `for` and their hours say."""
    hasty = tuple(replace(rule, hold=timedelta(0), active=None) for rule in rules.rules)
    return replace(rules, rules=hasty)


def name_of(finding: Finding) -> Name:
    """Return by what a finding is known."""
    return finding.rule, finding.target.text


class Lookout:
    """The rules of one account on its way."""

    def __init__(self, rules: RuleSet, terms: VenueTerms) -> None:
        """Take rules that are eager already."""
        self.rules = rules
        self._terms = terms

    def input_at(self, given: DecisionInput, walk: Walk, account: Account, t: float) -> DecisionInput:
        """Return what the rules are looked at with there."""
        return there(given, account, walk.path.scenario, _mover(walk, t))

    def input_to_act_on(self, given: DecisionInput, walk: Walk) -> DecisionInput:
        """Return what would be decided on where the walk stands."""
        scenario, mover = walk.path.scenario, _mover(walk, walk.t)
        seen = self.input_at(given, walk, walk.account, walk.t)
        return with_markets(seen, mover, walk.path.wilder(walk.t), scenario.spread)

    def passed(self, given: DecisionInput) -> Iterator[tuple[Rule, Target]]:
        """Yield what fires on an input, in the order of the rules, one when it is asked for."""
        portfolio, context, ignored = self._measured(given)
        return breaches(
            self.rules, given.snapshot, portfolio, context, given.surroundings, given.tags, ignored
        )

    def findings(self, given: DecisionInput) -> tuple[Finding, ...]:
        """Return what the rules say of an input, with nothing remembered."""
        portfolio, context, ignored = self._measured(given)
        return evaluate(
            self.rules,
            given.snapshot,
            portfolio,
            context,
            RulesMemory(),
            given.at,
            None,
            given.surroundings,
            given.tags,
            ignored,
        ).findings

    def _measured(self, given: DecisionInput) -> tuple[Portfolio, MetricContext, frozenset[str]]:
        """Return the account as numbers, what metrics need beside it, and positions that no rule looks at."""
        portfolio = build_portfolio(given.snapshot, given.stats, self._terms, given.impact)
        units = view_units(given, advance_ledger(given))
        context = MetricContext(given.stats, units, funding=funding_paid(given.hedges, given.snapshot))
        strangers = policies(given.strangers, given.snapshot).items()
        return portfolio, context, frozenset(key for key, one in strangers if one is Policy.IGNORE)

    def fires(self, given: DecisionInput, muted: set[Name]) -> bool:
        """Whether anything fires on an input that is not muted."""
        return any((rule.name, target.text) not in muted for rule, target in self.passed(given))

    def fires_at(self, given: DecisionInput, walk: Walk, t: float, muted: set[Name]) -> bool:
        """Whether anything that is not muted would fire at `t`, where nothing happens before."""
        return self.fires(self.input_at(given, walk, walk.peek(t), t), muted)

    def first(self, given: DecisionInput, walk: Walk, until: float, muted: set[Name]) -> float | None:
        """Return when the first rule fires on the way to `until`; None where none does."""
        if not self.fires_at(given, walk, until, muted):
            return None
        quiet, loud = walk.t, until
        for _ in range(LOOKS):
            middle = (quiet + loud) / 2.0
            if self.fires_at(given, walk, middle, muted):
                loud = middle
            else:
                quiet = middle
        return loud


def _mover(walk: Walk, t: float) -> Mover:
    def factor(symbol: str, base: str) -> float:
        return walk.path.factor(symbol, base, t)

    return factor
