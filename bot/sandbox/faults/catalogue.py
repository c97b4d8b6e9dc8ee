"""All kinds of faults."""

from collections.abc import Mapping

from bot.sandbox.faults.connection import CONNECTION
from bot.sandbox.faults.elsewhere import ELSEWHERE
from bot.sandbox.faults.kinds import Kind
from bot.sandbox.faults.refusals import REFUSALS
from bot.sandbox.faults.views import VIEWS

KINDS: Mapping[str, Kind] = {**CONNECTION, **REFUSALS, **VIEWS, **ELSEWHERE}
"""Each kind by its name."""
