"""One sandbox: an engine, a venue's protocol in front of it, faults and the admin API."""

from collections.abc import Iterable

from bot.sandbox.admin import PREFIX, AdminApi
from bot.sandbox.bybit.api import BybitApi
from bot.sandbox.bybit.limits import RateLimiter
from bot.sandbox.bybit.streams import BybitStreams
from bot.sandbox.engine.clocks import VirtualClock
from bot.sandbox.engine.exchange import Engine
from bot.sandbox.faults import FaultRegistry
from bot.sandbox.faults.schedule import Planned, Schedule
from bot.sandbox.http import Request, Response, Send, Stream
from bot.sandbox.requests_log import OrderRequestLog


class Sandbox:
    """What a server (or a transport inside the process) talks to.

    `rate_limit` is how many calls a second each key may make of each path; None counts nothing. `planned`
    are faults that come and go in the engine's market time.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        fault_seed: int = 0,
        rate_limit: int | None = None,
        planned: Iterable[Planned] = (),
    ) -> None:
        self.engine = engine
        self.faults = FaultRegistry(fault_seed)
        self.log = OrderRequestLog()
        limiter = RateLimiter(rate_limit) if rate_limit is not None else None
        self.api = BybitApi(engine, self.faults, self.log, limiter)
        self._streams = BybitStreams(self.api)
        self._schedule = Schedule(self.faults, planned, engine.market_ms)
        self._admin = AdminApi(engine, self.faults, self._schedule, self.log, self.topics, self._advance)

    @property
    def advances_itself(self) -> bool:
        """False in virtual time, where only /sandbox/step moves the market."""
        return not isinstance(self.engine.clock, VirtualClock)

    def handle(self, request: Request) -> Response:
        """Answer one request, after bringing the market up to the clock."""
        self.advance()
        if request.path.startswith(PREFIX):
            return self._admin.handle(request)
        return self.api.handle(request)

    def open_stream(self, path: str, send: Send) -> Stream | None:
        """The WebSocket of the venue at this path, None where it has none."""
        return self._streams.open(path, send)

    def topics(self) -> list[str]:
        """The stream topics that clients are subscribed to now."""
        return self._streams.topics()

    def advance(self) -> None:
        """Bring the market up to the clock; faults come and go on the way there."""
        self._advance()

    def _advance(self) -> int:
        """As `advance`; how many steps the market did."""
        clock, steps = self.engine.clock, 0
        virtual = isinstance(clock, VirtualClock)
        while (at_ms := self._next_change(virtual)) is not None and at_ms <= clock.market_ms():
            steps += self.engine.advance(at_ms)
            server_ms = at_ms if virtual else clock.server_ms()
            self._schedule.pass_to(at_ms, server_ms)
            self.faults.expire(server_ms)
        steps += self.engine.advance()
        self.faults.expire(clock.server_ms())
        return steps

    def _next_change(self, virtual: bool) -> int | None:
        """When the next fault comes or goes, in market time; only in virtual time the venue's is the same."""
        over_ms = self.faults.next_end_ms() if virtual else None
        return min((ms for ms in (self._schedule.next_ms(), over_ms) if ms is not None), default=None)
