"""`reef sandbox`: the exchange on loopback, and what it can be told to do wrong."""

import asyncio
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from bot.errors import MisuseError

app = typer.Typer(no_args_is_help=True, help="An exchange on this machine, to try things on.")


class SandboxError(MisuseError):
    """The sandbox cannot be served like this; nothing was started."""


@app.callback()
def root() -> None:
    """An exchange on this machine, to try things on."""


@app.command("serve")
def serve(
    venue: Annotated[str, typer.Option("--venue", help="Whose protocol to speak: bybit.")] = "bybit",
    port: Annotated[int, typer.Option("--port", help="0 takes any free port.")] = 0,
    host: Annotated[str, typer.Option("--host", help="A loopback address.")] = "127.0.0.1",
    scenario: Annotated[Path | None, typer.Option("--scenario", help="Prices from a scenario file.")] = None,
    candles: Annotated[
        list[str] | None, typer.Option("--candles", help="Prices from candles, SYMBOL=FILE (CSV or CSV.gz).")
    ] = None,
    time: Annotated[str, typer.Option("--time", help="real, scaled or virtual.")] = "real",
    speed: Annotated[
        float, typer.Option("--speed", help="How much faster the market runs in scaled time.")
    ] = 1.0,
    start: Annotated[str | None, typer.Option("--start", help="Market time to begin at, ISO 8601.")] = None,
    seed: Annotated[int, typer.Option("--seed", help="Repeats the noise of prices.")] = 0,
    account: Annotated[
        list[str] | None, typer.Option("--account", help="Open an account: KEY:SECRET:DEPOSIT.")
    ] = None,
    paused: Annotated[bool, typer.Option("--paused", help="Hold the market until it is started.")] = False,
    rate_limit: Annotated[
        int | None,
        typer.Option("--rate-limit", min=1, help="Calls a second for each key and path (default: no limit)."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="The line that tells the URL is JSON in any case.")
    ] = False,
) -> None:
    """Serve an exchange until SIGTERM or Ctrl-C; the first line on standard output tells its URL as JSON.

    Example: reef sandbox serve --venue bybit --port 8080 --account demo:demo-secret:10000
    """
    from bot.sandbox import command
    from bot.sandbox.server import ServerConfigError

    try:
        options = command.SandboxOptions(
            venue=venue,
            host=host,
            port=port,
            scenario=scenario,
            candles=dict(command.parse_candles(text) for text in candles or ()),
            time=time,
            speed=speed,
            start=start_of(start),
            seed=seed,
            accounts=tuple(account or ()),
            paused=paused,
            rate_limit=rate_limit,
        )
        built = command.build(options)
    except command.OptionsError as error:
        raise SandboxError("\n".join(f"sandbox: {problem}" for problem in error.problems)) from error
    except ValueError as error:
        raise SandboxError(f"sandbox: {error}") from error
    try:
        asyncio.run(command.serve(built, options, sys.stdout.write))
    except ServerConfigError as error:
        raise SandboxError(f"sandbox: {error}") from error


@app.command("faults")
def faults(
    as_json: Annotated[bool, typer.Option("--json", help="All kinds as one JSON list.")] = False,
) -> None:
    """List every kind of fault that the sandbox knows, and those that are made by hand.

    Example: reef sandbox faults
    """
    from bot.cli import output
    from bot.sandbox.faults.catalogue import described
    from bot.sandbox.faults.kinds import REQUEST_FIELDS

    kinds = described()
    if as_json:
        output.print_json(kinds)
        return
    columns: list[str | output.Column] = [
        output.Column("name"),
        output.Column("row", right=True),
        output.Column("where"),
        "what it does",
    ]
    rows = [
        [kind["name"], ", ".join(map(str, kind["rows"])), kind["path"] or kind["place"], _told(kind)]
        for kind in kinds
    ]
    output.console.print(output.table("", columns, rows))
    shared = ", ".join(REQUEST_FIELDS)
    output.say(f"Those that strike at a path also take {shared}. Arm one with POST /sandbox/fault.")


def _told(kind: dict[str, Any]) -> str:
    """What a kind does and, where it is not the venue's, how to make it."""
    how = f"; by hand: {kind['how']}" if kind["place"] != "venue" else ""
    return f"{kind['meaning']}{how}"


def start_of(text: str | None) -> datetime | None:
    """Read a market time; without a zone it is UTC."""
    if text is None:
        return None
    try:
        given = datetime.fromisoformat(text)
    except ValueError:
        raise SandboxError(
            f"--start {text!r} is no ISO 8601 time; write for example 2025-11-21T00:00:00Z"
        ) from None
    return given if given.tzinfo else given.replace(tzinfo=UTC)
