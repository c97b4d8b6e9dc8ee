"""What explains a change of the wallet: trading by the venue's log, or money moved in or out.

Equity falls alike by a loss and by a withdrawal. Only the venue's log tells them apart, and it may be listed
later than the wallet shows the change. A wallet is explained when, for each coin, a run of the log's rows
adds up to exactly what the balance moved by. Until then the unit value is unknown, for at most
`GIVE_UP_AFTER`.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from itertools import accumulate

from msgspec import Struct

from bot.model import Balance, Transfer, Unknown, WalletChange
from bot.risk.ledger import UnitLedger

GIVE_UP_AFTER = timedelta(minutes=10)
"""What the log has not explained by then is taken as a transfer: in all likelihood no row will come."""
SLACK = timedelta(seconds=2)
"""How far the stamps of log and wallet may lie apart for one and the same change."""
SMALL_SHARE = Decimal("0.001")
"""An unexplained difference below this share of equity counts as trading until it is explained."""
ROUNDING = Decimal("0.0000001")
"""Share of a balance (of one coin at least) that rounding at the venue may hide."""
DOLLARS = frozenset({"USDT", "USDC", "USD"})
"""Coins counted as one USD."""

_NOTHING = Decimal(0)


class FlowState(StrEnum):
    """How well the log explains the wallet."""

    EXPLAINED = "explained"
    UNREAD = "unread"
    """Wallet or log could not be read."""
    SMALL = "small"
    """Something is unexplained, and too small to matter."""
    UNEXPLAINED = "unexplained"
    GIVEN_UP = "given_up"
    """It was unexplained for too long; the difference is among the transfers."""


class Flows(Struct, frozen=True):
    """Deposits and withdrawals since the ledger's last look."""

    transfers: tuple[Transfer, ...] = ()
    state: FlowState = FlowState.EXPLAINED
    reason: str = ""
    """What is unexplained or unread; '' where nothing is."""

    @property
    def known(self) -> bool:
        """Whether the unit value can be told."""
        return self.state not in (FlowState.UNREAD, FlowState.UNEXPLAINED)


def known_coins(balance: Balance) -> dict[str, Decimal] | Unknown:
    """Return the wallet balance of each coin, unknown where one is."""
    known: dict[str, Decimal] = {}
    for coin, amount in balance.coins.items():
        if isinstance(amount, Unknown):
            return Unknown(f"the wallet balance of {coin}: {amount.reason}")
        known[coin] = amount
    return known


def moved_coins(before: Mapping[str, Decimal], now: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """Return by how much each coin's balance moved, without those that stand still."""
    moves = {coin: now.get(coin, _NOTHING) - before.get(coin, _NOTHING) for coin in {*before, *now}}
    return {coin: move for coin, move in sorted(moves.items()) if move}


def explain(
    ledger: UnitLedger,
    equity: Decimal,
    coins: Mapping[str, Decimal],
    changes: Iterable[WalletChange],
    at: datetime,
) -> Flows:
    """Say what made the wallet of the ledger the wallet of now.

    `changes` are the log's rows since `SLACK` before the ledger's `explained_at`. Money in coins other than
    dollars that is given up cannot be valued: the unit value then stays as it was.
    """
    rows = sorted(changes, key=lambda row: (row.at, row.change_id))
    found: list[WalletChange] = []
    missing: dict[str, Decimal] = {}
    for coin, move in moved_coins(ledger.coins, coins).items():
        own = [row for row in rows if row.coin == coin]
        near = ROUNDING * max(abs(coins.get(coin, _NOTHING)), Decimal(1))
        run = _run(own, ledger.explained_at, at, move, near)
        if run is None:
            run = [row for row in own if ledger.explained_at < row.at <= at]
            missing[coin] = move - sum((row.amount for row in run), _NOTHING)
        found.extend(run)
    moved = tuple(Transfer(row.change_id, row.at, row.transfer) for row in found if row.transfer is not None)
    if not missing:
        return Flows(moved)
    told = ", ".join(f"{amount:f} {coin}" for coin, amount in missing.items())
    reason = f"the wallet moved by {told} more than the venue's log explains yet"
    small = missing.keys() <= DOLLARS and sum(map(abs, missing.values())) <= SMALL_SHARE * abs(equity)
    since = ledger.unexplained_since
    if since is not None and at - since >= GIVE_UP_AFTER:
        taken = () if small else (_taken(ledger, equity, moved, missing, at),)
        return Flows(moved + taken, FlowState.GIVEN_UP, reason)
    return Flows(moved, FlowState.SMALL if small else FlowState.UNEXPLAINED, reason)


def _run(
    rows: Sequence[WalletChange], since: datetime, until: datetime, move: Decimal, near: Decimal
) -> list[WalletChange] | None:
    """Find the rows between two moments that add up to a move; their ends may be off by `SLACK`."""
    sums = list(accumulate((row.amount for row in rows), initial=_NOTHING))
    for first in _cuts(rows, since):
        for last in _cuts(rows, until):
            if first <= last and abs(sums[last] - sums[first] - move) <= near:
                return list(rows[first:last])
    return None


def _cuts(rows: Sequence[WalletChange], moment: datetime) -> list[int]:
    """Places between rows where `moment` may lie."""
    return [
        place
        for place in range(len(rows) + 1)
        if (place == 0 or rows[place - 1].at <= moment + SLACK)
        and (place == len(rows) or rows[place].at >= moment - SLACK)
    ]


def _taken(
    ledger: UnitLedger,
    equity: Decimal,
    moved: Sequence[Transfer],
    missing: Mapping[str, Decimal],
    at: datetime,
) -> Transfer:
    """Make a transfer of what was never explained."""
    if missing.keys() <= DOLLARS:
        amount = sum(missing.values(), _NOTHING)
    else:
        new = (one.amount for one in moved if one.transfer_id not in ledger.counted)
        amount = equity - ledger.value * ledger.units - sum(new, _NOTHING)
    return Transfer(f"unexplained-{at.isoformat()}", at, amount)
