"""Settings: what reef.yaml says, with the secrets from the environment or a file of their own."""

from bot.settings.loading import SettingsError, load_settings
from bot.settings.secrets import secret_names
from bot.settings.values import (
    AccountSettings,
    IfJournalFails,
    LogFormat,
    LogLevel,
    LogSettings,
    Mode,
    Network,
    Settings,
    StreamSettings,
    Venue,
)

__all__ = [
    "AccountSettings",
    "IfJournalFails",
    "LogFormat",
    "LogLevel",
    "LogSettings",
    "Mode",
    "Network",
    "Settings",
    "SettingsError",
    "StreamSettings",
    "Venue",
    "load_settings",
    "secret_names",
]
