"""Wires what tells people and machines how the daemon does: notices, summary, heartbeat, metrics."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from bot.clock import Clock
from bot.daemon.herald import Herald
from bot.daemon.watch import DayWatch, Observer, Sightings
from bot.exchange.budget import Budget
from bot.execution import Lease
from bot.execution.halts import halt_words
from bot.journal import JournalWorker, open_journal
from bot.notifications.channels import Channel
from bot.notifications.daybook import Daybook
from bot.notifications.figures import Gauge
from bot.notifications.heartbeat import Heartbeat
from bot.notifications.notifier import Notifier
from bot.risk.market_definitions import MARKET_METRICS
from bot.risk.metrics import METRICS
from bot.settings import HeartbeatSettings, Settings

if TYPE_CHECKING:
    from bot.telemetry.wiring import Telemetry


def notifier_of(settings: Settings, worker: JournalWorker, clock: Clock) -> Notifier | None:
    """Make the notifier of a daemon, which reads the journal on a connection of its own; None where nobody
    is told."""
    wanted = settings.notifications
    if wanted is None:
        return None
    reader = JournalWorker(open_journal(worker.journal.path, create=False, read_only=True))
    return Notifier(reader, worker, clock, wanted.terms, channels_of(settings), gauge())


def channels_of(settings: Settings) -> dict[str, Channel]:
    """Make the channels of the settings, by name. Nothing is loaded or sent yet."""
    wanted = settings.notifications.channels if settings.notifications else ()
    return {one.name: Channel(one.name, one.url.get_secret_value()) for one in wanted}


def gauge() -> Gauge:
    """Make what writes figures of metrics in messages."""
    return Gauge({name: one.unit.value for name, one in {**METRICS, **MARKET_METRICS}.items()})


def tellers_of(
    settings: Settings, worker: JournalWorker, clock: Clock, telemetry: "Telemetry | None"
) -> tuple[Herald, list[Observer]]:
    """Make what tells people how the daemon does, and what watches the cycles for it."""
    names = [account.name for account in settings.accounts]
    summary = settings.notifications.terms.summary if settings.notifications else None
    daybook = Daybook(worker, clock, names, halt_words, summary)
    max_age, poll = settings.max_age.total_seconds(), settings.poll_interval.total_seconds()
    sightings = Sightings(names, clock, max_age, poll)
    herald = Herald((daybook,))
    if settings.heartbeat is not None:
        herald.join(heartbeat_of(settings.heartbeat, worker, clock, sightings, herald))
    notifier = notifier_of(settings, worker, clock)
    if notifier is not None:
        herald.join(notifier)
    observers: list[Observer] = [DayWatch(daybook), sightings]
    if telemetry is not None:
        observers.append(telemetry.cycles)
    return herald, observers


def gauges_of(
    settings: Settings, budgets: Mapping[str, Budget], lease: Lease
) -> dict[tuple[str, ...], Callable[[], float]]:
    """Return the metrics that are read when they are asked for; `budgets` are those of the venues."""
    gauges: dict[tuple[str, ...], Callable[[], float]] = {
        ("reef_request_budget_used", venue): partial(used_of, budget) for venue, budget in budgets.items()
    }
    gauges["reef_lease_seconds",] = partial(getattr, lease, "seconds_to_send")
    gauges["reef_armed",] = partial(float, settings.armed)
    return gauges


def heartbeat_of(
    wanted: HeartbeatSettings, worker: JournalWorker, clock: Clock, sightings: Sightings, herald: Herald
) -> Heartbeat:
    """Make the heartbeat, which stops when an account is not seen or a part of the daemon has failed."""
    url = wanted.url.get_secret_value()
    return Heartbeat(
        worker, clock, url, wanted.every_seconds, lambda: sightings.trouble() or herald.trouble()
    )


def telemetry_of(settings: Settings, clock: Clock, accounts: Sequence[str]) -> "Telemetry | None":
    """Make the metrics of a daemon; None where they are not wanted."""
    if settings.metrics_port is None:
        return None
    from bot.telemetry.wiring import Telemetry  # Prometheus' client costs memory where it is not wanted

    return Telemetry(clock, accounts, settings.metrics_port)


def used_of(budget: Budget) -> float:
    """Return how much of a budget is used up, as last seen."""
    return budget.used
