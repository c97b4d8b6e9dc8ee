"""The command line: `reef`. A module a command; this one gathers them and turns errors into exit codes.

Exit codes: 0 fine, 1 findings or failure, 2 misuse.
"""

import sys

import typer

from bot import __version__
from bot.cli import check, control, demo, explain, journal, rules, run, sandbox, status
from bot.cli.output import errors, print_json
from bot.errors import ReefError

app = typer.Typer(
    name="reef",
    help="Guards leveraged crypto positions: watches, trims, and keeps a stop resting at the exchange.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.command("demo")(demo.demo)
app.command("run")(run.run)
app.command("check")(check.check)
app.command("status")(status.status)
app.add_typer(rules.app, name="rules")
app.add_typer(journal.app, name="journal")
app.command("explain")(explain.explain)
app.command("halt")(control.halt_command)
app.command("resume")(control.resume_command)
app.add_typer(sandbox.app, name="sandbox")


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
    """Guards leveraged crypto positions."""


def main() -> None:
    """Run one command; a failure that Reef foresaw is a sentence on standard error and an exit code."""
    try:
        app()
    except ReefError as error:
        if "--json" in sys.argv:
            print_json({"error": str(error), "kind": type(error).__name__})
        errors.print(str(error), style="red", markup=False, highlight=False, soft_wrap=True)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
