"""Keys are planted, every fault of the venue strikes, and all that was written is searched for them."""

import sqlite3
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.demo import scene
from bot.journal.records import Kind
from bot.sandbox.faults.catalogue import described
from tests.e2e.harness import World, eventually, world

RARE = frozenset(
    {
        "shuffled_fills",
        "post_only",
        "refused_order_type",
        "duplicate",
        "hidden_orders",
        "overload",
        "drop",
        "hang",
        "server_error",
    }
)
"""Strike orders or their executions only, and there may be none while the venue fails at everything else."""

APART = frozenset({"error_code", "status", "rate_ban"})
"""Armed below; a ban would only make the guard wait."""

NEEDED: dict[str, dict[str, Any]] = {
    "cut_page": {"value": "1"},
    "old_body": {"seconds": 1},
    "wick": {"symbol": "BTCUSDT", "share": "0.1"},
    "zero_price": {"symbol": "BTCUSDT"},
}
LASTING_S = 2.0
CHANCE = 0.5
TIMES = 3
"""Each strikes so often, so that those armed after it have their turn."""


def faults(here: World) -> Iterator[dict[str, Any]]:
    """Every fault that bends an answer, each for a part of the account's requests; two tell tales."""
    keys = here.cast.guarded
    tales = f"sign error, origin_string[{keys.api_key} {keys.secret}]"
    for kind in described():
        name, fields = kind["name"], kind["fields"]
        if kind["how"] != "answer" or name in APART:
            continue
        body: dict[str, Any] = {"api_key": keys.api_key, "probability": CHANCE, "count": TIMES}
        if name != "hang":
            body["seconds"] = LASTING_S
        known = {field: value for field, value in body.items() if field in fields}
        yield {"name": name, **known, **NEEDED.get(name, {})}
    for code in (10001, 10016):
        more = {"code": code, "message": tales, "api_key": keys.api_key, "count": TIMES}
        yield {"name": "error_code", **more}
    yield {"name": "status", "api_key": keys.api_key, "probability": CHANCE}


def written(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Everything under a folder, the journal's compressed inputs unpacked."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield path.name, path.read_bytes()
    with sqlite3.connect(folder / "reef.sqlite") as journal:
        for table, column in unpacked(journal):
            for (body,) in journal.execute(f"SELECT {column} FROM {table}"):
                yield f"{table}.{column}", zlib.decompress(body)
    journal.close()


def unpacked(journal: sqlite3.Connection) -> list[tuple[str, str]]:
    """Tables and columns that hold compressed bytes."""
    rows = journal.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    return [
        (table, column[1])
        for (table,) in rows
        for column in journal.execute(f"PRAGMA table_info({table})")
        if "BLOB" in column[2].upper()
    ]


@pytest.mark.timeout(180)
def test_nothing_that_was_written_holds_a_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with world(tmp_path) as here:
        here.config.write_text(here.config.read_text() + "log: {format: json, level: debug}\n")
        keys = here.cast.guarded
        for name, value in scene.environment(here.cast.guarded).items():
            monkeypatch.setenv(name, value)
        daemon = here.start_daemon()
        eventually(here.sheltered, "stops at the exchange")
        for body in faults(here):
            here.ask("POST", "fault", body)
        here.move(-0.08)
        struck = eventually(lambda: all_struck(here), "each kind of fault to strike", seconds=40)
        assert struck
        config = str(here.config)
        asked = (["check", "--json"], ["doctor"], ["status", "--json"], ["journal"], ["journal", "verify"])
        said = [here.reef(*command, "--config", config) for command in asked]
        found = here.entries(Kind.FINDING)
        said += [here.reef("explain", entry.episode, "--config", config) for entry in found[:1]]
        daemon.kill()
        assert here.entries(Kind.ERROR)
        pages = [(" ".join(one.args), (one.stdout + one.stderr).encode()) for one in said]
        for where, text in [*pages, *written(tmp_path)]:
            for secret in (keys.api_key, keys.secret):
                assert secret.encode() not in text, where


def all_struck(here: World) -> bool:
    """Whether every fault that is armed has struck, or has had its time."""
    armed = here.ask("GET", "faults")["faults"]
    quiet = {one["name"] for one in armed if not one["strikes"]} - RARE
    return not quiet
