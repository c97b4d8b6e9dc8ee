"""Rules met with prices that are old or not believed: nothing begins, nothing ends, and the note says so."""

from msgspec.structs import replace

from bot.model import MarginMode, State, Unknown
from bot.risk.gates import Doubt, PriceGates
from bot.rules import Evaluation, Gates, Rule, RulesMemory, evaluate
from bot.rules.states import advance, begin
from tests.rules.build import AT, BTC, MAIN, context, portfolio, rule, ruleset, seconds, snapshot

TEXT = "BTC/USDT:USDT: mark 80 is 31 % from index 116 and last 115: look 1 of 3"
APART = PriceGates(doubts={"BTC/USDT:USDT": Doubt("BTC/USDT:USDT", 80.0, 116.0, TEXT, held=True)})
BELIEVED = PriceGates(doubts={"BTC/USDT:USDT": Doubt("BTC/USDT:USDT", 80.0, 116.0, TEXT, held=False)})
WAITS = f"{TEXT}; until it is believed, nothing begins or ends by it"
ROOM = rule("size", "position.leverage", 2.0, 1.0)


def look(
    one: Rule,
    notional: float,
    gates: PriceGates | None = None,
    *,
    after: float = 0.0,
    memory: RulesMemory | None = None,
    mode: MarginMode = MarginMode.CROSS,
) -> Evaluation:
    return evaluate(
        ruleset(one),
        snapshot(BTC, modes={BTC: mode}),
        portfolio({BTC: notional}),
        context(),
        memory or RulesMemory(),
        AT + seconds(after),
        gates,
    )


def test_no_episode_begins_by_a_price_that_is_not_believed() -> None:
    for one in (rule(), ROOM):
        (finding,) = look(one, 6000.0, APART).findings
        assert (finding.state, finding.episode, finding.note) == (State.PENDING, "", WAITS)
        assert look(one, 6000.0, APART).demands == ()
        (finding,) = look(one, 6000.0, BELIEVED).findings
        assert (finding.state, finding.note) == (State.FIRING, TEXT)


def test_a_rule_that_is_inside_says_why_it_may_be_wrong() -> None:
    (finding,) = look(rule(), 1.0, APART).findings
    assert (finding.state, finding.note) == (State.INACTIVE, WAITS)


def test_no_episode_ends_by_it_and_the_running_one_goes_on() -> None:
    firing = look(rule(cooldown=30), 6000.0)
    found = look(rule(cooldown=30), 1.0, APART, after=1, memory=firing.memory)
    (finding,) = found.findings
    assert (finding.state, finding.episode) == (State.FIRING, firing.findings[0].episode)
    assert found.ended == ()
    assert found.memory is firing.memory
    worse = look(rule(cooldown=30), 9000.0, APART, after=1, memory=firing.memory)
    assert [demand.value for demand in worse.demands] == [9.0]


def test_the_count_of_for_neither_begins_nor_is_cleared() -> None:
    slow = rule(hold=5)
    pending = look(slow, 6000.0)
    held = look(slow, 1.0, APART, after=3, memory=pending.memory)
    assert held.memory is pending.memory
    assert look(slow, 6000.0, after=6, memory=held.memory).findings[0].state is State.FIRING
    begun = look(slow, 6000.0, APART)
    assert look(slow, 6000.0, after=6, memory=begun.memory).findings[0].state is State.PENDING
    assert look(slow, 1.0, after=6, memory=begun.memory).findings[0].state is State.INACTIVE


def test_the_cooldown_is_told_beside_the_price() -> None:
    cool = rule(cooldown=30)
    fired = look(cool, 6000.0)
    cooling = look(cool, 1.0, after=1, memory=fired.memory)
    again = look(cool, 6000.0, BELIEVED, after=2, memory=cooling.memory)
    assert again.findings[0].note == f"past the limit again, waits for the end of the cooldown; {TEXT}"


def test_unknown_stays_unknown() -> None:
    one = rule()
    unknown = advance(one, begin(one, MAIN, AT), Unknown("no data"), AT)
    assert advance(one, unknown, 9.0, AT + seconds(1), held=True) is unknown


def test_near_liquidation_nothing_waits() -> None:
    near = replace(APART, near={"": "the venue's own margin ratio of the account is 71 %"})
    (finding,) = look(rule(), 6000.0, near).findings
    assert finding.state is State.FIRING
    assert finding.note == f"{TEXT}; the venue's own margin ratio of the account is 71 %"


def test_a_rule_without_gates_does_not_wait_and_says_so() -> None:
    (finding,) = look(replace(rule(), gates=Gates.OFF), 6000.0, APART).findings
    assert finding.state is State.FIRING
    assert finding.note == f"{TEXT}; gates: off, so the rule does not wait"


def test_an_old_price_makes_unknown_what_depends_on_it() -> None:
    old = PriceGates(old={"BTC/USDT:USDT": "prices are 12.0 s old"})
    firing = look(rule(), 6000.0)
    found = look(replace(rule(), gates=Gates.OFF), 1.0, old, after=1, memory=firing.memory)
    (finding,) = found.findings
    assert (finding.state, finding.episode) == (State.UNKNOWN, firing.findings[0].episode)
    assert isinstance(finding.value, Unknown)
    assert finding.note.startswith("prices are 12.0 s old; the episode goes on")
    elsewhere = PriceGates(old={"ETH/USDT:USDT": "prices are 12.0 s old"})
    assert look(ROOM, 6000.0, elsewhere, mode=MarginMode.ISOLATED).findings[0].state is State.FIRING
