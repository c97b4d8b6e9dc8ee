"""Money out of reach of the positions: other coins into a stablecoin, free margin into another wallet.

It is the one action that takes strength from the account, so it comes last and yields to everything: nothing
is moved in a cycle that trims or adds margin, nor while anything is not settled. The most that may go is
found by measuring the whole account again: every limit in force must be at or inside its goal afterwards, not
merely inside its limit, or be no worse than before. A conversion has a cost and moves nothing out: of it only
the limits of survival are asked.
"""

from collections.abc import Mapping, Sequence, Set
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from msgspec import Struct
from msgspec.structs import replace

from bot.model import (
    WALLET,
    Action,
    ConvertRequest,
    Demand,
    Refusal,
    Request,
    SecureTerms,
    SpotMarket,
    Step,
    StepKind,
    TransferRequest,
    Unknown,
)
from bot.planning.aftermath import charged
from bot.planning.caps import Allowance
from bot.planning.check import Meter, is_inside, is_worse
from bot.planning.demands import refuse, that_permit
from bot.planning.lifting import waiting
from bot.planning.measures import RECOMPUTED
from bot.planning.nature import SURVIVAL
from bot.planning.numbering import Numbering
from bot.planning.purse import Bound, Purse, cents_below, daily
from bot.planning.recomputation import State
from bot.planning.request import PlanRequest

LEAST = 10.0
"""USD: less than this is not moved."""
LEAST_SHARE = 0.005
"""Share of equity: in a market that rises each tick frees a few dollars more, and would move them."""
SPOT_FEE = 0.0018
"""Share of a conversion that its fee may take; the dearest taker fee of the venue's spot markets."""
_HALVINGS = 14
_DOLLARS = frozenset({"USDT", "USDC", "USD"})


class Secured(Struct, frozen=True):
    """One conversion or transfer."""

    demand: Demand
    kind: StepKind
    usd: float
    cost: float
    asked: Request
    """With an empty client order id: the step names it."""
    words: str


class _No(Struct, frozen=True):
    code: str
    reason: str


def secure(
    request: PlanRequest, before: State | Unknown, purse: Purse, allowance: Allowance, *, busy: bool
) -> tuple[tuple[Secured, ...], tuple[Refusal, ...]]:
    """Return what is converted and moved out now, and what is not and why.

    `busy` says that the plan trades or adds margin: then nothing else is moved.
    """
    refusals: list[Refusal] = []
    for demand in that_permit(Action.SECURE, request.demands):
        terms = demand.moves.secure
        if terms is None:
            continue
        why = _held(request, before, busy=busy)
        if why is not None:
            refusals.append(refuse(demand, WALLET, why.code, why.reason))
            continue
        assert not isinstance(before, Unknown)
        desk = _Desk(request, before, purse, allowance, demand, terms)
        made = [*desk.conversions(), *desk.transfer()]
        refusals += desk.refusals
        if made:
            return tuple(made), tuple(refusals)
    return (), tuple(refusals)


def _held(request: PlanRequest, before: State | Unknown, *, busy: bool) -> _No | None:
    if busy:
        return _No("busy", "positions are being reduced or given margin: money is moved when they are not")
    if request.blocked_symbols:
        told = ", ".join(sorted(request.blocked_symbols))
        return _No("unknown_outcome", f"earlier requests have not ended: {told}")
    if isinstance(before, Unknown):
        return _No("check_failed", f"the account cannot be recomputed: {before.reason}")
    inverse = sorted(one.key for one in request.snapshot.positions if one.inverse)
    if inverse:
        reason = f"coins stand behind {', '.join(inverse)}: nothing is moved while inverse positions are open"
        return _No("inverse_contract", reason)
    return None


class _Desk:
    """One rule's moves."""

    def __init__(
        self,
        request: PlanRequest,
        before: State,
        purse: Purse,
        allowance: Allowance,
        demand: Demand,
        terms: SecureTerms,
    ) -> None:
        self._request = request
        self._before = before
        self._purse = purse
        self._allowance = allowance
        self._demand = demand
        self._terms = terms
        self._meter = Meter(request)
        self._cost = 0.0
        self._sold: dict[str, float] = {}
        self.refusals: list[Refusal] = []

    # Conversions

    def conversions(self) -> list[Secured]:
        """Sell what is neither a stablecoin nor a trifle."""
        if not self._terms.convert:
            return []
        balance = self._request.snapshot.balance
        made: list[Secured] = []
        for coin, worth in sorted(balance.worth.items()):
            amount = balance.coins.get(coin)
            if coin in _DOLLARS or not isinstance(worth, Decimal) or not isinstance(amount, Decimal):
                continue
            if worth < Decimal(repr(LEAST)) or amount <= 0:
                continue
            found = self._conversion(coin, amount, worth)
            if isinstance(found, _No):
                self._refuse(coin, found)
            else:
                made.append(found)
                self._cost += found.cost
        return made

    def _conversion(self, coin: str, amount: Decimal, worth: Decimal) -> Secured | _No:
        symbol = f"{coin}/{self._terms.stable}"
        spot = self._request.snapshot.spots.get(symbol)
        if spot is None:
            return _No("no_spot_market", f"no market {symbol} is known in which {coin} could be sold")
        refused = waiting(f"conversion of {coin}", self._request)
        if refused is not None:
            return _No("refused_before", refused.words)
        one = worth / amount
        slip = min(Decimal(repr(self._terms.max_slippage)), self._request.caps.max_slippage)
        price = _fit(one * (1 - slip), spot.price_step, up=True)
        sold = _sellable(amount, spot)
        if sold < spot.amount_min or sold * price < spot.notional_min or sold <= 0:
            return _No("too_small", f"{amount.normalize():f} {coin} are less than the smallest order")
        usd = float(sold * one)
        cost = usd * (float(slip) + SPOT_FEE)
        sold_coins = {**self._sold, coin: usd}
        fault = self._cap_loss(cost) or self._worse(0.0, self._cost + cost, SURVIVAL, sold_coins)
        if fault is not None:
            return fault
        if not self._allowance.cancel():
            return _No("cap_actions", "conversions may use half of an hour's actions, and it is used up")
        self._sold = sold_coins
        asked = ConvertRequest("", symbol, coin, self._terms.stable, sold, price, one)
        words = f"{sold.normalize():f} {coin}, worth {usd:.2f} USD, into {self._terms.stable}"
        return Secured(self._demand, StepKind.CONVERT, usd, cost, asked, words)

    def _cap_loss(self, cost: float) -> _No | None:
        caps, usage = self._request.caps, self._request.usage
        if caps.loss_per_day is None:
            return None
        bound = daily(float(caps.loss_per_day), float(usage.loss_today) + self._cost, "cap_loss", "loss")
        if cost <= bound.most:
            return None
        return _No(bound.code, f"a conversion may cost {cost:.2f} USD, above the cap: {bound.words}")

    # The transfer

    def transfer(self) -> list[Secured]:
        """Move what is free above what the rule keeps, as far as every limit bears it."""
        found = self._transfer()
        if isinstance(found, _No):
            self._refuse(WALLET, found)
            return []
        return [found]

    def _transfer(self) -> Secured | _No:
        bound = self._bound()
        if isinstance(bound, _No):
            return bound
        amount, least = cents_below(bound.most), self._least()
        if float(amount) < least:
            return _No(bound.code, f"less than {least:.2f} USD would be moved: {bound.words}")
        worse = self._worse(float(amount), self._cost)
        if worse is not None:
            amount = cents_below(self._most_borne(float(amount)))
            if float(amount) < least:
                return worse
        refused = waiting(WALLET, self._request)
        if refused is not None:
            return _No("refused_before", refused.words)
        if not self._allowance.cancel():
            return _No("cap_actions", "transfers may use half of an hour's actions, and it is used up")
        asked = TransferRequest("", self._terms.stable.value, amount)
        words = f"{amount} {self._terms.stable} into the {self._terms.to} wallet"
        return Secured(self._demand, StepKind.SECURE, float(amount), 0.0, asked, words)

    def _bound(self) -> Bound | _No:
        """Return what may go before the limits are asked."""
        left, equity = self._purse.left, self._purse.equity
        if isinstance(left, Unknown) or isinstance(equity, Unknown):
            unknown = left if isinstance(left, Unknown) else equity
            assert isinstance(unknown, Unknown)
            return _No("unknown_figure", unknown.reason)
        coins = self._own_coins()
        if isinstance(coins, Unknown):
            return _No("unknown_figure", coins.reason)
        kept = self._terms.keep.amount(equity)
        usage, caps = self._request.usage, self._request.caps
        bounds = [
            Bound(
                left - kept, "nothing_to_secure", f"{left:.2f} USD are free, {kept:.2f} USD of them are kept"
            ),
            Bound(coins, "nothing_to_secure", f"the wallet holds {coins:.2f} {self._terms.stable} for it"),
        ]
        if self._terms.max_per_day is not None:
            spent = float(usage.secured_today.get(self._demand.rule, 0))
            bounds.append(daily(self._terms.max_per_day, spent, "cap_secured", "the rule's transfers"))
        if caps.secured_per_day is not None:
            spent = float(sum(usage.secured_today.values()))
            bounds.append(daily(float(caps.secured_per_day), spent, "cap_secured", "transfers"))
        return min(bounds, key=lambda bound: bound.most)

    def _least(self) -> float:
        equity = self._purse.equity
        assert not isinstance(equity, Unknown)
        return max(LEAST, LEAST_SHARE * equity)

    def _own_coins(self) -> float | Unknown:
        """Coins that are not set apart for isolated positions: unrealised profit cannot leave."""
        snapshot = self._request.snapshot
        coins = snapshot.balance.coins.get(self._terms.stable.value, Decimal(0))
        if isinstance(coins, Unknown):
            return coins
        for position in snapshot.positions:
            if isinstance(position.isolated_margin, Unknown):
                return position.isolated_margin
            coins -= position.isolated_margin or Decimal(0)
        return float(coins)

    def _most_borne(self, amount: float) -> float:
        """Return the most, below an amount that is too much, that every limit bears.

        Money that leaves only ever worsens a limit, so halving finds it.
        """
        low, high = 0.0, amount
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            if self._worse(middle, self._cost) is None:
                low = middle
            else:
                high = middle
        return low

    def _worse(
        self,
        leaving: float,
        cost: float,
        asked: Set[str] = RECOMPUTED,
        sold: Mapping[str, float] | None = None,
    ) -> _No | None:
        """Say which limit would not bear money that leaves, after conversions of `sold` have cost `cost`."""
        paid = charged(self._before, cost, cost)
        after = without(converted(paid, self._sold if sold is None else sold), leaving)
        for watch in self._request.watches:
            if watch.metric not in asked:
                continue
            then, now = self._meter.read(watch, after), self._meter.read(watch, self._before)
            if isinstance(then, Unknown):
                return _No("check_failed", f"{watch.rule} ({watch.metric}) cannot be told: {then.reason}")
            if is_inside(then, watch.goal, watch.sense):
                continue
            if isinstance(now, Unknown) or is_worse(then, now, watch.sense):
                told = f"{watch.metric} of {watch.target.text} would be {then:.6g}"
                return _No("check_failed", f"{watch.rule}: {told}, beyond its goal of {watch.goal:.6g}")
        return None

    def _refuse(self, item: str, why: _No) -> None:
        self.refusals.append(refuse(self._demand, item, why.code, why.reason))


def without(state: State, leaving: float) -> State:
    """The account after money has left it, which is neither a loss nor a cost."""
    equity, balance, before = state.equity, state.balance, state.before
    return replace(
        state,
        equity=equity if isinstance(equity, Unknown) else equity - leaving,
        balance=balance if isinstance(balance, Unknown) else balance - leaving,
        before=before if isinstance(before, Unknown) else before - leaving,
    )


def converted(state: State, sold: Mapping[str, float]) -> State:
    """The account after so many USD of coins have become dollars: they move no more, and count in full."""
    freed, left = 0.0, []
    for coin in state.coins:
        share = min(sold.get(coin.base, 0.0) / coin.worth, 1.0) if coin.worth > 0.0 else 0.0
        freed += share * (coin.worth - coin.margin)
        if share < 1.0:
            left.append(replace(coin, worth=coin.worth * (1.0 - share), margin=coin.margin * (1.0 - share)))
    balance = state.balance
    return replace(
        state,
        balance=balance if isinstance(balance, Unknown) else balance + freed,
        coins=tuple(left),
    )


def _fit(value: Decimal, step: Decimal, *, up: bool) -> Decimal:
    return (value / step).to_integral_value(ROUND_CEILING if up else ROUND_FLOOR) * step


def _sellable(amount: Decimal, spot: SpotMarket) -> Decimal:
    most = amount if spot.amount_max is None else min(amount, spot.amount_max)
    return _fit(most, spot.amount_step, up=False)


def secured_steps(found: Sequence[Secured], numbering: Numbering) -> list[Step]:
    """Return the steps of conversions and transfers."""
    steps: list[Step] = []
    for one in found:
        demand = one.demand
        number = numbering.next(demand.episode)
        name = numbering.identity(demand.rule, demand.target.text, demand.episode, number)
        asked: Request = replace(one.asked, client_order_id=name)
        reason = f"{demand.rule} secures {one.words}"
        steps.append(Step(one.kind, demand.rule, demand.episode, number, asked, one.usd, one.cost, reason))
    return steps
