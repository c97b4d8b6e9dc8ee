"""What is armed: arming, striking, ending, listing."""

import random
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

import msgspec

from bot.sandbox.faults.catalogue import KINDS
from bot.sandbox.faults.checks import read_fault, unknown
from bot.sandbox.faults.fault import Fault, FaultError
from bot.sandbox.faults.history import Answered, History
from bot.sandbox.faults.kinds import Call, Execute, Kind, Strike, Venue
from bot.sandbox.http import Request, Response


class _Armed(msgspec.Struct, eq=False):
    """A fault that is armed; `ends_ms` is the server time at which it ends by itself."""

    fault: Fault
    kind: Kind
    ends_ms: int | None
    strikes: int = 0
    memory: dict[str, Any] = {}


class FaultRegistry:
    """The faults that are armed, in the order in which they were.

    All chance comes from one generator and is drawn once for each request that a fault could strike at,
    in the order of arming: the same seed and the same requests give the same strikes.
    """

    def __init__(self, seed: int = 0, kinds: Mapping[str, Kind] = KINDS) -> None:
        self._kinds = kinds
        self._armed: list[_Armed] = []
        self._random = random.Random(seed)
        self._history = History()
        self._bound: Venue | None = None

    def bind(self, venue: Venue) -> None:
        """Say whose faults these are; has to come before the first one is armed."""
        self._bound = venue

    def arm(self, body: Mapping[str, Any], now_ms: int | None = None) -> Fault:
        """Arm one fault from a JSON object, at a server time (None: the clock's).

        Raises FaultError, and EngineRefusal where the venue cannot do it now; nothing is armed then.
        """
        fault = read_fault(self._kinds, body)
        kind = self._kinds[fault.name]
        ends_ms = None
        if kind.lasts and fault.seconds is not None:
            ends_ms = (self._now_ms() if now_ms is None else now_ms) + round(fault.seconds * 1000)
        armed = _Armed(fault, kind, ends_ms)
        if kind.apply is not None:
            kind.apply(self._venue, fault)
            armed.strikes = 1
        self._armed.append(armed)
        return fault

    def disarm(self, fault: Fault) -> bool:
        """End this one fault, the very one that `arm` gave; whether it was still armed."""
        return self._end([armed for armed in self._armed if armed.fault is fault]) > 0

    def holds(self, fault: Fault) -> bool:
        """Whether this one fault is armed."""
        return any(armed.fault is fault for armed in self._armed)

    def clear(self, name: str | None = None) -> int:
        """End all, or all of one name; how many there were. Raises FaultError for a name that is none."""
        if name is not None and name not in self._kinds:
            raise FaultError(unknown(self._kinds, name))
        return self._end([armed for armed in self._armed if name in (None, armed.fault.name)])

    def next_end_ms(self) -> int | None:
        """The server time at which the next fault ends by itself; None where none does."""
        return min((armed.ends_ms for armed in self._armed if armed.ends_ms is not None), default=None)

    def expire(self, now_ms: int) -> None:
        """End those whose time is over at this server time."""
        over = [one for one in self._armed if one.ends_ms is not None and one.ends_ms <= now_ms]
        self._end(over)

    def listing(self) -> list[dict[str, Any]]:
        """What is armed, with how often each one struck."""
        return [
            {
                **msgspec.to_builtins(armed.fault),
                "strikes": armed.strikes,
                **armed.kind.shows(armed.memory),
            }
            for armed in self._armed
        ]

    def answer(self, request: Request, api_key: str, execute: Execute) -> Response:
        """The answer to a request: the true one, or what the first fault that strikes makes of it."""
        if not self._armed:
            return self._kept(request, api_key, execute())
        self.expire(self._now_ms())
        call = self._venue.describe(request, api_key)

        def truth(*, page: int | None = None) -> Response:
            response = execute(page=page)
            for armed in self._armed:
                if armed.kind.veil is not None and armed.strikes:
                    response = armed.kind.veil(self._strike(armed, call, execute), response)
            return response if page is not None else self._kept(request, api_key, response)

        for armed in tuple(self._armed):
            strike = self._strike(armed, call, truth)
            if not self._falls(armed, strike):
                continue
            if armed.kind.before is not None:
                armed.strikes += armed.kind.before(strike)
            elif armed.kind.answer is not None:
                armed.strikes += 1
                return armed.kind.answer(strike)
        return truth()

    def _falls(self, armed: _Armed, strike: Strike) -> bool:
        """Whether a fault strikes at this request; draws the chance only where all else says so."""
        fault, kind, call = armed.fault, armed.kind, strike.call
        if kind.answer is None and kind.before is None:
            return False
        if fault.count is not None and armed.strikes >= fault.count:
            return False
        if not fnmatchcase(call.path, fault.path or kind.path):
            return False
        if fault.api_key not in ("", call.api_key):
            return False
        if fault.symbol not in ("", call.symbol) and not kind.picks_rows:
            return False
        if not kind.concerns(strike):
            return False
        return fault.probability >= 1.0 or self._random.random() < fault.probability

    def _strike(self, armed: _Armed, call: Call, execute: Execute) -> Strike:
        return Strike(
            fault=armed.fault,
            call=call,
            venue=self._venue,
            execute=execute,
            random=self._random,
            memory=armed.memory,
            history=self._history,
        )

    def _kept(self, request: Request, api_key: str, response: Response) -> Response:
        if request.method == "GET" and response.status == 200:
            answered = Answered(api_key, request.path, request.query, self._now_ms(), response)
            self._history.keep(answered)
        return response

    def _end(self, ending: list[_Armed]) -> int:
        for armed in ending:
            self._armed.remove(armed)
            if armed.kind.lift is not None:
                armed.kind.lift(self._venue, armed.fault)
        return len(ending)

    def _now_ms(self) -> int:
        return self._venue.engine.clock.server_ms()

    @property
    def _venue(self) -> Venue:
        if self._bound is None:
            raise RuntimeError("a fault registry needs its venue: call bind first")
        return self._bound
