"""The only place that wires rooms together."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from functools import partial
from random import Random

from msgspec import Struct

import bot
from bot.around import NOTHING, Around
from bot.chains import EVERY as CHAINS_EVERY
from bot.chains import ChainKeeper
from bot.clock import Clock
from bot.daemon.errands import Errand
from bot.daemon.notices import Notices
from bot.daemon.pulse import Pulse
from bot.daemon.reload import RuleSource, RulesWatch
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
from bot.market_figures import MarketKeeper
from bot.market_stats import REFERENCE, REFERENCE_SYMBOLS, StatsKeeper
from bot.rules import Names, RuleSet, load_choices, rules_path
from bot.settings import AccountSettings, IfJournalFails, Settings
from bot.signals import SignalKeeper
from bot.tellers import gauges_of, telemetry_of, tellers_of

REQUEST_SECONDS = 10.0
"""After this long a request that was not answered is given up."""
CHAINS_POLLS = 4
"""Chains are read once in so many polls where that is sooner than usual."""
MARKETS_EVERY = timedelta(seconds=1)
"""How often to look whether figures of a market are due; most looks ask the venue nothing."""


class Prepared(Struct, frozen=True):
    """Settings with the rules of every account, all of it read and found right."""

    settings: Settings
    rules: Mapping[str, RuleSet]


def prepare(settings: Settings) -> Prepared:
    """Load the rules of every account; raises `MistakesError` with all mistakes of all files."""
    return Prepared(settings, load_all(settings))


def load_all(settings: Settings) -> dict[str, RuleSet]:
    """Load the rules by account, also while the daemon runs; raises as `prepare`."""
    accounts = settings.accounts
    tags = tuple({tag: None for one in accounts for tag in one.tags})
    names = Names(
        accounts=tuple(one.name for one in accounts),
        venues=tuple({one.venue: None for one in accounts}),
        tags=tags,
        signals=tuple(one.name for one in settings.signals),
    )
    loaded, mistakes = load_choices((one.rules for one in accounts), settings.path.parent, names)
    if mistakes:
        raise MistakesError(mistakes)
    return {one.name: loaded[one.rules] for one in accounts}


def source_of(settings: Settings) -> RuleSource:
    """Say where the rules of all accounts are read from."""
    choices = dict.fromkeys(one.rules for one in settings.accounts)
    files = tuple(rules_path(one, settings.path.parent) for one in choices)
    return RuleSource(files, settings.path, partial(load_all, settings))


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


class Surveys:
    """What one process reads beside its accounts: markets, once a venue and sandbox, and signals."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._markets: dict[tuple[str, str | None], MarketKeeper] = {}
        self._chains: dict[tuple[str, str | None], ChainKeeper] = {}
        tokens = {name: token.get_secret_value() for name, token in settings.signal_tokens.items()}
        self.signals = SignalKeeper(settings.signals, tokens, clock)
        # who looks at accounts more often wants the quotes that orders are made from as fresh
        self._chains_every = min(CHAINS_EVERY, CHAINS_POLLS * settings.poll_interval)

    def around(self, account: AccountSettings, gateway: CcxtGateway, rules: RuleSet) -> Around:
        """Return what is around an account; markets of its venue are read through it as well."""
        key = (account.venue, account.base_url)
        keeper = self._markets.setdefault(key, MarketKeeper(account.venue, self._settings.prices))
        keeper.join(gateway)
        keeper.watch(rules.markets, self._clock.now())
        chains = self._chains.setdefault(key, ChainKeeper(account.venue, self._chains_every))
        chains.join(gateway)
        return Around(keeper, self.signals, chains)

    def errands(self) -> list[Errand]:
        """Return the daemon's work: each signal and each venue by itself, so that none waits for another."""
        keepers: dict[str, Iterable[MarketKeeper | ChainKeeper]] = {
            "markets": self._markets.values(),
            "options": self._chains.values(),
        }
        markets = [
            Errand(f"{what} {number}", MARKETS_EVERY, partial(self._refresh, keeper))
            for what, found in keepers.items()
            for number, keeper in enumerate(found)
        ]
        signals = [
            Errand(f"signal {one.name}", one.every, partial(self.signals.read, one.name))
            for one in self.signals.signals
        ]
        return [*markets, *signals]

    async def _refresh(self, keeper: MarketKeeper | ChainKeeper) -> None:
        await keeper.refresh(self._clock.now())


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


def terms_of(settings: Settings, account: AccountSettings) -> GuardTerms:
    """Return how an account is guarded, beside its rules."""
    return GuardTerms(
        caps=settings.caps,
        protection=settings.protection,
        max_age_seconds=settings.max_age.total_seconds(),
        prices=settings.prices,
        tags=account.tags,
        approvals=settings.approvals,
        strangers=settings.strangers,
        churn=settings.churn,
        grace_seconds=settings.grace.total_seconds(),
        poll_seconds=settings.poll_interval.total_seconds(),
    )


def build_guard(
    prepared: Prepared,
    account: AccountSettings,
    worker: JournalWorker,
    clock: Clock,
    transport: Transport | None = None,
    lease: Lease | None = None,
    budgets: Budgets | None = None,
    surveys: Surveys | None = None,
) -> Guard:
    """Wire the guard of one account. Without `surveys` its rules know nothing of markets and signals."""
    settings, rules = prepared.settings, prepared.rules[account.name]
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
        rules=rules,
        stats=stats_of(gateway, clock),
        terms=terms_of(settings, account),
        around=surveys.around(account, gateway, rules) if surveys else NOTHING,
    )


def build_service(
    prepared: Prepared, tenant: Tenant, clock: Clock, lease: Lease, notices: Notices | None = None
) -> Service:
    """Wire the daemon of a journal that was opened for it; `notices` go to the manager that started it."""
    settings = prepared.settings
    watched = settings.accounts if settings.streams.enabled else ()
    streams = [streams_of(settings, account, clock) for account in watched]
    names = [account.name for account in settings.accounts]
    telemetry = telemetry_of(settings, clock, names)
    worker = telemetry.worker(tenant.journal) if telemetry else JournalWorker(tenant.journal)
    budgets, surveys = Budgets(settings, clock), Surveys(settings, clock)
    guards = [
        build_guard(prepared, account, worker, clock, lease=lease, budgets=budgets, surveys=surveys)
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
    herald, observers = tellers_of(settings, worker, clock, telemetry)
    if telemetry is not None:
        used = {account.venue: budgets.of(account) for account in settings.accounts}
        herald.join(telemetry.office(tenant.journal, gauges_of(settings, used, lease)))
    rules = RulesWatch(source_of(settings), guards, worker, clock)
    return Service(
        guards,
        worker,
        clock,
        terms,
        streams=streams,
        lease=lease,
        errands=surveys.errands(),
        herald=herald,
        observers=observers,
        rules=rules,
        pulse=Pulse(notices, names, clock, terms.poll) if notices is not None else None,
    )
