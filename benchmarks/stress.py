"""A stress of 20 positions in 12 scenarios, against a decision on the same account in the same run.

One decision is what a guard takes on every poll. A stress walks each scenario twice, looks at the rules at
twenty moments of each, and decides where one fires.
"""

import time
from decimal import Decimal

from msgspec.structs import replace

from benchmarks.figures import Missed
from bot.decision import DecisionInput, decide
from bot.model import Caps, MarketStats, ProtectionTerms, Side, Usage
from bot.risk.flows import Flows
from bot.rules import RulesMemory, load_rules, profile_path
from bot.stress.loading import load_stress, shipped_file
from bot.stress.run import stress
from tests.planning.build import NOW, SYMBOLS, position, snapshot

POSITIONS, SCENARIOS, ROUNDS = 20, 12, 5
MOST_DECISIONS = 12.0
"""For one scenario."""


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
    """Time both in turn, the best of each; fail where the stress takes too many decisions' time."""
    given, rules = account(), load_rules(profile_path("balanced"))
    scenarios = load_stress(shipped_file())[:SCENARIOS]
    ours = base = float("inf")
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        for _ in range(SCENARIOS):
            decide(replace(given), rules)
        between = time.perf_counter()
        found = stress(given, rules, scenarios)
        ours = min(ours, time.perf_counter() - between)
        base = min(base, between - begun)
    assert found.survives
    wanted = f"at most {MOST_DECISIONS:g}x"
    times = f"{ours * 1000:.0f} ms, {ours / base:.1f}x a decision each ({base * 1000:.0f} ms)"
    lines = [f"{POSITIONS} positions, {SCENARIOS} scenarios: {times}; {wanted}"]
    if ours / base > MOST_DECISIONS:
        raise Missed(lines, wanted)
    return lines
