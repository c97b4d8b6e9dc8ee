"""What is told of seeds: a closing line, and a short story of each that failed."""

from collections import Counter
from collections.abc import Sequence

from tests.simulation.day import Outcome

DAY_S = 86_400
COMMAND = "make simulate SEEDS=1 FIRST_SEED={seed}"


def closing(outcomes: Sequence[Outcome], wall: float) -> str:
    """Sum seeds up in one line. Speed is that of one process."""
    faults: Counter[str] = Counter()
    for one in outcomes:
        faults.update(one.faults)
    seconds = sum(one.seconds for one in outcomes)
    busy = sum(one.wall for one in outcomes)
    kinds = sum(count > 0 for count in faults.values())
    return (
        f"seeds {len(outcomes)}, simulated days {seconds / DAY_S:.1f}, "
        f"polls {sum(one.polls for one in outcomes):,}, "
        f"faults injected {faults.total():,} of {kinds} kinds, "
        f"restarts {sum(one.restarts for one in outcomes):,}, "
        f"violations {sum(len(one.violations) for one in outcomes)}, "
        f"{seconds / max(busy, 1e-9):,.0f}x real time in each process, {wall:.0f} s in all"
    )


def figures(outcomes: Sequence[Outcome]) -> str:
    """Tell what the guards did, and how often each kind of fault struck."""
    did: Counter[str] = Counter()
    faults: Counter[str] = Counter()
    for one in outcomes:
        did.update(one.figures)
        faults.update(one.faults)
    struck = ", ".join(f"{name} {count}" for name, count in sorted(faults.items()))
    return f"{', '.join(f'{name} {count:,}' for name, count in sorted(did.items()))}\nfaults: {struck}"


def story(one: Outcome) -> str:
    """Tell how a seed failed, and how to see it again."""
    broken = "\n".join(f"  {line}" for line in one.violations[:10])
    told = "\n".join(f"  {line[:240]}" for line in one.story)
    command = COMMAND.format(seed=one.seed)
    return f"seed {one.seed} failed (story {one.digest[:16]}):\n{broken}\n{told}\nsee it again: {command}"
