"""`reef stress`: what shocks would do to accounts, unguarded and guarded."""

from pathlib import Path
from time import perf_counter
from typing import Annotated

import typer

from bot.cli.options import DEFAULT_CONFIG, AsJson, Config, Live
from bot.cli.output import complain, console, print_json, say
from bot.cli.sights import AccountName, Demo, Recorded, RulesChoice, Sight, Wanted, look
from bot.cli.stress_view import show, show_together
from bot.scenarios.loading import chosen, load_stress, shipped_file
from bot.scenarios.values import StressScenario
from bot.stress.results import Stress
from bot.stress.run import stress as run_stress
from bot.stress.together import together

JOURNAL_NOTE = "hedges on other accounts (hedged_by) are not added up: a journal does not hold the settings"


def stress(
    config: Config = DEFAULT_CONFIG,
    account: AccountName = None,
    scenarios: Annotated[
        Path | None, typer.Option("--scenarios", help="A file of scenarios; by default those that ship.")
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option("--only", help="A scenario's name; once for each. By default all.")
    ] = None,
    rules: RulesChoice = None,
    journal: Recorded = None,
    demo: Demo = False,
    out: Annotated[
        Path | None, typer.Option("--out", help="A folder for a picture (PNG) and a page (HTML) as well.")
    ] = None,
    live: Live = False,
    as_json: AsJson = False,
) -> None:
    """Take accounts through shocks and send nothing: what is liquidated, which rules fire, what is left.

    Unguarded stands beside guarded. Exit code 1 where a guarded account would be liquidated, or an account
    could not be seen.

    Example: reef stress --demo --out pictures
    """
    sights = look(Wanted(config, account, journal, demo, live, rules))
    ready = [(sight, _scenarios(scenarios, only or [], sight)) for sight in sights]
    begun = perf_counter()
    found = [_taken(sight, chosen_ones) for sight, chosen_ones in ready]
    seconds = perf_counter() - begun
    both = together(found, {one.account: one.hedged_by for one in sights if one.hedged_by})
    note = JOURNAL_NOTE if journal is not None else ""
    written = _write(out, found) if out is not None else []
    if as_json:
        names = [str(path) for path in written]
        told = {"accounts": found, "together": both, "note": note, "written": names}
        print_json({"seconds": seconds, **told})
    else:
        for one in found:
            if one.error:
                complain(f"{one.account}: {one.error}")
            else:
                show(console, one)
        for pair in both:
            show_together(console, pair)
        if note:
            say(note)
        for path in written:
            say(f"written: {path}")
    if not all(one.survives for one in found):
        raise typer.Exit(1)


def _scenarios(file: Path | None, only: list[str], sight: Sight) -> tuple[StressScenario, ...]:
    """Load the scenarios; those of an own file must name markets that the account's venue has."""
    if file is None:
        return chosen(load_stress(shipped_file()), only)
    return chosen(load_stress(file, sight.listed), only)


def _taken(sight: Sight, scenarios: tuple[StressScenario, ...]) -> Stress:
    if sight.given is None or sight.rules is None:
        return Stress(sight.account, "", 0.0, 0.0, (), sight.error)
    return run_stress(sight.given, sight.rules, scenarios)


def _write(folder: Path, found: list[Stress]) -> list[Path]:
    from bot.cli.stress_page import write  # matplotlib takes a second to import

    return write(folder, [one for one in found if not one.error])
