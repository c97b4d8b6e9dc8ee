"""`reef run`: the daemon."""

import asyncio
import os
from typing import Annotated

import structlog
import typer

from bot.cli.admission import admit_live
from bot.cli.opening import secrets_of, settings_from
from bot.cli.options import DEFAULT_CONFIG, AsJson, Config, Live
from bot.cli.output import print_json
from bot.cli.preview import show_preview
from bot.clock import SystemClock
from bot.daemon import collector
from bot.daemon.notices import Notices
from bot.daemon.tenancy import tenancy
from bot.logs import configure_logs
from bot.settings import LogFormat, Network

log = structlog.get_logger(__name__)


Preview = Annotated[
    bool, typer.Option("--preview", help="Say what would be done at once, send nothing, and exit.")
]


def run(
    config: Config = DEFAULT_CONFIG, live: Live = False, preview: Preview = False, as_json: AsJson = False
) -> None:
    """Guard the accounts of the config until SIGTERM or Ctrl-C. Protective stops stay at the venue.

    Sends nothing until the config says `mode: act`. On the live network it does not start with a key that
    may withdraw, and for the first time only where `reef doctor` finds nothing wrong. Log lines go to
    standard error; with --json they are JSON, and the reason of the end is the one JSON value on standard
    output.

    SIGHUP reads the rules again, and so does a change of their file: all of them, or none where one has a
    mistake. What would be done at once is logged and recorded before anything is sent; --preview prints it.
    Exit code 1 where a rule would fire, or an account could not be read.

    Example: reef run --config reef.yaml
    """
    from bot.bootstrap import build_service, lease_of, prepare  # ccxt takes a second to import

    settings = settings_from(config, live=live)
    prepared = prepare(settings)
    configure_logs(
        as_json=as_json or settings.log.format is LogFormat.JSON,
        level="error" if preview else settings.log.level,
        secrets=secrets_of(settings),
    )
    if preview:
        rules = {one: prepared.rules[one.name] for one in settings.accounts}
        if not show_preview(settings, rules, as_json=as_json):
            raise typer.Exit(1)
        return
    clock = SystemClock()
    lease = lease_of(settings, clock)
    with tenancy(settings.journal, lease) as tenant:
        if settings.network is Network.LIVE:
            admit_live(settings, tenant.journal, clock)
        if not settings.armed:
            log.warning("disarmed: plans are recorded, nothing is sent; `mode: act` in the config arms it")
        service = build_service(prepared, tenant, clock, lease, Notices.of(os.environ))
        collector.spare()
        reason = asyncio.run(service.run())
    if as_json:
        print_json({"ended": reason})
