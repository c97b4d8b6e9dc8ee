"""Print the part of a lock file that some packages need, with its hashes; of none, what Reef itself needs."""

import re
import sys
from collections.abc import Iterable
from pathlib import Path

REEF = "reef-guard (pyproject.toml)"
PINNED = re.compile(r"([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==")


def entries(text: str) -> dict[str, tuple[str, frozenset[str]]]:
    """Return each locked package's own lines, and the names of those that asked for it.

    A package stands there once for each version that some Python takes.
    """
    found: dict[str, tuple[str, frozenset[str]]] = {}
    for block in re.split(r"\n(?=[A-Za-z0-9])", text):
        name = PINNED.match(block)
        if name is None:
            continue
        lines = block.splitlines()
        kept = "\n".join(line for line in lines if not line.lstrip().startswith("#"))
        asked = (line.strip().lstrip("# ").removeprefix("via").strip() for line in lines if "#" in line)
        before, by = found.get(name[1].lower(), ("", frozenset()))
        together = f"{before}\n{kept}" if before else kept
        found[name[1].lower()] = (together, by | {one for one in asked if one})
    return found


def needed(text: str, names: Iterable[str]) -> list[str]:
    """Return the lines of the packages `names` (of none: of what Reef asks for) and of all that they need."""
    locked = entries(text)
    wanted = set(names) or {name for name, (_, asked) in locked.items() if REEF in asked}
    missing = sorted(wanted - set(locked))
    if missing:
        raise SystemExit(f"not in the lock file: {', '.join(missing)}")
    while more := {name for name, (_, asked) in locked.items() if asked & wanted} - wanted:
        wanted |= more
    return [locked[name][0] for name in sorted(wanted)]


def main(path: str, *names: str) -> None:
    """Print what is needed."""
    print("\n".join(needed(Path(path).read_text(), names)))


if __name__ == "__main__":
    main(*sys.argv[1:])
