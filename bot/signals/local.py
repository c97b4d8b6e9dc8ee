"""Signals on this machine: a file, or the output of a command."""

import asyncio
import os
import signal
import stat
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from bot.model import CommandSource
from bot.signals.answers import MAX_BYTES, SignalError

PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR")
"""Of the environment a command sees these: API keys stand among the others."""
KILL_SECONDS = 5.0


def read_file(path: Path) -> tuple[bytes, datetime]:
    """Return the content of a file and when it was written. Raises `SignalError`."""
    try:
        # Opening a pipe would wait for somebody to write.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            facts = os.fstat(handle)
            if not stat.S_ISREG(facts.st_mode):
                raise SignalError(f"{path} is not a file")
            with os.fdopen(handle, "rb", closefd=False) as file:
                body = file.read(MAX_BYTES + 1)
        finally:
            os.close(handle)
    except OSError as error:
        raise SignalError(f"{path} cannot be read: {error.strerror}") from None
    if len(body) > MAX_BYTES:
        raise SignalError(f"{path} is larger than {MAX_BYTES // 1024} KiB")
    return body, datetime.fromtimestamp(facts.st_mtime, UTC)


async def run(source: CommandSource) -> bytes:
    """Return what a command writes. Raises `SignalError`; whoever cancels it kills its process group."""
    try:
        process = await asyncio.create_subprocess_exec(
            *source.command,
            cwd=source.folder,
            env={name: os.environ[name] for name in PASSED_ON if name in os.environ},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError as error:
        raise SignalError(f"{source.command[0]} cannot be run: {error.strerror}") from None
    try:
        body = await _output(process)
        code = await process.wait()
    except BaseException:
        await _kill(process)
        raise
    if code != 0:
        raise SignalError(f"{source.command[0]} ended with code {code}")
    return body


async def _output(process: asyncio.subprocess.Process) -> bytes:
    body = b""
    if process.stdout is None:  # never: it was asked for
        return body
    while chunk := await process.stdout.read(MAX_BYTES + 1 - len(body)):
        body += chunk
        if len(body) > MAX_BYTES:
            raise SignalError(f"the command wrote more than {MAX_BYTES // 1024} KiB")
    return body


async def _kill(process: asyncio.subprocess.Process) -> None:
    """End the command with all that it started, and take it off the system's list."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    with suppress(TimeoutError):
        await asyncio.wait_for(_drained(process), KILL_SECONDS)


async def _drained(process: asyncio.subprocess.Process) -> None:
    """Wait for the end; a pipe that nobody reads from would hold it up."""
    while process.stdout is not None and await process.stdout.read(MAX_BYTES):
        pass
    await process.wait()
