"""Options that the guard holds against positions: what they come to, what they can be sold for, and when."""

from datetime import timedelta
from decimal import Decimal

from bot.model import Hedge, OptionMarket, OptionPosition, Refusal, Style
from bot.planning.aftermath import Removal
from bot.planning.caps import Draft
from bot.planning.options.screening import WIDEST
from bot.planning.pricing import Quote, round_price
from bot.planning.request import PlanRequest
from bot.planning.rounding import round_up
from bot.risk.options import exposure_of
from bot.risk.portfolio import OptionHolding

ZERO = Decimal(0)
LEAST = 1.0 - 2.0 * WIDEST
"""What an option is sold for at least, as a share of its worth by Black-76, where nothing is urgent."""


def option_exposure(lot: Hedge, contracts: Decimal, request: PlanRequest, *, full: bool) -> float:
    """USD of exposure that contracts of an option take off its parent: by its delta, or `full` as if that
    were 1, as it comes near when the price has gone far enough. 0 where nobody can tell.
    """
    held, numbers = request.snapshot.option(lot.key), numbers_of(lot.key, request)
    market = held.market if held else _listed(lot.symbol, request)
    if market is None or not market.contract_size.is_finite():
        return 0.0
    if numbers is None:  # an order whose end is not known: its parent's price is as good
        parent = request.portfolio.holding(lot.parent)
        coins = float(contracts * market.contract_size)
        return 0.0 if parent is None else coins * parent.price * abs(parent.beta)
    coins = float(contracts * market.contract_size)
    whole = coins * numbers.forward * abs(numbers.beta)
    return whole if full else whole * abs(exposure_of(numbers)) / (numbers.coins * numbers.forward)


def numbers_of(key: str, request: PlanRequest) -> OptionHolding | None:
    """Find an option of the portfolio by its key."""
    return next((one for one in request.portfolio.options if one.key == key), None)


def _listed(symbol: str, request: PlanRequest) -> OptionMarket | None:
    return next((one.markets[symbol] for one in request.chains.values() if symbol in one.markets), None)


def fit_option(lot: Hedge, wanted: Decimal, request: PlanRequest) -> Decimal:
    """Fit what must go of an option to its market: rounded up, never past the hedge; 0 where none may."""
    held = request.snapshot.option(lot.key)
    if held is None or not held.market.amount_step > 0:
        return ZERO
    market = held.market
    amount = max(round_up(min(wanted, lot.contracts), market.amount_step), market.amount_min)
    return lot.contracts if lot.contracts - amount < market.amount_min else amount


def is_old(lot: Hedge, request: PlanRequest) -> bool:
    """Whether half of the time that its rule asks for is all that is left of an option, or less."""
    held, terms = request.snapshot.option(lot.key), request.hedging.get(lot.rule)
    if held is None or terms is None:
        return False
    wanted = terms.options(held.market.right)
    left = held.market.expiry - request.snapshot.venue_time(request.at)
    return wanted is not None and left < timedelta(days=wanted.min_days) / 2


def by_age(request: PlanRequest) -> tuple[Hedge, ...]:
    """Return hedges in the order in which they go when they are needed no more: old options first.

    What was bought in the place of an old option, for the same rule, does not go before that one.
    """
    old = tuple(lot for lot in request.hedges if lot.is_option and lot.contracts and is_old(lot, request))
    rules = {lot.rule for lot in old}
    return old + tuple(
        lot for lot in request.hedges if lot not in old and not (lot.is_option and lot.rule in rules)
    )


def sale_price(held: OptionPosition, worth: float | None, *, urgent: bool) -> Decimal | str:
    """Return the limit at which an option is sold, the bid, or why it is not sold now."""
    bid = held.quote.bid
    price = ZERO
    if isinstance(bid, Decimal) and bid.is_finite() and held.market.price_step > 0:
        price = round_price(bid, held.market.price_step, up=False)
    if price <= 0:
        return f"nobody bids for {held.market.symbol}"
    if not urgent and worth is not None and float(price) < LEAST * worth:
        return f"the bid of {price:f} is below {LEAST:.0%} of what it is worth by Black-76, {worth:.6g}"
    return price


def option_draft(
    lot: Hedge, contracts: Decimal, why: str, request: PlanRequest, *, urgent: bool
) -> Draft | Refusal:
    """Price what is sold of an option; a refusal says why it is not sold now."""
    held, numbers = request.snapshot.option(lot.key), numbers_of(lot.key, request)
    if held is None or lot.symbol in request.blocked_symbols:
        code = "position_gone" if held is None else "unknown_outcome"
        what = "is not shown" if held is None else "has an order that has not ended"
        return _refusal(lot, code, f"{lot.symbol} {what}")
    price = sale_price(held, numbers.worth if numbers else None, urgent=urgent)
    if isinstance(price, str):
        return _refusal(lot, "no_bid", price)
    mark = held.quote.mark if isinstance(held.quote.mark, Decimal) else price
    loss = max(float(mark - price), 0.0) + _fee(held, numbers, price)
    return Draft(
        rule=lot.rule,
        episode=lot.episode,
        target=f"hedge of {lot.parent}",
        position=held.position,
        market=held.market.market,
        quote=Quote(Style.IOC, price, mark, price, ZERO),
        contracts=min(contracts, held.position.contracts),
        trade_cost=loss / float(mark),
        lifeline=urgent,
        reason=f"unwind the hedge of {lot.parent.replace('#', ' ')}: {why}",
    )


def _fee(held: OptionPosition, numbers: OptionHolding | None, price: Decimal) -> float:
    return 0.0 if numbers is None else held.market.fee(numbers.forward, float(price))


def _refusal(lot: Hedge, code: str, reason: str) -> Refusal:
    return Refusal(lot.rule, f"hedge {lot.key}", code, f"it is not unwound now: {reason}")


def option_removal(lot: Hedge, contracts: Decimal, request: PlanRequest) -> Removal | None:
    """Return what of an option goes with its parent, for the check; None where it is not sold now."""
    draft = option_draft(lot, contracts, "its parent is trimmed", request, urgent=False)
    if isinstance(draft, Refusal):
        return None
    return Removal(draft.contracts, draft.quote.worst, draft.quote.worst)
