"""An exchange and daemons as real processes, spoken to as users do: HTTP, signals, files, commands."""

import http.client
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import msgspec

from bot.demo import scene
from bot.demo.process import Child
from bot.demo.venue import HeldPosition, Venue
from bot.journal import Entry, JournalError, open_journal
from bot.journal.records import Kind

T = TypeVar("T")

REEF = [sys.executable, "-m", "bot.cli"]
PATIENCE_S = 60.0


def eventually(look: Callable[[], T | None], what: str, seconds: float = PATIENCE_S) -> T:
    """Look until something is there; an AssertionError says what never came."""
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:.0f} s: {what}")
        time.sleep(0.02)


class Daemon:
    """One daemon process; killed when the test ends."""

    def __init__(self, config: Path, environ: dict[str, str], log: Path) -> None:
        self.log = log
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                [*REEF, "run", "--config", str(config)], stdout=out, stderr=subprocess.STDOUT, env=environ
            )

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.wait(10)

    def terminate(self) -> int:
        """SIGTERM; return the exit code."""
        self.process.terminate()
        return self.process.wait(20)

    def ended(self, seconds: float = PATIENCE_S) -> int:
        """Wait until it ends by itself; return the exit code."""
        return self.process.wait(seconds)

    def alive(self) -> bool:
        """Whether it still runs."""
        return self.process.poll() is None


class World:
    """An exchange with a guarded account and its twin, and the folder of the daemon that guards it."""

    def __init__(self, folder: Path, venue: Venue, cast: scene.Cast, config: Path) -> None:
        self.folder, self.venue, self.cast, self.config = folder, venue, cast, config
        self.daemons: list[Daemon] = []

    def start_daemon(self) -> Daemon:
        """Start one more daemon on the same config."""
        environ = Child("", [], self.folder, scene.environment(self.cast.guarded)).environ
        made = Daemon(self.config, environ, self.folder / f"daemon-{len(self.daemons)}.log")
        self.daemons.append(made)
        return made

    def reef(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run one command of `reef` to its end."""
        return subprocess.run([*REEF, *arguments], capture_output=True, text=True, timeout=60, check=False)

    def entries(self, kind: Kind | None = None) -> list[Entry]:
        """The journal's entries; none while it is being made."""
        try:
            with open_journal(self.folder / "reef.sqlite", create=False, read_only=True) as journal:
                return journal.entries(kind=kind, limit=100_000)
        except JournalError:
            return []

    def ask(self, method: str, name: str, body: object = None) -> Any:
        """One call of the exchange's admin API."""
        connection = http.client.HTTPConnection(urlsplit(self.venue.url).netloc, timeout=20)
        try:
            connection.request(
                method, f"/sandbox/{name}", None if body is None else msgspec.json.encode(body)
            )
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        assert answer.status == 200, text
        return json.loads(text)

    def orders(self) -> list[dict[str, Any]]:
        """Every request of the guarded account that creates an order, as the exchange received it."""
        return [
            one
            for one in self.ask("GET", "orders")["orders"]
            if one["path"] == "/v5/order/create" and one["api_key"] == self.cast.guarded.api_key
        ]

    def executed(self) -> list[str]:
        """Client ids of the orders that the exchange accepted, each as often as it was accepted."""
        return [one["client_id"] for one in self.orders() if one["executed"] and one["code"] in (0, None)]

    def positions(self) -> dict[str, HeldPosition]:
        """Open positions of the guarded account."""
        account = self.venue.state().account(self.cast.guarded.api_key)
        return {one.symbol: one for one in account.positions if one.size}

    def sheltered(self) -> bool:
        """Whether a stop rests at the exchange for every open position."""
        held = self.positions().values()
        return bool(held) and all(one.stop_loss is not None for one in held)

    def move(self, share: float) -> None:
        """Set every mark price to its first price times 1 + `share` (ETH and SOL follow with their betas)."""
        first = {"BTCUSDT": (125_600.0, 1.0), "ETHUSDT": (4_680.0, 1.3), "SOLUSDT": (232.0, 1.5)}
        for symbol, (price, beta) in first.items():
            self.ask("POST", "mark", {"symbol": symbol, "price": f"{price * (1 + share) ** beta:.2f}"})


@contextmanager
def world(
    folder: Path, *, mode: str = "act", rules: str = "balanced", speed: float = scene.SPEED, seed: int = 11
) -> Iterator[World]:
    """Start an exchange whose market waits, with both accounts open; end everything afterwards."""
    with scene.exchange(folder, seed=seed, speed=speed) as exchange:
        line = exchange.wait_for("address", exchange.first_line, PATIENCE_S)
        venue = Venue(json.loads(line)["url"])
        cast = scene.open_accounts(venue)
        config = scene.write_config(folder, venue.url, speed)
        text = config.read_text().replace("mode: act", f"mode: {mode}")
        if rules != "balanced":
            text = text.replace("rules: rules.yaml", f"rules: {rules}")
        config.write_text(text)
        made = World(folder, venue, cast, config)
        try:
            yield made
        finally:
            for daemon in made.daemons:
                daemon.kill()


def leverage_of(world: World) -> Decimal:
    """Leverage of the guarded account."""
    leverage = world.venue.state().account(world.cast.guarded.api_key).leverage
    assert leverage is not None
    return leverage
