"""`reef init`: settings, keys, rules, a service and a container for a new folder."""

import getpass
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import typer

import bot
from bot.cli.options import AsJson
from bot.cli.output import complain, print_json, say
from bot.documents import MistakesError, nearest_hint
from bot.errors import MisuseError
from bot.rules import load_rules, profile_names
from bot.settings import Mode, Network, Venue, load_settings, secret_names
from bot.setup import KEPT, Answers, Place, pages, write_all

SANDBOX_URL = "http://127.0.0.1:8899"
PACKAGE = Path(bot.__file__).resolve().parent

Folder = Annotated[Path, typer.Argument(metavar="[FOLDER]", help="Where to write; made where it is missing.")]
NetworkName = Annotated[str | None, typer.Option("--network", help="sandbox, testnet or live.")]
VenueName = Annotated[str | None, typer.Option("--venue", help="The exchange.")]
Accounts = Annotated[
    list[str] | None, typer.Option("--account", "-a", help="An account's name; once for each.")
]
Profile = Annotated[str | None, typer.Option("--profile", help="The rule profile to begin with.")]
ModeName = Annotated[str | None, typer.Option("--mode", help="observe sends nothing; act sends.")]
BaseUrl = Annotated[str | None, typer.Option("--base-url", help="Where the sandbox is.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing; what is not given has its default.")]
Force = Annotated[bool, typer.Option("--force", help="Replace files that are there; never the file of keys.")]


def init(
    folder: Folder = Path(),
    network: NetworkName = None,
    venue: VenueName = None,
    account: Accounts = None,
    profile: Profile = None,
    mode: ModeName = None,
    base_url: BaseUrl = None,
    yes: Yes = False,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Write settings, a file for keys, rules, a service of systemd and a container, all of it or nothing.

    Asks for what is not given, unless --yes or --json. Nothing that is there is replaced without --force.

    Example: reef init guard --network testnet --account main --yes
    """
    ask = _default if yes or as_json else _ask
    chosen = _word("network", network, [one.value for one in Network], Network.TESTNET.value, ask)
    answers = Answers(
        network=Network(chosen),
        venue=_word("venue", venue, [one.value for one in Venue], Venue.BYBIT.value, ask),
        accounts=_names(account, ask),
        profile=_word("profile", profile, profile_names(), "balanced", ask),
        mode=Mode(_word("mode", mode, [one.value for one in Mode], Mode.OBSERVE.value, ask)),
        base_url=_address(base_url, Network(chosen), ask),
    )
    place = place_of(folder)
    written = write_all(place.folder, pages(answers, place), force=force, check=_check)
    if as_json:
        print_json({"folder": str(place.folder), "written": written, "next": _steps(answers, folder)})
        return
    say(f"Written to {place.folder}: {', '.join(written)}.")
    for name in sorted(KEPT.difference(written)):
        say(f"{name} was there, and is kept as it was.")
    say("Next:")
    for number, step in enumerate(_steps(answers, folder), 1):
        say(f"  {number}. {step}")


Ask = Callable[[str, str], str]


def _ask(what: str, default: str) -> str:
    return str(typer.prompt(what, default=default, err=True))


def _default(_what: str, default: str) -> str:
    return default


def _word(what: str, given: str | None, known: Sequence[str], default: str, ask: Ask) -> str:
    """Return one of some words. A wrong one raises `MisuseError`; at a prompt it is asked again."""
    if given is not None:
        if given not in known:
            raise MisuseError(f"--{what} {given!r} is not known; {nearest_hint(given, known)}")
        return given
    while (said := ask(f"{what} ({', '.join(known)})", default).strip()) not in known:
        complain(f"{said!r} is not known; {nearest_hint(said, known)}")
    return said


def _names(given: Sequence[str] | None, ask: Ask) -> tuple[str, ...]:
    if given:
        return tuple(given)
    said = ask("accounts (names, with commas between them)", "main")
    return tuple(name.strip() for name in said.split(",") if name.strip()) or ("main",)


def _address(given: str | None, network: Network, ask: Ask) -> str | None:
    if network is Network.SANDBOX:
        return given or ask("base_url (where the sandbox is)", SANDBOX_URL)
    if given is not None:
        raise MisuseError("--base-url is for the sandbox only; testnet and live have their own addresses")
    return None


def place_of(folder: Path) -> Place:
    """Return where the new files are, who runs them, and how `reef` is called there."""
    script = Path(sys.executable).parent / "reef"
    source = PACKAGE.parent if (PACKAGE.parent / "pyproject.toml").is_file() else None
    return Place(
        folder=folder.expanduser().resolve(),
        command=f'"{script}"' if script.is_file() else f'"{sys.executable}" -m bot.cli',
        user=getpass.getuser(),
        uid=os.getuid(),
        gid=os.getgid(),
        source=source,
        version=bot.__version__,
    )


def _check(folder: Path) -> None:
    """Load what was written, before it is put in its place; raises `MisuseError`."""
    try:
        load_settings(folder / "reef.yaml", {}, connect=False)
        load_rules(folder / "rules.yaml")
    except MistakesError as error:
        told = (f"{one.what}; {one.expected}".rstrip("; ") for one in error.mistakes)
        raise MisuseError(f"nothing was written: {'. '.join(told)}") from None


def _steps(answers: Answers, folder: Path) -> list[str]:
    """What the owner does next."""
    names = [name for one in answers.accounts for name in secret_names(one)]
    live = " --live" if answers.live else ""
    where = "" if folder == Path() else f"cd {folder} && "
    steps = [f"Put the keys into {folder / 'secrets.env'}: {', '.join(names)}."]
    if answers.base_url is not None:
        steps.insert(
            0, "Start an exchange on this machine: reef sandbox serve --port 8899 --account KEY:SECRET:10000"
        )
    return [
        *steps,
        f"Look, with nothing sent: {where}reef doctor{live} && reef check{live}",
        f"Read rules.yaml, then run it: reef run{live}" + _armed(answers),
        "Let the machine run it: reef.service (systemd) or compose.yaml (a container); each says how.",
    ]


def _armed(answers: Answers) -> str:
    if answers.mode is Mode.OBSERVE:
        return " (it sends nothing until reef.yaml says mode: act)"
    return " (it acts at once: what fires in `reef check` is what it will do)"
