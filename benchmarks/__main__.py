"""`python -m benchmarks [NAME ...]`: run all benchmarks, or those named."""

import sys

from benchmarks import append, cycle, idle

ALL = {"cycle": cycle.run, "append": append.run, "idle": idle.run}


def main(names: list[str]) -> int:
    """Run benchmarks and print their lines."""
    unknown = [name for name in names if name not in ALL]
    if unknown:
        print(f"no benchmark {', '.join(unknown)}; there are {', '.join(ALL)}")
        return 2
    for name in names or list(ALL):
        for line in ALL[name]():
            print(f"{name:8s} {line}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
