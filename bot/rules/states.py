"""The states of one rule on one target, as a pure function of what was remembered, the value and the time.

    inactive -> pending -> firing <-> restoring -> cooling -> inactive

- A rule fires strictly past its limit: a leverage of exactly 5 does not pass `max: 5`.
- It is restored at its goal or further inside; until then the episode goes on, firing where the limit is
  passed and restoring where it is not.
- `for` counts from the first look past the limit. A look that is not past it starts the count anew; a look
  that cannot tell does not, because unknown is no evidence that the danger is over. So the rule fires when
  two looks at least `for` apart were past the limit and none between them was known to be inside it. That
  holds over a restart too.
- Unknown ends nothing and starts nothing: the episode, its age and the clocks are kept, nothing is demanded.
- A price that is not believed yet (`bot.risk.gates`) is no evidence either: the state stays, except that an
  inactive rule that would be past its limit is pending. The count of `for` begins with a believed price.
- A rule with a condition is past its limit only while that is true, and its episode ends when it is not.
- Outside its hours a rule without an episode counts as inside its limit; an episode ends as always.
- During the cooldown the count of `for` runs, so that a lasting breach fires as soon as the cooldown ends.
- A clock that was set back moves every remembered time back to now: nothing waits longer than it was told to.
"""

import re
from datetime import UTC, datetime
from hashlib import sha256

from msgspec.structs import replace

from bot.model import Finding, Number, Sense, State, Target, Unknown
from bot.rules.memory import Standing
from bot.rules.ruleset import Rule

SLUG_LENGTH = 40


def past_limit(rule: Rule, value: float) -> bool:
    """Whether a value is strictly past the rule's limit."""
    return value > rule.limit if rule.sense is Sense.MAX else value < rule.limit


def at_goal(rule: Rule, value: float) -> bool:
    """Whether a value is at the rule's goal or further inside."""
    return value <= rule.goal if rule.sense is Sense.MAX else value >= rule.goal


def begin(rule: Rule, target: Target, now: datetime) -> Standing:
    """Return the standing of a rule on a target that was never looked at."""
    return Standing(rule.name, rule.metric, target, State.INACTIVE, now)


def advance(
    rule: Rule,
    previous: Standing,
    value: Number,
    now: datetime,
    *,
    held: bool = False,
    met: bool = True,
    awake: bool = True,
) -> Standing:
    """Return the standing after a look at `value`; `previous` itself where nothing changed.

    `held` says that the value rests on a price that is not believed yet, `met` that the rule's condition is
    true, `awake` that it is inside its hours. The episode was restored in this look where `previous` has one
    and the returned standing has none.
    """
    if previous.since > now:
        previous = _not_after(previous, now)
    if isinstance(value, Unknown):
        return _moved(previous, State.UNKNOWN, now)
    past = met and past_limit(rule, value)
    if previous.episode and not held:
        return _in_episode(rule, previous, past, not met or at_goal(rule, value), now)
    past = past and awake
    if previous.state is State.INACTIVE and not past:
        return previous
    if held:
        return _moved(previous, State.PENDING, now) if previous.state is State.INACTIVE else previous
    return _between_episodes(rule, previous, past, now)


def _in_episode(rule: Rule, previous: Standing, past: bool, home: bool, now: datetime) -> Standing:
    if past:
        return _moved(previous, State.FIRING, now)
    if not home:
        return _moved(previous, State.RESTORING, now)
    ended = begin(rule, previous.target, now)
    return replace(ended, state=State.COOLING, cooling_since=now) if rule.cooldown else ended


def _between_episodes(rule: Rule, previous: Standing, past: bool, now: datetime) -> Standing:
    breach = (previous.breach_since or now) if past else None
    cooling = previous.cooling_since
    if cooling is not None and now - cooling < rule.cooldown:
        state = State.COOLING
    elif breach is None:
        state, cooling = State.INACTIVE, None
    elif now - breach < rule.hold:
        state, cooling = State.PENDING, None
    else:
        return replace(
            begin(rule, previous.target, now),
            state=State.FIRING,
            breach_since=breach,
            episode=episode_id(rule.name, previous.target, now),
            acting_since=now,
        )
    if (state, breach, cooling) == (previous.state, previous.breach_since, previous.cooling_since):
        return previous
    return replace(_moved(previous, state, now), breach_since=breach, cooling_since=cooling)


def _moved(previous: Standing, state: State, now: datetime) -> Standing:
    if previous.state is state:
        return previous
    return replace(previous, state=state, since=now, blind_told=False)


def _not_after(previous: Standing, now: datetime) -> Standing:
    def earlier(moment: datetime | None) -> datetime | None:
        return None if moment is None else min(moment, now)

    return replace(
        previous,
        since=now,
        breach_since=earlier(previous.breach_since),
        acting_since=earlier(previous.acting_since),
        cooling_since=earlier(previous.cooling_since),
    )


def episode_id(rule: str, target: Target, at: datetime) -> str:
    """Return the identity of the episode that begins at `at`, for example
    `leverage-cap.main.20251121T073012Z-1a2b3c4d`: the same arguments give the same text.
    """
    moment = at.astimezone(UTC)
    parts = (rule, target.account, target.symbol, target.side, moment.isoformat())
    digest = sha256("\0".join(parts).encode()).hexdigest()[:8]
    return f"{_slug(rule)}.{_slug(target.account)}.{moment:%Y%m%dT%H%M%SZ}-{digest}"


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:SLUG_LENGTH] or "x"


def finding_of(rule: Rule, standing: Standing, value: Number, note: str, *, in_force: bool = True) -> Finding:
    """Say where a rule stands on its target, and with which value."""
    return Finding(
        rule=rule.name,
        target=standing.target,
        metric=rule.metric,
        value=value,
        limit=rule.limit,
        goal=rule.goal,
        sense=rule.sense,
        state=standing.state,
        severity=rule.severity,
        since=standing.since,
        episode=standing.episode,
        note=note,
        in_force=in_force,
    )
