"""What an API key may do."""

from datetime import datetime

from msgspec import Struct


class KeyRights(Struct, frozen=True):
    """The rights of one API key, as the venue states them."""

    trades: bool
    """Whether it may place and change orders and stops of derivatives."""
    withdraws: bool
    transfers: bool
    """Whether it may move money between wallets."""
    bound_to_ip: bool
    expires_at: datetime | None
    """None where the venue names no day."""
