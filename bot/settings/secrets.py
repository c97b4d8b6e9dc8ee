"""API keys: from the environment, from systemd credentials, or from a file that only its owner can read.

Never from the settings.
"""

import re
import stat
from collections.abc import Mapping
from pathlib import Path

from bot.documents import DocumentError, read_text

INLINE = frozenset(
    {"api_key", "apikey", "key", "api_secret", "apisecret", "secret", "secret_key"}
    | {"password", "passphrase", "token"}
)
"""Keys that would hold a secret if the settings file could."""


CREDENTIALS = "CREDENTIALS_DIRECTORY"
"""Where systemd puts what a unit's LoadCredential= or SetCredentialEncrypted= names, for that unit alone."""


def read_credential(environ: Mapping[str, str], name: str) -> str:
    """Read one of systemd's credentials, '' where there is none. Raises `DocumentError`."""
    folder = environ.get(CREDENTIALS)
    path = Path(folder) / name if folder else None
    return read_text(path).strip() if path is not None and path.is_file() else ""


def secret_names(account: str) -> tuple[str, str]:
    """Return the default environment variables of an account's API key and secret.

    REEF_MAIN_API_KEY and REEF_MAIN_SECRET for an account named main.
    """
    word = re.sub(r"[^A-Z0-9]", "_", account.upper())
    return f"REEF_{word}_API_KEY", f"REEF_{word}_SECRET"


def read_secrets_file(path: Path) -> Mapping[str, str]:
    """Read a file of NAME=value lines. Raises `DocumentError`, which names no value.

    Others than its owner may have no right to it.
    """
    text = read_text(path)
    mode = path.stat().st_mode
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        rights = f"{stat.S_IMODE(mode):04o}"
        what = f"others may read or change the secrets (rights {rights})"
        raise DocumentError(str(path), what, hint=f"chmod 600 {path}")
    for number, line in enumerate(text.splitlines(), 1):
        plain = line.strip()
        if plain and not plain.startswith("#") and not re.match(r"(export\s+)?\w+\s*=", plain):
            raise DocumentError(str(path), "not a setting", line=number, column=1, expected="NAME=value")
    from pydantic_settings import BaseSettings, DotEnvSettingsSource  # a tenth of a second, for this alone

    source = DotEnvSettingsSource(BaseSettings, env_file=path, env_file_encoding="utf-8", case_sensitive=True)
    return {name: value for name, value in source.env_vars.items() if value}
