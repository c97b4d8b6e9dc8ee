"""The command line: `reef`. A module a command; this one runs them and turns errors into exit codes.

Exit codes: 0 fine, 1 findings or failure, 2 misuse.
"""

import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import typer

from bot import __version__
from bot.cli.commands import Root
from bot.cli.output import complain, print_json
from bot.cli.sparing import leave, spare
from bot.errors import ReefError

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""

UsageError: Any = typer.BadParameter.__base__
"""Root of what typer raises for a wrong command line; typer exports only its children."""

app = typer.Typer(
    name="reef",
    cls=Root,
    help="Guards leveraged crypto positions: watches, trims, and keeps a stop resting at the exchange.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"reef {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Print the version."
    ),
) -> None:
    """Guards leveraged crypto positions: watches, trims, and keeps a stop resting at the exchange."""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run one command and exit with its code; a failure that Reef foresaw is a sentence, no traceback.

    With --json a failure is one JSON object on standard output as well: {"error", "kind"}, and "mistakes"
    with their places where a file has some. Without `arguments` they are those of the process, and it is
    spared what one command does not need.
    """
    own = arguments is None
    given = sys.argv[1:] if arguments is None else list(arguments)
    if own:
        spare()
    as_json = "--json" in given
    try:
        code = app(args=given, prog_name="reef", standalone_mode=False)
    except ReefError as error:
        code = _told(error, as_json=as_json)
    except UsageError as error:
        error.show()
        if as_json:
            print_json({"error": error.format_message(), "kind": "UsageError"})
        code = error.exit_code
    except (typer.Abort, KeyboardInterrupt):
        code = INTERRUPTED
    if own:
        leave()
    sys.exit(code or 0)


def _told(error: ReefError, *, as_json: bool) -> int:
    complain(str(error))
    if as_json:
        from bot.documents import MistakesError  # not every command reads a document

        value: dict[str, object] = {"error": str(error), "kind": type(error).__name__}
        if isinstance(error, MistakesError):
            value["mistakes"] = error.mistakes
        print_json(value)
    return error.exit_code


if __name__ == "__main__":
    main()
