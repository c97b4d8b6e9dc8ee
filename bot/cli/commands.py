"""All commands by name. A module is imported when its command is asked for: each needs a part of Reef."""

from collections.abc import Iterator, Mapping, MutableMapping
from importlib import import_module
from typing import Any, cast

import typer
from typer.core import TyperGroup

PLACES: dict[str, str] = {
    "demo": "demo:demo",
    "init": "init:init",
    "run": "run:run",
    "check": "check:check",
    "stress": "stress:stress",
    "size": "size:size",
    "doctor": "doctor:doctor",
    "status": "status:status",
    "signals": "signals:signals",
    "explain": "explain:explain",
    "halt": "control:halt_command",
    "resume": "control:resume_command",
    "approve": "approve:approve_command",
    "abandon": "control:abandon_command",
    "silence": "silence:silence_command",
    "notify": "notify:notify",
    "summary": "summary:summary",
    "rules": "rules:app",
    "journal": "journal:app",
    "sandbox": "sandbox:app",
}
"""Module of this room, and what in it is the command; in the order in which help tells them."""

RULES: dict[str, str] = {
    "test": "rules_test:try_rules",
    "explain": "rules_explain:explain",
    "check": "rules:check",
    "schema": "rules:schema",
}
"""The same of `reef rules`: only `explain` looks at accounts."""


class Commands(Mapping[str, Any]):
    """Commands that are built when they are first looked up."""

    def __init__(self, places: Mapping[str, str]) -> None:
        self._places = places
        self._built: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._built:
            self._built[name] = build(name, self._places[name])
        return self._built[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


class Root(TyperGroup):
    """`reef` itself."""

    places = PLACES

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.commands = cast("MutableMapping[str, Any]", Commands(self.places))  # nothing is ever added


class Rules(Root):
    """`reef rules`."""

    places = RULES


def build(name: str, place: str) -> Any:
    """Import a command and turn it into what Typer runs."""
    module, _, attribute = place.partition(":")
    found = getattr(import_module(f"bot.cli.{module}"), attribute)
    holder = typer.Typer(add_completion=False, rich_markup_mode=None)
    if isinstance(found, typer.Typer):
        holder.add_typer(found, name=name)
    else:
        holder.command(name)(found)
    return typer.main.get_group(holder).commands[name]
