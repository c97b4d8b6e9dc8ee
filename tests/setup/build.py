"""Answers and places for the tests of new folders."""

from pathlib import Path

from bot.settings import Mode, Network
from bot.setup import Answers, Place


def answers(
    network: Network = Network.TESTNET,
    *,
    accounts: tuple[str, ...] = ("main",),
    mode: Mode = Mode.OBSERVE,
    profile: str = "balanced",
) -> Answers:
    """What an owner may want."""
    url = "http://127.0.0.1:8899" if network is Network.SANDBOX else None
    return Answers(network, "bybit", accounts, profile, mode, url)


def place(folder: Path, *, uid: int = 1000, source: Path | None = None) -> Place:
    """Where it will run."""
    return Place(folder, '"/opt/reef/bin/reef"', "ann", uid, 1000, source, "0.1.0")
