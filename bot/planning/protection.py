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
and every anchor is an entry price: only then has the position, the collateral or a beta changed, not price.
Nearer stops keep the promise, since margin at a nearer stop is higher. Caps do not apply here: protection
costs nothing until it is needed.

A position has one place for its own stop loss at the venue. One that the owner put there is never replaced
by one further from mark, whatever price triggers it: one by last or index price stays as it is, and
`owners_stop` says so. Only one that rests further from mark than the guard's place is moved, nearer.

Places are held, so that only stops that are missing are placed, where they would be moved again at once: in a
cycle that trims the block, while a price of it is not believed, and while a position of the account, or the
worth of a coin, cannot be read. Then the cross block is measured against `Portfolio.margin_floor`. A stop at
or past liquidation is as good as missing.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace

from bot.model import (
    Hedge,
    Market,
    Number,
    Order,
    Policy,
    Position,
    ProtectionTerms,
    Refusal,
    RefusedBefore,
    Side,
    Snapshot,
    Step,
    StepKind,
    StopRequest,
    Stranger,
    Unknown,
    attached_stop,
    cover,
    policy_of,
)
from bot.planning.hedge_stops import own_stops_of, release_of
from bot.planning.identity import client_order_id
from bot.planning.levels import Anchored, Curve, drifts
from bot.planning.pricing import NoQuote, fresh_mark, round_price
from bot.planning.unreadable import unreadable
from bot.risk.portfolio import Coin, Holding, Portfolio

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
    held: bool
    """Whether only a missing stop is placed: the place is about to change, or rests on assumptions."""


class Block(Struct, frozen=True):
    """Positions whose stops share a scale, with their margin in USD above what is not their own to lose, and
    the coins that are part of it."""

    members: list[Anchored]
    margin: float
    held: bool
    coins: tuple[Coin, ...] = ()


class _Desk(Struct, frozen=True):
    portfolio: Portfolio
    snapshot: Snapshot
    terms: ProtectionTerms
    at: datetime
    max_age_seconds: float
    steps_taken: Mapping[str, int]
    own_stops: Mapping[str, Decimal]
    trimmed: frozenset[str]
    unsettled: frozenset[str]
    forced: frozenset[str]
    waiting: Mapping[str, RefusedBefore]
    fixed: Mapping[str, float]
    """How far a hedge's own stop stands from its anchor, by position key."""
    hedges: Sequence[Hedge]


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
    trimmed: frozenset[str] = frozenset(),
    unsettled: frozenset[str] = frozenset(),
    forced: frozenset[str] = frozenset(),
    refused: Sequence[RefusedBefore] = (),
    hedges: Sequence[Hedge] = (),
    strangers: Sequence[Stranger] = (),
) -> tuple[tuple[Step, ...], tuple[Refusal, ...]]:
    """Return the stops to place or move, and what stays unprotected and why.

    `own_stops` maps position keys to the trigger that the guard placed last; without it a nearer stop is
    never moved away. `steps_taken` counts settled steps by `episode_of` a key: it tells a stop that must be
    placed once more from a repetition. Repeating a decision repeats its client order ids. `trimmed` are the
    positions that the same cycle trims, `unsettled` the symbols of which no price is believed now, and
    `refused` what the venue is not asked for yet. Positions that `strangers` leave alone get no stop, and
    count in the margin of the others.

    `forced` are positions whose stops a rule asks for: they are placed where protection is switched off as
    well, and do not wait for trims.

    An order whose outcome is unknown holds no stop back: a stop opens nothing, and one more does no harm.
    """
    if not (terms.enabled or forced):
        return (), ()
    desk = _Desk(
        portfolio,
        snapshot,
        terms,
        at,
        max_age_seconds,
        steps_taken or {},
        own_stops or {},
        trimmed,
        unsettled,
        forced,
        {one.item: one for one in refused if at < one.until},
        own_stops_of(hedges, snapshot),
        hedges,
    )
    refusals = [_refusal(*unread) for unread in unreadable(portfolio)]
    steps: list[Step] = []
    places = _places(desk, refusals)
    prices = {place.holding.key: place.price for place in places}
    for place in places:
        holding = place.holding
        if not (terms.enabled or holding.key in forced):
            continue
        if policy_of(strangers, holding.symbol, holding.side) is not Policy.ADOPT:
            continue
        found = _step(desk, place, prices)
        if isinstance(found, Step):
            steps.append(found)
        elif found is not None:
            refusals.append(found)
        if place.thin:
            reason = f"the stop leaves less than {terms.slippage:.2%} for slippage before liquidation"
            refusals.append(_refusal(place.holding.key, "protection_thin", reason))
    wanted = (one for one in refusals if terms.enabled or one.item in forced)
    return tuple(steps), tuple(wanted)


def _refusal(key: str, code: str, reason: str) -> Refusal:
    return Refusal(rule=RULE, item=key, code=code, reason=reason)


def _cross_margin(portfolio: Portfolio) -> Number:
    """Margin of the cross block in USD; with gaps, what may at least be counted on."""
    if portfolio.margin_floor is not None:
        return portfolio.margin_floor
    if isinstance(portfolio.margin_balance, Unknown):
        return portfolio.margin_balance
    return portfolio.margin_balance - portfolio.maintenance_excess


def _places(desk: _Desk, refusals: list[Refusal]) -> list[Place]:
    """Compute every stop's place, block by block: the cross account, then each isolated position."""
    holdings = sorted(desk.portfolio.holdings, key=lambda holding: holding.key)
    blocks: list[Block] = []
    cross = [holding for holding in holdings if holding.isolated_equity is None]
    margin = _cross_margin(desk.portfolio)
    if cross and isinstance(margin, Unknown):
        reason = f"the margin balance is unknown: {margin.reason}"
        refusals.extend(_refusal(holding.key, "unprotected", reason) for holding in cross)
    elif cross and not isinstance(margin, Unknown):
        block = _block(desk, cross, margin, held=desk.portfolio.margin_floor is not None)
        blocks.append(replace(block, coins=desk.portfolio.coins))
    blocks.extend(
        _block(desk, [holding], holding.isolated_equity, held=False)
        for holding in holdings
        if holding.isolated_equity is not None
    )
    places = [place for block in blocks for place in _block_places(block, desk.terms)]
    return sorted(places, key=lambda place: place.holding.key)


def _block(desk: _Desk, holdings: Sequence[Holding], margin: float, *, held: bool) -> Block:
    trimmed = desk.trimmed - desk.forced
    waits = any(holding.key in trimmed or holding.symbol in desk.unsettled for holding in holdings)
    return Block([_anchored(desk, holding) for holding in holdings], margin, held or waits)


def _anchored(desk: _Desk, holding: Holding) -> Anchored:
    position = desk.snapshot.position(holding.key)
    market = desk.snapshot.markets.get(holding.symbol)
    fee = 0.0 if market is None else float(market.taker_fee)
    entry = None if position is None else position.entry_price
    if isinstance(entry, Decimal) and entry.is_finite() and entry > 0:
        return Anchored(holding, float(entry), at_mark=False, fee=fee, fixed=desk.fixed.get(holding.key))
    return Anchored(holding, holding.price, at_mark=True, fee=fee, fixed=desk.fixed.get(holding.key))


def _block_places(block: Block, terms: ProtectionTerms) -> list[Place]:
    """Find the levels of one block; what would trigger at once from its entry is measured from mark."""
    members, margin = block.members, block.margin
    for anchored in members:
        margin -= anchored.holding.maintenance_excess + anchored.holding.liquidation_excess
    while True:
        k, thin = _scale(members, margin, terms, block.coins)
        turned = [_from_mark(anchored) if _must_turn(anchored, k) else anchored for anchored in members]
        if turned == members:
            break
        members = turned
    moving = any(one.at_mark for one in members if one.fixed is None) or drifts(block.coins, members)
    return [
        Place(
            anchored.holding,
            anchored.level(k),
            moving if anchored.fixed is None else anchored.at_mark,
            thin,
            block.held,
        )
        for anchored in members
    ]


def _scale(
    members: Sequence[Anchored], margin: float, terms: ProtectionTerms, coins: Sequence[Coin]
) -> tuple[float, bool]:
    """Return k and whether the slippage allowance had to be cut."""
    curve = Curve(members, margin, coins)
    liquidation = curve.largest_scale(0.0)
    if liquidation <= 0.0:
        return liquidation, False
    wanted = terms.distance_share * liquidation
    allowance = terms.slippage + terms.tolerance
    if curve.room_at(wanted, allowance) >= 0.0:
        return wanted, False
    safe = curve.largest_scale(allowance)
    return max(safe, _LEAST_SHARE * wanted), safe < _LEAST_SHARE * wanted


def _must_turn(anchored: Anchored, k: float) -> bool:
    holding = anchored.holding
    hopeless = k <= 0.0 and anchored.fixed is None
    return not anchored.at_mark and (hopeless or (holding.price - anchored.level(k)) * holding.sign <= 0.0)


def _from_mark(anchored: Anchored) -> Anchored:
    return replace(anchored, anchor=anchored.holding.price, at_mark=True)


def _step(desk: _Desk, place: Place, prices_of_stops: Mapping[str, float]) -> Step | Refusal | None:
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
    resting = cover(position, desk.snapshot, mark=mark, by_mark=True).trigger
    release = release_of(position, desk.hedges, prices_of_stops, desk.snapshot, desk.portfolio)
    stays = resting is not None and _may_stay(desk, place, resting, trigger, mark)
    if stays and release is None:
        return None
    if stays and resting is not None:
        trigger = resting
    owners = attached_stop(position, desk.snapshot)
    if not stays and owners is not None and _is_nearer(desk, place, owners, trigger, mark):
        return _refusal(key, "owners_stop", _owners_words(owners, trigger))
    if (mark - trigger) * holding.sign <= 0:
        why = f"a stop at {trigger:f} would trigger at once (mark {mark:f}): margin is nearly used up"
        return _refusal(key, "would_trigger", why)
    if key in desk.waiting:
        return _refusal(key, "refused_before", desk.waiting[key].words)
    return _protect(desk, place, position, market, trigger, resting, release)


def _is_nearer(desk: _Desk, place: Place, owners: Order, trigger: Decimal, mark: Decimal) -> bool:
    """Whether an attached stop that is not the guard's own is as near as its place, or nearer."""
    resting = owners.trigger_price
    if resting is None or desk.own_stops.get(place.holding.key) == resting:
        return False
    return (resting - trigger) * place.holding.sign >= -Decimal(repr(desk.terms.tolerance)) * mark


def _owners_words(owners: Order, trigger: Decimal) -> str:
    return (
        f"the owner's stop by {owners.trigger_by} price at {owners.trigger_price:f} is left as it is: "
        f"the guard's by mark price would rest further away, at {trigger:f}"
    )


def _may_stay(desk: _Desk, place: Place, resting: Decimal, trigger: Decimal, mark: Decimal) -> bool:
    """Whether the resting stop is good enough where it is."""
    nearer = (resting - trigger) * place.holding.sign
    if abs(nearer) <= Decimal(repr(desk.terms.tolerance)) * mark:
        return True
    if nearer < 0:
        return place.held and not _is_past_liquidation(place.holding, resting)
    return place.held or place.moving or desk.own_stops.get(place.holding.key) != resting


def _is_past_liquidation(holding: Holding, resting: Decimal) -> bool:
    price = holding.liquidation_price
    return not isinstance(price, Unknown) and (float(resting) - price) * holding.sign <= 0


def _protect(
    desk: _Desk,
    place: Place,
    position: Position,
    market: Market,
    trigger: Decimal,
    resting: Decimal | None,
    release: Decimal | None,
) -> Step:
    key = position.key
    episode = episode_of(key)
    seen: tuple[object, ...] = (
        trigger,
        position.entry_price,
        position.contracts,
        resting,
        desk.steps_taken.get(episode, 0),
    )
    seen += () if release is None else (release,)
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
            take_profit=release,
        ),
        notional=place.holding.notional,
        cost=0.0,
        reason=f"reduce-only stop by mark price at {trigger:f} ahead of liquidation; {was}{_beside(release)}",
    )


def _beside(release: Decimal | None) -> str:
    return "" if release is None else f"; closed in gain at {release:f}, beyond the stop of what it hedges"
