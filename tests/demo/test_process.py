"""Children of the demo: started, waited for, and ended with it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.demo.leash import hold
from bot.demo.process import Child, DemoError

STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"
POLITE = """
import os, signal, sys, threading
ended = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: ended.set())
print(os.getpid(), flush=True)
sys.stderr.write("it runs\\n")
sys.stderr.flush()
ended.wait(60)
print("ended cleanly")
"""


def python(code: str) -> list[str]:
    """A command that runs code."""
    return [sys.executable, "-c", code]


def until(holds: Callable[[], bool], seconds: float = 10.0) -> bool:
    """Wait until something holds; False where it never does."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def gone(pid: int) -> bool:
    """Whether a process has ended."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return Path(f"/proc/{pid}/stat").exists() and Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z"


def test_a_child_is_ended_cleanly(tmp_path: Path) -> None:
    with Child("exchange", python(POLITE), tmp_path) as child:
        pid = int(child.wait_for("first line", child.first_line, 10))
        child.check()
        assert until(lambda: "it runs" in child.tail())
        assert child.stop() == 0
    assert gone(pid)
    assert "ended cleanly" in child.output.read_text()
    assert child.stop() is None


def test_a_child_ends_with_an_error_in_the_demo(tmp_path: Path) -> None:
    child = Child("exchange", python(POLITE), tmp_path)

    def interrupted() -> None:
        with child:
            child.wait_for("first line", child.first_line, 10)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert gone(int(child.first_line() or 0))


def test_a_child_does_not_outlive_a_demo_that_is_killed(tmp_path: Path) -> None:
    code = f"""
import time
from pathlib import Path
from bot.demo.process import Child
with Child("exchange", {python(POLITE)!r}, Path({str(tmp_path)!r})):
    time.sleep(60)
"""
    demo = subprocess.Popen(python(code))
    try:
        output = tmp_path / "exchange.out"
        assert until(lambda: output.exists() and output.read_text().endswith("\n"))
        pid = int(output.read_text())
        assert not gone(pid)
        demo.send_signal(signal.SIGKILL)
        demo.wait(10)
        assert until(lambda: gone(pid))
    finally:
        demo.kill()
        demo.wait()


def test_an_environment_of_its_own(tmp_path: Path) -> None:
    code = "import os; print(os.environ['REEF_X']); print(bool(os.environ['PATH']))"
    with Child("daemon", python(code), tmp_path, {"REEF_X": "here"}) as child:
        assert child.wait_for("line", child.first_line, 10) == "here"
    assert "REEF_X" not in os.environ


def test_a_child_that_ends_too_early_says_what_its_log_said(tmp_path: Path) -> None:
    code = "import sys; sys.exit('the port is taken')"
    with Child("exchange", python(code), tmp_path) as child:
        with pytest.raises(DemoError, match="exchange ended while the demo waited for address") as caught:
            child.wait_for("address", child.first_line, 10)
        assert "the port is taken" in str(caught.value)
        with pytest.raises(DemoError, match="exchange ended by itself"):
            child.check()
        assert child.stop() == 1


def test_waiting_has_an_end(tmp_path: Path) -> None:
    with Child("exchange", python("import time; time.sleep(60)"), tmp_path) as child:
        with pytest.raises(DemoError, match="no address within 0 s"):
            child.wait_for("address", child.first_line, 0.1)
        assert "(empty)" in child.tail()


def test_the_leash_returns_the_exit_code() -> None:
    reading, writing = os.pipe()
    try:
        assert hold(python("import sys; sys.exit(3)"), reading) == 3
    finally:
        os.close(writing)
        assert until(lambda: os.read(reading, 1) == b"")
        os.close(reading)


def test_the_leash_kills_what_does_not_end() -> None:
    reading, writing = os.pipe()
    os.close(writing)
    begun = time.monotonic()
    assert hold(python(STUBBORN), reading, patience_s=0.2) in {-signal.SIGKILL, -signal.SIGTERM}
    assert time.monotonic() - begun < 10
    os.close(reading)
