"""What a decision needs beside the snapshot: remembered states, what the caps have used, transfers."""

import asyncio
from datetime import datetime
from decimal import Decimal

import structlog
from msgspec import Struct, structs

from bot.decision import DecisionInput
from bot.exchange.errors import GatewayError
from bot.exchange.protocol import Gateway
from bot.execution import ExecutionReport, IntentState, fold, waiting
from bot.execution.refusals import Refusals
from bot.journal import Draft, Journal
from bot.journal.records import Kind, Prepared
from bot.model import (
    ApprovalTerms,
    Caps,
    ChurnTerms,
    Hedge,
    MarketStats,
    PriceTerms,
    ProtectionTerms,
    Snapshot,
    StopRequest,
    Stranger,
    Surroundings,
    Unknown,
    Usage,
    of_account,
    position_key,
    with_own,
)
from bot.planning.protection import episode_of
from bot.record import LEDGER, PRICES, RULES, remembered_ledger, remembered_prices, remembered_rules
from bot.risk.flows import SLACK, Flows, FlowState, explain, known_coins, moved_coins
from bot.risk.gates import PriceMemory
from bot.risk.ledger import UnitLedger
from bot.rules import RulesMemory

log = structlog.get_logger(__name__)

STOPS_LOOKED_AT = 10
MAYBE = frozenset({IntentState.PREPARED, IntentState.UNKNOWN})
"""States of a stop of which nobody knows whether it was placed."""

LOG_SECONDS = 2.0
"""How long the wallet's log may take: a cycle must act on fresh data, with or without it."""


NOTHING_AROUND = Surroundings()
"""Where no rule asks for markets or signals."""


class GuardTerms(Struct, frozen=True):
    """How an account is guarded, beside its rules."""

    caps: Caps
    protection: ProtectionTerms
    max_age_seconds: float
    impact: float = 0.0005
    """Price impact allowed for in sizing, as a fraction."""
    prices: PriceTerms = PriceTerms()
    tags: tuple[str, ...] = ()
    """The account's, for rules that match by them."""
    approvals: ApprovalTerms = ApprovalTerms()
    strangers: tuple[Stranger, ...] = ()
    churn: ChurnTerms = ChurnTerms()
    grace_seconds: float = 0.0
    """How long after the start orders wait."""
    poll_seconds: float = 0.0
    """Time from the start of one cycle to the start of the next, for whoever asks whether they stopped."""


class Remembered(Struct, frozen=True):
    """What one cycle leaves to the next."""

    rules: RulesMemory
    ledger: UnitLedger | None
    own_stops: dict[str, tuple[Decimal, ...]]
    """Triggers at which the guard's stop may rest, newest first, by position key: one, or those of requests
    whose outcome is unknown before it."""
    prices: PriceMemory = PriceMemory()


class Facts(Struct, frozen=True):
    """What the journal knows of an account."""

    remembered: Remembered
    usage: Usage
    steps_taken: dict[str, int]
    hedges: tuple[Hedge, ...] = ()


def read_facts(
    journal: Journal,
    account: str,
    positions: tuple[str, ...],
    now: datetime,
    known: Remembered | None = None,
    hedges: tuple[Hedge, ...] = (),
) -> Facts:
    """Read from the journal what a decision needs; `known` spares reading what the last cycle left."""
    remembered = known or Remembered(
        remembered_rules(journal.load_memory(account, RULES)),
        remembered_ledger(journal.load_memory(account, LEDGER)),
        {key: triggers for key in positions if (triggers := last_stops(journal, account, key))},
        remembered_prices(journal.load_memory(account, PRICES)),
    )
    episodes = {one.episode for one in remembered.rules.standings if one.episode}
    episodes |= {lot.episode for lot in hedges}
    return Facts(
        remembered=remembered,
        usage=journal.usage(account, now),
        steps_taken={name: journal.steps_taken(name) for name in sorted(episodes)},
        hedges=hedges,
    )


def with_unrecorded(facts: Facts, drafts: tuple[Draft, ...]) -> Facts:
    """Count what waits for the journal like what is in it."""
    if not drafts:
        return facts
    return structs.replace(
        facts,
        usage=waiting.usage(facts.usage, drafts),
        steps_taken=waiting.steps_taken(facts.steps_taken, drafts),
    )


def last_stops(journal: Journal, account: str, key: str) -> tuple[Decimal, ...]:
    """Return the triggers at which the guard's stop for a position may rest, newest first.

    What the venue refused, or what never arrived, has moved no stop.
    """
    found: list[Decimal] = []
    entries = journal.entries(
        kind=Kind.PREPARED, account=account, episode=episode_of(key), limit=STOPS_LOOKED_AT, newest=True
    )
    for entry in entries:
        body = entry.record
        if not isinstance(body, Prepared) or not isinstance(body.step.request, StopRequest):
            continue
        state = fold(journal.entries(intent=entry.intent)).state
        if state is IntentState.REJECTED:
            continue
        found.append(body.step.request.trigger_price)
        if state not in MAYBE:
            break
    return tuple(dict.fromkeys(found))


def with_placed(
    own_stops: dict[str, tuple[Decimal, ...]], report: ExecutionReport
) -> dict[str, tuple[Decimal, ...]]:
    """Add the stops that a report tells of."""
    own = dict(own_stops)
    for result in report.sent:
        request = result.step.request
        if not isinstance(request, StopRequest) or result.state is IntentState.REJECTED:
            continue
        key = position_key(request.symbol, request.position_side)
        before = own.get(key, ()) if result.state in MAYBE else ()
        own[key] = tuple(dict.fromkeys((request.trigger_price, *before)))[:STOPS_LOOKED_AT]
    return own


def own_stop(triggers: tuple[Decimal, ...], key: str, snapshot: Snapshot) -> Decimal:
    """Return the trigger that rests now, or the newest where none does."""
    position = snapshot.position(key)
    resting = {stop.trigger_price for stop in snapshot.stops if position and stop.symbol == position.symbol}
    if position is not None and isinstance(position.stop_price, Decimal):
        resting.add(position.stop_price)
    return next((trigger for trigger in triggers if trigger in resting), triggers[0])


async def wallet_flows(gateway: Gateway, ledger: UnitLedger | None, snapshot: Snapshot) -> Flows:
    """Read what moved the wallet since the log last explained it, and what of it are transfers.

    Where every balance stands as it stood nothing is asked.
    """
    balance, at = snapshot.balance, snapshot.times.balance
    if ledger is None or at < ledger.as_of or isinstance(balance.equity, Unknown):
        return Flows()
    coins = known_coins(balance)
    if isinstance(coins, Unknown):
        return Flows((), FlowState.UNREAD, coins.reason)
    if not moved_coins(ledger.coins, coins):
        return Flows()
    try:
        async with asyncio.timeout(LOG_SECONDS):
            changes = await gateway.wallet_changes(ledger.explained_at - SLACK)
    except (GatewayError, TimeoutError) as error:
        why = str(error) or f"no answer within {LOG_SECONDS:g} s"
        log.warning("the wallet's log could not be read", account=gateway.account, error=why)
        return Flows((), FlowState.UNREAD, f"deposits and withdrawals could not be read: {why}")
    flows = explain(ledger, balance.equity, coins, changes, at)
    if flows.state is FlowState.GIVEN_UP:
        log.error("taken as a deposit or withdrawal", account=gateway.account, why=flows.reason)
    elif flows.reason and ledger.unexplained_since is None:
        log.warning("wallet unexplained", account=gateway.account, why=flows.reason)
    return flows


def decision_input(
    snapshot: Snapshot,
    stats: MarketStats,
    facts: Facts,
    flows: Flows,
    terms: GuardTerms,
    now: datetime,
    blocked: frozenset[str] = frozenset(),
    refusals: Refusals | None = None,
    surroundings: Surroundings = NOTHING_AROUND,
) -> DecisionInput:
    """Put together what a decision is made of."""
    return DecisionInput(
        at=now,
        snapshot=snapshot,
        stats=stats,
        ledger=facts.remembered.ledger,
        flows=flows,
        memory=facts.remembered.rules,
        usage=facts.usage,
        caps=terms.caps,
        protection=terms.protection,
        max_age_seconds=terms.max_age_seconds,
        impact=terms.impact,
        steps_taken=facts.steps_taken,
        own_stops={
            key: own_stop(triggers, key, snapshot) for key, triggers in facts.remembered.own_stops.items()
        },
        blocked=tuple(sorted(blocked)),
        crowded=refusals.crowded(now) if refusals else (),
        refused=refusals.in_force(now) if refusals else (),
        prices=facts.remembered.prices,
        price_terms=terms.prices,
        surroundings=surroundings,
        tags=terms.tags,
        hedges=facts.hedges,
        strangers=with_own(of_account(terms.strangers, snapshot.account), facts.hedges),
    )


def bases_of(snapshot: Snapshot) -> frozenset[str]:
    """Return the base currencies of all positions of a snapshot."""
    held = {one.symbol for one in snapshot.positions}
    return frozenset(one.base for one in snapshot.markets.values() if one.symbol in held)


def position_keys(snapshot: Snapshot) -> tuple[str, ...]:
    """Return the keys of all positions of a snapshot."""
    return tuple(one.key for one in snapshot.positions)
