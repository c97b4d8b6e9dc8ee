"""`reef check`: one cycle that sends nothing, and what it tells."""

import asyncio
from typing import TYPE_CHECKING

import typer
from msgspec import Struct

from bot.cli.check_view import show
from bot.cli.opening import secrets_of, settings_from
from bot.cli.options import DEFAULT_CONFIG, AccountName, AsJson, Config, Live, chosen_account
from bot.cli.output import complain, console, print_json
from bot.clock import Clock, SystemClock
from bot.errors import ReefError
from bot.inspection import Inspection, inspect
from bot.journal import Journal, open_journal
from bot.logs import configure_logs
from bot.rules import RuleSet
from bot.settings import AccountSettings, Settings

if TYPE_CHECKING:
    from bot.bootstrap import Surveys


class Checked(Struct, frozen=True):
    """One account's look, or why there was none."""

    account: str
    seen: Inspection | None
    error: str

    @property
    def fine(self) -> bool:
        """Whether the account was read and no limit is passed."""
        return self.seen is not None and not any(rule.past for rule in self.seen.rules)


def check(
    config: Config = DEFAULT_CONFIG,
    account: AccountName = None,
    live: Live = False,
    as_json: AsJson = False,
) -> None:
    """Look at the accounts once and send nothing: positions, metrics, rules, and the plan that would follow.

    For each rule: its distance to firing and the price at which it fires. Exit code 1 where a limit is passed
    or an account could not be read.

    Example: reef check --config reef.yaml --account main
    """
    from bot.bootstrap import prepare  # ccxt takes a second to import

    settings = settings_from(config, live=live)
    chosen_account(account, tuple(one.name for one in settings.accounts))
    rules = prepare(settings).rules
    configure_logs(as_json=False, level="error", secrets=secrets_of(settings))
    accounts = {one: rules[one.name] for one in settings.accounts if account in (None, one.name)}
    checked = asyncio.run(look_at_all(settings, accounts, SystemClock()))
    if as_json:
        print_json({"armed": settings.armed, "accounts": [as_value(one) for one in checked]})
    else:
        for one in checked:
            if one.seen is None:
                complain(one.error)
            else:
                show(console, one.seen, armed=settings.armed)
    if not all(one.fine for one in checked):
        raise typer.Exit(1)


async def look_at_all(
    settings: Settings,
    accounts: dict[AccountSettings, RuleSet],
    clock: Clock,
    also: frozenset[str] = frozenset(),
) -> list[Checked]:
    """Look at every account at once, at markets of `also` too; one that fails does not hold up another."""
    from bot.bootstrap import Surveys

    path = settings.journal
    journal = open_journal(path, create=False, read_only=True) if path.exists() else None
    surveys = Surveys(settings, clock)
    named = {name for rules in accounts.values() for name in rules.signals}
    try:
        await surveys.signals.read_all(named)
        looks = (
            look_at(settings, one, rules, clock, journal, surveys, also) for one, rules in accounts.items()
        )
        return list(await asyncio.gather(*looks))
    finally:
        if journal is not None:
            journal.close()


async def look_at(
    settings: Settings,
    account: AccountSettings,
    rules: RuleSet,
    clock: Clock,
    journal: Journal | None,
    surveys: "Surveys",
    also: frozenset[str] = frozenset(),
) -> Checked:
    """Look at one account."""
    from bot.bootstrap import gateway_of, stats_of, terms_of

    gateway = gateway_of(settings, account, clock)
    try:
        stats, around = stats_of(gateway, clock), surveys.around(account, gateway, rules)
        terms = terms_of(settings, account)
        seen = await inspect(gateway, stats, rules, terms, clock, journal, around, also)
        return Checked(account.name, seen, "")
    except ReefError as error:
        return Checked(account.name, None, str(error))
    finally:
        await gateway.close()


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
        "idle": seen.idle,
        "markets": seen.surroundings.markets,
        "signals": seen.surroundings.signals,
        "unlisted": seen.unlisted,
        "unknown_symbols": seen.unknown_symbols,
        "differences": seen.decision.differences,
        "plan": seen.decision.plan,
        "gaps": seen.decision.portfolio.gaps,
    }
