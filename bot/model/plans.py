"""Plans: the steps that bring firing rules back to their targets, with their proof, or refusals."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from msgspec import Struct

from bot.model.hedges import HedgeLink
from bot.model.orders import Request
from bot.model.unknown import Number


class StepKind(StrEnum):
    """What a step does."""

    CANCEL = "cancel"
    TRIM = "trim"
    CLOSE = "close"
    HEDGE = "hedge"
    """Open a position against another one: the only step that adds exposure of its own."""
    UNWIND = "unwind"
    """Make a hedge smaller, or close it."""
    PROTECT = "protect"
    ADD_MARGIN = "add_margin"
    LOWER_LEVERAGE = "lower_leverage"
    CONVERT = "convert"
    SECURE = "secure"


CUTS = frozenset({StepKind.TRIM, StepKind.CLOSE})
"""Steps that make a position of the owner smaller."""
TRADES = CUTS | {StepKind.HEDGE, StepKind.UNWIND}
"""Steps that trade a position."""


class Step(Struct, frozen=True):
    """One request with its reason. Steps are carried out in their order."""

    kind: StepKind
    rule: str
    episode: str
    number: int
    """Number of the step inside its episode: it makes the client order id unique."""
    request: Request
    notional: float
    """USD that the step takes off the market; for a hedge, that it puts on; of a step that trades no
    position, that it moves."""
    cost: float
    """Estimated cost in USD: half spread, fee and impact."""
    reason: str
    hedge: HedgeLink | None = None
    """Of an order that opens a hedge or takes off one: what it belongs to."""


class Refusal(Struct, frozen=True):
    """Something that was wanted and is not done, with the reason."""

    rule: str
    item: str
    code: str
    """A stable word: trimming_cannot_help, cap_actions, cap_notional, cap_loss, stale_data, ..."""
    reason: str


class LimitProof(Struct, frozen=True):
    """One limit before and after the plan, by the independent recomputation."""

    rule: str
    metric: str
    target: str
    sense: str
    before: Number
    limit: float
    goal: float
    after: Number
    met: bool
    """Whether `after` is at or inside the goal."""
    expected: bool = False
    """Whether `after` is at expected prices: at the worst permitted ones no trim would help."""


class Binding(Struct, frozen=True):
    """A limit without which the plan would have been cheaper."""

    rule: str
    metric: str
    target: str
    price: float
    """USD of cost for each USD that the limit asks for; for a cap, that it does not leave."""


class Alternative(Struct, frozen=True):
    """An action that was open, and not taken."""

    item: str
    """Key of the position; of a hedge with "hedge of" before its parent."""
    cost: float
    """Expected cost of one USD of it."""
    dearer: float
    """USD by which the plan would cost more for each USD of it; above `cost` it works against a limit."""


class Reasoning(Struct, frozen=True):
    """How the trades of a plan were found, and why not others."""

    method: str
    """`programme`, the cheapest of all permitted actions, or `closed_form`, one limit after another."""
    code: str = ""
    """Why not the programme: solver_failed, solver_timeout, solver_nonsense, solver_missing, check_failed or
    meets_less."""
    why: str = ""
    """The same in words."""
    cost: float = 0.0
    """Expected cost of the trades in USD."""
    binding: tuple[Binding, ...] = ()
    alternatives: tuple[Alternative, ...] = ()
    """The nearest ones, cheapest first."""


class Plan(Struct, frozen=True):
    """What should be done now. An empty plan with refusals is an answer too."""

    account: str
    at: datetime
    steps: tuple[Step, ...]
    refusals: tuple[Refusal, ...]
    proofs: tuple[LimitProof, ...]
    halt: str
    """Why the account must be halted after this plan; '' where it must not."""
    halt_episodes: tuple[str, ...] = ()
    """Episodes that ask for the halt: each halts once."""
    reasoning: Reasoning | None = None
    """None where there was nothing to choose."""


class RefusedBefore(Struct, frozen=True):
    """Something that the venue refused, perhaps again and again, and that waits for a while therefore."""

    item: str
    """The symbol of an order, or the key of a position whose stop it was."""
    code: str
    message: str
    count: int
    """Refusals in a row."""
    until: datetime
    """Before this moment of the guard's clock it is not tried again."""

    @property
    def words(self) -> str:
        """Why nothing is sent now."""
        times = "" if self.count == 1 else f" {self.count} times in a row"
        why = f"{self.code}: {self.message}" if self.message else self.code
        return f"the venue refused it{times} ({why}); it is tried again from {self.until:%H:%M:%S} UTC on"


class Caps(Struct, frozen=True):
    """Bounds on what the guard may do, whatever the rules say."""

    actions_per_hour: int = 300
    notional_per_day: Decimal | None = None
    """USD; None is no bound."""
    loss_per_day: Decimal | None = None
    """USD of realised loss and cost of the guard's own orders; None is no bound."""
    max_slippage: Decimal = Decimal("0.02")
    """No rule may ask for more, as a fraction of mark and of index."""
    max_share: Decimal = Decimal(1)
    """Largest share of one position in one cycle, over all rules."""
    margin_per_day: Decimal | None = None
    """USD of margin that may be added to isolated positions in a day, over all rules; None is no bound."""
    secured_per_day: Decimal | None = None
    """USD that may be moved out of the derivatives wallet in a day, over all rules; None is no bound."""


class Usage(Struct, frozen=True):
    """What has been used of the caps."""

    actions_last_hour: int
    notional_today: Decimal
    loss_today: Decimal
    margin_today: dict[str, Decimal] = {}
    """USD of margin added to positions since 00:00 UTC, as planned, by rule."""
    secured_today: dict[str, Decimal] = {}
    """USD moved out of the derivatives wallet since 00:00 UTC, as planned, by rule."""


class ProtectionTerms(Struct, frozen=True):
    """Where protective stops rest."""

    enabled: bool = True
    distance_share: float = 0.6
    """Share of the way from entry price to liquidation at which the stop rests; 1 would be liquidation.

    Measured from mark where a stop measured from entry would trigger at once.
    """
    slippage: float = 0.02
    """Loss allowed for between trigger and fill, as a fraction."""
    tolerance: float = 0.01
    """A resting stop is moved when it is further than this from where it should be, as a fraction of mark."""
