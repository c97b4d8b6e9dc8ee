"""Plays every example and makes the tables of docs/profiles.md: python -m tests.profiles [EXAMPLE ...].

Prints the rows, and ends with 1 where the page says otherwise (or an invariant was broken). With --write the
page is written anew; that takes all examples. --jobs N plays so many side by side.
"""

import argparse
import asyncio
import logging
import multiprocessing
import os
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import structlog

from tests.profiles.page import CALMS, FALLS, FILE, Cells, cells, stale, table, told, wanted, written
from tests.profiles.scenes import PLAYED, play

DATA = Path(os.environ.get("REEF_SHARED_DIR", Path(__file__).resolve().parents[3] / "shared")) / "data"


def row(number: int) -> tuple[Cells, tuple[str, ...]]:
    """Play one scene; return its row and what went wrong."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.FATAL))
    example, scene = wanted()[number]
    with tempfile.TemporaryDirectory() as folder:
        played = asyncio.run(play(scene, example, Path(folder), DATA))
    return cells(example, scene, played), played.wrong


def main() -> int:
    """Play, print, and compare or write."""
    parser = argparse.ArgumentParser(prog="python -m tests.profiles")
    parser.add_argument("examples", nargs="*", choices=[[], *PLAYED], metavar="EXAMPLE")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--jobs", type=int, default=1)
    asked = parser.parse_args()
    if asked.write and asked.examples:
        parser.error("--write takes all examples")
    known = [one for one, (name, _) in enumerate(wanted()) if name in (asked.examples or PLAYED)]
    page = told(FILE.read_text())
    rows: list[Cells] = []
    failed = False
    with ProcessPoolExecutor(asked.jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        for found, wrong in pool.map(row, known):
            rows.append(found)
            before = page.get((found["example"].strip("`"), found["market"]))
            differs = ["the page has no such row"] if before is None else stale(before, found)
            failed = failed or bool(wrong) or (bool(differs) and not asked.write)
            sys.stdout.write(" | ".join(found.values()) + "\n")
            sys.stdout.writelines(f"  {line}\n" for line in (*wrong[:5], *differs))
            sys.stdout.flush()
    if asked.write:
        text = FILE.read_text()
        for name, heads in (("falls", FALLS), ("calm", CALMS)):
            chosen = [one for one in rows if set(heads) <= set(one)]
            text = written(text, name, table(chosen, heads))
        FILE.write_text(text)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
