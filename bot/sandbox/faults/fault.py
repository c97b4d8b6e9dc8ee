"""One fault as it is asked for."""

from decimal import Decimal

import msgspec


class FaultError(ValueError):
    """A fault that cannot be armed; the text says why and what would be right."""


class Fault(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One fault with its fields; each kind says which of them mean something to it.

    `path` is a glob over request paths ('' stands for the kind's own default), `api_key` and `symbol`
    narrow it to one account and one market, `count` is how often it strikes (None: until it is
    cleared), `probability` how likely each strike is. `seconds` are seconds of server time, `value`
    is a decimal as text, `share` a part from -1 to 1. `variant` is one of the kind's own words ('':
    its first).
    """

    name: str
    path: str = ""
    api_key: str = ""
    symbol: str = ""
    count: int | None = None
    probability: float = 1.0
    seconds: float | None = None
    status: int = 503
    code: int | None = None
    message: str = ""
    execute: bool = False
    variant: str = ""
    value: str = ""
    share: Decimal | None = None
