"""Keeps secrets out of errors, answers and logs."""

import re
from collections.abc import Iterable

MAX_LENGTH = 300
HIDDEN = "[hidden]"

_SIGNATURE = re.compile(r"\b[0-9a-fA-F]{64}\b|[A-Za-z0-9+/]{86,}={0,2}")


class Scrubber:
    """Replaces known secrets, and whatever looks like a signature, and cuts long text short."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets = tuple(sorted((secret for secret in secrets if secret), key=len, reverse=True))

    def clean(self, text: str) -> str:
        """Return `text` on one line, without secrets, at most `MAX_LENGTH` characters long."""
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        text = " ".join(_SIGNATURE.sub(HIDDEN, text).split())
        return text if len(text) <= MAX_LENGTH else f"{text[: MAX_LENGTH - 1]}…"
