"""Bybit v5: what a key may do. Field meanings: docs/v5/user/apikey-info."""

from datetime import UTC, datetime

from bot.exchange.failures import MalformedDataError
from bot.exchange.values import Row
from bot.model import KeyRights


def parse_key_rights(row: Row) -> KeyRights:
    """Read the rights of a key. Raises MalformedDataError where they are not stated: nothing is assumed."""
    permissions = row.get("permissions")
    read_only = row.get("readOnly")
    if not isinstance(permissions, dict) or read_only not in (0, 1):
        raise MalformedDataError("the answer does not say what the key may do")
    contract, wallet = _words(permissions, "ContractTrade"), _words(permissions, "Wallet")
    trades = {"Order", "Position"} <= contract or "DerivativesTrade" in _words(permissions, "Derivatives")
    addresses = row.get("ips")
    return KeyRights(
        trades=read_only == 0 and trades,
        withdraws=read_only == 0 and "Withdraw" in wallet,
        transfers=read_only == 0 and bool(wallet & {"AccountTransfer", "SubMemberTransfer"}),
        bound_to_ip=isinstance(addresses, list) and bool(addresses) and "*" not in addresses,
        expires_at=_day(row.get("expiredAt")),
    )


def _words(permissions: Row, group: str) -> frozenset[str]:
    words = permissions.get(group)
    return frozenset(str(word) for word in words) if isinstance(words, list) else frozenset()


def _day(raw: object) -> datetime | None:
    if not isinstance(raw, str) or not raw:
        return None
    try:
        at = datetime.fromisoformat(raw)
    except ValueError:
        raise MalformedDataError(f"expiredAt is not a time: {raw[:40]!r}") from None
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)
