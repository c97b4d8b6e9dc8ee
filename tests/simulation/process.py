"""One process of the daemon: it may crash, stand still, or find its disk full, at any request or commit."""

import asyncio
from collections.abc import Callable, Mapping
from random import Random
from typing import ParamSpec, TypeVar

import msgspec

from bot.journal import Journal, JournalWorker
from bot.sandbox.host import Sandbox
from bot.sandbox.http import Request, lower_headers
from tests.replay.wire import Answered, Sent, code_of
from tests.simulation.story import Story

P = ParamSpec("P")
T = TypeVar("T")

TIMEOUT_S = 10.0
"""What a client waits for an answer."""
ORIGIN = "http://127.0.0.1:1"


class Crash(BaseException):
    """The process is gone. Nothing in it may catch this and go on."""


class Life:
    """One process, from its start to its end. Every request and every call to the journal passes `point`."""

    def __init__(self, story: Story) -> None:
        self._story = story
        self.dead = False
        self.crash_in: int | None = None
        """Points until the process is killed; None where nobody means to."""
        self.paused_until = 0.0
        self.points = 0

    async def point(self, where: str) -> None:
        """Be at a place where a process may end or stand still. Raises Crash."""
        self.points += 1
        loop = asyncio.get_running_loop()
        if loop.time() < self.paused_until:
            await asyncio.sleep(self.paused_until - loop.time())
        if not self.dead and self.crash_in is not None:
            self.crash_in -= 1
            if self.crash_in <= 0:
                self.kill(where)
        if self.dead:
            raise Crash(where)

    def kill(self, where: str) -> None:
        """End the process: its memory is gone, what it has committed and sent stays."""
        self.dead = True
        self._story.tell("crash", where)


class Disk:
    """The disk under the journal: slow, or not."""

    def __init__(self) -> None:
        self.seconds = 0.0
        """How long a commit takes."""


class Worker(JournalWorker):
    """The journal without a thread of its own: its calls run where they are made, in their order."""

    def __init__(self, journal: Journal, life: Life, disk: Disk) -> None:
        self.journal = journal
        self._life = life
        self._disk = disk

    async def call(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `work`; the process may end just before, or just after."""
        name = getattr(work, "__name__", "call")
        await self._life.point(f"before {name}")
        if self._disk.seconds:
            await asyncio.sleep(self._disk.seconds)
        result = work(*args, **kwargs)
        await self._life.point(f"after {name}")
        return result

    async def close(self) -> None:
        """Close the journal."""
        self.journal.close()


class Net:
    """The network between the guard's machine and the venue."""

    def __init__(self, seed: int) -> None:
        self._random = Random(f"net:{seed}")
        self.cut: set[str] = set()
        """Accounts whose requests find nobody."""
        self.slow = 0.0
        """Longest that a request is on its way, in seconds."""

    def delay(self) -> float:
        """Draw how long a request is on its way."""
        return self._random.uniform(0.005, self.slow) if self.slow else 0.0


class Wire:
    """Carries the requests of one account in one life; counts them and shows those that write."""

    def __init__(
        self, account: str, sandbox: Sandbox, net: Net, story: Story, seen: Callable[[Sent], None]
    ) -> None:
        self._account = account
        self._sandbox = sandbox
        self._net = net
        self._story = story
        self._seen = seen
        self.life = Life(story)
        self.requests = 0
        self.untimely = 0
        """Requests that came too late, or from another time: each is signed anew, by a clock that is set."""
        self.answers: list[Answered] = []

    @property
    def needed(self) -> int:
        """Requests without those that came too late, and the clock that was read for each."""
        return self.requests - 2 * self.untimely

    async def request(
        self, method: str, url: str, headers: Mapping[str, str] | None = None, body: str | bytes | None = None
    ) -> tuple[int, str, dict[str, str], str]:
        """Carry one request. Raises TimeoutError, ConnectionRefusedError, Crash."""
        path, _, query = url.removeprefix(ORIGIN).partition("?")
        await self.life.point(f"before {method} {path}")
        self.requests += 1
        payload = body.encode() if isinstance(body, str) else body or b""
        sent = None
        if method == "POST":
            sent = Sent(path, msgspec.json.decode(payload))
            self._seen(sent)
            self._tell("sends", f"{path} {payload.decode()}")
        await self._travel()
        answer = self._sandbox.handle(Request(method, path, query, lower_headers(headers or {}), payload))
        if answer.dropped:
            self._tell("fault", f"{method} {path} is cut off")
            raise ConnectionResetError(f"no answer to {method} {path}")
        if answer.delay_s >= TIMEOUT_S:
            self._tell("fault", f"{method} {path} is not answered")
            await asyncio.sleep(TIMEOUT_S)
            await self.life.point(f"after {method} {path}")
            raise TimeoutError(f"no answer to {method} {path}")
        if answer.delay_s:
            await asyncio.sleep(answer.delay_s)
        await self._travel()
        text = answer.text
        self.untimely += text.startswith('{"retCode":10002')
        if sent is not None:
            self._took(sent, answer.status, text)
        elif answer.status != 200 or not text.startswith('{"retCode":0'):
            self._tell("fault", f"{method} {path} is answered {answer.status} {text[:60]}")
        await self.life.point(f"after {method} {path}")
        return answer.status, "", dict(answer.headers), text

    async def _travel(self) -> None:
        delay = self._net.delay()
        if delay:
            await asyncio.sleep(delay)
        if self._account in self._net.cut:
            raise ConnectionRefusedError("nobody answers")

    def _took(self, sent: Sent, status: int, text: str) -> None:
        self.answers.append(Answered(sent, code_of(text)))
        self._tell("answer", f"{status} {text[:110]}")

    def _tell(self, kind: str, what: str) -> None:
        self._story.tell(kind, f"{self._account} {what}")

    def taken(self) -> list[Answered]:
        """Return the answers since the last call."""
        answers, self.answers = self.answers, []
        return answers
