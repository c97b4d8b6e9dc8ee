"""One look at one account: a whole cycle that records nothing and sends nothing."""

from decimal import Decimal

from msgspec import Struct

from bot.clock import Clock
from bot.decision import Decision, DecisionInput, decide
from bot.exchange.protocol import Gateway
from bot.facts import (
    Facts,
    GuardTerms,
    Remembered,
    decision_input,
    position_keys,
    read_facts,
    wallet_flows,
)
from bot.journal import Journal
from bot.market_stats import StatsKeeper
from bot.model import Number, Snapshot, Usage
from bot.outlook import IdleRule, RuleOutlook, idle_rules, outlook
from bot.risk.metrics import METRICS, Scope, measure
from bot.rules import RuleSet, RulesMemory, UnknownSymbol, unknown_symbols

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
    given: DecisionInput | None = None
    """What was decided on."""


async def inspect(
    gateway: Gateway,
    stats: StatsKeeper,
    rules: RuleSet,
    terms: GuardTerms,
    clock: Clock,
    journal: Journal | None,
) -> Inspection:
    """Observe, assess and decide with what the journal remembers; raises `GatewayError`."""
    snapshot = await gateway.snapshot()
    await stats.refresh({position.symbol for position in snapshot.positions}, clock.now())
    now = clock.now()
    facts = NOTHING_KNOWN
    if journal is not None:
        facts = read_facts(journal, gateway.account, position_keys(snapshot), now)
    flows = await wallet_flows(gateway, facts.remembered.ledger, snapshot)
    given = decision_input(snapshot, stats.stats, facts, flows, terms, now)
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
        given=given,
    )


def account_metrics(made: Decision) -> dict[str, Number]:
    """Measure the account as a whole."""
    return {
        name: measure(name, made.portfolio, made.context)
        for name, metric in METRICS.items()
        if metric.scope is Scope.ACCOUNT and not metric.parameters
    }
