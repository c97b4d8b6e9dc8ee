"""`reef notify --test`: whether each channel takes a message."""

import asyncio
from typing import Annotated

import typer

from bot.cli.opening import secrets_of, settings_from
from bot.cli.options import DEFAULT_CONFIG, AsJson, Config, Live
from bot.cli.output import Column, console, print_json, table
from bot.errors import MisuseError
from bot.logs import configure_logs
from bot.model import Severity
from bot.notifications.channels import Channel
from bot.notifications.message import Message

Test = Annotated[bool, typer.Option("--test", help="Send the test message.")]
COLUMNS = (Column("channel"), Column("what came back", wrap=True))
MESSAGE = Message(
    subject="[info] a test of Reef's notifications",
    body="If you can read this, this channel works. Nothing has happened.",
    severity=Severity.INFO,
)


def notify(
    test: Test = False, config: Config = DEFAULT_CONFIG, live: Live = False, as_json: AsJson = False
) -> None:
    """Send a test message through each channel of the settings, and say what came back.

    Routes, quiet hours, silences and rates do not matter for it, and nothing is recorded. Exit code 1 where a
    channel did not take it.

    Example: reef notify --test --config reef.yaml
    """
    if not test:
        raise MisuseError("say --test: then a test message goes through each channel")
    from bot.tellers import channels_of  # ccxt takes a second to import

    settings = settings_from(config, live=live)
    if settings.notifications is None:
        raise MisuseError(f"{config} names no channels; see docs/notifications.md")
    configure_logs(as_json=False, level="error", secrets=secrets_of(settings))
    seconds = settings.notifications.terms.timeout.total_seconds()
    answers = asyncio.run(try_all(channels_of(settings), seconds))
    if as_json:
        print_json({name: {"delivered": not error, "error": error} for name, error in answers.items()})
    else:
        rows = [(name, error or "it took the message") for name, error in answers.items()]
        console.print(table("", COLUMNS, rows))
    if any(answers.values()):
        raise typer.Exit(1)


async def try_all(channels: dict[str, Channel], seconds: float) -> dict[str, str]:
    """Send the test message through all channels at once; '' stands for those that took it."""
    answers = await asyncio.gather(*(channel.send(MESSAGE, seconds) for channel in channels.values()))
    return dict(zip(channels, answers, strict=True))
