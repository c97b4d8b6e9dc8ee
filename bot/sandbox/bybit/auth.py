"""Signatures, timestamps and the receive window, checked as the venue does."""

import hashlib
import hmac
from collections.abc import Mapping

import msgspec

from bot.sandbox.bybit.envelope import BybitError

DEFAULT_RECV_WINDOW_MS = 5_000
LARGEST_RECV_WINDOW_MS = 60_000
EARLY_MS = 1_000
"""How far a request's timestamp may lie in the venue's future."""


class SignedRequest(msgspec.Struct, frozen=True):
    """What the headers of a signed request say."""

    api_key: str
    timestamp_ms: int
    recv_window_ms: int
    signature: str
    origin: str


def read_headers(headers: Mapping[str, str], payload: str) -> SignedRequest:
    """The signing headers (names in lower case); `payload` is the raw query or the body.

    Raises BybitError 10001 where one is missing or is not a number.
    """
    key = headers.get("x-bapi-api-key", "")
    timestamp = headers.get("x-bapi-timestamp", "")
    signature = headers.get("x-bapi-sign", "")
    if not (key and timestamp and signature):
        shown = "*" if signature else ""
        raise BybitError(10001, f"empty value: apiTimestamp[{timestamp}] apiKey[{key}] apiSignature[{shown}]")
    window = headers.get("x-bapi-recv-window", "")
    if not _is_whole(timestamp) or (window and not _is_whole(window)):
        raise BybitError(10001, f"error invalid timestamp[{timestamp}] or recv_window[{window}]")
    return SignedRequest(
        api_key=key,
        timestamp_ms=int(timestamp),
        recv_window_ms=min(int(window), LARGEST_RECV_WINDOW_MS) if window else DEFAULT_RECV_WINDOW_MS,
        signature=signature,
        origin=f"{timestamp}{key}{window}{payload}",
    )


def check_time(signed: SignedRequest, server_ms: int) -> None:
    """Raises BybitError 10002 unless server - recv_window <= timestamp < server + 1 s."""
    early = signed.timestamp_ms >= server_ms + EARLY_MS
    late = signed.timestamp_ms < server_ms - signed.recv_window_ms
    if early or late:
        raise BybitError(
            10002,
            "invalid request, please check your server timestamp or recv_window param. "
            f"req_timestamp[{signed.timestamp_ms}],server_timestamp[{server_ms}],"
            f"recv_window[{signed.recv_window_ms}]",
        )


def check_signature(signed: SignedRequest, secret: str) -> None:
    """Raises BybitError 10004 unless the signature is the HMAC-SHA256 of the origin text."""
    if not _matches(secret, signed.origin, signed.signature):
        raise BybitError(
            10004,
            f"Error sign, please check your signature generation algorithm. origin_string[{signed.origin}]",
        )


def stream_signature_is_good(secret: str, expires: str, signature: str) -> bool:
    """Whether a WebSocket `auth` was signed with this secret."""
    return _matches(secret, f"GET/realtime{expires}", signature)


def _matches(secret: str, origin: str, signature: str) -> bool:
    expected = hmac.new(secret.encode(), origin.encode(), hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected.encode(), signature.lower().encode())


def _is_whole(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 19
