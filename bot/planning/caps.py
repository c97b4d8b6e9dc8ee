"""Caps on the whole plan: actions an hour, notional a day, loss a day. They shrink steps or refuse them.

The share caps (a rule's `max_share`, the account's) bound a position's trim before this, and not a close or
close_all: who orders a close wants the position gone. The caps here hold for every step, closes included,
because they are the owner's last word on what the guard may do; where one of them stands in the way of a
limit of survival or of a close, the refusal begins with "LIFELINE BLOCKED". Trims are allotted first; cancels
count as actions only, and leave half of an hour's actions to the trims. Protective stops are not counted.
"""

from collections.abc import Sequence
from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace

from bot.model import Caps, Market, Position, Refusal, Unknown, Usage
from bot.planning.pricing import Quote
from bot.planning.request import OrderTerms
from bot.planning.rounding import round_down, smallest


class Draft(Struct, frozen=True):
    """A reduction before it becomes a step."""

    rule: str
    episode: str
    target: str
    position: Position
    market: Market
    quote: Quote
    contracts: Decimal
    trade_cost: float
    """Expected cost of one USD."""
    lifeline: bool
    """Whether a limit of survival or a close asks for it."""
    reason: str

    @property
    def key(self) -> str:
        """Identity of the position."""
        return self.position.key

    @property
    def whole(self) -> bool:
        """Whether nothing stays of the position."""
        return self.contracts == self.position.contracts


class Capped(Struct, frozen=True):
    """What the caps leave."""

    drafts: tuple[Draft, ...]
    refusals: tuple[Refusal, ...]
    short: frozenset[str]
    """Positions that give less than was asked."""


def notional_of(draft: Draft, contracts: Decimal) -> Decimal:
    """USD that a number of contracts takes off the market, at mark."""
    return draft.position.notional(contracts, draft.quote.mark)


def loss_per_contract(draft: Draft) -> Decimal | Unknown:
    """Realised loss against entry of one contract at the worst permitted price, with the fee; at least 0."""
    entry = draft.position.entry_price
    if isinstance(entry, Unknown):
        return entry
    worst, fee, sign = draft.quote.worst, draft.market.taker_fee, draft.position.side.sign
    if draft.position.inverse:
        coins = (1 / worst - 1 / entry) * sign + fee / worst
        return max(coins * draft.quote.mark, Decimal(0)) * draft.position.contract_size
    loss = (entry - worst) * sign + worst * fee
    return max(loss, Decimal(0)) * draft.position.contract_size


def refusal(draft: Draft, code: str, reason: str) -> Refusal:
    """Refuse a draft, loudly where a life depends on it."""
    words = f"LIFELINE BLOCKED: {reason}" if draft.lifeline else reason
    return Refusal(rule=draft.rule, item=draft.key, code=code, reason=words)


class Allowance:
    """What of the caps is still unused while steps are allotted."""

    def __init__(self, caps: Caps, usage: Usage) -> None:
        self.actions = max(caps.actions_per_hour - usage.actions_last_hour, 0)
        self.notional = (
            None if caps.notional_per_day is None else caps.notional_per_day - usage.notional_today
        )
        self.loss = None if caps.loss_per_day is None else caps.loss_per_day - usage.loss_today
        self.caps = caps

    def copy(self) -> "Allowance":
        """Return the same allowance, to be used without changing this one."""
        other = Allowance.__new__(Allowance)
        other.actions, other.notional, other.loss = self.actions, self.notional, self.loss
        other.caps = self.caps
        return other

    def act(self) -> bool:
        """Use one action; False where none is left."""
        if self.actions <= 0:
            return False
        self.actions -= 1
        return True

    def cancel(self) -> bool:
        """Use one action for a cancel; False where no more is left than half an hour's, kept for trims."""
        return self.actions > self.caps.actions_per_hour // 2 and self.act()

    def most(self, draft: Draft) -> tuple[Decimal, str, str]:
        """Return how many contracts the caps allow, with the code and words of the tightest cap."""
        most, code, words = draft.contracts, "", ""
        if self.notional is not None and notional_of(draft, most) > self.notional:
            left = max(self.notional, Decimal(0))
            most, code = left / notional_of(draft, Decimal(1)), "cap_notional"
            words = f"notional of {self.caps.notional_per_day} USD a day; {left:.2f} USD are left"
        if self.loss is None:
            return most, code, words
        loss = loss_per_contract(draft)
        if isinstance(loss, Unknown):
            return (
                Decimal(0),
                "cap_loss",
                f"loss of {self.caps.loss_per_day} USD a day cannot be kept: {loss.reason}",
            )
        if most * loss > self.loss:
            most, code = max(self.loss, Decimal(0)) / loss, "cap_loss"
            words = (
                f"loss of {self.caps.loss_per_day} USD a day; {max(self.loss, Decimal(0)):.2f} USD are left"
            )
        return most, code, words

    def use(self, draft: Draft, contracts: Decimal) -> None:
        """Write down what a step will use."""
        if self.notional is not None:
            self.notional -= notional_of(draft, contracts)
        if self.loss is None:
            return
        loss = loss_per_contract(draft)
        if not isinstance(loss, Unknown):
            self.loss -= loss * contracts


def apply(drafts: Sequence[Draft], allowance: Allowance, terms: OrderTerms) -> Capped:
    """Allot the caps to drafts in their order; what does not fit is made smaller or refused."""
    kept: list[Draft] = []
    refusals: list[Refusal] = []
    short: set[str] = set()
    for draft in drafts:
        most, code, words = allowance.most(draft)
        contracts = draft.contracts
        if code:
            contracts = round_down(most, draft.market.amount_step)
            short.add(draft.key)
            least = smallest(draft.market, draft.quote.mark, terms)
            contracts = contracts if contracts >= least else Decimal(0)
            refusals.append(
                refusal(draft, code, f"{contracts} of {draft.contracts} contracts pass the cap: {words}")
            )
        if contracts <= 0:
            continue
        if not allowance.act():
            short.add(draft.key)
            words = f"the cap of {allowance.caps.actions_per_hour} actions an hour is used up"
            refusals.append(refusal(draft, "cap_actions", words))
            continue
        allowance.use(draft, contracts)
        kept.append(draft if contracts == draft.contracts else replace(draft, contracts=contracts))
    return Capped(tuple(kept), tuple(refusals), frozenset(short))
