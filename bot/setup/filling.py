"""The files of a new folder, out of the templates that ship."""

import json
import re
from collections.abc import Mapping

from msgspec import Struct

from bot.documents import read_text, shipped_path
from bot.rules import profile_path
from bot.settings import secret_names
from bot.setup.answers import Answers, Place

FOLDER_OF_JOURNAL = "journal"
RULES = "rules.yaml"
SECRETS = "secrets.env"
MODES = "observe plans and records; approve asks you first; act sends orders"
NOBODY_UID = 10001
"""Runs the container where root wrote the folder."""
SERVICE_USER = "reef"
"""Runs the service there."""
_MARK = re.compile(r"@([a-z]+)@")
_SCHEMA = re.compile(r"^# yaml-language-server: .*\n", re.MULTILINE)


class Page(Struct, frozen=True):
    """One file."""

    text: str
    rights: int = 0o644


def pages(answers: Answers, place: Place) -> dict[str, Page]:
    """Return every file by its name. Raises `DocumentError` where the program's own files are missing."""
    return {
        "reef.yaml": Page(_filled("init/reef.yaml", _settings(answers))),
        SECRETS: Page(_filled("init/secrets.env", {"secrets": _secrets(answers)}), 0o600),
        RULES: Page(_rules(answers.profile, place.version)),
        "reef.service": Page(_filled("init/reef.service", _unit(answers, place))),
        "compose.yaml": Page(_filled("init/compose.yaml", _container(answers, place))),
        "Dockerfile": Page(read_text(shipped_path("Dockerfile"))),
    }


def _settings(answers: Answers) -> dict[str, str]:
    where = ""
    if answers.live:
        where = "live: true                   # and --live on the command line\n"
    if answers.base_url is not None:
        where = f"base_url: {answers.base_url}\n"
    return {
        "mode": f"{answers.mode.value:22s} # {MODES}",
        "network": f"{answers.network.value:19s} # sandbox, testnet or live".rstrip(),
        "where": where,
        "profile": answers.profile,
        "secrets": SECRETS,
        "accounts": "".join(f"  - name: {one}\n    venue: {answers.venue}\n" for one in answers.accounts),
    }


def _secrets(answers: Answers) -> str:
    return "\n".join(f"{name}=" for one in answers.accounts for name in secret_names(one))


def _rules(profile: str, version: str) -> str:
    """Copy a profile: an owner's limits must not change because the program was upgraded."""
    text = _SCHEMA.sub("", read_text(profile_path(profile)))
    head = f"# Copied from the profile {profile!r} of Reef {version}. It is yours: no upgrade changes it."
    return f"{head}\n#\n{text}"


def _unit(answers: Answers, place: Place) -> dict[str, str]:
    names = [name for one in answers.accounts for name in secret_names(one)]
    live = " --live" if answers.live else ""
    folder, settings = _unit_text(str(place.folder)), str(place.folder / "reef.yaml")
    return {
        "user": place.user if place.uid else SERVICE_USER,
        "folder": folder,
        "command": f'{_unit_command(place.command)} run --config "{_unit_command(settings)}"{live}',
        "writes": f'"{folder}/{FOLDER_OF_JOURNAL}"',
        "credentials": "\n".join(f"#LoadCredential={name}:/etc/reef/{name}" for name in names),
    }


def _unit_text(text: str) -> str:
    """Write text as units have it: % begins a specifier there."""
    return text.replace("%", "%%")


def _unit_command(text: str) -> str:
    """Write a part of a command line as units have it: $ begins a variable there, too."""
    return _unit_text(text).replace("$", "$$")


def _container(answers: Answers, place: Place) -> dict[str, str]:
    arguments = ["run", "--config", "/etc/reef/reef.yaml", *(["--live"] if answers.live else [])]
    where = ":?set REEF_SOURCE to the folder of a checkout of Reef"
    if place.source is not None:
        where = f":-{_compose_text(str(place.source))}"
    return {
        "version": place.version,
        "source": json.dumps(f"${{REEF_SOURCE{where}}}", ensure_ascii=False),
        "dockerfile": json.dumps(_compose_text(str(place.folder / "Dockerfile")), ensure_ascii=False),
        "arguments": json.dumps(arguments),
        "uid": str(place.uid or NOBODY_UID),
        "gid": str(place.gid if place.uid else NOBODY_UID),
        "network": ""
        if answers.base_url is None
        else "    network_mode: host # the sandbox is on loopback\n",
    }


def _compose_text(text: str) -> str:
    return text.replace("$", "$$")


def _filled(name: str, values: Mapping[str, str]) -> str:
    return _MARK.sub(lambda found: values[found[1]], read_text(shipped_path(name)))
