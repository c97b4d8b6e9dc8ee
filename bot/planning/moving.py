"""The steps of a plan that trade no position: margin before the trims, settings and money after them."""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from bot.model import Demand, LimitProof, Refusal, Step, Unknown
from bot.planning.caps import Allowance
from bot.planning.known import Known
from bot.planning.lifting import Lift, addition_step, lift
from bot.planning.lowering import Lowering, lowering_step, lowerings
from bot.planning.numbering import Numbering
from bot.planning.purse import Purse
from bot.planning.recomputation import State
from bot.planning.request import PlanRequest
from bot.planning.securing import Secured, secure, secured_steps


class Moving(Struct, frozen=True):
    """What is moved beside the trims."""

    lifted: Lift
    purse: Purse

    @property
    def request(self) -> PlanRequest:
        """The account as trims find it."""
        return self.lifted.request

    @property
    def proofs(self) -> tuple[LimitProof, ...]:
        """Proofs of what trims have nothing to do with."""
        return self.lifted.proofs

    def rest(self, demands: Sequence[Demand]) -> tuple[Demand, ...]:
        """Leave the demands that trims have to answer."""
        return self.lifted.rest(demands)

    def steps_before(self, numbering: Numbering) -> list[Step]:
        """Return the steps that come before the trims."""
        return [addition_step(one, numbering) for one in self.lifted.additions]


class Afterwards(Struct, frozen=True):
    """What comes after the trims."""

    lowered: tuple[Lowering, ...]
    secured: tuple[Secured, ...]
    refusals: tuple[Refusal, ...]

    def steps(self, numbering: Numbering) -> list[Step]:
        """Return the steps."""
        settings = [lowering_step(one, numbering) for one in self.lowered]
        return settings + secured_steps(self.secured, numbering)


def begin(
    request: PlanRequest,
    known: Known,
    allowance: Allowance,
    margin: Mapping[str, float] | None = None,
) -> Moving:
    """Add the margin that demands permit; of rules that trim as well no more than the `margin` chosen."""
    purse = Purse(request)
    return Moving(lift(request, known, purse, allowance, margin), purse)


def finish(moving: Moving, before: State | Unknown, allowance: Allowance, *, trading: bool) -> Afterwards:
    """Set leverages down, and secure money where nothing else is done; `trading` says that the plan trims."""
    lowered, refused = lowerings(moving.request, before, moving.purse, allowance)
    busy = trading or bool(moving.lifted.additions or lowered)
    secured, also = secure(moving.request, before, moving.purse, allowance, busy=busy)
    return Afterwards(lowered, secured, (*moving.lifted.refusals, *refused, *also))
