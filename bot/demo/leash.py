"""Runs a command and ends it when standard input closes: `python -m bot.demo.leash COMMAND ARGUMENT...`.

Whoever holds the other end need not live to end the command: after a kill -9 the kernel closes it.
"""

import os
import subprocess
import sys
import threading
from collections.abc import Sequence

PATIENCE_S = 10.0
"""How long a command may take to end cleanly before it is killed."""


def hold(command: Sequence[str], leash: int, patience_s: float = PATIENCE_S) -> int:
    """Run `command` until it ends or the file descriptor `leash` closes; return its exit code."""
    child = subprocess.Popen(list(command), stdin=subprocess.DEVNULL)  # noqa: S603 (our own commands)
    threading.Thread(target=_pull, args=(child, leash, patience_s), daemon=True).start()
    return child.wait()


def _pull(child: "subprocess.Popen[bytes]", leash: int, patience_s: float) -> None:
    # not through sys.stdin: a thread inside its lock would hold up the interpreter's end
    while os.read(leash, 1):
        pass
    child.terminate()
    try:
        child.wait(patience_s)
    except subprocess.TimeoutExpired:
        child.kill()


if __name__ == "__main__":
    sys.exit(hold(sys.argv[1:], sys.stdin.fileno()))
