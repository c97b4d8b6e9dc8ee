"""An account through scenarios, unguarded and guarded: one pure function of one recorded input."""

from collections.abc import Sequence
from decimal import Decimal

from msgspec.structs import replace

from bot.decision import Decision, DecisionInput, advance_ledger, decide
from bot.risk.assemble import build_portfolio
from bot.risk.coins import STEADY
from bot.risk.flows import Flows
from bot.risk.portfolio import Portfolio
from bot.risk.terms import venue_terms
from bot.rules import RuleSet, RulesMemory
from bot.scenarios.values import StressScenario
from bot.stress.account import Account, open_account
from bot.stress.books import Books
from bot.stress.carrying import Porter
from bot.stress.guarding import Guard
from bot.stress.path import Path, Walk
from bot.stress.results import Outcome, Stress
from bot.stress.tally import Tally, unguarded
from bot.stress.terms import liquidation_terms
from bot.stress.watching import Lookout, eager


def stress(given: DecisionInput, rules: RuleSet, scenarios: Sequence[StressScenario]) -> Stress:
    """Take an account through scenarios.

    Raises MisuseError for a venue whose margin or liquidation is not known. An account that cannot be seen
    whole comes back with the reason and without outcomes.
    """
    runner = _Runner(given, rules)
    snapshot = given.snapshot
    account = runner.account
    if isinstance(account, str):
        return Stress(snapshot.account, rules.source, 0.0, 0.0, (), account)
    outcomes = tuple(runner.outcome(account, one) for one in scenarios)
    return Stress(snapshot.account, rules.source, account.equity, account.gross, outcomes)


class _Runner:
    """What all scenarios of one account share."""

    def __init__(self, given: DecisionInput, rules: RuleSet) -> None:
        self._venue = venue_terms(given.snapshot.venue)
        self._liquidation = liquidation_terms(given.snapshot.venue)
        self._portfolio = build_portfolio(given.snapshot, given.stats, self._venue, given.impact)
        self._rules = eager(rules)
        # The way begins at today's equity: what falls on it has fallen from there.
        self._given = replace(
            given, ledger=advance_ledger(given), flows=Flows(), memory=RulesMemory(), approval=None
        )
        self.account = open_account(given.snapshot, self._portfolio, self._venue)
        self._first: Decision | None = None

    def outcome(self, account: Account, scenario: StressScenario) -> Outcome:
        """Walk one scenario twice."""
        alone = unguarded(self._tally(account.copy(), scenario))
        tally = self._tally(account.copy(), scenario)
        porter = Porter(tally.walk.account, self._given, self._venue)
        guard = Guard(tally, porter, Lookout(self._rules, self._venue))
        if account.held:
            guard.begin(self._decided(), self._given)
        return Outcome(scenario, alone, guard.run())

    def _decided(self) -> Decision:
        """Return what is decided before any shock, once for all of them."""
        if self._first is None:
            self._first = decide(replace(self._given, price_terms=None), self._rules)
        return self._first

    def _tally(self, account: Account, scenario: StressScenario) -> Tally:
        given, portfolio = self._given, self._portfolio
        path = Path(scenario, portfolio, given.stats, _wallet(given), _apart(given))
        starts = _Starts(given, portfolio)
        books = Books(given.depths, given.snapshot.marks, given.impact, scenario.spread)
        return Tally(Walk(path, account, starts), books, self._liquidation)


class _Starts(dict[str, float]):
    """Mark prices of today, by symbol."""

    def __init__(self, given: DecisionInput, portfolio: Portfolio) -> None:
        super().__init__()
        for symbol, mark in given.snapshot.marks.items():
            if isinstance(mark.mark, Decimal):
                self[symbol] = float(mark.mark)
        for holding in portfolio.holdings:
            self[holding.symbol] = holding.price


def _wallet(given: DecisionInput) -> dict[str, float]:
    """Return what the wallet holds of coins that do not move, in USD."""
    coins = given.snapshot.balance.coins
    return {
        coin: float(amount)
        for coin, amount in coins.items()
        if coin in STEADY and isinstance(amount, Decimal)
    }


def _apart(given: DecisionInput) -> dict[str, float]:
    """Return the margin that is set apart for isolated positions."""
    return {
        one.key: float(one.isolated_margin)
        for one in given.snapshot.positions
        if isinstance(one.isolated_margin, Decimal)
    }
