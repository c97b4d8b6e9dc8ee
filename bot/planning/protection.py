"""Protective stops: which should rest at the venue, and which of them must be placed or moved.

The level of a stop comes from `levels`: all stops of a cross account share one scale k, an isolated position
has its own. k is `distance_share` of the way to joint liquidation, and no further than slippage, fees and the
tolerance leave room for. Where that room is less than half of the share, half of the share is used and the
refusal `protection_thin` says so: a stop at the mark would be hit by noise.

Anchors are entry prices, so that the stops stand still while prices fall. Where a stop measured from entry
would trigger at once (a position deep in loss, or collateral withdrawn), that position is measured from mark.
Such a level would sink with the mark, so then no stop is ever moved away from mark: it ratchets.

A resting stop is left alone while it is the position's own whole-size stop by mark price, on the right side,
and within `tolerance` of its place. A nearer one is moved away only where it is known to be the guard's own
and every anchor is an entry price: only then has position or collateral changed, not price. Nearer stops
keep the promise, since margin at a nearer stop is higher. Caps do not apply here: protection costs nothing
until it is needed.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace

from bot.model import (
    Market,
    Order,
    OrderSide,
    Position,
    ProtectionTerms,
    Refusal,
    Side,
    Snapshot,
    Step,
    StepKind,
    StopRequest,
    Unknown,
)
from bot.planning.identity import client_order_id
from bot.planning.levels import Anchored, largest_scale
from bot.planning.pricing import NoQuote, fresh_mark, round_price
from bot.risk.portfolio import Holding, Portfolio

RULE = "protection"
"""What steps and refusals of protective stops are filed under."""

_LEAST_SHARE = 0.5


class Place(Struct, frozen=True):
    """Where a stop should rest."""

    holding: Holding
    price: float
    moving: bool
    """Whether some level of its block is measured from mark, so that the place moves with price."""
    thin: bool


class _Desk(Struct, frozen=True):
    portfolio: Portfolio
    snapshot: Snapshot
    terms: ProtectionTerms
    at: datetime
    max_age_seconds: float
    steps_taken: Mapping[str, int]
    own_stops: Mapping[str, Decimal]
    blocked_symbols: frozenset[str]


def episode_of(key: str) -> str:
    """Return the episode that the protective stops of a position are filed under."""
    return f"{RULE}.{key}"


def protective_stops(
    portfolio: Portfolio,
    snapshot: Snapshot,
    terms: ProtectionTerms,
    at: datetime,
    max_age_seconds: float,
    *,
    steps_taken: Mapping[str, int] | None = None,
    own_stops: Mapping[str, Decimal] | None = None,
    blocked_symbols: frozenset[str] = frozenset(),
) -> tuple[tuple[Step, ...], tuple[Refusal, ...]]:
    """Return the stops to place or move, and what stays unprotected and why.

    `own_stops` maps position keys to the trigger that the guard placed last; without it a nearer stop is
    never moved away. `steps_taken` counts settled steps by `episode_of` a key: it tells a stop that must be
    placed once more from a repetition. Repeating a decision repeats its client order ids.
    """
    if not terms.enabled:
        return (), ()
    desk = _Desk(
        portfolio, snapshot, terms, at, max_age_seconds, steps_taken or {}, own_stops or {}, blocked_symbols
    )
    refusals = [_refusal(key, "unprotected", reason) for key, reason in sorted(portfolio.missing.items())]
    steps: list[Step] = []
    for place in _places(desk, refusals):
        found = _step(desk, place)
        if isinstance(found, Step):
            steps.append(found)
        elif found is not None:
            refusals.append(found)
        if place.thin:
            reason = f"the stop leaves less than {terms.slippage:.2%} for slippage before liquidation"
            refusals.append(_refusal(place.holding.key, "protection_thin", reason))
    return tuple(steps), tuple(refusals)


def _refusal(key: str, code: str, reason: str) -> Refusal:
    return Refusal(rule=RULE, item=key, code=code, reason=reason)


def _places(desk: _Desk, refusals: list[Refusal]) -> list[Place]:
    """Compute every stop's place, block by block: the cross account, then each isolated position."""
    holdings = sorted(desk.portfolio.holdings, key=lambda holding: holding.key)
    blocks: list[tuple[list[Anchored], float]] = []
    cross = [holding for holding in holdings if holding.isolated_equity is None]
    balance = desk.portfolio.margin_balance
    if cross and isinstance(balance, Unknown):
        reason = f"the margin balance is unknown: {balance.reason}"
        refusals.extend(_refusal(holding.key, "unprotected", reason) for holding in cross)
    elif cross and not isinstance(balance, Unknown):
        blocks.append(
            ([_anchored(desk, holding) for holding in cross], balance - desk.portfolio.maintenance_excess)
        )
    blocks.extend(
        ([_anchored(desk, holding)], holding.isolated_equity)
        for holding in holdings
        if holding.isolated_equity is not None
    )
    places = [place for block, margin in blocks for place in _block_places(block, margin, desk.terms)]
    return sorted(places, key=lambda place: place.holding.key)


def _anchored(desk: _Desk, holding: Holding) -> Anchored:
    position = desk.snapshot.position(holding.key)
    market = desk.snapshot.markets.get(holding.symbol)
    fee = 0.0 if market is None else float(market.taker_fee)
    entry = None if position is None else position.entry_price
    if isinstance(entry, Decimal) and entry.is_finite() and entry > 0:
        return Anchored(holding, float(entry), at_mark=False, fee=fee)
    return Anchored(holding, holding.price, at_mark=True, fee=fee)


def _block_places(block: list[Anchored], margin: float, terms: ProtectionTerms) -> list[Place]:
    """Find the levels of one block; what would trigger at once from its entry is measured from mark."""
    margin -= sum(
        anchored.holding.maintenance_excess + anchored.holding.liquidation_excess for anchored in block
    )
    while True:
        k, thin = _scale(block, margin, terms)
        turned = [_from_mark(anchored) if _must_turn(anchored, k) else anchored for anchored in block]
        if turned == block:
            break
        block = turned
    moving = any(anchored.at_mark for anchored in block)
    return [Place(anchored.holding, anchored.level(k), moving, thin) for anchored in block]


def _scale(block: Sequence[Anchored], margin: float, terms: ProtectionTerms) -> tuple[float, bool]:
    """Return k and whether the slippage allowance had to be cut."""
    liquidation = largest_scale(block, margin, 0.0)
    wanted = terms.distance_share * liquidation
    safe = largest_scale(block, margin, terms.slippage + terms.tolerance)
    if liquidation <= 0.0:
        return liquidation, False
    if safe >= wanted:
        return wanted, False
    return max(safe, _LEAST_SHARE * wanted), safe < _LEAST_SHARE * wanted


def _must_turn(anchored: Anchored, k: float) -> bool:
    holding = anchored.holding
    return not anchored.at_mark and (k <= 0.0 or (holding.price - anchored.level(k)) * holding.sign <= 0.0)


def _from_mark(anchored: Anchored) -> Anchored:
    return replace(anchored, anchor=anchored.holding.price, at_mark=True)


def _step(desk: _Desk, place: Place) -> Step | Refusal | None:
    """Decide about one stop: nothing to do, place it, or why not."""
    holding = place.holding
    key = holding.key
    position = desk.snapshot.position(key)
    market = desk.snapshot.markets.get(holding.symbol)
    if position is None or market is None or market.price_step <= 0:
        return _refusal(key, "unprotected", f"position or market of {key} is missing in the snapshot")
    prices, now = desk.snapshot.marks.get(holding.symbol), desk.snapshot.venue_time(desk.at)
    mark = fresh_mark(prices, holding.symbol, now, desk.max_age_seconds)
    if isinstance(mark, NoQuote):
        return _refusal(key, mark.code, f"no stop can be placed: {mark.reason}")
    trigger = round_price(Decimal(repr(place.price)), market.price_step, up=position.side is Side.LONG)
    resting = resting_stop(position, desk.snapshot)
    if resting is not None and _may_stay(desk, place, resting, trigger, mark):
        return None
    if (mark - trigger) * holding.sign <= 0:
        why = f"a stop at {trigger:f} would trigger at once (mark {mark:f}): margin is nearly used up"
        return _refusal(key, "would_trigger", why)
    if holding.symbol in desk.blocked_symbols:
        return _refusal(
            key, "unknown_outcome", "the outcome of an earlier request is unknown; no new stop yet"
        )
    return _protect(desk, place, position, market, trigger, resting)


def resting_stop(position: Position, snapshot: Snapshot) -> Decimal | None:
    """Return the trigger of the stop that covers the whole position by mark price, None where none does.

    The list of conditional orders goes before the position's own field, because it tells what triggers them.
    """
    closing = OrderSide.SELL if position.side is Side.LONG else OrderSide.BUY
    listed = [
        order
        for order in snapshot.stops
        if order.symbol == position.symbol
        and order.side is closing
        and order.position_index == position.position_index
    ]
    good = [order.trigger_price for order in listed if _covers(order, position) and order.trigger_price]
    if good:
        return max(good, key=lambda price: price * position.side.sign)
    own = position.stop_price
    if not isinstance(own, Decimal) or any(order.attached for order in listed):
        return None
    return own if own.is_finite() and own > 0 else None


def _covers(order: Order, position: Position) -> bool:
    if order.trigger_by != "mark":
        return False
    return order.attached or (order.reduce_only and order.remaining >= position.contracts)


def _may_stay(desk: _Desk, place: Place, resting: Decimal, trigger: Decimal, mark: Decimal) -> bool:
    """Whether the resting stop is good enough where it is."""
    sign = place.holding.sign
    if (mark - resting) * sign <= 0:
        return False
    nearer = (resting - trigger) * sign
    if abs(nearer) <= Decimal(repr(desk.terms.tolerance)) * mark:
        return True
    if nearer < 0:
        return False
    return place.moving or desk.own_stops.get(place.holding.key) != resting


def _protect(
    desk: _Desk, place: Place, position: Position, market: Market, trigger: Decimal, resting: Decimal | None
) -> Step:
    key = position.key
    episode = episode_of(key)
    seen = (trigger, position.entry_price, position.contracts, resting, desk.steps_taken.get(episode, 0))
    digest = hashlib.sha256("|".join(str(part) for part in seen).encode()).digest()
    number = int.from_bytes(digest[:4], "big") >> 1
    was = "none rests" if resting is None else f"one rests at {resting:f}"
    return Step(
        kind=StepKind.PROTECT,
        rule=RULE,
        episode=episode,
        number=number,
        request=StopRequest(
            client_order_id=client_order_id(desk.snapshot.account, RULE, key, episode, number),
            symbol=market.symbol,
            position_side=position.side,
            position_index=position.position_index,
            trigger_price=trigger,
        ),
        notional=place.holding.notional,
        cost=0.0,
        reason=f"reduce-only stop by mark price at {trigger:f} ahead of liquidation; {was}",
    )
