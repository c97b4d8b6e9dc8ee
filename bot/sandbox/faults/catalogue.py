"""All kinds of faults."""

from collections.abc import Mapping
from typing import Any

from bot.sandbox.faults.accounts import ACCOUNTS
from bot.sandbox.faults.connection import CONNECTION
from bot.sandbox.faults.elsewhere import ELSEWHERE
from bot.sandbox.faults.kinds import Kind
from bot.sandbox.faults.market import MARKET
from bot.sandbox.faults.options import OPTIONS
from bot.sandbox.faults.refusals import REFUSALS
from bot.sandbox.faults.streams import STREAMS
from bot.sandbox.faults.traffic import TRAFFIC
from bot.sandbox.faults.views import VIEWS

KINDS: Mapping[str, Kind] = {
    **CONNECTION,
    **REFUSALS,
    **TRAFFIC,
    **VIEWS,
    **MARKET,
    **OPTIONS,
    **ACCOUNTS,
    **STREAMS,
    **ELSEWHERE,
}
"""Each kind by its name."""


def described() -> list[dict[str, Any]]:
    """What there is to know of each kind, as plain values."""
    return [
        {
            "name": kind.name,
            "rows": list(kind.rows),
            "place": kind.place.value,
            "path": kind.path,
            "meaning": kind.meaning,
            "fields": list(kind.uses),
            "needed": list(kind.needs),
            "variants": list(kind.variants),
            "how": kind.by_hand or kind.way,
        }
        for kind in KINDS.values()
    ]
