"""Faults that come and go as market time passes."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from bot.sandbox.engine.types import EngineRefusal
from bot.sandbox.faults.fault import Fault
from bot.sandbox.faults.registry import FaultRegistry


class Planned(msgspec.Struct, frozen=True):
    """A fault that is armed at one time and, unless `until_ms` is None, ended at another."""

    at_ms: int
    until_ms: int | None
    fields: Mapping[str, Any]

    def later(self, by_ms: int) -> "Planned":
        """The same, so much later."""
        until_ms = None if self.until_ms is None else self.until_ms + by_ms
        return msgspec.structs.replace(self, at_ms=self.at_ms + by_ms, until_ms=until_ms)


class _Entry(msgspec.Struct, eq=False):
    planned: Planned
    state: str = "waiting"
    fault: Fault | None = None
    why: str = ""


class Schedule:
    """Arms and ends planned faults, in the order of time; what is over before it begins is passed over."""

    def __init__(self, registry: FaultRegistry, planned: Iterable[Planned] = (), begins_ms: int = 0) -> None:
        """`begins_ms` is the market time at which anybody looks first."""
        self._registry = registry
        ordered = sorted(planned, key=lambda one: one.at_ms)
        self._entries = [
            _Entry(one, "ended" if one.until_ms is not None and one.until_ms <= begins_ms else "waiting")
            for one in ordered
        ]

    def next_ms(self) -> int | None:
        """The market time of the next change; None where there is none."""
        return min(self._changes(), default=None)

    def pass_to(self, market_ms: int, server_ms: int) -> None:
        """Do what is due at this market time; `server_ms` is the venue's time then.

        What the venue refuses is not tried again, and told in `listing`.
        """
        for entry in self._entries:
            until_ms = entry.planned.until_ms
            if entry.state == "armed" and until_ms is not None and until_ms <= market_ms:
                if entry.fault is not None:
                    self._registry.disarm(entry.fault)
                entry.state = "ended"
        for entry in self._entries:
            if entry.state == "waiting" and entry.planned.at_ms <= market_ms:
                self._arm(entry, server_ms)

    def listing(self) -> list[dict[str, Any]]:
        """What was planned: with its times (market, in ms) and what became of it."""
        return [
            {
                **entry.planned.fields,
                "at_ms": entry.planned.at_ms,
                "until_ms": entry.planned.until_ms,
                "state": self._state(entry),
                **({"why": entry.why} if entry.why else {}),
            }
            for entry in self._entries
        ]

    def _arm(self, entry: _Entry, server_ms: int) -> None:
        try:
            entry.fault = self._registry.arm(entry.planned.fields, server_ms)
        except EngineRefusal as refusal:
            entry.state, entry.why = "refused", refusal.message
        else:
            entry.state = "armed"

    def _state(self, entry: _Entry) -> str:
        over = entry.state == "armed" and (entry.fault is None or not self._registry.holds(entry.fault))
        return "ended" if over else entry.state

    def _changes(self) -> Iterable[int]:
        for entry in self._entries:
            if entry.state == "waiting":
                yield entry.planned.at_ms
            elif entry.state == "armed" and entry.planned.until_ms is not None:
                yield entry.planned.until_ms
