"""`python -m benchmarks [NAME ...]`: run all benchmarks, or those named."""

import sys

from benchmarks import append, cycle, idle, lane, planner, recovery, rules, streams, stress
from benchmarks.figures import Missed

ALL = {
    "cycle": cycle.run,
    "append": append.run,
    "idle": idle.run,
    "lane": lane.run,
    "recovery": recovery.run,
    "streams": streams.run,
    "rules": rules.run,
    "planner": planner.run,
    "stress": stress.run,
}


def main(names: list[str]) -> int:
    """Run benchmarks and print their lines; 1 where a figure is past what was wanted."""
    unknown = [name for name in names if name not in ALL]
    if unknown:
        print(f"no benchmark {', '.join(unknown)}; there are {', '.join(ALL)}")
        return 2
    missed = 0
    for name in names or list(ALL):
        try:
            lines = ALL[name]()
        except Missed as miss:
            lines, missed = [*miss.lines, f"MISSED: {miss}"], 1
        for line in lines:
            print(f"{name:8s} {line}", flush=True)
    return missed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
