"""Rules whose metric cannot be known: what `if_blind` asks for, and an account that cannot be seen. Pure.

One clock serves all causes: how long the state of a rule on a target has been *unknown*, be it for one symbol
without data or for an account without a view. A clock that was set back begins the count anew.
"""

from collections.abc import Iterator
from datetime import datetime
from fnmatch import fnmatchcase

from msgspec import Struct
from msgspec.structs import replace

from bot.model import BlindAction, Finding, Number, State, Target, Unknown
from bot.rules.memory import RulesMemory, Standing
from bot.rules.ruleset import Match, Rule, RuleSet
from bot.rules.states import advance, begin, finding_of

_EPISODE_GOES_ON = "the episode goes on and does nothing until the data are back"


class BlindCall(Struct, frozen=True):
    """`if_blind` of a rule on a target is due."""

    rule: str
    target: Target
    since: datetime
    """When the metric became unknown."""
    reason: str
    do: tuple[BlindAction, ...]
    first: bool
    """Whether it came due in this look."""
    episode: str = ""
    """The episode that goes on meanwhile, '' where there is none."""

    @property
    def name(self) -> str:
        """Identity of this blindness of the rule: the same as long as it lasts."""
        return f"blind.{self.rule}.{self.target.text}.{self.since.isoformat()}"

    @property
    def text(self) -> str:
        """The reason in words."""
        where = self.target.text
        return f"{self.rule}: not known for {where} since {self.since:%Y-%m-%d %H:%M:%S} UTC: {self.reason}"


class BlindLook(Struct, frozen=True):
    """What the rules say of an account that cannot be seen."""

    findings: tuple[Finding, ...]
    memory: RulesMemory
    """The same object where nothing changed."""
    blind: tuple[BlindCall, ...]


def evaluate_blind(
    ruleset: RuleSet,
    account: str,
    venue: str,
    memory: RulesMemory,
    unseen: Unknown,
    now: datetime,
    tags: tuple[str, ...] = (),
) -> BlindLook:
    """Let every rule be unknown on each target that it was looked at last; episodes go on.

    Nothing is known to be gone, so nothing ends. A rule on the account that was never looked at begins as
    unknown.
    """
    findings: list[Finding] = []
    standings: list[Standing] = []
    calls: list[BlindCall] = []
    for rule, before in _standings(ruleset, (account, venue, tags), memory, now):
        if rule is None:
            standings.append(before)
            continue
        standing, call = look_blind(rule, advance(rule, before, unseen, now), unseen, now)
        standings.append(standing)
        findings.append(finding_of(rule, standing, unseen, unknown_note(standing, unseen)))
        if call is not None:
            calls.append(call)
    same = len(standings) == len(memory.standings) and all(
        new is old for new, old in zip(standings, memory.standings, strict=True)
    )
    return BlindLook(tuple(findings), memory if same else RulesMemory(tuple(standings)), tuple(calls))


def _standings(
    ruleset: RuleSet, who: tuple[str, str, tuple[str, ...]], memory: RulesMemory, now: datetime
) -> Iterator[tuple[Rule | None, Standing]]:
    """Yield what is remembered, each with its rule as long as there is one, then what is not yet."""
    met = set()
    for standing in memory.standings:
        rule = ruleset.rule(standing.rule)
        met.add(standing.rule)
        yield (rule if rule is not None and rule.metric == standing.metric else None), standing
    for rule in ruleset.rules:
        if rule.name not in met and not rule.of_position and matches_account(rule.match, *who):
            yield rule, begin(rule, Target(who[0]), now)


def look_blind(
    rule: Rule, standing: Standing, value: Number, now: datetime
) -> tuple[Standing, BlindCall | None]:
    """Return the standing with what `if_blind` asks for, from the moment on at which it is due.

    Outside its hours a rule without an episode asks for nothing.
    """
    wanted = rule.if_blind
    if standing.state is not State.UNKNOWN or wanted is None or now - standing.since < wanted.after:
        return standing, None
    if rule.active is not None and not standing.episode and not rule.active.covers(now):
        return standing, None
    reason = value.reason if isinstance(value, Unknown) else "a price is not believed yet"
    first = not standing.blind_told
    call = BlindCall(rule.name, standing.target, standing.since, reason, wanted.do, first, standing.episode)
    return (replace(standing, blind_told=True) if first else standing), call


def unknown_note(standing: Standing, value: Unknown) -> str:
    """Say why a metric is unknown, and that a running episode goes on."""
    return f"{value.reason}; {_EPISODE_GOES_ON}" if standing.episode else value.reason


def matches_account(match: Match, account: str, venue: str, tags: tuple[str, ...] = ()) -> bool:
    """Whether a rule applies to an account."""
    return (
        matches_any(match.account, account)
        and matches_any(match.venue, venue.lower())
        and (not match.tags or any(matches_any(match.tags, tag) for tag in tags))
    )


def matches_any(patterns: tuple[str, ...], word: str) -> bool:
    """Whether a word matches one of the patterns; without any it does."""
    return not patterns or any(fnmatchcase(word, pattern) for pattern in patterns)
