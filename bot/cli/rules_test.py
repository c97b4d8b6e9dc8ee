"""`reef rules test`: rule tests through the real decision."""

from pathlib import Path
from typing import Annotated

import typer
from msgspec import Struct

from bot.cli.options import AsJson
from bot.cli.output import complain, print_json, say
from bot.documents import Mistake, MistakesError
from bot.rehearsal import Miss, Rehearsal, read_rehearsals, run


class Tried(Struct, frozen=True):
    """One test and what it missed."""

    file: str
    line: int
    name: str
    steps: int
    misses: tuple[Miss, ...]

    @property
    def ok(self) -> bool:
        """Whether all came out as it says."""
        return not self.misses


def try_rules(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Files of rule tests.")],
    as_json: AsJson = False,
) -> None:
    """Run rule tests: series of looks at an account, and what must be found and planned at each.

    Every mistake in a file is told at once (exit code 2); exit code 1 where something comes out otherwise.

    Example: reef rules test tests/rules/balanced.yaml
    """
    tried = [_tried(one) for one in _read(files)]
    failed = [one for one in tried if not one.ok]
    if as_json:
        print_json({"ok": not failed, "tests": [as_value(one) for one in tried]})
    else:
        for one in tried:
            for miss in one.misses:
                complain(miss.text)
        steps = sum(one.steps for one in tried)
        say(f"{len(tried)} tests, {steps} steps; {len(failed)} failed." if failed else _fine(tried, steps))
    if failed:
        raise typer.Exit(1)


def _read(files: list[Path]) -> list[Rehearsal]:
    """Read all files; raises `MistakesError` with the mistakes of all of them."""
    found: list[Rehearsal] = []
    mistakes: list[Mistake] = []
    for file in files:
        try:
            found += read_rehearsals(file)
        except MistakesError as error:
            mistakes += error.mistakes
    if mistakes:
        raise MistakesError(mistakes)
    return found


def _tried(one: Rehearsal) -> Tried:
    return Tried(one.document.name, one.line, one.name, len(one.looks), run(one))


def _fine(tried: list[Tried], steps: int) -> str:
    return f"{len(tried)} tests, {steps} steps, all as they say."


def as_value(one: Tried) -> dict[str, object]:
    """Turn a test into what scripts read."""
    return {"file": one.file, "line": one.line, "name": one.name, "ok": one.ok, "misses": one.misses}
