"""`reef demo`: a guarded account and its unguarded twin through the autumn of 2025."""

from pathlib import Path
from typing import Annotated

import typer

from bot.cli.options import AsJson
from bot.cli.output import console, errors, print_json
from bot.demo.hedged import WAYS, Hedging
from bot.demo.page import print_page
from bot.demo.run import DemoOptions, run
from bot.demo.scene import SPEED


def demo(
    seed: Annotated[int, typer.Option("--seed", help="Repeats the prices.")] = 20251121,
    folder: Annotated[
        Path | None,
        typer.Option("--folder", help="Where journal, settings and logs are kept; by default a new folder."),
    ] = None,
    hedges: Annotated[
        bool,
        typer.Option("--hedged", help="Hedge before anything is sold, in a market that comes back after it."),
    ] = False,
    puts: Annotated[bool, typer.Option("--puts", help="As with --hedged, by puts that are bought.")] = False,
    speed: Annotated[
        float | None,
        typer.Option("--speed", min=1, max=2000, hidden=True, help="Market time over wall time."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Lead an account through a crash modelled on November 2025, beside an unguarded twin.

    A real daemon, through unmodified ccxt, against an exchange on this machine; it takes less than a minute
    (with --hedged two and a half, with --puts four).
    Exit code 1 where the guarded account is liquidated or keeps less than 70 % of its equity (with --hedged
    or --puts 40 %: it keeps its leverage), or where it hedges and was net short or keeps a hedge at the end.

    Example: reef demo --seed 7
    """
    hedge = Hedging.PUT if puts else Hedging.PERPETUAL if hedges else None
    pace = speed or (SPEED if hedge is None else WAYS[hedge].speed)
    score = run(DemoOptions(seed=seed, folder=folder, speed=pace, quiet=as_json, hedge=hedge), console)
    if as_json:
        print_json(score.as_json())
    else:
        print_page(console, score)
    if not score.passed:
        errors.print("The guarded account did not come through as it should.", style="red")
        raise typer.Exit(1)
