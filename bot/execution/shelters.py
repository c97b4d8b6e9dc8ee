"""What is known of the protective stops of one account: where they were asked for, and whether they rest."""

from decimal import Decimal

from bot.clock import Clock
from bot.execution.protection import read_back
from bot.execution.recorder import Recorder
from bot.execution.report import StepResult
from bot.journal import Draft
from bot.journal.records import IntentState, Protection
from bot.model import Shelter, Snapshot, StopRequest, position_key

BARE = frozenset({Shelter.UNPROTECTED, Shelter.UNKNOWN})


class Shelters:
    """Reads stops back, and records what is new of them."""

    def __init__(self, account: str, recorder: Recorder, clock: Clock) -> None:
        self._account = account
        self._recorder = recorder
        self._clock = clock
        self._wanted: dict[str, Decimal] = {}
        self._refused: dict[str, str] = {}
        self._known: dict[str, Protection] = {}
        self._placed: set[str] = set()
        """Positions whose stop was taken since the last look: the next one must show it."""

    async def took(self, result: StepResult, snapshot: Snapshot) -> None:
        """Take note of a stop that was sent, and record at once what a refusal leaves without one."""
        request = result.step.request
        if not (result.sent and isinstance(request, StopRequest)):
            return
        key = position_key(request.symbol, request.position_side)
        self._refused.pop(key, None)
        if result.state is IntentState.REJECTED:
            self._refused[key] = result.evidence
            await self._note({name: one for name, one in self._read(snapshot).items() if name == key})
            return
        self._wanted[key] = request.trigger_price
        if result.state is not IntentState.UNKNOWN:
            self._placed.add(key)

    async def look(self, snapshot: Snapshot) -> tuple[Protection, ...]:
        """Read the stop of every position back; what changed since the last time is recorded."""
        held = {position.key for position in snapshot.positions}
        for kept in (self._wanted, self._refused, self._known):
            for gone in kept.keys() - held:
                del kept[gone]
        self._placed.clear()
        read = self._read(snapshot)
        await self._note(read)
        return tuple(read.values())

    def bare(self, snapshot: Snapshot) -> dict[str, str]:
        """Return the positions that are left without a whole stop, by key, and why.

        A position whose stop the venue has just taken is not among them.
        """
        return {
            key: one.note
            for key, one in self._read(snapshot).items()
            if one.shelter in BARE and key not in self._placed
        }

    def _read(self, snapshot: Snapshot) -> dict[str, Protection]:
        keys = (position.key for position in snapshot.positions)
        return dict(zip(keys, read_back(snapshot, self._wanted, self._refused), strict=True))

    async def _note(self, read: dict[str, Protection]) -> None:
        news = [one for key, one in read.items() if self._known.get(key) != one]
        self._known.update(read)
        now = self._clock.now()
        await self._recorder.note([Draft(now, self._account, one) for one in news])
