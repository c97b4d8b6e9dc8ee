"""`reef explain`: the story of an episode, its arithmetic, and its decisions taken again."""

from collections.abc import Sequence
from typing import Annotated

import typer
from rich.text import Text

from bot.cli.opening import open_for_reading
from bot.cli.options import DEFAULT_CONFIG, AsJson, Config, JournalPath
from bot.cli.output import console, print_json, say
from bot.cli.story import Chapter, read_chapters, tell
from bot.documents import nearest_hint
from bot.errors import MisuseError
from bot.journal import Journal
from bot.planning.protection import episode_of

PROTECTION = episode_of("")
"""What the episodes of protective stops begin with."""
MOST_HINTS = 8


def explain(
    episode: Annotated[
        str, typer.Argument(help="An episode, as `reef journal` names it; `last` is the newest of a rule.")
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
        chapters = read_chapters(opened, name)
    if as_json:
        print_json(as_value(name, chapters))
    else:
        begun = chapters[0].entry.at[:19].replace("T", " ")
        console.print(Text.assemble((name, "bold"), f", from {begun} UTC"), soft_wrap=True)
        for text in tell(name, chapters):
            say(text)
    if any(one.again is not None and not (one.again.same or one.again.pruned) for one in chapters):
        raise typer.Exit(1)


def found_episode(journal: Journal, name: str) -> str:
    """Find an episode; raises `MisuseError` with what was perhaps meant."""
    known = journal.episodes(limit=1000)
    if name == "last" and known:
        return next((one for one in known if not one.startswith(PROTECTION)), known[0])
    if name in known or journal.episode(name):
        return name
    hint = nearest_hint(name.replace(" ", "-"), known[:MOST_HINTS]) or "no rule has fired yet"
    raise MisuseError(f"there is no episode {name!r} in {journal.path}; {hint}")


def as_value(name: str, chapters: Sequence[Chapter]) -> dict[str, object]:
    """Turn a story into what scripts read."""
    return {
        "episode": name,
        "entries": [
            {"seq": one.entry.seq, "at": one.entry.at, "kind": one.entry.kind, "body": one.entry.record}
            for one in chapters
        ],
        "decided_again": [one.again for one in chapters if one.again is not None],
    }
