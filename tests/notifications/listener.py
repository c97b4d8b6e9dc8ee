"""A server on loopback that takes messages, or fails as it is told to."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "t0kenOfTheOwner"
PATIENCE_S = 10.0


class Listener:
    """What came in, and how it is answered."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.calls: list[str] = []
        """Method and path of every request, answered well or not."""
        self.status = 200
        self.hangs = False
        self.released = threading.Event()
        self._came = threading.Condition()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.server.daemon_threads = True

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self.server.server_address[1])

    def url(self, more: str = "") -> str:
        """The address that Apprise is given."""
        return f"json://127.0.0.1:{self.port}/{TOKEN}{more}"

    @property
    def subjects(self) -> list[str]:
        """Subjects of the messages that were taken."""
        return [str(one["title"]) for one in self.bodies]

    @property
    def text(self) -> str:
        """All bodies that were taken."""
        return "\n".join(f"{one['title']}\n{one['message']}" for one in self.bodies)

    def wait_for_call(self, count: int = 1) -> None:
        """Wait until so many requests have come in."""
        with self._came:
            assert self._came.wait_for(lambda: len(self.calls) >= count, PATIENCE_S), self.calls

    def take(self, method: str, path: str, body: bytes) -> int:
        """Take a request; returns the status to answer with."""
        with self._came:
            self.calls.append(f"{method} {path}")
            hangs, status = self.hangs, self.status
            if not hangs and status < 300 and body:
                self.bodies.append(json.loads(body))
            self._came.notify_all()
        if hangs:
            self.released.wait(PATIENCE_S)
        return status


def _handler(listener: Listener) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self._answer("POST")

        def do_GET(self) -> None:
            self._answer("GET")

        def _answer(self, method: str) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            status = listener.take(method, self.path, self.rfile.read(length))
            try:
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()
            except OSError:
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    return Handler


@contextmanager
def listening() -> Iterator[Listener]:
    """Serve until the block ends."""
    one = Listener()
    thread = threading.Thread(target=one.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield one
    finally:
        one.released.set()
        one.server.shutdown()
        one.server.server_close()
        thread.join(PATIENCE_S)
