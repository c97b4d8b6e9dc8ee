"""`reef explain`: the story of an episode, its arithmetic, and its decisions taken again."""

from typing import Annotated

import typer

from bot.cli.journal_lines import line
from bot.cli.options import DEFAULT_CONFIG, AsJson, Config, JournalPath, open_for_reading
from bot.cli.output import console, number, print_json
from bot.documents import nearest_hint
from bot.errors import MisuseError
from bot.journal import Entry, Journal
from bot.journal.records import Decision as DecisionRecord
from bot.model import Plan, Unknown
from bot.replaying import Redecision, decide_again


def explain(
    episode: Annotated[
        str, typer.Argument(help="An episode, as `reef journal` names it; `last` is the newest.")
    ],
    journal: JournalPath = None,
    config: Config = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Tell an episode: what was seen, the rule, the arithmetic, what was sent, answered and changed.

    Every decision is taken again from its recorded input; exit code 1 where other bytes come out.

    Example: reef explain last --journal reef.sqlite
    """
    with open_for_reading(journal, config) as opened:
        name = found_episode(opened, episode)
        entries = opened.episode(name)
        again = [decide_again(opened, one) for one in entries if isinstance(one.record, DecisionRecord)]
    if as_json:
        print_json(
            {
                "episode": name,
                "entries": [
                    {"seq": one.seq, "at": one.at, "kind": one.kind, "body": one.record} for one in entries
                ],
                "decided_again": again,
            }
        )
    else:
        tell(name, entries, again)
    if any(not one.same for one in again):
        raise typer.Exit(1)


def found_episode(journal: Journal, name: str) -> str:
    """Find an episode; raises `MisuseError` with what was perhaps meant."""
    known = journal.episodes(limit=1000)
    if name == "last" and known:
        return known[0]
    if name in known or journal.episode(name):
        return name
    hint = nearest_hint(name, known[:20]) or "the journal has no episode yet"
    raise MisuseError(f"no episode {name!r} in {journal.path}; {hint}")


def tell(name: str, entries: list[Entry], again: list[Redecision]) -> None:
    """Print the story."""
    console.print(f"[bold]{name}[/bold]")
    decisions = {one.seq: one for one in again}
    for entry in entries:
        console.print(f"{entry.at}  {entry.kind:12s} {line(entry.record)}", markup=False, soft_wrap=True)
        body = entry.record
        if isinstance(body, DecisionRecord) and body.plan is not None:
            arithmetic(body.plan)
            made = decisions[entry.seq]
            console.print(
                f"    {made.said}", style="green" if made.same else "red", markup=False, soft_wrap=True
            )


def arithmetic(plan: Plan) -> None:
    """Print a plan's steps, proof and refusals."""
    for step in plan.steps:
        console.print(
            f"    {step.kind.value}: {step.reason} ({number(step.notional)} USD, costs {number(step.cost)})",
            markup=False,
            soft_wrap=True,
        )
    for proof in plan.proofs:
        before, after = (
            "unknown" if isinstance(value, Unknown) else f"{value:.4f}"
            for value in (proof.before, proof.after)
        )
        console.print(
            f"    {proof.rule}: {proof.metric} {before} -> {after}, limit {proof.limit:.4f}, "
            f"goal {proof.goal:.4f}: {'met' if proof.met else 'not met yet'}",
            markup=False,
            soft_wrap=True,
        )
    for refusal in plan.refusals:
        console.print(
            f"    refused {refusal.item} ({refusal.code}): {refusal.reason}", markup=False, soft_wrap=True
        )
