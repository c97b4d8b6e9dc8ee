"""Children of the demo: real processes that never outlive it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from bot.demo.leash import PATIENCE_S
from bot.errors import ReefError

T = TypeVar("T")

LOOK_EVERY_S = 0.05
TAIL_LINES = 15


class DemoError(ReefError):
    """The demo could not be carried through; the text says what was waited for and what the log said."""


class Child:
    """A process from `with` to its end. Standard output and error go into files of their own."""

    def __init__(
        self, name: str, command: Sequence[str], folder: Path, environ: Mapping[str, str] | None = None
    ) -> None:
        self.name = name
        self.output = folder / f"{name}.out"
        self.log = folder / f"{name}.log"
        self._command = command
        self.environ = {**os.environ, **(environ or {})}
        """All variables that the process is given."""
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        with self.output.open("wb") as output, self.log.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 (our own commands, no shell)
                [sys.executable, "-m", "bot.demo.leash", *self._command],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=log,
                env=self.environ,
                start_new_session=True,
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> int | None:
        """Ask the process to end, see to it that it does, and return its exit code; None if it never ran."""
        process, self._process = self._process, None
        if process is None or process.stdin is None:
            return None
        with suppress(OSError):
            process.stdin.close()
        try:
            return process.wait(PATIENCE_S + 2)
        except BaseException:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise

    def wait_for(self, what: str, look: Callable[[], T | None], seconds: float) -> T:
        """Look until something is there, and return it.

        Raises `DemoError` with the end of the log where the process ended before, or time is up.
        """
        deadline = time.monotonic() + seconds
        while True:
            found = look()
            if found is not None:
                return found
            if self._process is None or self._process.poll() is not None:
                raise DemoError(f"{self.name} ended while the demo waited for {what}.\n{self.tail()}")
            if time.monotonic() > deadline:
                raise DemoError(f"{self.name}: no {what} within {seconds:.0f} s.\n{self.tail()}")
            time.sleep(LOOK_EVERY_S)

    def check(self) -> None:
        """Raise `DemoError` with the end of the log where the process has ended."""
        if self._process is None or self._process.poll() is not None:
            raise DemoError(f"{self.name} ended by itself.\n{self.tail()}")

    def first_line(self) -> str | None:
        """The first whole line of standard output, None until there is one."""
        line, ended, _ = self.output.read_text(errors="replace").partition("\n")
        return line if ended else None

    def tail(self) -> str:
        """The last lines of the log, for people."""
        lines = self.log.read_text(errors="replace").splitlines()[-TAIL_LINES:]
        return f"The end of {self.log}:\n" + "\n".join(f"  {line}" for line in lines or ["(empty)"])
