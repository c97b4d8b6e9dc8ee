"""Numbers of steps inside their episodes."""

from collections.abc import Sequence

from msgspec.structs import replace

from bot.model import Step
from bot.planning.identity import client_order_id
from bot.planning.request import PlanRequest


class Numbering:
    """Hands out step numbers inside episodes, after those already taken."""

    def __init__(self, request: PlanRequest) -> None:
        self._request = request
        self._used: dict[str, int] = {}

    def next(self, episode: str) -> int:
        """Return the next free number of an episode."""
        number = self._used.get(episode, self._request.steps_taken.get(episode, 0))
        self._used[episode] = number + 1
        return number

    def identity(self, rule: str, target: str, episode: str, number: int, *, opens: bool = False) -> str:
        """Return the client order id of a step."""
        return client_order_id(self._request.account, rule, target, episode, number, opens=opens)


def numbering_after(request: PlanRequest, steps: Sequence[Step]) -> Numbering:
    """Number further steps after those that a plan has."""
    taken = dict(request.steps_taken)
    for step in steps:
        taken[step.episode] = max(taken.get(step.episode, 0), step.number + 1)
    return Numbering(replace(request, steps_taken=taken))
