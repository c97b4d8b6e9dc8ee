"""Fail where a room's coverage (lines and branches) is under its floor."""

import json
import sys
from collections import defaultdict
from pathlib import Path

WHOLE = {"planning", "risk", "rules", "execution"}
FLOOR_PERCENT = 90.0


def room(path: str) -> str:
    """Name the room a file belongs to: the folder under bot, or the module itself."""
    parts = Path(path).parts
    return parts[1].removesuffix(".py")


def main(report: str, rooms: set[str]) -> int:
    """Print the coverage of rooms (of all where none is named) and return 1 where one is too low."""
    files = json.loads(Path(report).read_text())["files"]
    covered: dict[str, int] = defaultdict(int)
    total: dict[str, int] = defaultdict(int)
    for path, data in files.items():
        summary = data["summary"]
        covered[room(path)] += summary["covered_lines"] + summary.get("covered_branches", 0)
        total[room(path)] += summary["num_statements"] + summary.get("num_branches", 0)
    failed = False
    for name in sorted(rooms or total):
        percent = 100.0 * covered[name] / total[name] if total[name] else 100.0
        floor = 100.0 if name in WHOLE else FLOOR_PERCENT
        low = percent < floor
        failed |= low
        print(f"{name:14s} {percent:6.2f} %  floor {floor:.0f} %{'  TOO LOW' if low else ''}")
        if low:
            for path, data in sorted(files.items()):
                if room(path) == name and data["summary"]["percent_covered"] < floor:
                    print(f"    {path}: lines {data['missing_lines']}")
                    print(f"        branches {data.get('missing_branches', [])}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], set(sys.argv[2:])))
