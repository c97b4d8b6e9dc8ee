"""`reef doctor`: is everything as the guard needs it?"""

import asyncio
from typing import Annotated

import typer

from bot.cli.opening import secrets_of, settings_from
from bot.cli.options import DEFAULT_CONFIG, AccountName, AsJson, Config, Live, chosen_account
from bot.cli.output import Column, console, print_json, say, table
from bot.clock import Clock, SystemClock
from bot.doctor import Check, Grade, examine_account, examine_machine, examine_reach, probe
from bot.errors import MisuseError
from bot.logs import configure_logs
from bot.settings import AccountSettings, Network, Settings

Deep = Annotated[
    bool, typer.Option("--deep", help="Also place, read back and cancel a far-away reduce-only stop.")
]
DeepOnLive = Annotated[
    bool, typer.Option("--deep-on-live", help="Needed, beside --deep, on the live network.")
]
COLUMNS = (Column("where"), Column("what"), Column("stands"), Column("seen", wrap=True))
STYLES = {Grade.FINE: "green", Grade.NOTE: "yellow", Grade.WRONG: "red", Grade.SKIPPED: "dim"}


def doctor(
    config: Config = DEFAULT_CONFIG,
    account: AccountName = None,
    live: Live = False,
    deep: Deep = False,
    deep_on_live: DeepOnLive = False,
    as_json: AsJson = False,
) -> None:
    """Look at machine, keys and venue, and say what is wrong and what to do about it.

    Reads only, but for --deep: that places the smallest reduce-only order, waiting at half (or twice) the
    price, reads it back and cancels it. Exit code 1 where something is wrong.

    Example: reef doctor --config reef.yaml --deep
    """
    settings = settings_from(config, live=live)
    chosen_account(account, tuple(one.name for one in settings.accounts))
    if deep and settings.network is Network.LIVE and not deep_on_live:
        raise MisuseError("--deep places an order, and the network is live: give --deep-on-live as well")
    configure_logs(as_json=False, level="error", secrets=secrets_of(settings))
    clock = SystemClock()
    chosen = [one for one in settings.accounts if account in (None, one.name)]
    checks = [*machine_of(settings, clock)]
    checks += asyncio.run(examine_accounts(settings, chosen, clock, deep=deep))
    if as_json:
        print_json({"checks": checks, "fine": not _wrong(checks)})
    else:
        _show(checks)
    if _wrong(checks):
        raise typer.Exit(1)


def machine_of(settings: Settings, clock: Clock) -> tuple[Check, ...]:
    """Look at the machine that the settings name."""
    return examine_machine(settings.journal, clock.now(), settings=settings.path, secrets=settings.secrets)


async def examine_accounts(
    settings: Settings, accounts: list[AccountSettings], clock: Clock, *, deep: bool
) -> list[Check]:
    """Look at every account at once."""
    looks = (examine(settings, one, clock, deep=deep) for one in accounts)
    return [check for checks in await asyncio.gather(*looks) for check in checks]


async def examine(settings: Settings, account: AccountSettings, clock: Clock, *, deep: bool) -> list[Check]:
    """Look at one account, and with `deep` try an order there."""
    from bot.bootstrap import gateway_of  # ccxt takes a while to import
    from bot.market_stats import REFERENCE_SYMBOLS

    gateway = gateway_of(settings, account, clock)
    try:
        symbol, live = REFERENCE_SYMBOLS[gateway.venue], settings.network is Network.LIVE
        reach = await examine_reach(gateway, symbol, clock)
        seen, snapshot = await examine_account(gateway, clock.now(), live=live, armed=settings.armed)
        checks = [reach, *seen]
        if deep and snapshot is not None:
            return [*checks, await probe(gateway, snapshot, symbol, clock.now())]
        return checks
    finally:
        await gateway.close()


def _wrong(checks: list[Check]) -> bool:
    return any(check.grade is Grade.WRONG for check in checks)


def _show(checks: list[Check]) -> None:
    rows = [
        (one.account or "machine", one.name, one.grade.value, f"{one.said}\n{one.todo}".strip())
        for one in checks
    ]
    console.print(table("", COLUMNS, rows))
    wrong = sum(check.grade is Grade.WRONG for check in checks)
    say(
        f"{wrong} things are wrong." if wrong else "Nothing is wrong.",
        STYLES[Grade.WRONG if wrong else Grade.FINE],
    )
