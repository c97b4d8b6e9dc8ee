"""Settings as values."""

from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from pathlib import Path

from msgspec import Struct
from pydantic import SecretStr

from bot.model import (
    ApprovalTerms,
    Caps,
    ChurnTerms,
    NoticeTerms,
    PriceTerms,
    ProtectionTerms,
    SignalTerms,
    Stranger,
)


class Mode(StrEnum):
    """What the guard may do."""

    OBSERVE = "observe"
    """Plans and records, sends nothing."""
    APPROVE = "approve"
    """Asks its owner before it sends anything but protective stops."""
    ACT = "act"
    """Sends."""


class Network(StrEnum):
    """Where the accounts are."""

    SANDBOX = "sandbox"
    TESTNET = "testnet"
    LIVE = "live"


class Venue(StrEnum):
    """Exchanges that Reef guards."""

    BYBIT = "bybit"


class LogFormat(StrEnum):
    """How log lines look."""

    PEOPLE = "people"
    JSON = "json"


class LogLevel(StrEnum):
    """The least that is logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class IfJournalFails(StrEnum):
    """What may be sent while the journal cannot be written."""

    STOP = "stop"
    """Nothing."""
    REDUCE_ONLY = "reduce_only"
    """Trims, closes and protective stops, which are written down once the journal takes writes again."""


class AccountSettings(Struct, frozen=True):
    """One account to guard."""

    name: str
    venue: str
    api_key: SecretStr
    """Empty where the settings were loaded without connecting."""
    secret: SecretStr
    rules: str
    """Path or profile name, see `bot.rules.profiles.rules_path`."""
    base_url: str | None
    """Address of the sandbox; None on testnet and live."""
    tags: tuple[str, ...] = ()
    """Words by which rules match accounts."""
    hedged_by: str = ""
    """Another account that its owner keeps against this one, '' without one. It is no margin of this one."""


class LogSettings(Struct, frozen=True):
    """Logging."""

    format: LogFormat
    level: LogLevel


class StreamSettings(Struct, frozen=True):
    """Streams, which ask for polls between those of the schedule."""

    enabled: bool
    interval: timedelta
    """Least time between two polls where a stream asks for them."""
    move: Decimal
    """Share by which a mark must move between two polls to ask for one."""
    silence: timedelta
    """A ticker that does not advance for so long is dead."""
    renewal: timedelta
    """How old a private session may grow."""


class ChannelSettings(Struct, frozen=True):
    """One channel."""

    name: str
    url: SecretStr
    """Empty where the settings were loaded without connecting."""


class NotificationSettings(Struct, frozen=True):
    """Who is told what."""

    channels: tuple[ChannelSettings, ...]
    terms: NoticeTerms


class HeartbeatSettings(Struct, frozen=True):
    """The address that is called while all is well."""

    url: SecretStr
    every_seconds: float


class Settings(Struct, frozen=True):
    """Everything that one daemon is told."""

    path: Path
    """The settings file; relative paths in it are relative to its folder."""
    mode: Mode
    network: Network
    journal: Path
    accounts: tuple[AccountSettings, ...]
    poll_interval: timedelta
    reconcile_interval: timedelta
    housekeeping_interval: timedelta
    max_age: timedelta
    """A snapshot with an older part gives no orders."""
    budget_dir: Path | None
    """Where processes of this host share what they may send to a venue; None is the user's own folder."""
    budget_share: float
    """Share of a venue's limit of requests that they use together."""
    budget_reserve: float
    """Share of that which polls leave to orders and look-ups."""
    caps: Caps
    protection: ProtectionTerms
    streams: StreamSettings
    prices: PriceTerms
    log: LogSettings
    lease: timedelta = timedelta(seconds=30)
    """How long a daemon that says nothing keeps its place."""
    if_journal_fails: IfJournalFails = IfJournalFails.STOP
    signals: tuple[SignalTerms, ...] = ()
    signal_tokens: dict[str, SecretStr] = {}
    """Values of the variables that `headers_env` names; empty where they were not asked for."""
    notifications: NotificationSettings | None = None
    heartbeat: HeartbeatSettings | None = None
    metrics_port: int | None = None
    """Of loopback; None where no metrics are served."""
    approvals: ApprovalTerms = ApprovalTerms()
    strangers: tuple[Stranger, ...] = ()
    churn: ChurnTerms = ChurnTerms()
    grace: timedelta = timedelta(0)
    """How long after the start orders wait."""
    secrets: Path | None = None
    """The file of API keys; None where none is named."""
    keep_decisions: timedelta | None = None
    """How long inputs of decisions are kept from which nothing was sent; None is for good."""

    @property
    def armed(self) -> bool:
        """Whether intents are sent."""
        return self.mode is not Mode.OBSERVE

    def account(self, name: str) -> AccountSettings | None:
        """Find an account by its name."""
        for account in self.accounts:
            if account.name == name:
                return account
        return None
