"""Every command has help with an example, a --json option, and a true section in docs/commands.md."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from bot.cli import app
from tests.cli.support import reef

DOCUMENT = (Path(__file__).parents[2] / "docs" / "commands.md").read_text()
ROOT: Any = typer.main.get_command(app)


def commands(command: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command that does something, by its words."""
    children = getattr(command, "commands", {})
    if words and (not children or command.invoke_without_command):
        yield words, command
    for name, child in children.items():
        yield from commands(child, (*words, name))


ALL = list(commands(ROOT))
each = pytest.mark.parametrize(("words", "command"), ALL, ids=[" ".join(words) for words, _ in ALL])


def sections() -> dict[str, str]:
    """The document's sections by their title."""
    parts = re.split(r"^## ", DOCUMENT, flags=re.MULTILINE)[1:]
    return {part.split("\n", 1)[0].strip().strip("`"): part for part in parts}


def test_all_commands_are_there() -> None:
    names = {" ".join(words) for words, _ in ALL}
    assert names >= {
        "demo",
        "run",
        "doctor",
        "check",
        "status",
        "rules check",
        "journal",
        "journal verify",
        "explain",
        "halt",
        "resume",
        "sandbox serve",
    }


@each
def test_help_has_an_example(words: tuple[str, ...], command: Any) -> None:
    done = reef(*words, "--help")
    assert done.code == 0
    assert f"Example: reef {' '.join(words)}" in " ".join(done.out.split())
    assert "--json" in done.out


@each
def test_the_document_tells_of_every_option(words: tuple[str, ...], command: Any) -> None:
    section = sections()[f"reef {' '.join(words)}"].replace("\\|", "|")
    for option in command.params:
        if getattr(option, "hidden", False) or option.name == "help":
            continue
        for name in option.opts:
            told = name if name.startswith("-") else (option.metavar or name.upper())
            assert f"`{told}`" in section, told
    assert "```\nreef " in section


@each
def test_the_document_invents_no_option(words: tuple[str, ...], command: Any) -> None:
    section = sections()[f"reef {' '.join(words)}"]
    known = {name for option in command.params for name in option.opts}
    table = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `-")]
    for cell in table:
        assert set(re.findall(r"-{1,2}[a-z-]+", cell)) <= known


def test_the_document_invents_no_command() -> None:
    told = {title.removeprefix("reef ") for title in sections() if title.startswith("reef ")}
    assert told == {" ".join(words) for words, _ in ALL}
