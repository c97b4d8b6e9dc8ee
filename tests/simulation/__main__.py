"""Runs seeded days in several processes: `python -m tests.simulation --seeds 100`."""

import argparse
import multiprocessing
import os
import sys
import time

from bot.daemon import collector
from tests.simulation.living import live
from tests.simulation.report import closing, figures, story


def main(arguments: list[str]) -> int:
    """Run seeds and tell of them; returns 1 where one failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=100, help="how many days")
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--digests", action="store_true", help="print the digest of each seed's story")
    wanted = parser.parse_args(arguments)
    seeds = range(wanted.first_seed, wanted.first_seed + wanted.seeds)
    begun = time.perf_counter()
    outcomes = []
    with multiprocessing.get_context("spawn").Pool(min(wanted.jobs, wanted.seeds), collector.spare) as pool:
        for one in pool.imap(live, seeds):
            outcomes.append(one)
            if one.violations:
                sys.stdout.write(f"{story(one)}\n\n")
            if wanted.digests:
                sys.stdout.write(f"{one.seed} {one.digest}\n")
            sys.stdout.flush()
    sys.stdout.write(f"{figures(outcomes)}\n{closing(outcomes, time.perf_counter() - begun)}\n")
    return int(any(one.violations for one in outcomes))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
