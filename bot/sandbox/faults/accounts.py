"""Faults of an account: what its owner or the venue does to it, and how the venue treats it."""

from collections.abc import Iterable
from decimal import Decimal

from bot.sandbox.engine.types import AccountInfo, EngineRefusal
from bot.sandbox.faults.checks import not_decimal
from bot.sandbox.faults.connection import ALL, CREATE
from bot.sandbox.faults.fault import Fault, FaultError
from bot.sandbox.faults.kinds import REQUEST_FIELDS, Act, Kind, Strike, Venue, named

NOTHING = Decimal(0)


def _accounts(venue: Venue, fault: Fault) -> Iterable[str]:
    """The ids of the accounts that a fault is about: one, or all that there are now."""
    if not fault.api_key:
        return [account.account_id for account in venue.engine.accounts()]
    account = venue.engine.account_by_key(fault.api_key)
    if account is None:
        raise FaultError(f"fault {fault.name!r}: api_key {fault.api_key!r} belongs to no account")
    return [account.account_id]


def _sender(strike: Strike) -> AccountInfo | None:
    """The account whose private call this is."""
    return None if strike.call.public else strike.venue.engine.account_by_key(strike.call.api_key)


def _is_private(strike: Strike) -> bool:
    return _sender(strike) is not None


def _places(strike: Strike) -> bool:
    return strike.call.act is Act.PLACE


def _close_outside(strike: Strike) -> bool:
    account = _sender(strike)
    if account is None or strike.call.symbol not in strike.venue.engine.instruments:
        return False
    disturbances = strike.venue.engine.disturbances
    return bool(disturbances.close_by_hand(account.account_id, strike.call.symbol))


def _trade_by_hand(strike: Strike) -> bool:
    account, fault, engine = _sender(strike), strike.fault, strike.venue.engine
    if account is None or fault.symbol not in engine.instruments:
        return False
    coins = Decimal(fault.value) * engine.instrument(fault.symbol).contract_size
    try:
        engine.disturbances.trade_by_hand(account.account_id, fault.symbol, coins)
    except EngineRefusal:
        return False  # the venue refuses its owner's order as it would a program's
    return True


def _deleverage(strike: Strike) -> bool:
    account, fault, engine = _sender(strike), strike.fault, strike.venue.engine
    if account is None:
        return False
    held = {one.symbol for one in engine.positions(account.account_id) if fault.symbol in ("", one.symbol)}
    for symbol in sorted(held):
        engine.disturbances.deleverage(account.account_id, symbol, fault.share or NOTHING)
    return bool(held)


def _count_reduce_only(venue: Venue, fault: Fault) -> None:
    for account_id in _accounts(venue, fault):
        venue.engine.disturbances.count_reduce_only(account_id, True)


def _ignore_reduce_only(venue: Venue, fault: Fault) -> None:
    for account_id in _accounts(venue, fault):
        venue.engine.disturbances.count_reduce_only(account_id, False)


def _toggle_mode(venue: Venue, fault: Fault) -> None:
    for account_id in _accounts(venue, fault):
        venue.engine.disturbances.toggle_mode(account_id, fault.symbol or None)


def _restore_mode(venue: Venue, fault: Fault) -> None:
    for account_id in _accounts(venue, fault):
        venue.engine.disturbances.restore_mode(account_id, fault.symbol or None)


def _open_opposite(venue: Venue, fault: Fault) -> None:
    for account_id in _accounts(venue, fault):
        venue.engine.disturbances.open_opposite(account_id, True)


def _reduce_again(venue: Venue, fault: Fault) -> None:
    for account_id in _accounts(venue, fault):
        venue.engine.disturbances.open_opposite(account_id, False)


def _cut_value(venue: Venue, fault: Fault) -> None:
    for account_id in _accounts(venue, fault):
        venue.engine.disturbances.haircut(account_id, fault.share or NOTHING)


def _whole_value(venue: Venue, fault: Fault) -> None:
    for account_id in _accounts(venue, fault):
        venue.engine.disturbances.haircut(account_id, NOTHING)


ACCOUNTS = named(
    Kind(
        name="closed_outside",
        rows=(9,),
        meaning="just before an order, its owner closes the position of its symbol by hand (a plain trade at"
        " the mark)",
        path=CREATE,
        uses=REQUEST_FIELDS,
        concerns=_places,
        before=_close_outside,
    ),
    Kind(
        name="manual_trade",
        rows=(23,),
        meaning="just before a private request, its owner trades `value` contracts of `symbol` by hand"
        " (negative: sells) at the mark; `count` 1 for once",
        path=ALL,
        uses=(*REQUEST_FIELDS, "value"),
        needs=("symbol", "value"),
        check=not_decimal,
        concerns=_is_private,
        picks_rows=True,
        before=_trade_by_hand,
    ),
    Kind(
        name="adl",
        rows=(23,),
        meaning="just before a private request, the venue closes `share` of its account's positions (with"
        " `symbol`: of that one) by auto-deleveraging, at the mark and without a fee; `count` 1 for"
        " once",
        path=ALL,
        uses=(*REQUEST_FIELDS, "share"),
        needs=("share",),
        concerns=_is_private,
        picks_rows=True,
        before=_deleverage,
    ),
    Kind(
        name="reduce_only_blocked",
        rows=(10,),
        meaning="refuses a reduce-only order that exceeds the position together with the reduce-only orders"
        " that rest or wait for a trigger; a position's own stops do not count",
        uses=("api_key", "seconds"),
        lasts=True,
        apply=_count_reduce_only,
        lift=_ignore_reduce_only,
    ),
    Kind(
        name="position_mode",
        rows=(11,),
        meaning="puts accounts (with `symbol`: that market) into the other position mode, positions and"
        " orders kept; a market with both legs stays in hedge mode when it ends",
        uses=("api_key", "symbol", "seconds"),
        lasts=True,
        apply=_toggle_mode,
        lift=_restore_mode,
    ),
    Kind(
        name="opposite_side",
        rows=(11,),
        meaning="lets an order that should reduce open or enlarge the opposite leg instead; a market in"
        " one-way mode is in hedge mode from the first such order on",
        uses=("api_key", "seconds"),
        lasts=True,
        apply=_open_opposite,
        lift=_reduce_again,
    ),
    Kind(
        name="haircut",
        rows=(19,),
        meaning="values the coins of accounts `share` lower as collateral: their worth in USD and the margin"
        " balance fall, coins and positions stay, and a liquidation may follow",
        uses=("api_key", "share", "seconds"),
        needs=("share",),
        lasts=True,
        apply=_cut_value,
        lift=_whole_value,
    ),
)
