"""Whether an account can be seen, and the stops that are still wanted where it cannot."""

from datetime import datetime, timedelta

import structlog
from msgspec.structs import replace

from bot.errors import ReefError
from bot.exchange.errors import GatewayError
from bot.execution import ExecutionReport, IntentState
from bot.execution.protection import unprotected
from bot.journal import Draft
from bot.journal.records import Blindness, Failure, canonical
from bot.model import PartTimes, Plan, Snapshot, Step, StepKind, StopRequest, Unknown, Verdict, position_key

log = structlog.get_logger(__name__)

FIRST_PAUSE = timedelta(seconds=2)
LONGEST_PAUSE = timedelta(seconds=30)
"""How long a stop that was not answered waits until it is sent again: the pause doubles each time."""

ANSWERED = frozenset({IntentState.ACCEPTED, IntentState.FILLED, IntentState.CANCELLED, IntentState.REJECTED})


class OldViewError(ReefError):
    """The venue showed a state of the account that is older than the one it showed before."""

    def __init__(self, account: str, part: str, before: datetime, now: datetime) -> None:
        super().__init__(
            f"account {account}: the venue answered with {part} of {now:%H:%M:%S.%f} UTC, after those of "
            f"{before:%H:%M:%S.%f} UTC had been seen. Nothing is decided on an old view; it is read again."
        )


class SlowViewError(ReefError):
    """A snapshot was not whole in time."""

    def __init__(self, account: str, seconds: float) -> None:
        super().__init__(
            f"account {account}: the venue gave no whole snapshot within {seconds:g} s, and the look was "
            "given up. Nothing was assumed; the next poll asks again."
        )


def refuse_older(account: str, last: PartTimes, times: PartTimes) -> None:
    """Raise `OldViewError` where positions or balance are older than those that were seen before."""
    if times.positions < last.positions:
        raise OldViewError(account, "positions", last.positions, times.positions)
    if times.balance < last.balance:
        raise OldViewError(account, "a balance", last.balance, times.balance)


def failure_of(account: str, error: ReefError, now: datetime) -> Draft:
    """Return the entry that tells of a cycle that failed."""
    body = Failure(call="cycle", verdict=None, code=type(error).__name__, message=str(error))
    if isinstance(error, GatewayError):
        body = Failure(call=error.call, verdict=error.verdict, code=error.code, message=str(error))
    return Draft(at=now, account=account, body=body)


class Sight:
    """Knows since when an account cannot be seen.

    It is blind from the first cycle on that gave no complete fresh snapshot, once the last good one is older
    than `max_age_seconds`. Times are of the guard's clock; one that was set back begins the measure anew.
    """

    def __init__(self, account: str, max_age_seconds: float) -> None:
        self._account = account
        self._max_age = timedelta(seconds=max_age_seconds)
        self._seen_at: datetime | None = None
        self._missed_since: datetime | None = None
        self.blind: Blindness | None = None
        self.news: tuple[Blindness, ...] = ()
        """Beginnings and ends that are not recorded yet."""

    @property
    def unseen(self) -> Unknown:
        """The blindness as the reason why nothing is known."""
        blind = self.blind
        assert blind is not None
        return Unknown(f"the account is blind since {blind.since:%Y-%m-%d %H:%M:%S} UTC: {blind.reason}")

    @property
    def lasting(self) -> str | None:
        """The blindness as it is remembered over a restart; None where there is none."""
        return None if self.blind is None else canonical(self.blind).decode()

    def recorded(self, news: tuple[Blindness, ...]) -> None:
        """Forget news that are in the journal."""
        self.news = self.news[len(news) :]

    def go_on(self, blind: Blindness | None) -> None:
        """Take up a blindness that lasted when the guard ended."""
        if self.blind is None and blind is not None and self._seen_at is None:
            self.blind = blind

    def saw(self, now: datetime) -> None:
        """Take note of a complete fresh snapshot."""
        self._seen_at, self._missed_since = now, None
        if self.blind is not None:
            self.news += (replace(self.blind, ended=now),)
            log.info("account is seen again", account=self._account, since=self.blind.since.isoformat())
            self.blind = None

    def missed(self, reason: str, verdict: Verdict | None, now: datetime) -> None:
        """Take note of a cycle without one."""
        self._missed_since = now if self._missed_since is None else min(self._missed_since, now)
        if self.blind is not None:
            self.blind = replace(self.blind, since=min(self.blind.since, now), reason=reason, verdict=verdict)
            return
        if self._seen_at is not None:
            self._seen_at = min(self._seen_at, now)
            if now - self._seen_at <= self._max_age:
                return
        self.blind = Blindness(self._missed_since, self._seen_at, reason, verdict)
        self.news += (self.blind,)
        log.critical(
            "account is blind",
            account=self._account,
            why=reason,
            fatal=self.blind.refused,
            owner="mend the key, its address or its permissions at the venue" if self.blind.refused else "",
        )

    def failed(self, error: ReefError, now: datetime) -> None:
        """Take note of a cycle that ended before a snapshot."""
        self.missed(str(error), error.verdict if isinstance(error, GatewayError) else None, now)


class BareStops:
    """Stops that the last look wanted for positions that had none, until the venue has answered for them.

    One that was not answered goes behind the others.
    """

    def __init__(self) -> None:
        self._steps: dict[str, Step] = {}
        self._tried_at: datetime | None = None
        self._pause = FIRST_PAUSE

    def look(self, snapshot: Snapshot, plan: Plan, at: datetime) -> None:
        """Take what a decision wants; where it wants none now, what the one before wanted still holds."""
        wanted = {key_of(step): step for step in plan.steps if step.kind is StepKind.PROTECT}
        bare = unprotected(snapshot)
        steps = {key: wanted.get(key) or self._steps.get(key) for key in bare}
        self._steps = {key: step for key, step in steps.items() if step is not None}
        if wanted:  # the plan itself is the first attempt
            self._tried_at, self._pause = at, FIRST_PAUSE

    def due(self, now: datetime) -> tuple[Step, ...]:
        """Return the stops to send now: all, and none within the pause after the last attempt."""
        tried = self._tried_at
        if not self._steps or (tried is not None and timedelta(0) <= now - tried < self._pause):
            return ()
        if tried is not None:
            self._pause = min(self._pause * 2, LONGEST_PAUSE)
        self._tried_at = now
        return tuple(self._steps.values())

    def took(self, report: ExecutionReport) -> None:
        """Forget the stops that the venue has answered for, unless it turned the account away."""
        for result in report.results:
            refused = report.stopped is not None and result.state is IntentState.REJECTED
            step = self._steps.pop(key_of(result.step), None)
            if step is not None and (refused or result.state not in ANSWERED):
                self._steps[key_of(step)] = step


def key_of(step: Step) -> str:
    """Return the key of the position that a stop is for; '' of any other step."""
    request = step.request
    return position_key(request.symbol, request.position_side) if isinstance(request, StopRequest) else ""
