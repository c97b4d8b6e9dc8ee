"""Unit NAV: the account as a fund of one investor, so that deposits and withdrawals are no gains or losses.

Equity is divided into units. A deposit buys units and a withdrawal redeems them at the unit value just
before it: (equity - flows) / units. The unit value then moves by trading alone, and drawdown and daily loss
are read from it.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace

from bot.errors import ReefError
from bot.model import Figure, Transfer, Unknown
from bot.risk.context import UnitView

REMEMBERED = timedelta(days=2)
"""How long a counted transfer is remembered, and so how late the venue may list one."""

DUST = Decimal(1)
"""USD below which what a withdrawal left behind counts as nothing: no units are kept on it."""

_NOTHING = Decimal(0)
_ONE = Decimal(1)


class LedgerError(ReefError):
    """The ledger was given a time or an equity that cannot follow what it holds."""


class UnitLedger(Struct, frozen=True):
    """Units and what they were worth. Persist it after every `advance`."""

    units: Decimal
    """0 while everything is withdrawn."""
    value: Decimal
    """Unit value in USD when the ledger was last advanced."""
    peak: Decimal
    """Highest unit value that two looks, one after the other, confirmed."""
    day: date
    """The running day in UTC."""
    day_open: Decimal
    """The last unit value known before the running day began."""
    coins: dict[str, Decimal]
    """Wallet balance of each coin at `explained_at`, by which an unexplained flow is noticed."""
    explained_at: datetime
    """The last moment at which the venue's log explained the wallet; see `bot.risk.flows`."""
    unexplained_since: datetime | None
    """When it first did not; None where all is explained."""
    as_of: datetime
    opened_at: datetime
    """Transfers up to here were in the equity that the ledger began with."""
    counted: dict[str, datetime]
    """Transfers that are counted already: id -> time, as far back as `REMEMBERED`."""


def open_ledger(equity: Decimal, at: datetime, coins: Mapping[str, Decimal] | None = None) -> UnitLedger:
    """Begin a ledger at a unit value of 1 USD: what was before is not known, so drawdown begins at 0.

    Raises LedgerError for a time without zone or an equity that is no number.
    """
    _check(equity, at)
    return UnitLedger(
        units=_units(equity, _ONE),
        value=_ONE,
        peak=_ONE,
        day=_day(at),
        day_open=_ONE,
        coins=dict(coins or {}),
        explained_at=at,
        unexplained_since=None,
        as_of=at,
        opened_at=at,
        counted={},
    )


def advance(
    ledger: UnitLedger,
    equity: Decimal,
    transfers: Sequence[Transfer],
    at: datetime,
    coins: Mapping[str, Decimal] | None = None,
) -> UnitLedger:
    """Bring a ledger to `at`, where equity in USD is known.

    `coins` is the wallet where the venue's log explains it; None leaves the ledger with the last that was.

    `transfers` may hold ones that are counted already: each id counts once, and those from before the
    ledger was opened do not count. One that the venue lists late is a gain or loss until it is listed, and
    then is none. On a new UTC day `day_open` becomes the last unit value known, however long ago that was.

    The peak rises to the lower of this unit value and the one before: a single figure that was wrong leaves
    no peak behind.

    With everything withdrawn, units are 0 and the value stands still; the next deposit buys units at it, so
    a drawdown outlives the pause. Where the unit value is 0 or less, a deposit can buy nothing at it: the
    ledger is opened anew, at 1 and without drawdown.

    Raises LedgerError where `at` is before `as_of` or without zone, or equity is no number.
    """
    _check(equity, at)
    if at < ledger.as_of:
        raise LedgerError(
            f"the unit ledger stands at {ledger.as_of.isoformat()} and cannot go back to {at.isoformat()}; "
            "a snapshot older than the last one was given"
        )
    horizon = max(ledger.opened_at, ledger.as_of - REMEMBERED)
    new = {
        transfer.transfer_id: transfer
        for transfer in transfers
        if transfer.at > horizon and transfer.transfer_id not in ledger.counted
    }
    flows = sum((transfer.amount for transfer in new.values()), _NOTHING)
    times = ledger.counted | {name: transfer.at for name, transfer in new.items()}
    counted = {name: time for name, time in times.items() if time > at - REMEMBERED}
    value = (equity - flows) / ledger.units if ledger.units > 0 else ledger.value
    if value <= 0 and flows > 0 and equity > 0:
        return replace(open_ledger(equity, at, ledger.coins if coins is None else coins), counted=counted)
    confirmed = min(ledger.value, value) if at > ledger.as_of else ledger.peak
    explained_at, unexplained_since = (
        (ledger.explained_at, ledger.unexplained_since or at) if coins is None else (at, None)
    )
    redeemed = value > 0 and (flows != 0 or ledger.units == 0)
    return UnitLedger(
        units=_units(equity, value) if redeemed else ledger.units,
        value=value,
        peak=max(ledger.peak, confirmed),
        day=_day(at),
        day_open=ledger.value if _day(at) > ledger.day else ledger.day_open,
        coins=ledger.coins if coins is None else dict(coins),
        explained_at=explained_at,
        unexplained_since=unexplained_since,
        as_of=at,
        opened_at=ledger.opened_at,
        counted=counted,
    )


def view(ledger: UnitLedger, equity: Figure) -> UnitView:
    """Return the unit value at `equity` beside its peak and the day's opening, as floats in USD a unit.

    The value is unknown where equity is; an unknown never lowers or raises the peak. With no units it is
    the last.
    """
    if isinstance(equity, Unknown):
        return UnitView(equity, float(ledger.peak), float(ledger.day_open))
    if not equity.is_finite():
        return UnitView(Unknown(f"equity came as {equity}"), float(ledger.peak), float(ledger.day_open))
    value = equity / ledger.units if ledger.units > 0 else ledger.value
    return UnitView(float(value), float(max(ledger.peak, value)), float(ledger.day_open))


def _units(equity: Decimal, value: Decimal) -> Decimal:
    return equity / value if equity >= DUST else _NOTHING


def _check(equity: Decimal, at: datetime) -> None:
    if at.tzinfo is None:
        raise LedgerError(f"the unit ledger needs an aware time, got {at.isoformat()}")
    if not equity.is_finite():
        raise LedgerError(f"the unit ledger needs an equity in USD, got {equity}")


def _day(at: datetime) -> date:
    return at.astimezone(UTC).date()
