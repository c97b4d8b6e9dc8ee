"""Commands in this process or in their own, a sandbox in its own process, and settings for both."""

import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import msgspec
import pytest

from bot.cli import main

PATIENCE_S = 60.0
REEF = (sys.executable, "-m", "bot.cli")
THREE_POSITIONS = (
    {"symbol": "BTCUSDT", "side": "long", "qty": "3", "leverage": "20"},
    {"symbol": "ETHUSDT", "side": "long", "qty": "40", "leverage": "20"},
    {"symbol": "SOLUSDT", "side": "short", "qty": "300", "leverage": "20"},
)
LEVERAGE_CAP = """\
version: 1
rules:
  - name: leverage cap
    metric: account.leverage
    max: 4
    restore: 3
    do: [cancel_orders, trim]
  - name: room to liquidation
    metric: position.liquidation_distance
    min: 15%
    restore: 20%
    do: [trim]
"""


class Done(msgspec.Struct, frozen=True):
    """What a command left."""

    code: int
    out: str
    err: str

    @property
    def value(self) -> Any:
        """The one JSON value on standard output; fails where there is anything else."""
        assert self.out.endswith("\n")
        assert self.out.count("\n") == 1
        return json.loads(self.out)


def reef(*arguments: str | Path) -> Done:
    """Run a command in this process."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as ended:
        main([str(one) for one in arguments])
    assert isinstance(ended.value.code, int)
    return Done(ended.value.code, out.getvalue(), err.getvalue())


def wait(condition: Callable[[], Any], what: str, seconds: float = PATIENCE_S) -> Any:
    """Wait until the condition gives something true and return it."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not come within {seconds:g} s")
        time.sleep(0.02)
    return found


class Running(msgspec.Struct):
    """A command in a process of its own."""

    process: subprocess.Popen[bytes]
    out: Path
    err: Path

    def log(self) -> str:
        """What it said on standard error so far."""
        return self.err.read_text()

    def logged(self, text: str) -> None:
        """Wait until it says something on standard error."""

        def said() -> bool:
            assert self.process.poll() is None or text in self.log(), self.log()
            return text in self.log()

        wait(said, f"{text!r} in the log")

    def end(self, number: int) -> Done:
        """Send a signal and wait for the end."""
        self.process.send_signal(number)
        code = self.process.wait(PATIENCE_S)
        return Done(code, self.out.read_text(), self.log())


@contextmanager
def running(folder: Path, *arguments: str | Path, environ: dict[str, str] | None = None) -> Iterator[Running]:
    """Start a command; it does not outlive the block."""
    folder.mkdir(parents=True, exist_ok=True)
    out, err = folder / "stdout", folder / "stderr"
    with out.open("wb") as stdout, err.open("wb") as stderr:
        process = subprocess.Popen(
            [*REEF, *map(str, arguments)],
            stdout=stdout,
            stderr=stderr,
            env={**os.environ, **(environ or {})},
        )
    try:
        yield Running(process, out, err)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(PATIENCE_S)


class Keys(msgspec.Struct, frozen=True):
    """The keys of one account."""

    api_key: str
    secret: str

    def environ(self, account: str) -> dict[str, str]:
        """The environment in which a command finds them."""
        word = account.upper()
        return {f"REEF_{word}_API_KEY": self.api_key, f"REEF_{word}_SECRET": self.secret}


class Venue(msgspec.Struct):
    """A sandbox in a process of its own."""

    url: str
    opened: int = 0

    def call(self, method: str, name: str, body: object = None) -> Any:
        """Call the admin API."""
        data = None if body is None else json.dumps(body).encode()
        request = Request(f"{self.url}/sandbox/{name}", data=data, method=method)
        with urlopen(request, timeout=PATIENCE_S) as answer:
            return json.load(answer)

    def account(self, positions: Sequence[dict[str, str]] = THREE_POSITIONS, deposit: str = "100000") -> Keys:
        """Open an account."""
        self.opened += 1
        keys = Keys(f"planted-key-{self.opened}", f"planted-secret-{self.opened}")
        body = {"api_key": keys.api_key, "secret": keys.secret, "deposit": deposit, "positions": positions}
        self.call("POST", "account", body)
        return keys

    def orders_of(self, keys: Keys) -> list[Any]:
        """Every order request that an account sent."""
        found = self.call("GET", "orders")["orders"]
        return [one for one in found if keys.api_key in json.dumps(one)]


@contextmanager
def sandbox(folder: Path) -> Iterator[Venue]:
    """Serve a sandbox at fixed prices."""
    with running(folder, "sandbox", "serve") as server:
        line = wait(server.out.read_text, "the sandbox's address")
        venue = Venue(json.loads(line)["url"])
        for symbol, price in (("BTCUSDT", "100000"), ("ETHUSDT", "3500"), ("SOLUSDT", "180")):
            venue.call("POST", "mark", {"symbol": symbol, "price": price})
        yield venue


def write_config(
    folder: Path, url: str, *accounts: str, mode: str = "observe", rules: str = LEVERAGE_CAP, more: str = ""
) -> Path:
    """Write settings and rules for accounts on a sandbox."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "rules.yaml").write_text(rules)
    listed = "\n".join(f"  - {{name: {name}, venue: bybit}}" for name in accounts or ("main",))
    path = folder / "reef.yaml"
    path.write_text(
        f"mode: {mode}\nnetwork: sandbox\nbase_url: {url}\nrules: ./rules.yaml\njournal: reef.sqlite\n"
        f"poll_interval: 200ms\n{more}accounts:\n{listed}\n"
    )
    return path
