"""Many accounts of one daemon on one exchange, each under rules of its own, all as real processes."""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from bot.demo.process import Child
from bot.demo.scene import Cast, Keys
from bot.demo.venue import Venue
from bot.journal.records import Decision, IntentState, Kind, Outcome, Prepared
from bot.model import Step
from tests.e2e.harness import PATIENCE_S, Daemon, World

PRICES = {"BTCUSDT": 100_000, "ETHUSDT": 4_000}
TRADES = ("read", "trade")
TRANSFERS = (*TRADES, "transfer")


class Held(Struct, frozen=True):
    """A position that an account begins with."""

    symbol: str
    side: str
    qty: str
    leverage: int = 10


class Actor(Struct, frozen=True):
    """One account: what it holds, and the rules that guard it (the entry of a list, in YAML)."""

    name: str
    rule: str
    positions: tuple[Held, ...] = (Held("BTCUSDT", "long", "3"),)
    deposit: int = 100_000
    coins: dict[str, str] = {}
    isolated: bool = False
    permissions: tuple[str, ...] = TRADES
    fault: dict[str, Any] = {}
    """What the venue does to this account from the beginning."""


class Troupe(World):
    """The exchange, the accounts, and the folder of their one daemon."""

    def key(self, name: str) -> str:
        """The API key of an account."""
        return f"key-of-{name}"

    def environ(self, names: Sequence[str], more: dict[str, str]) -> dict[str, str]:
        """The variables that carry all keys."""
        found = dict(more)
        for name in names:
            found[f"REEF_{name.upper()}_API_KEY"] = self.key(name)
            found[f"REEF_{name.upper()}_SECRET"] = f"secret-of-{name}"
        return Child("", [], self.folder, found).environ

    def account(self, name: str) -> dict[str, Any]:
        """An account as the exchange has it."""
        key = self.key(name)
        found: dict[str, Any] = next(
            one for one in self.ask("GET", "state")["accounts"] if one["api_key"] == key
        )
        return found

    def sizes(self, name: str) -> dict[str, Decimal]:
        """Sizes of an account's positions in coins, longs above zero."""
        return {
            one["symbol"]: Decimal(one["size"]) * (1 if one["side"] == "buy" else -1)
            for one in self.account(name)["positions"]
            if Decimal(one["size"])
        }

    def steps(self, name: str) -> list[Step]:
        """What was prepared for an account, oldest first."""
        bodies = [one.record for one in self.entries(Kind.PREPARED) if one.account == name]
        return [one.step for one in bodies if isinstance(one, Prepared)]

    def ends(self, name: str, kind: str) -> list[IntentState]:
        """How the intents of a kind ended."""
        mine = {one.request.client_order_id for one in self.steps(name) if one.kind.value == kind}
        bodies = [one.record for one in self.entries(Kind.OUTCOME) if one.intent in mine]
        return [one.state for one in bodies if isinstance(one, Outcome)]

    def refusals(self, name: str) -> set[str]:
        """Codes of what was wanted and not done."""
        bodies = [one.record for one in self.entries(Kind.DECISION) if one.account == name]
        plans = [one.plan for one in bodies if isinstance(one, Decision) and one.plan]
        return {refusal.code for plan in plans for refusal in plan.refusals}


def open_account(here: Troupe, actor: Actor) -> None:
    """Let an account in at the exchange, with its positions and its fault."""
    here.ask(
        "POST",
        "account",
        {
            "api_key": here.key(actor.name),
            "secret": f"secret-of-{actor.name}",
            "deposit": str(actor.deposit),
            "permissions": list(actor.permissions),
            "margin_mode": "isolated" if actor.isolated else "cross",
            "positions": [msgspec.to_builtins(one) for one in actor.positions],
            "coins": actor.coins,
        },
    )
    if actor.fault:
        here.ask("POST", "fault", {**actor.fault, "api_key": here.key(actor.name)})


def write_config(folder: Path, url: str, actors: Sequence[Actor], more: str) -> Path:
    """Write the settings and a rule file an account."""
    for actor in actors:
        (folder / f"{actor.name}.yaml").write_text(f"version: 1\nrules:\n  - {actor.rule}\n")
    listed = "".join(f"  - {{name: {one.name}, venue: bybit, rules: ./{one.name}.yaml}}\n" for one in actors)
    file = folder / "reef.yaml"
    file.write_text(
        f"mode: act\nnetwork: sandbox\nbase_url: {url}\njournal: reef.sqlite\nbudget_dir: {folder}\n"
        f"poll_interval: 2s\n{more}accounts:\n{listed}"
    )
    return file


@contextmanager
def troupe(
    folder: Path, actors: Sequence[Actor], more: str, secrets: dict[str, str], scenario: str = ""
) -> Iterator[Troupe]:
    """Start an exchange, with a scenario where one is given, open the accounts, start their daemon; end both
    afterwards."""
    command = [sys.executable, "-m", "bot.cli", "sandbox", "serve", "--port", "0"]
    if scenario:
        (folder / "scenario.yaml").write_text(scenario)
        command += ["--scenario", str(folder / "scenario.yaml")]
    with Child("exchange", command, folder) as exchange:
        url = json.loads(exchange.wait_for("address", exchange.first_line, PATIENCE_S))["url"]
        venue = Venue(url)
        config = write_config(folder, url, actors, more)
        nobody = Keys("", "")
        here = Troupe(folder, venue, Cast(nobody, nobody), config)
        for symbol, price in PRICES.items():
            here.ask("POST", "mark", {"symbol": symbol, "price": str(price)})
        for actor in actors:
            open_account(here, actor)
        environ = here.environ([one.name for one in actors], secrets)
        daemon = Daemon(config, environ, folder / "daemon.log")
        here.daemons.append(daemon)
        try:
            yield here
        finally:
            daemon.kill()
