"""Runs the real guard through a fall, and kills it with SIGKILL on the way.

`python -m tests.faults.crash FOLDER` reads a list of runs, each a list of kills, as JSON from standard
input, and writes one line of JSON for each: what the venue and the journal hold at the end.

The guard is a forked child of a process that has imported everything, so that a start takes milliseconds.
It is wired as the daemon wires it, on a journal file of its own, with the real ccxt; its requests go through
a socket to the exchange in the parent, in virtual time, which the child moves by `POST /sandbox/step`.
"""

import asyncio
import logging
import os
import signal
import socket
import struct
import sys
import time
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import structlog

from bot.bootstrap import Prepared, build_guard, lease_of, prepare
from bot.clock import VirtualClock
from bot.daemon.tenancy import tenancy
from bot.demo.scene import DEPOSIT
from bot.journal import JournalWorker, open_journal
from bot.sandbox.engine.clocks import VirtualClock as EngineClock
from bot.sandbox.engine.exchange import Engine
from bot.sandbox.engine.instruments import default_instruments
from bot.sandbox.engine.types import AccountSpec, Side
from bot.sandbox.host import Sandbox
from bot.sandbox.http import Request, lower_headers
from bot.settings import load_settings
from tests.faults.aftermath import Aftermath, aftermath
from tests.faults.moments import PATHS, Kill, Reaper
from tests.faults.stairs import BETAS, STAIR_S, START_MS, Stairs

ACCOUNT = "main"
SYMBOL, QTY = "BTCUSDT", Decimal("2.79")
"""The demo's leverage of 3.5 in one position: with several, a symbol that waits for a verdict makes the guard
trim another one, which is right, and not what would have happened without the crash."""
POLL_S, STATISTICS_S, RECONCILE_S, RENEW_S = 3, 30, 60, 6
LATENCY_S = 0.002
DOWN_S = 2.0
"""Virtual time that a restart takes."""
CONFIG = """\
mode: act
network: sandbox
base_url: http://127.0.0.1:1
journal: reef.sqlite
rules: ./rules.yaml
caps: {actions_per_hour: 10000}
accounts:
  - {name: main, venue: bybit}
"""
RULES = """\
version: 1
rules:
  - name: leverage cap
    metric: account.leverage
    max: 3.8
    restore: 3.4
    do: [cancel_orders, trim]
    trim: {escalate_after: 10m}
  - name: room to liquidation
    metric: position.liquidation_distance
    min: 18%
    restore: 22%
    do: [trim]
    trim: {escalate_after: 10m}
  - name: drawdown
    metric: account.drawdown
    max: 20%
    restore: 15%
    do: [notify]
"""
KEYS = {"REEF_MAIN_API_KEY": "crash-key", "REEF_MAIN_SECRET": "crash-secret"}
SIZE = struct.Struct("!I")


class Ask(msgspec.Struct):
    """A request to the exchange; without a path, the wish to be killed after so many microseconds."""

    method: str = "GET"
    path: str = ""
    query: str = ""
    headers: dict[str, str] = {}
    body: bytes = b""
    after_us: int = 0


class Told(msgspec.Struct):
    """The exchange's answer, and its time when it had arrived."""

    now_ms: int
    status: int
    headers: dict[str, str]
    text: str


def send(pipe: socket.socket, message: Ask | Told) -> None:
    """Send one message."""
    packed = msgspec.msgpack.encode(message)
    pipe.sendall(SIZE.pack(len(packed)) + packed)


def receive(pipe: socket.socket) -> bytes | None:
    """Receive one message; None where the other end is gone."""
    head = _exactly(pipe, SIZE.size)
    return None if head is None else _exactly(pipe, SIZE.unpack(head)[0])


def _exactly(pipe: socket.socket, count: int) -> bytes | None:
    parts = b""
    while len(parts) < count:
        try:
            part = pipe.recv(count - len(parts))
        except ConnectionResetError:
            continue  # the other end died before it read everything; what it sent comes next
        if not part:
            return None
        parts += part
    return parts


class Wire:
    """The child's network, and its clock."""

    def __init__(self, pipe: socket.socket, kill: Kill | None) -> None:
        self._pipe = pipe
        self.now_ms = 0
        self.reaper = Reaper(kill, self._ask_for_death)

    async def request(
        self, method: str, url: str, headers: Mapping[str, str] | None = None, body: str | bytes | None = None
    ) -> tuple[int, str, dict[str, str], str]:
        """Carry one request, as a network would."""
        parts = urlsplit(url)
        payload = body.encode() if isinstance(body, str) else body or b""
        kind = PATHS.get(parts.path, "read")
        self.reaper.reached(f"{kind} is about to be sent")
        send(self._pipe, Ask(method, parts.path, parts.query, dict(headers or {}), payload))
        self.reaper.reached(f"{kind} was sent")
        answer = self._answer()
        self.reaper.reached(f"{kind} was answered")
        return answer.status, "", answer.headers, answer.text

    def step(self, seconds: float) -> None:
        """Move the exchange's time."""
        send(self._pipe, Ask("POST", "/sandbox/step", body=msgspec.json.encode({"seconds": seconds})))
        self._answer()

    def _answer(self) -> Told:
        packed = receive(self._pipe)
        if packed is None:
            os._exit(3)
        told = msgspec.msgpack.decode(packed, type=Told)
        self.now_ms = told.now_ms
        return told

    def _ask_for_death(self, after_us: int) -> None:
        send(self._pipe, Ask(after_us=after_us + 1))


class WireClock(VirtualClock):
    """The exchange's virtual time: waiting moves it for both."""

    def __init__(self, wire: Wire) -> None:
        super().__init__(datetime.fromtimestamp(0, UTC))
        self._wire = wire
        wire.step(0)

    def now(self) -> datetime:
        """Return the time at which the last answer arrived."""
        return datetime.fromtimestamp(self._wire.now_ms / 1000, UTC)

    def elapsed(self) -> float:
        """Return the same as seconds."""
        return self._wire.now_ms / 1000

    def advance(self, seconds: float) -> None:
        """Move the exchange's time."""
        self._wire.step(seconds)


async def live(wire: Wire, settled: Prepared, end_ms: int) -> None:
    """Guard the account until the fall is over, as the daemon does."""
    clock = WireClock(wire)
    settings = settled.settings
    lease = lease_of(settings, clock)
    with tenancy(settings.journal, lease) as tenant:
        wire.reaper.watch(tenant.journal)
        worker = JournalWorker(tenant.journal)
        guard = build_guard(settled, settings.accounts[0], worker, clock, wire, lease)
        turn = 0
        while clock.elapsed() * 1000 < end_ms:
            if turn % (STATISTICS_S // POLL_S) == 0:
                await guard.refresh_stats()
            await guard.cycle()
            if turn and turn % (RECONCILE_S // POLL_S) == 0:
                await guard.reconcile()
            if turn % (RENEW_S // POLL_S) == 0:
                until = lease.next_end()
                await worker.call(tenant.journal.renew_lease, until)
                lease.lasts_until(until)
            turn += 1
            clock.advance(POLL_S - clock.elapsed() % POLL_S)
        await guard.close()
        await worker.close()


class Stage:
    """The exchange, and one guard after another."""

    def __init__(self, folder: Path, levels: int) -> None:
        folder.mkdir(parents=True)
        config = folder / "reef.yaml"
        config.write_text(CONFIG)
        (folder / "rules.yaml").write_text(RULES)
        self._settled = prepare(load_settings(config, KEYS))
        self.journal = folder / "reef.sqlite"
        open_journal(self.journal).close()
        listed = [one for one in default_instruments() if one.symbol in BETAS]
        self._clock = EngineClock(START_MS)
        self.engine = Engine(self._clock, Stairs(levels), listed)
        self.sandbox = Sandbox(self.engine)
        spec = AccountSpec(api_key="crash-key", secret="crash-secret", deposit=DEPOSIT, account_id=ACCOUNT)
        self.engine.add_account(spec)
        self.engine.open_position(ACCOUNT, SYMBOL, Side.BUY, QTY, None, Decimal(10))
        self._end_ms = START_MS + levels * STAIR_S * 1000
        self.starts = 0

    def play(self, kills: list[Kill]) -> Aftermath:
        """Start a guard, and another one whenever it was killed, until the fall is over."""
        left = list(kills)
        while not self._one(left[0] if left else None):
            if left:
                left.pop(0)
            self._clock.advance(DOWN_S)
        return aftermath(self.sandbox, self.journal, ACCOUNT, starts=self.starts, unused=len(left))

    def _one(self, kill: Kill | None) -> bool:
        """One life; whether it lasted to the end."""
        ours, theirs = socket.socketpair()
        pid = os.fork()
        if pid == 0:
            ours.close()
            _child(Wire(theirs, kill), self._settled, self._end_ms)
        theirs.close()
        self.starts += 1
        with ours:
            self._serve(ours, pid)
        _, status = os.waitpid(pid, 0)
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
            return False
        if status != 0:
            raise RuntimeError(f"the guard ended with status {status}")
        return True

    def _serve(self, pipe: socket.socket, pid: int) -> None:
        while (packed := receive(pipe)) is not None:
            ask = msgspec.msgpack.decode(packed, type=Ask)
            if ask.path:
                self._answer(pipe, ask)
            else:
                time.sleep(ask.after_us / 1e6)
                os.kill(pid, signal.SIGKILL)

    def _answer(self, pipe: socket.socket, ask: Ask) -> None:
        request = Request(ask.method, ask.path, ask.query, lower_headers(ask.headers), ask.body)
        self._clock.advance(LATENCY_S)
        answer = self.sandbox.handle(request)
        self._clock.advance(LATENCY_S)
        try:
            send(pipe, Told(self._clock.server_ms(), answer.status, dict(answer.headers), answer.text))
        except (BrokenPipeError, ConnectionResetError):
            return  # executed, and nobody is there to hear it


def _child(wire: Wire, settled: Prepared, end_ms: int) -> None:
    code = 1
    try:
        asyncio.run(live(wire, settled, end_ms))
        code = 0
    except BaseException:  # noqa: BLE001, a forked child must not go on as its parent
        traceback.print_exc()
    finally:
        os._exit(code)


class Run(msgspec.Struct):
    """One fall with its kills."""

    kills: list[Kill]
    levels: int


def main(folder: Path) -> None:
    """Play every run that standard input asks for."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    runs = msgspec.json.decode(sys.stdin.buffer.read(), type=list[Run])
    for number, run in enumerate(runs):
        stage = Stage(folder / f"run-{number}", run.levels)
        found = stage.play(run.kills)
        sys.stdout.write(msgspec.json.encode(found).decode() + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
