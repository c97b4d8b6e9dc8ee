"""What must be known before anything can be written."""

from pathlib import Path

from msgspec import Struct

from bot.settings import Mode, Network


class Answers(Struct, frozen=True):
    """What the owner wants."""

    network: Network
    venue: str
    accounts: tuple[str, ...]
    profile: str
    mode: Mode
    base_url: str | None
    """Address of the sandbox; None on testnet and live."""

    @property
    def live(self) -> bool:
        """Whether real money is meant."""
        return self.network is Network.LIVE


class Place(Struct, frozen=True):
    """Where it will run, and as whom."""

    folder: Path
    """Absolute."""
    command: str
    """How `reef` is called, an absolute path or a path and its arguments."""
    user: str
    uid: int
    gid: int
    source: Path | None
    """The checkout that this program runs from; None for an installed one."""
    version: str
