"""Faults at the protocol: named, counted, and as likely as asked for.

A kind of fault says what happens instead of (or after) the true answer. Kinds are listed in `KINDS`;
`FaultRegistry` holds what is armed.
"""

import random
from collections.abc import Callable
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Any, Protocol

import msgspec

from bot.sandbox.http import NEVER, Request, Response

HTML = (
    b"<html><head><title>502 Bad Gateway</title></head><body><center>502 Bad Gateway</center></body></html>"
)


class FaultError(ValueError):
    """A fault that cannot be armed; the text says why and what would be right."""


class Fault(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One armed fault.

    `path` is a glob over request paths ('' stands for the kind's own default), `api_key` narrows it
    to one account, `count` is how often it strikes (None: until it is cleared), `probability` how
    likely each strike is. `seconds`, `status`, `code`, `message` and `execute` mean something only
    for the kinds that say so.
    """

    name: str
    path: str = ""
    api_key: str = ""
    count: int | None = None
    probability: float = 1.0
    seconds: float | None = None
    status: int = 503
    code: int | None = None
    message: str = ""
    execute: bool = False


class Wording(Protocol):
    """How a venue's protocol words what faults need."""

    def error(self, code: int, message: str) -> Response:
        """A refusal with the venue's code."""

    def without_rows(self, response: Response) -> Response:
        """The same answer with an empty list."""


Execute = Callable[[], Response]
Strike = Callable[[Fault, Execute, Wording], Response]


class Kind(msgspec.Struct, frozen=True):
    """A kind of fault: where it strikes unless told otherwise, what it does, what it needs."""

    path: str
    strike: Strike
    meaning: str
    needs: tuple[str, ...] = ()


def _html(status: int, body: bytes = HTML) -> Response:
    return Response(status=status, headers={"Content-Type": "text/html"}, body=body)


def _hang(fault: Fault, execute: Execute, _wording: Wording) -> Response:
    delay = NEVER if fault.seconds is None else fault.seconds
    return msgspec.structs.replace(execute(), delay_s=delay)


def _drop(_fault: Fault, _execute: Execute, _wording: Wording) -> Response:
    return _html(504)


def _corrupt(_fault: Fault, execute: Execute, _wording: Wording) -> Response:
    execute()
    return _html(200)


def _empty_positions(_fault: Fault, execute: Execute, wording: Wording) -> Response:
    return wording.without_rows(execute())


def _status(fault: Fault, execute: Execute, _wording: Wording) -> Response:
    if fault.execute:
        execute()
    return _html(fault.status)


def _error_code(fault: Fault, _execute: Execute, wording: Wording) -> Response:
    return wording.error(fault.code or 0, fault.message or "Injected fault.")


KINDS: dict[str, Kind] = {
    "hang": Kind("/v5/order/create", _hang, "executes, then answers after `seconds` (without: never)"),
    "drop": Kind("/v5/order/create", _drop, "answers 504 and executes nothing"),
    "corrupt": Kind("/v5/*", _corrupt, "executes and answers 200 with a page of HTML"),
    "empty_positions": Kind("/v5/position/list", _empty_positions, "answers an empty list"),
    "status": Kind("/v5/*", _status, "answers HTTP `status` (503); executes only with `execute`"),
    "error_code": Kind("/v5/*", _error_code, "refuses with the venue's `code`", needs=("code",)),
}


class FaultRegistry:
    """The faults that are armed, in the order in which they were."""

    def __init__(self, seed: int = 0) -> None:
        self._armed: list[tuple[Fault, list[int]]] = []
        self._random = random.Random(seed)

    def arm(self, body: dict[str, Any]) -> Fault:
        """Arm one fault from a JSON object. Raises FaultError."""
        name = body.get("name")
        if not isinstance(name, str) or name not in KINDS:
            raise FaultError(_unknown(name))
        try:
            fault = msgspec.convert(body, Fault)
        except msgspec.ValidationError as error:
            raise FaultError(f"fault {name!r}: {error}") from None
        _check(fault)
        self._armed.append((fault, [0]))
        return fault

    def clear(self) -> int:
        """Disarm all; how many there were."""
        count = len(self._armed)
        self._armed.clear()
        return count

    def listing(self) -> list[dict[str, Any]]:
        """What is armed, with how often each one struck."""
        return [{**msgspec.to_builtins(fault), "strikes": strikes[0]} for fault, strikes in self._armed]

    def answer(self, request: Request, api_key: str, execute: Execute, wording: Wording) -> Response:
        """The answer to a request: the true one, or what the first fault that strikes makes of it."""
        for fault, strikes in self._armed:
            kind = KINDS[fault.name]
            if fault.count is not None and strikes[0] >= fault.count:
                continue
            if not fnmatchcase(request.path, fault.path or kind.path):
                continue
            if fault.api_key and fault.api_key != api_key:
                continue
            if fault.probability < 1.0 and self._random.random() >= fault.probability:
                continue
            strikes[0] += 1
            return kind.strike(fault, execute, wording)
        return execute()


def _check(fault: Fault) -> None:
    problems = []
    if fault.count is not None and fault.count < 1:
        problems.append("count must be 1 or more")
    if not 0.0 < fault.probability <= 1.0:
        problems.append("probability must be above 0 and at most 1")
    if fault.seconds is not None and not 0.0 <= fault.seconds <= 86_400.0:
        problems.append("seconds must lie between 0 and 86400")
    if not 400 <= fault.status <= 599:
        problems.append("status must be an HTTP error, 400 to 599")
    needed = msgspec.structs.asdict(fault)
    problems.extend(f"{field} is needed" for field in KINDS[fault.name].needs if needed[field] in (None, ""))
    if problems:
        raise FaultError(f"fault {fault.name!r}: {'; '.join(problems)}")


def _unknown(name: object) -> str:
    known = ", ".join(sorted(KINDS))
    near = get_close_matches(name, KINDS, n=1) if isinstance(name, str) else []
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return f"unknown fault {name!r}.{hint} Known faults: {known}."
