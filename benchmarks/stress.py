"""A stress of 20 positions in 12 scenarios, against a decision on the same account in the same run.

One decision is what a guard takes on every poll. A stress walks each scenario twice, looks at the rules at
twenty moments of each, and decides where one fires. Beside it `reef stress --demo` as a process, from start
to end, a process that only imports the libraries that it needs: what of the first is not Reef's, and one that
only imports the solver.
"""

import os
import subprocess
import sys
import time
from decimal import Decimal

from msgspec.structs import replace

from benchmarks.figures import Missed, Sample
from bot.decision import DecisionInput, decide
from bot.model import Caps, MarketStats, ProtectionTerms, Side, Usage
from bot.risk.flows import Flows
from bot.rules import RulesMemory, load_rules, profile_path
from bot.scenarios.loading import load_stress, shipped_file
from bot.stress.run import stress
from tests.planning.build import NOW, SYMBOLS, position, snapshot

POSITIONS, SCENARIOS, ROUNDS = 20, 12, 5
MOST_DECISIONS = 12.0
"""For one scenario."""
MOST_CPU_S = 1.0
"""Of the whole stress."""
WHOLE = ("-m", "bot.cli", "stress", "--demo")
SOLVER = ("-c", "import highspy")
LIBRARIES = ("-c", "import highspy, msgspec, pydantic, rich.table, ruamel.yaml, typer")


def account() -> DecisionInput:
    """Twenty longs at three times their equity."""
    held = [position(symbol, Side.LONG, "150", "100") for symbol in SYMBOLS[:POSITIONS]]
    return DecisionInput(
        at=NOW,
        snapshot=snapshot(held, "100000"),
        stats=MarketStats("BTC", {}, {}, {}, NOW),
        ledger=None,
        flows=Flows(),
        memory=RulesMemory(),
        usage=Usage(0, Decimal(0), Decimal(0)),
        caps=Caps(),
        protection=ProtectionTerms(),
        max_age_seconds=10.0,
        impact=0.0005,
        steps_taken={},
    )


def run() -> list[str]:
    """Time both in turn, the best of each; fail where the stress takes too much."""
    given, rules = account(), load_rules(profile_path("balanced"))
    scenarios = load_stress(shipped_file())[:SCENARIOS]
    ours = base = cpu = float("inf")
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        for _ in range(SCENARIOS):
            decide(replace(given), rules)
        between, used = time.perf_counter(), time.process_time()
        found = stress(given, rules, scenarios)
        ours, cpu = min(ours, time.perf_counter() - between), min(cpu, time.process_time() - used)
        base = min(base, between - begun)
    assert found.survives
    wanted = f"at most {MOST_DECISIONS:g}x and {MOST_CPU_S:g} s of a processor"
    times = f"{ours * 1000:.0f} ms ({cpu * 1000:.0f} ms of a processor)"
    ratio = f"{ours / base:.1f}x a decision each ({base * 1000:.0f} ms)"
    lines = [f"{POSITIONS} positions, {SCENARIOS} scenarios: {times}, {ratio}; {wanted}"]
    lines += processes()
    if ours / base > MOST_DECISIONS or cpu > MOST_CPU_S:
        raise Missed(lines, wanted)
    return lines


def processes() -> list[str]:
    """Time processes from start to end in turn, the best of each."""
    best = dict.fromkeys((WHOLE, LIBRARIES, SOLVER), Sample(float("inf"), float("inf")))
    for _ in range(ROUNDS):
        for arguments, known in best.items():
            took = process(arguments)
            best[arguments] = Sample(min(known.wall, took.wall), min(known.cpu, took.cpu))
    whole, libraries, solver = best.values()
    ratio = f"{whole.wall / solver.wall:.1f}x ({whole.cpu / solver.cpu:.1f}x of a processor)"
    return [
        f"reef stress --demo, the whole process: {told(whole)}",
        f"{ratio} one that imports highspy: {told(solver)}",
        f"its libraries: {told(libraries)}",
    ]


def process(arguments: tuple[str, ...]) -> Sample:
    """Run a process of Python's once."""
    begun, before = time.perf_counter(), os.times()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    wall, after = time.perf_counter() - begun, os.times()
    cpu = after.children_user - before.children_user + after.children_system - before.children_system
    return Sample(wall, cpu)


def told(took: Sample) -> str:
    """Write what a process took."""
    return f"{took.wall:.2f} s, {took.cpu:.2f} s of a processor"
