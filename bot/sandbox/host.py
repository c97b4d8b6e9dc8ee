"""One sandbox: an engine, a venue's protocol in front of it, faults and the admin API."""

from bot.sandbox.admin import PREFIX, AdminApi
from bot.sandbox.bybit.api import BybitApi
from bot.sandbox.bybit.limits import RateLimiter
from bot.sandbox.bybit.streams import BybitStreams
from bot.sandbox.engine.clocks import VirtualClock
from bot.sandbox.engine.exchange import Engine
from bot.sandbox.faults import FaultRegistry
from bot.sandbox.http import Request, Response, Send, Stream
from bot.sandbox.requests_log import OrderRequestLog


class Sandbox:
    """What a server (or a transport inside the process) talks to.

    `rate_limit` is how many calls a second each key may make of each path; None counts nothing.
    """

    def __init__(self, engine: Engine, *, fault_seed: int = 0, rate_limit: int | None = None) -> None:
        self.engine = engine
        self.faults = FaultRegistry(fault_seed)
        self.log = OrderRequestLog()
        limiter = RateLimiter(rate_limit) if rate_limit is not None else None
        self.api = BybitApi(engine, self.faults, self.log, limiter)
        self._streams = BybitStreams(self.api)
        self._admin = AdminApi(engine, self.faults, self.log, self.topics)

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
        """Bring the market up to the clock, and end the faults whose time is over."""
        self.engine.advance()
        self.faults.expire()
