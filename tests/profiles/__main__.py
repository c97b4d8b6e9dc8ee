"""Prints the figures of docs/profiles.md: python -m tests.profiles [EXAMPLE ...]."""

import asyncio
import logging
import os
import sys
import tempfile
from pathlib import Path

import structlog

from tests.profiles.scenes import WRITTEN_FOR, Played, Scene, calm, kept, play

DATA = Path(os.environ.get("REEF_SHARED_DIR", Path(__file__).resolve().parents[3] / "shared")) / "data"


def row(example: str, scene: Scene, played: Played) -> str:
    """Return one row of the table."""
    left, without = kept(scene, played.guarded), kept(scene, played.twin)
    fate = "liquidated, " if played.twin.liquidated else ""
    did = ", ".join(f"{count} {kind}" for kind, count in sorted(played.steps.items())) or "nothing"
    rules = ", ".join(sorted(played.rules))
    return f"| `{example}` | {scene.name} | {left:,.0f} | {fate}{without:,.0f} | {did} | {rules} |"


async def main(examples: list[str]) -> None:
    """Play everything, one after the other."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    for example in examples or WRITTEN_FOR:
        scenes = WRITTEN_FOR[example]
        for scene in (*scenes, calm(scenes[0].trader)):
            with tempfile.TemporaryDirectory() as folder:
                played = await play(scene, example, Path(folder), DATA)
            sys.stdout.write(row(example, scene, played) + "\n")
            sys.stdout.writelines(f"  {line}\n" for line in played.wrong[:5])
            sys.stdout.flush()


asyncio.run(main(sys.argv[1:]))
