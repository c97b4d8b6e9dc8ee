"""What bounds a rule: its hours, stronger rules, tags, and the owner's yes."""

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from bot.documents import MistakesError
from bot.model import BlindAction, State, Unknown
from bot.rules import Active, IfBlind, Match, Names, Rule, RulesMemory, evaluate, load_rules_text
from bot.rules.blindness import evaluate_blind
from bot.rules.names import unknown_symbols
from tests.rules.build import AT, BTC, MAIN, context, portfolio, rule, ruleset, seconds, snapshot

DAYTIME = Active(8 * 60, 22 * 60, tuple(range(7)), "UTC")
NIGHT = Active(22 * 60, 6 * 60, (4,), "UTC")
"""From Friday evening on."""


def loaded(more: str, defaults: str = "{}") -> Rule:
    entry = f"{{name: a, metric: account.leverage, max: 5, do: [notify], {more}}}"
    return load_rules_text(f"version: 1\ndefaults: {defaults}\nrules:\n  - {entry}\n", "r").rules[0]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# --- hours ---


@pytest.mark.parametrize(
    ("written", "expected", "text"),
    [
        ("{hours: 08:00-22:00}", DAYTIME, "08:00-22:00 UTC"),
        ("{days: [tue, mon]}", Active(0, 1440, (0, 1), "UTC"), "mon, tue UTC"),
        ("{hours: 00:00-24:00, days: sun}", Active(0, 1440, (6,), "UTC"), "sun UTC"),
        (
            "{hours: 22:30 - 06:00, zone: Europe/Berlin}",
            Active(1350, 360, tuple(range(7)), "Europe/Berlin"),
            "22:30-06:00 Europe/Berlin",
        ),
        ("{}", Active(0, 1440, tuple(range(7)), "UTC"), "UTC"),
    ],
)
def test_hours_mean_what_they_say(written: str, expected: Active, text: str) -> None:
    active = loaded(f"active: {written}").active
    assert active == expected
    assert active.text == text


@pytest.mark.parametrize(
    ("active", "moment", "inside"),
    [
        (DAYTIME, "2025-11-21T07:59:59", False),
        (DAYTIME, "2025-11-21T08:00:00", True),
        (DAYTIME, "2025-11-21T21:59:59", True),
        (DAYTIME, "2025-11-21T22:00:00", False),
        (replace(DAYTIME, days=(5,)), "2025-11-21T12:00:00", False),
        (NIGHT, "2025-11-21T21:59:59", False),
        (NIGHT, "2025-11-21T22:00:00", True),
        (NIGHT, "2025-11-22T05:59:59", True),
        (NIGHT, "2025-11-22T06:00:00", False),
        (NIGHT, "2025-11-22T23:00:00", False),
        (NIGHT, "2025-11-21T05:00:00", False),
        (replace(NIGHT, days=(6,)), "2025-11-24T05:00:00", True),
        (replace(DAYTIME, zone="Asia/Tokyo"), "2025-11-20T23:00:00", True),
    ],
)
def test_a_moment_is_inside_or_outside(active: Active, moment: str, inside: bool) -> None:
    assert active.covers(at(moment)) is inside


def minutes_inside(active: Active, first: str, hours: int) -> int:
    begin = at(first)
    return sum(active.covers(begin + timedelta(minutes=minute)) for minute in range(hours * 60))


def test_the_clocks_of_the_place_count_when_they_are_changed() -> None:
    early = Active(60, 4 * 60, tuple(range(7)), "Europe/Berlin")
    assert minutes_inside(early, "2025-10-25T12:00:00", 24) == 4 * 60  # 02:00 to 03:00 comes twice
    assert minutes_inside(early, "2026-03-28T12:00:00", 24) == 2 * 60  # 02:00 to 03:00 is missing
    assert minutes_inside(early, "2026-01-10T12:00:00", 24) == 3 * 60
    missing = Active(2 * 60 + 15, 2 * 60 + 45, tuple(range(7)), "Europe/Berlin")
    assert minutes_inside(missing, "2026-03-28T12:00:00", 24) == 0


def looks(one: Rule, *moments: tuple[str, float]) -> list[tuple[State, bool]]:
    """Return state and whether an episode runs after each look: (moment, leverage)."""
    memory, found = RulesMemory(), []
    for moment, leverage in moments:
        made = evaluate(
            ruleset(one), snapshot(BTC), portfolio({BTC: leverage * 1000}), context(), memory, at(moment)
        )
        memory = made.memory
        (finding,) = made.findings
        found.append((finding.state, finding.in_force))
        assert bool(made.demands) == (finding.state in (State.FIRING, State.RESTORING))
    return found


def test_outside_its_hours_a_rule_begins_nothing_and_ends_what_runs() -> None:
    found = looks(
        replace(rule(), active=DAYTIME),
        ("2025-11-21T07:59:00", 6.0),
        ("2025-11-21T08:00:00", 6.0),
        ("2025-11-21T22:00:00", 6.0),
        ("2025-11-21T22:01:00", 4.5),
        ("2025-11-21T22:02:00", 4.0),
        ("2025-11-21T22:03:00", 6.0),
    )
    assert found == [
        (State.INACTIVE, False),
        (State.FIRING, True),
        (State.FIRING, True),
        (State.RESTORING, True),
        (State.INACTIVE, False),
        (State.INACTIVE, False),
    ]


def test_the_count_of_for_begins_inside_the_hours() -> None:
    found = looks(
        replace(rule(hold=60), active=DAYTIME),
        ("2025-11-21T07:50:00", 6.0),
        ("2025-11-21T08:00:00", 6.0),
        ("2025-11-21T08:01:00", 6.0),
    )
    assert [state for state, _ in found] == [State.INACTIVE, State.PENDING, State.FIRING]
    ended = looks(
        replace(rule(hold=7200), active=DAYTIME), ("2025-11-21T21:59:00", 6.0), ("2025-11-21T22:00:00", 6.0)
    )
    assert [state for state, _ in ended] == [State.PENDING, State.INACTIVE]


def test_the_note_says_that_it_is_outside() -> None:
    one = replace(rule(), active=DAYTIME)
    made = evaluate(ruleset(one), snapshot(BTC), portfolio({BTC: 6000.0}), context(), RulesMemory(), AT)
    assert made.findings[0].note == "outside its hours (08:00-22:00 UTC)"


def test_outside_its_hours_if_blind_asks_for_nothing_unless_an_episode_runs() -> None:
    blind = IfBlind(timedelta(0), (BlindAction.HALT,))
    one = replace(rule(), active=DAYTIME, if_blind=blind)
    unseen = Unknown("blind")
    assert evaluate_blind(ruleset(one), "main", "bybit", RulesMemory(), unseen, AT).blind == ()
    noon = AT + timedelta(hours=4)
    assert evaluate_blind(ruleset(one), "main", "bybit", RulesMemory(), unseen, noon).blind != ()
    fired = evaluate(ruleset(one), snapshot(BTC), portfolio({BTC: 6000.0}), context(), RulesMemory(), noon)
    night = AT + timedelta(hours=16)
    assert evaluate_blind(ruleset(one), "main", "bybit", fired.memory, unseen, night).blind != ()


# --- stronger rules ---

STRONG = rule("strong", limit=5.0, goal=4.0)
WEAK = replace(rule("weak", limit=3.0, goal=2.0), inhibited_by=("none", "strong"))


def silenced(
    leverage: float, memory: RulesMemory | None = None, after: float = 0.0
) -> tuple[dict[str, str], RulesMemory]:
    made = evaluate(
        ruleset(WEAK, STRONG),
        snapshot(BTC),
        portfolio({BTC: leverage * 1000}),
        context(),
        memory or RulesMemory(),
        AT + seconds(after),
    )
    assert {demand.rule for demand in made.demands} == {
        one.rule for one in made.findings if one.state in (State.FIRING, State.RESTORING)
    }
    return {finding.rule: finding.inhibited_by for finding in made.findings}, made.memory


def test_a_stronger_rule_that_fires_silences_a_weaker_one_and_never_its_demand() -> None:
    assert silenced(4.5)[0] == {"weak": "", "strong": ""}
    found, memory = silenced(6.0)
    assert found == {"weak": "strong", "strong": ""}
    restoring, memory = silenced(4.5, memory, 1)
    assert restoring["weak"] == "strong"
    assert silenced(4.0, memory, 2)[0]["weak"] == ""


def test_a_stronger_rule_that_is_unknown_silences_nothing() -> None:
    _, memory = silenced(6.0)
    made = evaluate(
        ruleset(WEAK, STRONG),
        snapshot(BTC),
        portfolio({}, missing={BTC: "no price"}),
        context(),
        memory,
        AT + seconds(1),
    )
    assert [(one.state, one.inhibited_by) for one in made.findings] == [(State.UNKNOWN, "")] * 2


def test_inhibited_by_is_a_name_or_a_list() -> None:
    text = "version: 1\nrules:\n"
    for name, more in (("a", "inhibited_by: b"), ("c", "inhibited_by: [b, a]"), ("b", "severity: info")):
        text += f"  - {{name: {name}, metric: account.leverage, max: 5, do: [notify], {more}}}\n"
    assert [one.inhibited_by for one in load_rules_text(text, "r").rules] == [("b",), ("b", "a"), ()]


# --- tags ---


@pytest.mark.parametrize(
    ("wanted", "tags", "applies"),
    [
        ((), (), True),
        (("fund",), (), False),
        (("fund",), ("btc", "fund"), True),
        (("f*", "x"), ("fund",), True),
        (("x",), ("fund",), False),
    ],
)
def test_tags_match_accounts(wanted: tuple[str, ...], tags: tuple[str, ...], applies: bool) -> None:
    one = replace(rule(), match=Match(tags=wanted))
    seen = (snapshot(BTC), portfolio({BTC: 6000.0}), context(), RulesMemory(), AT)
    assert bool(evaluate(ruleset(one), *seen, tags=tags).findings) is applies
    unseen = evaluate_blind(ruleset(one), "main", "bybit", RulesMemory(), Unknown("blind"), AT, tags)
    assert [finding.target for finding in unseen.findings] == ([MAIN] if applies else [])


def test_tags_and_signals_that_the_config_does_not_have() -> None:
    text = (
        'version: 1\nrules:\n  - name: a\n    when: signal("feer") < 20\n'
        '    match: {tags: [fnd, "x*"]}\n    do: [notify]\n'
    )
    names = Names(("main",), ("bybit",), ("fund",), ("fear",))
    with pytest.raises(MistakesError) as error:
        load_rules_text(text, "r", names)
    assert str(error.value).splitlines() == [
        (
            "r:4:11: when: the config has no signal 'feer', so the rule would never be known "
            "(did you mean 'fear'?)"
        ),
        (
            "r:5:20: match.tags: the config has no tag 'fnd', so the rule would guard nothing "
            "(did you mean 'fund'?)"
        ),
    ]
    right = text.replace("feer", "fear").replace("fnd", "fund")
    assert load_rules_text(right, "r", names).signals == ("fear",)
    assert load_rules_text(right, "r", Names(("main",), ("bybit",), ("fund",))).rules


def test_symbols_of_rules_for_other_tags_are_not_judged() -> None:
    text = (
        "version: 1\nrules:\n  - {name: a, metric: position.leverage, max: 3, do: [notify], "
        "match: {tags: fund, symbol: BTX/USDT:USDT}}\n"
    )
    rules = load_rules_text(text, "r")
    assert unknown_symbols(rules, "main", "bybit", ()) == ()
    assert len(unknown_symbols(rules, "main", "bybit", (), ("fund",))) == 1


# --- the owner's yes ---


@pytest.mark.parametrize(
    ("defaults", "more", "approve"),
    [
        ("{}", "severity: info", False),
        ("{}", "approve: true", True),
        ("{approve: true}", "severity: info", True),
        ("{approve: true}", "approve: false", False),
    ],
)
def test_approve_is_carried_to_the_demand(defaults: str, more: str, approve: bool) -> None:
    one = loaded(more, defaults)
    assert one.approve is approve
    made = evaluate(ruleset(one), snapshot(BTC), portfolio({BTC: 6000.0}), context(), RulesMemory(), AT)
    assert [demand.approve for demand in made.demands] == [approve]
