"""`reef summary`: the running day of each account, from the journal."""

from bot.cli.opening import account_of, open_for_reading
from bot.cli.options import DEFAULT_CONFIG, AccountName, AsJson, Config, JournalPath
from bot.cli.output import print_json, say
from bot.clock import SystemClock
from bot.execution.halts import halt_words
from bot.journal.told import AccountDay
from bot.notifications.day import day_lines, day_of, remembered_tally
from bot.notifications.figures import Gauge
from bot.risk.market_definitions import MARKET_METRICS
from bot.risk.metrics import METRICS


def summary(
    account: AccountName = None,
    config: Config = DEFAULT_CONFIG,
    journal: JournalPath = None,
    as_json: AsJson = False,
) -> None:
    """Tell the running day of each account: equity and its change, worst moments, episodes, orders and cost.

    Also stops in place, what could not be known and for how long, halts, and silences. The day began at the
    last summary, or at 00:00 UTC where none is set. The daemon saves it every minute.

    Example: reef summary --config reef.yaml
    """
    now = SystemClock().now()
    with open_for_reading(journal, config) as opened:
        chosen = account_of(account, opened, config, journal)
        names = [name for name in opened.accounts() if chosen in (None, name)]
        tallies = {name: tally for name in names if (tally := remembered_tally(opened, name)) is not None}
        days = [day_of(opened, name, tally, now, halt_words) for name, tally in tallies.items()]
    if as_json:
        print_json(days)
        return
    tell(days)


def tell(days: list[AccountDay]) -> None:
    """Print the days for people."""
    gauge = Gauge({name: one.unit.value for name, one in {**METRICS, **MARKET_METRICS}.items()})
    if not days:
        say("No day is recorded yet: the daemon begins one with its start.")
    for number, day in enumerate(days):
        if number:
            say("")
        for place, line in enumerate(day_lines(day, gauge)):
            say(line if place == 0 else f"  {line}", style="bold" if place == 0 else None)
