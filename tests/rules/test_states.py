"""The state machine of one rule on one target."""

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from bot.model import Number, Sense, State, Target, Unknown
from bot.rules import Rule, Standing
from bot.rules.states import advance, at_goal, begin, episode_id, past_limit
from tests.rules.build import AT, MAIN, rule, seconds

BLIND = Unknown("no data")
Look = tuple[float, Number]
INACTIVE, PENDING, FIRING = State.INACTIVE, State.PENDING, State.FIRING
RESTORING, COOLING, UNKNOWN = State.RESTORING, State.COOLING, State.UNKNOWN


def walk(given_rule: Rule, looks: list[Look]) -> list[Standing]:
    """Return the standing after each look (seconds after AT, value)."""
    standing = begin(given_rule, MAIN, AT)
    standings = []
    for after, value in looks:
        standing = advance(given_rule, standing, value, AT + seconds(after))
        standings.append(standing)
    return standings


@pytest.mark.parametrize(
    ("name", "hold", "cooldown", "looks", "states"),
    [
        ("stays inside", 0, 0, [(0, 3.0), (1, 5.0)], [INACTIVE, INACTIVE]),
        ("fires strictly past the limit", 0, 0, [(0, 5.0), (1, 5.000001)], [INACTIVE, FIRING]),
        ("is restored at the goal", 0, 0, [(0, 6.0), (1, 4.000001), (2, 4.0)], [FIRING, RESTORING, INACTIVE]),
        ("waits as long as `for` says", 5, 0, [(0, 6.0), (4.9, 6.0), (5, 6.0)], [PENDING, PENDING, FIRING]),
        (
            "counts anew after a look inside",
            5,
            0,
            [(0, 6.0), (3, 4.5), (6, 6.0), (10, 6.0), (11, 6.0)],
            [PENDING, INACTIVE, PENDING, PENDING, FIRING],
        ),
        (
            "passes the limit again inside an episode",
            0,
            0,
            [(0, 6.0), (1, 4.5), (2, 6.0), (3, 1.0)],
            [FIRING, RESTORING, FIRING, INACTIVE],
        ),
        ("cools", 0, 30, [(0, 6.0), (1, 4.0), (30, 4.0), (31, 4.0)], [FIRING, COOLING, COOLING, INACTIVE]),
        (
            "fires as soon as the cooldown ends",
            5,
            30,
            [(0, 6.0), (5, 6.0), (6, 4.0), (20, 6.0), (35, 6.0), (36, 6.0)],
            [PENDING, FIRING, COOLING, COOLING, COOLING, FIRING],
        ),
        (
            "waits for the rest of `for` after the cooldown",
            5,
            30,
            [(0, 6.0), (5, 6.0), (6, 4.0), (34, 6.0), (36, 6.0), (39, 6.0)],
            [PENDING, FIRING, COOLING, COOLING, PENDING, FIRING],
        ),
        (
            "forgets a breach that ended in the cooldown",
            5,
            30,
            [(0, 6.0), (5, 6.0), (6, 4.0), (10, 6.0), (20, 4.0), (36, 6.0), (41, 6.0)],
            [PENDING, FIRING, COOLING, COOLING, COOLING, PENDING, FIRING],
        ),
        ("fires again at once", 0, 0, [(0, 6.0), (1, 4.0), (1, 6.0)], [FIRING, INACTIVE, FIRING]),
        ("is unknown without data", 0, 0, [(0, BLIND), (1, BLIND), (2, 4.0)], [UNKNOWN, UNKNOWN, INACTIVE]),
        ("fires after unknown", 0, 0, [(0, BLIND), (1, 6.0)], [UNKNOWN, FIRING]),
        (
            "counts `for` through unknown",
            5,
            0,
            [(0, 6.0), (1, BLIND), (60, BLIND), (61, 6.0)],
            [PENDING, UNKNOWN, UNKNOWN, FIRING],
        ),
        (
            "begins the count anew where the first look after unknown is inside",
            5,
            0,
            [(0, 6.0), (1, BLIND), (9, 4.5), (10, 6.0)],
            [PENDING, UNKNOWN, INACTIVE, PENDING],
        ),
        (
            "keeps the cooldown through unknown",
            0,
            30,
            [(0, 6.0), (1, 4.0), (2, BLIND), (20, 6.0), (31, 6.0)],
            [FIRING, COOLING, UNKNOWN, COOLING, FIRING],
        ),
        (
            "ends no episode while unknown",
            0,
            30,
            [(0, 6.0), (1, BLIND), (500, BLIND), (501, 4.5), (502, BLIND), (503, 6.0), (504, 4.0)],
            [FIRING, UNKNOWN, UNKNOWN, RESTORING, UNKNOWN, FIRING, COOLING],
        ),
    ],
)
def test_states(name: str, hold: float, cooldown: float, looks: list[Look], states: list[State]) -> None:
    standings = walk(rule(hold=hold, cooldown=cooldown), looks)
    assert [standing.state for standing in standings] == states, name


def test_a_minimum_is_the_mirror_of_a_maximum() -> None:
    least = rule(metric="account.joint_distance", limit=0.15, goal=0.2, sense=Sense.MIN)
    looks: list[Look] = [(0, 0.15), (1, 0.149), (2, 0.199), (3, 0.2)]
    assert [one.state for one in walk(least, looks)] == [INACTIVE, FIRING, RESTORING, INACTIVE]


def test_an_episode_keeps_its_name_and_its_age() -> None:
    looks: list[Look] = [(0, 6.0), (5, 6.0), (6, BLIND), (7, 4.5), (8, 6.0), (9, 3.0), (10, 6.0), (15, 6.0)]
    standings = walk(rule(hold=5), looks)
    first = standings[1].episode
    assert first == "leverage-cap.main.20251121T073005Z-" + first[-8:]
    assert [one.episode for one in standings] == [
        "",
        first,
        first,
        first,
        first,
        "",
        "",
        standings[7].episode,
    ]
    assert standings[7].episode not in {"", first}
    assert {one.acting_since for one in standings[1:5]} == {AT + seconds(5)}
    assert [one.since - AT for one in standings] == [seconds(at) for at in (0, 5, 6, 7, 8, 9, 10, 15)]


def test_a_clock_that_was_set_back_lets_nothing_wait_longer() -> None:
    cooled = walk(rule(cooldown=30), [(3600, 6.0), (3601, 4.0)])[-1]
    back = advance(rule(cooldown=30), cooled, 6.0, AT)
    assert (back.state, back.cooling_since, back.since) == (COOLING, AT, AT)
    assert advance(rule(cooldown=30), back, 6.0, AT + seconds(30)).state is FIRING

    pending = walk(rule(hold=5), [(3600, 6.0)])[-1]
    back = advance(rule(hold=5), pending, 6.0, AT)
    assert (back.state, back.breach_since) == (PENDING, AT)
    assert advance(rule(hold=5), back, 6.0, AT + seconds(5)).state is FIRING

    firing = walk(rule(), [(3600, 6.0)])[-1]
    back = advance(rule(), firing, 6.0, AT)
    assert (back.state, back.acting_since, back.episode) == (FIRING, AT, firing.episode)


def test_a_rule_that_was_edited_goes_on_with_its_new_terms() -> None:
    cooled = walk(rule(cooldown=3600), [(0, 6.0), (1, 4.0)])[-1]
    assert advance(rule(cooldown=5), cooled, 6.0, AT + seconds(6)).state is FIRING
    firing = walk(rule(), [(0, 6.0)])[-1]
    assert advance(rule(limit=8, goal=7), firing, 6.0, AT + seconds(1)).state is INACTIVE


def test_nothing_new_gives_the_same_object() -> None:
    cases: list[tuple[list[Look], Number]] = [
        ([(0, 3.0)], 3.5),
        ([(0, BLIND)], BLIND),
        ([(0, 6.0)], 7.0),
        ([(0, 6.0), (1, 3.0)], 3.0),
    ]
    for looks, value in cases:
        given_rule = rule(cooldown=30)
        standing = walk(given_rule, looks)[-1]
        assert advance(given_rule, standing, value, AT + seconds(2)) is standing


def test_the_name_of_an_episode_says_what_when_and_of_whom() -> None:
    short = Target("main", "BTC/USDT:USDT", "short")
    names = {
        episode_id("Room to liquidation!", target, at)
        for target in (short, replace(short, side="long"), replace(short, account="other"))
        for at in (AT, AT + timedelta(microseconds=1))
    }
    assert len(names) == 6
    assert all(name.startswith("room-to-liquidation.") for name in names)
    zoned = AT.astimezone(timezone(timedelta(hours=9)))
    assert episode_id("a", MAIN, zoned) == episode_id("a", MAIN, AT)
    assert episode_id("止损", MAIN, AT).startswith("x.main.2025")
    assert len(episode_id("n" * 80, MAIN, AT)) < 80


VALUES = st.one_of(st.floats(0, 10), st.sampled_from([4.0, 5.0]), st.just(BLIND))
LOOKS = st.lists(st.tuples(st.floats(-2, 20), VALUES), max_size=40)


@settings(deadline=None)
@given(LOOKS, st.sampled_from([0.0, 3.0, 12.0]), st.sampled_from([0.0, 5.0, 30.0]))
def test_what_always_holds(looks: list[Look], hold: float, cooldown: float) -> None:
    given_rule = rule(hold=hold, cooldown=cooldown)
    now: datetime = AT
    before = begin(given_rule, MAIN, now)
    inside_since: datetime | None = AT
    for step, value in looks:
        now += seconds(step)
        after = advance(given_rule, before, value, now)
        assert after == advance(given_rule, before, value, now)
        assert after.since <= now
        assert (after.state in {FIRING, RESTORING}) <= bool(after.episode)
        assert bool(after.episode) == (after.acting_since is not None)
        if isinstance(value, Unknown):
            assert after.state is UNKNOWN
            assert after.episode == before.episode
        else:
            assert after.state is not UNKNOWN
            if before.episode:
                assert after.episode == ("" if at_goal(given_rule, value) else before.episode)
            if after.episode:
                assert (after.state is FIRING) == past_limit(given_rule, value)
            if after.episode and not before.episode:
                assert past_limit(given_rule, value)
                if before.cooling_since is not None and step >= 0:
                    assert now - before.cooling_since >= given_rule.cooldown
                if inside_since is not None:
                    assert hold == 0
            inside_since = None if past_limit(given_rule, value) else now
        before = after
