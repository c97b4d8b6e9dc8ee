"""Signals: numbers from outside, by name."""

from datetime import timedelta
from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from msgspec import Struct


class IfStale(StrEnum):
    """What a signal is worth once its value is too old."""

    UNKNOWN = "unknown"
    LAST = "last"
    """The last value that was read, however old."""


class UrlSource(Struct, frozen=True, tag="url"):
    """The body of a GET request."""

    url: str
    headers: dict[str, str] = {}
    """Name of the environment variable that holds each header's value."""
    plain_http: bool = False
    """Whether the answer may come unencrypted from another machine."""


class FileSource(Struct, frozen=True, tag="file"):
    """The content of a file; it was true when the file was last written."""

    file: Path


class CommandSource(Struct, frozen=True, tag="command"):
    """What a command writes to its standard output."""

    command: tuple[str, ...]
    folder: Path
    """Where it runs."""


class SignalTerms(Struct, frozen=True):
    """Where a signal comes from, and for how long it counts."""

    name: str
    source: UrlSource | FileSource | CommandSource
    max_age: timedelta
    every: timedelta = timedelta(minutes=5)
    timeout: timedelta = timedelta(seconds=10)
    if_stale: IfStale | float = IfStale.UNKNOWN
    """A number stands in for a value that is too old or was never read."""
    path: tuple[str, ...] = ()
    """Steps into a JSON answer to the number; () where the answer is the number."""
    at: tuple[str, ...] = ()
    """Steps to the source's own time; () where it gives none."""


def may_ask(url: str, *, plain_http: bool) -> bool:
    """Whether what a URL answers can be believed: encrypted, from this machine, or the owner said so."""
    parts = urlsplit(url)
    return parts.scheme == "https" or plain_http or is_loopback(parts.hostname or "")


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
