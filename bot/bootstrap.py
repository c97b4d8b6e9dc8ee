"""The only place that wires rooms together."""

from collections.abc import Mapping
from functools import partial
from random import Random

from msgspec import Struct

import bot
from bot.clock import Clock
from bot.daemon.notices import Notices
from bot.daemon.pulse import Pulse
from bot.daemon.service import Service, ServiceTerms
from bot.daemon.tenancy import Tenant
from bot.documents import MistakesError
from bot.exchange.budget import Budget
from bot.exchange.factory import make_budget, make_gateway
from bot.exchange.failures import NotSentError
from bot.exchange.feed import StreamTerms
from bot.exchange.gateway import CcxtGateway
from bot.exchange.streams import AccountStreams
from bot.exchange.transport import Transport
from bot.execution import ExecutionTerms, Executor, Lease
from bot.facts import GuardTerms
from bot.guard import Guard
from bot.journal import JournalWorker
from bot.market_stats import StatsKeeper
from bot.rules import Names, RuleSet, load_choices
from bot.settings import AccountSettings, IfJournalFails, Settings

REFERENCE = "BTC"
"""Betas refer to this market."""
REFERENCE_SYMBOLS = {"bybit": "BTC/USDT:USDT"}
REQUEST_SECONDS = 10.0
"""After this long a request that was not answered is given up."""


class Prepared(Struct, frozen=True):
    """Settings with the rules of every account, all of it read and found right."""

    settings: Settings
    rules: Mapping[str, RuleSet]


def prepare(settings: Settings) -> Prepared:
    """Load the rules of every account; raises `MistakesError` with all mistakes of all files."""
    accounts = settings.accounts
    names = Names(tuple(one.name for one in accounts), tuple({one.venue: None for one in accounts}))
    loaded, mistakes = load_choices((one.rules for one in accounts), settings.path.parent, names)
    if mistakes:
        raise MistakesError(mistakes)
    return Prepared(settings, {one.name: loaded[one.rules] for one in accounts})


class Budgets:
    """The budgets of requests of one process: one a venue, network and sandbox."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._made: dict[tuple[str, str | None], Budget] = {}

    def of(self, account: AccountSettings) -> Budget:
        """Return the budget of an account's venue, shared with every process of this host."""
        settings, key = self._settings, (account.venue, account.base_url)
        if key not in self._made:
            self._made[key] = make_budget(
                venue=account.venue,
                network=settings.network.value,
                clock=self._clock,
                base_url=account.base_url,
                folder=settings.budget_dir,
                share=settings.budget_share,
                reserve=settings.budget_reserve,
            )
        return self._made[key]


def gateway_of(
    settings: Settings,
    account: AccountSettings,
    clock: Clock,
    transport: Transport | None = None,
    budgets: Budgets | None = None,
    lease: Lease | None = None,
) -> CcxtGateway:
    """Make the gateway of one account. Nothing is sent yet, and nothing later that outlives the lease.

    Over a `transport` inside the process nothing is shared with others; without `budgets` the account
    shares the host's by itself.
    """
    budget = None if transport is not None else (budgets or Budgets(settings, clock)).of(account)
    return make_gateway(
        account=account.name,
        venue=account.venue,
        network=settings.network.value,
        api_key=account.api_key.get_secret_value(),
        api_secret=account.secret.get_secret_value(),
        clock=clock,
        base_url=account.base_url,
        transport=transport,
        timeout_seconds=REQUEST_SECONDS,
        budget=budget,
        leave=partial(_leave, lease) if lease is not None else None,
    )


def _leave(lease: Lease) -> None:
    """Let a signed request go while the lease lasts.

    The executor asks before; but a request may wait for its turn since then, and a process that is stopped
    meanwhile would sign it with the time at which it wakes.
    """
    if lease.seconds_to_send <= 0:
        raise NotSentError("the daemon's lease may end before an answer came")


def streams_of(settings: Settings, account: AccountSettings, clock: Clock) -> AccountStreams:
    """Make the streams of one account. Nothing is sent yet."""
    from bot.exchange.stream_factory import make_streams  # ccxt.pro costs memory where it is not wanted

    wanted = settings.streams
    return make_streams(
        account=account.name,
        venue=account.venue,
        network=settings.network.value,
        api_key=account.api_key.get_secret_value(),
        api_secret=account.secret.get_secret_value(),
        clock=clock,
        random=Random(account.name),  # noqa: S311 - it spreads pauses, and guards nothing
        terms=StreamTerms(move=wanted.move, silence=wanted.silence, renewal=wanted.renewal),
        base_url=account.base_url,
    )


def lease_of(settings: Settings, clock: Clock) -> Lease:
    """Make the daemon's lease, not taken yet."""
    reserve = REQUEST_SECONDS + ExecutionTerms().recv_window_seconds
    return Lease(clock, settings.lease.total_seconds(), reserve)


def stats_of(gateway: CcxtGateway, clock: Clock) -> StatsKeeper:
    """Make the keeper of market statistics."""
    return StatsKeeper(gateway, REFERENCE_SYMBOLS[gateway.venue], REFERENCE, clock.now())


def terms_of(settings: Settings) -> GuardTerms:
    """Return how accounts are guarded, beside their rules."""
    return GuardTerms(
        caps=settings.caps,
        protection=settings.protection,
        max_age_seconds=settings.max_age.total_seconds(),
        prices=settings.prices,
    )


def build_guard(
    prepared: Prepared,
    account: AccountSettings,
    worker: JournalWorker,
    clock: Clock,
    transport: Transport | None = None,
    lease: Lease | None = None,
    budgets: Budgets | None = None,
) -> Guard:
    """Wire the guard of one account."""
    settings = prepared.settings
    gateway = gateway_of(settings, account, clock, transport, budgets, lease)
    return Guard(
        gateway=gateway,
        executor=Executor(
            gateway,
            worker,
            clock,
            armed=settings.armed,
            lease=lease,
            unrecorded_reduce=settings.if_journal_fails is IfJournalFails.REDUCE_ONLY,
        ),
        worker=worker,
        clock=clock,
        rules=prepared.rules[account.name],
        stats=stats_of(gateway, clock),
        terms=terms_of(settings),
    )


def build_service(
    prepared: Prepared, tenant: Tenant, clock: Clock, lease: Lease, notices: Notices | None = None
) -> Service:
    """Wire the daemon of a journal that was opened for it; `notices` go to the manager that started it."""
    settings = prepared.settings
    watched = settings.accounts if settings.streams.enabled else ()
    streams = [streams_of(settings, account, clock) for account in watched]
    worker = JournalWorker(tenant.journal)
    budgets = Budgets(settings, clock)
    guards = [
        build_guard(prepared, account, worker, clock, lease=lease, budgets=budgets)
        for account in settings.accounts
    ]
    terms = ServiceTerms(
        poll=settings.poll_interval,
        reconcile=settings.reconcile_interval,
        housekeeping=settings.housekeeping_interval,
        version=bot.__version__,
        mode=settings.mode.value,
        network=settings.network.value,
        rules=",".join(sorted({rules.version for rules in prepared.rules.values()})),
        hint=settings.streams.interval,
        epoch=tenant.epoch,
        keep_decisions=settings.keep_decisions,
    )
    names = [guard.account for guard in guards]
    pulse = Pulse(notices, names, clock, terms.poll) if notices is not None else None
    return Service(guards, worker, clock, terms, streams=streams, lease=lease, pulse=pulse)
