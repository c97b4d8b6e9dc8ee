"""The account at its venue: reach, clock, key, modes, stops."""

from datetime import datetime, timedelta
from typing import Protocol

from bot.clock import Clock
from bot.doctor.checks import Check, Grade
from bot.exchange.errors import GatewayError
from bot.model import Answer, Candle, KeyRights, Market, NotFound, OrderReport, Sendable, Snapshot, Unknown

SKEW_NOTED = timedelta(seconds=1)
SKEW_WRONG = timedelta(seconds=30)
"""Requests are signed again with the venue's clock where it differs, but a clock so far off breaks more."""
EXPIRY_NOTED = timedelta(days=14)


class Patient(Protocol):
    """What the doctor asks of a gateway."""

    @property
    def account(self) -> str:
        """Name of the account, as the config gives it."""
        ...

    async def snapshot(self) -> Snapshot:
        """Read everything at once."""
        ...

    async def key_rights(self) -> KeyRights:
        """Read what the key may do."""
        ...

    async def market(self, symbol: str) -> Market:
        """Return what may be traded under a symbol."""
        ...

    async def candles(self, symbol: str, timeframe: str, limit: int) -> tuple[Candle, ...]:
        """Read candles, oldest first."""
        ...

    async def submit(self, request: Sendable) -> Answer:
        """Send one request, once."""
        ...

    async def find_order(self, symbol: str, client_order_id: str) -> OrderReport | NotFound:
        """Look an order up by client order id."""
        ...


async def examine_reach(gateway: Patient, symbol: str, clock: Clock) -> Check:
    """Ask for public prices: this needs no key, so it tells a network that fails from a key that does."""
    begun = clock.elapsed()
    try:
        await gateway.candles(symbol, "1m", 1)
    except GatewayError as error:
        todo = "Check this machine's network, its DNS and its proxy, and the venue's status page."
        return Check(gateway.account, "reach", Grade.WRONG, str(error), todo)
    said = f"the venue told the price of {symbol} within {clock.elapsed() - begun:,.1f} s"
    return Check(gateway.account, "reach", Grade.FINE, said)


async def examine_account(
    gateway: Patient, now: datetime, *, live: bool, armed: bool
) -> tuple[tuple[Check, ...], Snapshot | None]:
    """Look at one account; sends nothing. Returns what was seen, and the snapshot where there is one."""
    checks = [await examine_key(gateway, now, live=live, armed=armed)]
    try:
        snapshot = await gateway.snapshot()
    except GatewayError as error:
        checks.append(
            Check(gateway.account, "account", Grade.WRONG, str(error), "See above: it says what to do.")
        )
        return tuple(checks), None
    return (*checks, *seen_in(snapshot)), snapshot


async def examine_key(gateway: Patient, now: datetime, *, live: bool, armed: bool) -> Check:
    """Ask what the key may do, and judge it."""
    try:
        rights = await gateway.key_rights()
    except GatewayError as error:
        return Check(
            gateway.account, "key", Grade.WRONG, str(error), "Check key, secret, network and IP list."
        )
    return judge_key(gateway.account, rights, now, live=live, armed=armed)


def judge_key(account: str, rights: KeyRights, now: datetime, *, live: bool, armed: bool) -> Check:
    """Say whether a key is fit: it must not take money out, and must trade where the guard is armed."""
    if rights.withdraws:
        grade = Grade.WRONG if live else Grade.NOTE
        todo = "Make one without that right: Reef never needs it, and who steals it could empty the account."
        return Check(account, "key", grade, "the key may withdraw", todo, bars=live)
    if not rights.trades:
        grade = Grade.WRONG if armed else Grade.NOTE
        todo = "Make one that may place orders and set stops of derivatives."
        todo += "" if armed else " To watch only, this one will do."
        return Check(account, "key", grade, "the key may read, not trade", todo)
    said, todo, grade = "trades, cannot withdraw", "", Grade.FINE
    if rights.expires_at is not None and rights.expires_at - now < EXPIRY_NOTED:
        said, grade = f"{said}; it ends on {rights.expires_at:%Y-%m-%d}", Grade.NOTE
        todo = "Renew it in time: without a key the guard is blind."
    elif not rights.bound_to_ip:
        said = f"{said}; not bound to an address"
        todo, grade = ("Bind it to this machine's address.", Grade.NOTE) if live else ("", Grade.FINE)
    return Check(account, "key", grade, said, todo)


def seen_in(snapshot: Snapshot) -> tuple[Check, ...]:
    """Judge clock, modes and figures that a snapshot shows."""
    return (_clock(snapshot), _figures(snapshot), _modes(snapshot))


def _clock(snapshot: Snapshot) -> Check:
    skew = timedelta(seconds=snapshot.clock_offset_seconds)
    said = f"the venue's clock is {skew.total_seconds():+.1f} s from this machine's"
    if abs(skew) >= SKEW_WRONG:
        return Check(snapshot.account, "clock", Grade.WRONG, said, "Set this machine's clock (NTP).")
    if abs(skew) >= SKEW_NOTED:
        return Check(
            snapshot.account, "clock", Grade.NOTE, said, "Reef allows for it; set the clock all the same."
        )
    return Check(snapshot.account, "clock", Grade.FINE, said)


def _figures(snapshot: Snapshot) -> Check:
    balance, account = snapshot.balance, snapshot.account
    for what, figure in (("equity", balance.equity), ("maintenance margin", balance.maintenance_margin)):
        if isinstance(figure, Unknown):
            todo = "Check the account's type: Reef reads unified accounts."
            return Check(account, "account", Grade.WRONG, f"{what} is unknown: {figure.reason}", todo)
    said = f"{len(snapshot.positions)} positions, {len(snapshot.orders)} orders, {len(snapshot.stops)} stops"
    return Check(account, "account", Grade.FINE, f"{said}, equity {balance.equity:,.2f} USD")


def _modes(snapshot: Snapshot) -> Check:
    margin = sorted({position.margin_mode.value for position in snapshot.positions})
    mode = "not told by any position" if snapshot.position_mode is None else snapshot.position_mode.value
    said = f"position mode {mode}, margin {' and '.join(margin) or 'not told by any position'}"
    return Check(snapshot.account, "modes", Grade.FINE, said)
