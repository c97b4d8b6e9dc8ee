"""Plays every example and makes the tables of docs/profiles.md: python -m tests.profiles [EXAMPLE ...].

Prints the rows, and ends with 1 where the page says otherwise (or an invariant was broken). With --write they
are written into the page instead. --jobs N plays so many side by side.
"""

import argparse
import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor

from tests.profiles.page import CALMS, FALLS, FILE, Cells, run_row, stale, table, told, wanted, written
from tests.profiles.scenes import PLAYED


def main() -> int:
    """Play, print, and compare or write."""
    parser = argparse.ArgumentParser(prog="python -m tests.profiles")
    parser.add_argument("examples", nargs="*", choices=[[], *PLAYED], metavar="EXAMPLE")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--jobs", type=int, default=1)
    asked = parser.parse_args()
    known = [one for one, (name, _) in enumerate(wanted()) if name in (asked.examples or PLAYED)]
    page = told(FILE.read_text())
    rows: dict[tuple[str, str], Cells] = dict(page)
    failed = False
    with ProcessPoolExecutor(asked.jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        for found, wrong in pool.map(run_row, known):
            key = (found["example"].strip("`"), found["market"])
            rows[key] = found
            before = page.get(key)
            differs = ["the page has no such row"] if before is None else stale(before, found)
            failed = failed or bool(wrong) or (bool(differs) and not asked.write)
            sys.stdout.write(" | ".join(found.values()) + "\n")
            sys.stdout.writelines(f"  {line}\n" for line in (*wrong[:5], *differs))
            sys.stdout.flush()
    if asked.write:
        text = FILE.read_text()
        for name, heads in (("falls", FALLS), ("calm", CALMS)):
            known_rows = (rows.get((example, scene.name), {}) for example, scene in wanted())
            chosen = [one for one in known_rows if set(heads) <= set(one)]
            text = written(text, name, table(chosen, heads))
        FILE.write_text(text)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
