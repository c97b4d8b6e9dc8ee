"""Settings: what reef.yaml says, with the secrets from the environment or a file of their own."""

from bot.settings.loading import SettingsError, load_settings
from bot.settings.secrets import secret_names
from bot.settings.values import (
    AccountSettings,
    ChannelSettings,
    HeartbeatSettings,
    IfJournalFails,
    LogFormat,
    LogLevel,
    LogSettings,
    Mode,
    Network,
    NotificationSettings,
    Settings,
    StreamSettings,
    Venue,
)

__all__ = [
    "AccountSettings",
    "ChannelSettings",
    "HeartbeatSettings",
    "IfJournalFails",
    "LogFormat",
    "LogLevel",
    "LogSettings",
    "Mode",
    "Network",
    "NotificationSettings",
    "Settings",
    "SettingsError",
    "StreamSettings",
    "Venue",
    "load_settings",
    "secret_names",
]
