"""Price gates in a whole decision, on recorded input whose prices were changed, and in the guard's cycle."""

import asyncio
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from bot.decision import Decision, DecisionInput, decide
from bot.inspection import Inspection, account_metrics
from bot.journal import open_journal
from bot.journal.records import Decision as DecisionRecord
from bot.journal.records import Kind, canonical
from bot.model import Figure, Mark, OrderRequest, PriceTerms, Snapshot, State, StopRequest
from bot.outlook import outlook
from bot.record import PRICES, STATUS, remembered_prices, remembered_status
from bot.replaying import decide_again
from bot.risk.ledger import open_ledger
from bot.rules import RuleSet, load_rules_text
from bot.sandbox.engine.types import Side
from tests.guard.support import Bench, bench
from tests.guard.test_pure import printed

SYMBOL = "BTC/USDT:USDT"
RULES = """
version: 1
rules:
  - {name: margin, metric: account.margin_ratio, max: 8%, restore: 5%, cooldown: 0s, do: [trim]}
  - {name: room, metric: position.liquidation_distance, min: 10%, restore: 15%, cooldown: 0s, do: [trim]}
"""
STEP = timedelta(seconds=2)


async def _record(folder: Path) -> Path:
    async with bench(folder, RULES) as it:
        it.open("BTCUSDT", Side.BUY, "4")
        assert (await it.guard.cycle()).error == ""
    return folder / "journal.sqlite"


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> DecisionInput:
    """The input of a decision in which nothing fires: 4 BTC at 100,000 on 100,000 USD."""
    path = asyncio.run(_record(tmp_path_factory.mktemp("recorded")))
    with open_journal(path, read_only=True) as journal:
        body = journal.entries(kind=Kind.DECISION)[0].record
        assert isinstance(body, DecisionRecord)
        blob = journal.blob(body.input)
    assert blob is not None
    return msgspec.json.decode(blob, type=DecisionInput)


@pytest.fixture(scope="module")
def rules() -> RuleSet:
    return load_rules_text(RULES, "rules.yaml")


def at_price(given: DecisionInput, mark: float, others: float | None = None) -> DecisionInput:
    """The same account at other prices, its figures moved as a venue would state them.

    `mark` and `others` are shares of the recorded price.
    """
    rest = Decimal(str(mark if others is None else others))
    factor, snapshot = Decimal(str(mark)), given.snapshot
    lost = Decimal(0)
    held = []
    for position in snapshot.positions:
        price = _known(snapshot.marks[position.symbol].mark)
        lost += price * (1 - factor) * position.size * position.side.sign
        kept = _known(position.maintenance_margin) * factor
        changes = {"mark_price": price * factor, "maintenance_margin": kept, "liquidation_price": _LEFT}
        held.append(replace(position, **changes))
    marks = {symbol: _moved(one, factor, rest) for symbol, one in snapshot.marks.items()}
    balance = replace(
        snapshot.balance,
        equity=_known(snapshot.balance.equity) - lost,
        margin_balance=_known(snapshot.balance.margin_balance) - lost,
        maintenance_margin=_known(snapshot.balance.maintenance_margin) * factor,
    )
    return replace(given, snapshot=replace(snapshot, positions=tuple(held), marks=marks, balance=balance))


_LEFT = msgspec.convert({"type": "unknown", "reason": "left to be recomputed"}, type=Figure)


def _known(figure: Figure) -> Decimal:
    assert isinstance(figure, Decimal)
    return figure


def _moved(one: Mark, mark: Decimal, others: Decimal) -> Mark:
    return replace(
        one,
        mark=_known(one.mark) * mark,
        **{part: _known(getattr(one, part)) * others for part in ("index", "last", "bid", "ask")},
    )


class Looks:
    """Decisions one after the other, each with what the one before left."""

    def __init__(self, given: DecisionInput, rules: RuleSet) -> None:
        self.given = given
        self.rules = rules
        self.turns = 0

    def look(self, mark: float, others: float | None = None) -> Decision:
        seen = at_price(self.given, mark, others)
        self.turns += 1
        ahead = STEP * self.turns
        times = {part: at + ahead for part, at in msgspec.structs.asdict(seen.snapshot.times).items()}
        snapshot: Snapshot = replace(
            seen.snapshot,
            taken_at=seen.snapshot.taken_at + ahead,
            times=type(seen.snapshot.times)(**times),
            marks={symbol: replace(one, at=one.at + ahead) for symbol, one in seen.snapshot.marks.items()},
        )
        now = replace(seen, at=seen.at + ahead, snapshot=snapshot)
        made = decide(now, self.rules)
        again = decide(msgspec.json.decode(canonical(now), type=DecisionInput), self.rules)
        assert canonical(again.plan) == canonical(made.plan)
        self.given = replace(
            self.given, memory=made.evaluation.memory, prices=made.gates.memory, ledger=made.ledger
        )
        return made


def fires(made: Decision) -> bool:
    return any(finding.episode for finding in made.evaluation.findings)


def trimmed(made: Decision) -> Decimal:
    """Contracts that a plan takes off."""
    requests = (step.request for step in made.plan.steps)
    return sum((one.contracts for one in requests if isinstance(one, OrderRequest)), Decimal(0))


def test_the_account_is_quiet_and_a_shared_fall_fires_at_once(quiet: DecisionInput, rules: RuleSet) -> None:
    looks = Looks(quiet, rules)
    assert not fires(looks.look(1.0))
    crash = looks.look(0.8)
    assert fires(crash)
    assert not crash.gates.doubts
    assert trimmed(crash) > 0


def test_the_finding_says_what_the_gate_did(quiet: DecisionInput, rules: RuleSet) -> None:
    looks = Looks(quiet, rules)
    looks.look(1.0)
    bad = looks.look(0.8, 1.0)
    assert {finding.state for finding in bad.evaluation.findings} == {State.PENDING}
    note = bad.evaluation.findings[0].note
    assert "mark 80,000 is 20 % from index 100,000, last 100,000 and the middle of bid and ask" in note
    assert "look 1 of 3; until it is believed, nothing begins or ends by it" in note
    assert trimmed(bad) == 0
    back = looks.look(1.0)
    assert {finding.state for finding in back.evaluation.findings} == {State.INACTIVE}


FALLS = st.floats(0.79, 0.83)
CALM = st.floats(0.99, 1.01)


@settings(deadline=None, max_examples=25)
@given(st.lists(CALM, max_size=3), FALLS, st.lists(CALM, max_size=3))
def test_one_bad_tick_never_starts_an_episode(
    quiet: DecisionInput, rules: RuleSet, before: list[float], wrong: float, after: list[float]
) -> None:
    looks = Looks(quiet, rules)
    assert not any(fires(looks.look(share)) for share in (1.0, *before))
    assert not fires(looks.look(wrong, 1.0))
    assert not any(fires(looks.look(share)) for share in after)


@settings(deadline=None, max_examples=25)
@given(FALLS, st.integers(2, 5))
def test_looks_that_agree_always_start_it(
    quiet: DecisionInput, rules: RuleSet, wrong: float, confirmations: int
) -> None:
    terms = PriceTerms(confirmations=confirmations)
    looks = Looks(replace(quiet, price_terms=terms), rules)
    looks.look(1.0)
    fired = [fires(looks.look(wrong, 1.0)) for _ in range(confirmations)]
    assert fired == [False] * (confirmations - 1) + [True]


@settings(deadline=None, max_examples=40)
@given(st.floats(0.79, 1.0), st.floats(0.79, 1.0), st.booleans())
def test_a_worse_mark_never_trims_less(
    quiet: DecisionInput, rules: RuleSet, one: float, other: float, running: bool
) -> None:
    better, worse = max(one, other), min(one, other)
    looks = Looks(quiet, rules)
    looks.look(0.82 if running else 1.0)
    start = looks.given, looks.turns

    def at(share: float, others: float | None = None) -> Decimal:
        looks.given, looks.turns = start
        return trimmed(looks.look(share, others))

    assert at(worse) >= at(better)
    if running:  # an episode goes on through a price that is in doubt
        assert at(worse, 0.9) >= at(better, 0.9)


def test_a_better_tick_ends_no_episode(quiet: DecisionInput, rules: RuleSet) -> None:
    looks = Looks(quiet, rules)
    first = looks.look(0.82)
    bad = looks.look(1.2, 0.82)
    assert bad.evaluation.ended == ()
    assert [one.state for one in bad.evaluation.findings] == [one.state for one in first.evaluation.findings]
    assert looks.look(0.82).evaluation.memory == first.evaluation.memory
    assert looks.look(1.0).evaluation.ended


def test_near_liquidation_the_first_bad_look_counts(quiet: DecisionInput, rules: RuleSet) -> None:
    looks = Looks(replace(quiet, price_terms=PriceTerms(waive_at=0.05)), rules)
    looks.look(1.0)
    found = looks.look(0.8, 1.0)
    assert fires(found)
    note = found.evaluation.findings[0].note
    assert "the venue's own margin ratio of the account is" in note
    assert "and from 5 % on nothing waits" in note


def test_no_peak_is_remembered_from_a_price_in_doubt(quiet: DecisionInput, rules: RuleSet) -> None:
    looks = Looks(quiet, rules)
    calm = looks.look(1.0)
    for _ in range(2):
        assert looks.look(1.5, 1.0).ledger == calm.ledger
    assert looks.look(1.5, 1.0).ledger != calm.ledger
    fresh = Looks(replace(quiet, ledger=None), rules)
    assert fresh.look(1.5, 1.0).ledger is None


def test_what_was_recorded_before_there_were_gates_is_decided_as_it_was(
    quiet: DecisionInput, rules: RuleSet
) -> None:
    looks = Looks(replace(quiet, price_terms=None), rules)
    looks.look(1.0)
    assert fires(looks.look(0.8, 1.0))
    old = replace(quiet, price_terms=None, at=quiet.at + timedelta(minutes=1))
    assert decide(old, rules).gates.view == ""


def test_old_prices_decide_nothing(quiet: DecisionInput, rules: RuleSet) -> None:
    looks = Looks(quiet, rules)
    firing = looks.look(0.8)
    seen = at_price(looks.given, 1.0)
    late = timedelta(seconds=20)
    marks = {symbol: replace(one, at=one.at - late) for symbol, one in seen.snapshot.marks.items()}
    found = decide(replace(seen, snapshot=replace(seen.snapshot, marks=marks)), rules)
    assert {finding.state for finding in found.evaluation.findings} == {State.UNKNOWN}
    assert "s old, the limit is 10 s" in found.evaluation.findings[0].note
    assert [one.episode for one in found.evaluation.findings] == [
        one.episode for one in firing.evaluation.findings
    ]
    assert found.evaluation.demands == ()


def stops(made: Decision) -> list[Decimal]:
    return [step.request.trigger_price for step in made.plan.steps if isinstance(step.request, StopRequest)]


def test_a_missing_stop_is_placed_at_the_more_cautious_price(quiet: DecisionInput, rules: RuleSet) -> None:
    calm = Looks(quiet, rules)
    (usual,) = stops(calm.look(1.0))
    doubted = Looks(quiet, rules)
    doubted.look(1.0)
    (cautious,) = stops(doubted.look(1.3, 0.83))
    worse = Looks(quiet, rules)
    worse.look(1.0)
    (low,) = stops(worse.look(0.83, 1.0))
    assert cautious == low < Decimal(83_000) < usual


def test_no_stop_is_moved_by_a_price_in_doubt(quiet: DecisionInput, rules: RuleSet) -> None:
    (usual,) = stops(Looks(quiet, rules).look(1.0))
    (position,) = quiet.snapshot.positions
    resting = replace(position, stop_price=usual)
    guarded = replace(
        quiet,
        snapshot=replace(quiet.snapshot, positions=(resting,)),
        own_stops={position.key: usual},
    )
    looks = Looks(guarded, rules)
    assert stops(looks.look(1.0)) == []
    assert stops(looks.look(0.9, 1.0)) == []
    assert stops(looks.look(0.85)) != []


def test_a_haircut_on_collateral_is_a_loss_and_no_withdrawal(quiet: DecisionInput) -> None:
    rule = "- {name: loss, metric: account.drawdown, max: 10%, do: [notify]}"
    drawdown = load_rules_text(f"version: 1\nrules:\n  {rule}\n", "r")
    balance = quiet.snapshot.balance
    ledger = open_ledger(_known(balance.equity), quiet.snapshot.times.balance, {})
    coins = {"USDT": Decimal(50_000), "USDE": Decimal(50_000)}
    ledger = replace(ledger, coins=coins)
    cut = replace(balance, coins=dict(coins), equity=_known(balance.equity) * Decimal("0.85"))
    seen = replace(quiet, ledger=ledger, snapshot=replace(quiet.snapshot, balance=cut))
    made = decide(seen, drawdown)
    (finding,) = made.evaluation.findings
    assert finding.state is State.FIRING
    assert finding.value == pytest.approx(0.15)
    assert made.ledger is not None
    assert made.ledger.units == ledger.units
    assert not made.gates.doubts


def shown(look: Decision, given: DecisionInput, rules: RuleSet) -> str:
    return printed(Inspection("main", given.snapshot, look, outlook(look, rules), account_metrics(look)))


def test_check_shows_what_the_gates_say(quiet: DecisionInput, rules: RuleSet) -> None:
    looks = Looks(quiet, rules)
    looks.look(1.0)
    assert "margin: BTC/USDT:USDT: mark 80,000 is 20 %" in shown(looks.look(0.8, 1.0), quiet, rules)


async def wick(it: Bench, monkeypatch: pytest.MonkeyPatch, share: str | None) -> None:
    """Let the gateway show a mark that is apart by a factor; None takes that back."""
    take = type(it.gateway).snapshot

    async def torn() -> Snapshot:
        seen = await take(it.gateway)
        factor = Decimal(share or "1")
        marks = {name: replace(one, mark=_known(one.mark) * factor) for name, one in seen.marks.items()}
        return replace(seen, marks=marks)

    monkeypatch.setattr(it.gateway, "snapshot", torn)


async def test_a_guard_waits_out_a_bad_tick_and_remembers_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bench(tmp_path, RULES) as it:
        it.open("BTCUSDT", Side.BUY, "4")
        await it.guard.cycle()
        await wick(it, monkeypatch, "0.8")
        assert (await it.guard.cycle()).error == ""
        status = remembered_status(it.journal.load_memory("main", STATUS))
        assert status is not None
        assert "look 1 of 3" in status.doubts[0]
        first = remembered_prices(it.journal.load_memory("main", PRICES)).of(SYMBOL)
        again = it.again(RULES)
        seen = await again.cycle()
        assert seen.decision is not None
        assert "look 1 of 3" in seen.decision.evaluation.findings[0].note
        kept = remembered_prices(it.journal.load_memory("main", PRICES)).of(SYMBOL)
        assert kept is not None
        assert kept == first, "a look within the same second adds nothing, and a restart forgets nothing"
        await wick(it, monkeypatch, None)
        assert (await again.cycle()).error == ""
        kept = remembered_prices(it.journal.load_memory("main", PRICES)).of(SYMBOL)
        assert kept is not None
        assert kept.apart == ()
        for entry in it.of_kind(Kind.DECISION):
            assert decide_again(it.journal, entry).same
