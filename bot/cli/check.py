"""`reef check`: one cycle that sends nothing, and what it tells."""

import asyncio

import structlog
import typer
from msgspec import Struct

from bot.bootstrap import Prepared, gateway_of, open_existing, prepare, stats_of, terms_of
from bot.cli.check_view import show
from bot.cli.options import DEFAULT_CONFIG, AccountName, AsJson, Config, Live, chosen_account, settings_from
from bot.cli.output import console, errors, print_json
from bot.clock import Clock, SystemClock
from bot.errors import ReefError
from bot.inspection import Inspection, inspect
from bot.journal import Journal
from bot.logs import configure_logs
from bot.settings import AccountSettings

log = structlog.get_logger(__name__)


class Checked(Struct, frozen=True):
    """One account's look, or why there was none."""

    account: str
    seen: Inspection | None
    error: str


def check(
    config: Config = DEFAULT_CONFIG,
    account: AccountName = None,
    live: Live = False,
    as_json: AsJson = False,
) -> None:
    """Look at the accounts once and send nothing: positions, metrics, rules, and the plan that would follow.

    For each rule: its distance to firing and the price at which it fires. Exit code 1 where a rule has fired
    or an account could not be read.

    Example: reef check --config reef.yaml --account main
    """
    settings = settings_from(config, live=live)
    chosen_account(account, tuple(one.name for one in settings.accounts))
    prepared = prepare(settings)
    configure_logs(as_json=False, level="error", secrets=secrets_of(settings.accounts))
    accounts = [one for one in settings.accounts if account in (None, one.name)]
    checked = asyncio.run(look_at_all(prepared, accounts, SystemClock()))
    if as_json:
        print_json({"accounts": [as_value(one) for one in checked]})
    else:
        for one in checked:
            if one.seen is None:
                errors.print(one.error, style="red", markup=False, soft_wrap=True)
            else:
                show(console, one.seen, armed=settings.armed)
    if any(one.seen is None or any(rule.past for rule in one.seen.rules) for one in checked):
        raise typer.Exit(1)


def secrets_of(accounts: tuple[AccountSettings, ...]) -> list[str]:
    """Return what must never be printed."""
    return [one.get_secret_value() for account in accounts for one in (account.api_key, account.secret)]


async def look_at_all(prepared: Prepared, accounts: list[AccountSettings], clock: Clock) -> list[Checked]:
    """Look at every account at once; one that fails does not hold up another."""
    journal = open_existing(prepared.settings.journal)
    try:
        return list(await asyncio.gather(*(look_at(prepared, one, clock, journal) for one in accounts)))
    finally:
        if journal is not None:
            journal.close()


async def look_at(
    prepared: Prepared, account: AccountSettings, clock: Clock, journal: Journal | None
) -> Checked:
    """Look at one account."""
    gateway = gateway_of(prepared.settings, account, clock)
    try:
        seen = await inspect(
            gateway,
            stats_of(gateway, clock),
            prepared.rules[account.name],
            terms_of(prepared.settings),
            clock,
            journal,
        )
    except ReefError as error:
        return Checked(account.name, None, str(error))
    finally:
        await gateway.close()
    return Checked(account.name, seen, "")


def as_value(checked: Checked) -> dict[str, object]:
    """Turn a look into what scripts read."""
    seen = checked.seen
    if seen is None:
        return {"account": checked.account, "error": checked.error}
    return {
        "account": checked.account,
        "taken_at": seen.snapshot.taken_at,
        "balance": seen.snapshot.balance,
        "positions": seen.snapshot.positions,
        "metrics": seen.metrics,
        "rules": seen.rules,
        "differences": seen.decision.differences,
        "plan": seen.decision.plan,
        "gaps": seen.decision.portfolio.gaps,
    }
