"""The venue's WebSocket paths."""

from weakref import WeakSet

from bot.sandbox.bybit.api import BybitApi
from bot.sandbox.bybit.private_stream import PrivateSession
from bot.sandbox.bybit.public_stream import PublicSession
from bot.sandbox.bybit.session import Session
from bot.sandbox.bybit.trade_stream import TradeSession
from bot.sandbox.http import Send, Stream

PUBLIC_PREFIX = "/v5/public/"
CATEGORIES = ("linear", "spot", "inverse", "option")


class BybitStreams:
    """Opens the stream that belongs to a path."""

    def __init__(self, api: BybitApi) -> None:
        self._api = api
        self._sessions: WeakSet[Session] = WeakSet()

    def topics(self) -> list[str]:
        """The topics that clients are subscribed to now, once for each subscription."""
        return sorted(topic for session in self._sessions for topic in session.topics())

    def open(self, path: str, send: Send) -> Stream | None:
        """A new session, or None where the venue has no stream there."""
        session = self._session(path, send)
        if session is not None:
            self._sessions.add(session)
        return session

    def _session(self, path: str, send: Send) -> Session | None:
        if path == "/v5/private":
            return PrivateSession(self._api, send)
        if path == "/v5/trade":
            return TradeSession(self._api, send)
        category = path.removeprefix(PUBLIC_PREFIX)
        if path.startswith(PUBLIC_PREFIX) and category in CATEGORIES:
            return PublicSession(self._api, send, category)
        return None
