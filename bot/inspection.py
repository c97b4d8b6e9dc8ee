"""One look at one account: a whole cycle that records nothing and sends nothing."""

from decimal import Decimal

from msgspec import Struct

from bot.around import Around
from bot.clock import Clock
from bot.decision import Decision, DecisionInput, decide
from bot.exchange.protocol import Gateway
from bot.execution import recorded_hedges
from bot.facts import (
    Facts,
    GuardTerms,
    Remembered,
    bases_of,
    decision_input,
    position_keys,
    read_facts,
    wallet_flows,
)
from bot.journal import Journal
from bot.market_stats import StatsKeeper
from bot.model import Number, Snapshot, Surroundings, Usage
from bot.outlook import IdleRule, RuleOutlook, idle_rules, outlook
from bot.risk.metrics import METRICS, Scope, measure
from bot.rules import RuleSet, RulesMemory, UnknownSymbol, unknown_symbols
from bot.rules.wanted import buys_options, hedging_symbols

NOTHING_KNOWN = Facts(Remembered(RulesMemory(), None, {}), Usage(0, Decimal(0), Decimal(0)), {})
"""Where there is no journal yet."""


class Inspection(Struct, frozen=True):
    """What one look saw and what would follow."""

    account: str
    snapshot: Snapshot
    decision: Decision
    rules: tuple[RuleOutlook, ...]
    metrics: dict[str, Number]
    """Every account metric that needs no parameters of a rule."""
    idle: tuple[IdleRule, ...] = ()
    """Rules that apply to nothing now."""
    unknown_symbols: tuple[UnknownSymbol, ...] = ()
    """Symbols in rules that no market of the venue has: perhaps misspelt."""
    surroundings: Surroundings = Surroundings()
    """Figures of markets and signals that the rules ask for."""
    unlisted: tuple[str, ...] = ()
    """Markets that the rules ask for and that the venue does not list."""
    given: DecisionInput | None = None
    """What was decided on."""
    listed: frozenset[str] = frozenset()
    """Symbols of the venue's markets."""


async def inspect(
    gateway: Gateway,
    stats: StatsKeeper,
    rules: RuleSet,
    terms: GuardTerms,
    clock: Clock,
    journal: Journal | None,
    around: Around | None = None,
    also: frozenset[str] = frozenset(),
) -> Inspection:
    """Observe, assess and decide with what the journal remembers; raises `GatewayError`.

    `also` are symbols that are looked at although nothing is held there.
    """
    gateway.show(hedging_symbols(rules, stats.reference_symbol) | also)
    hedges = () if journal is None else recorded_hedges(journal, gateway.account, clock.now())
    gateway.show_options(buys_options(rules, hedges))
    snapshot = await gateway.snapshot()
    shown = also & set(snapshot.markets)
    await stats.refresh({position.symbol for position in snapshot.positions} | shown, clock.now())
    if around is not None:
        await around.refresh(rules, clock.now(), bases_of(snapshot))
    now = clock.now()
    facts = NOTHING_KNOWN
    if journal is not None:
        facts = read_facts(journal, gateway.account, position_keys(snapshot), now, hedges=hedges)
    flows = await wallet_flows(gateway, facts.remembered.ledger, snapshot)
    surroundings = around(rules, now, bases_of(snapshot)) if around else Surroundings()
    given = decision_input(snapshot, stats.stats, facts, flows, terms, now, surroundings=surroundings)
    made = decide(given, rules)
    symbols = gateway.market_symbols() | {position.symbol for position in snapshot.positions}
    return Inspection(
        account=gateway.account,
        snapshot=snapshot,
        decision=made,
        rules=outlook(made, rules, given.surroundings),
        idle=idle_rules(made, rules),
        unknown_symbols=unknown_symbols(rules, gateway.account, gateway.venue, symbols, terms.tags),
        metrics=account_metrics(made),
        surroundings=surroundings,
        unlisted=tuple(sorted(set(rules.markets) & set(around.markets.unlisted))) if around else (),
        given=given,
        listed=gateway.market_symbols(),
    )


def account_metrics(made: Decision) -> dict[str, Number]:
    """Measure the account as a whole."""
    return {
        name: measure(name, made.portfolio, made.context)
        for name, metric in METRICS.items()
        if metric.scope is Scope.ACCOUNT and not metric.parameters
    }
