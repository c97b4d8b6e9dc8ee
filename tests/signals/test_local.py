"""Signals from files and from real processes."""

import os
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.model import CommandSource, FileSource
from tests.sandbox.support import until
from tests.signals.support import NOW, failure, keeper_of, read, terms_of


def script(folder: Path, text: str) -> CommandSource:
    path = folder / "flows.py"
    path.write_text(text)
    return CommandSource((sys.executable, "-S", str(path)), folder)


def written(path: Path, text: str | bytes, at: datetime = NOW) -> FileSource:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    os.utime(path, (at.timestamp(), at.timestamp()))
    return FileSource(path)


async def test_a_files_value_is_as_old_as_the_file(tmp_path: Path) -> None:
    ago = NOW - timedelta(minutes=59)
    source = written(tmp_path / "flow", "-312.4\n", ago)
    keeper = keeper_of(terms_of(source))
    await keeper.read("fear")
    last = keeper.standing("fear").last
    assert last is not None
    assert (last.value, last.at) == (-312.4, ago)
    written(tmp_path / "flow", "-312.4\n", NOW - timedelta(minutes=61))
    await keeper.read("fear")
    assert "1:01:00 old, and counts for 1:00:00" in str(keeper.value("fear", NOW))


async def test_a_files_own_time_counts_more(tmp_path: Path) -> None:
    source = written(tmp_path / "flow", '{"day": "2026-11-28T11:30:00Z", "usd": 5}')
    keeper = keeper_of(terms_of(source, path=("usd",), at=("day",)))
    await keeper.read("fear")
    last = keeper.standing("fear").last
    assert last is not None
    assert last.at == datetime(2026, 11, 28, 11, 30, tzinfo=UTC)


async def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "flow"
    assert await failure(FileSource(path)) == f"{path} cannot be read: No such file or directory"
    assert await failure(FileSource(tmp_path)) == f"{tmp_path} is not a file"
    os.mkfifo(path)
    assert await failure(FileSource(path)) == f"{path} is not a file"
    path.unlink()
    assert await failure(written(path, "1" * (64 * 1024 + 1))) == f"{path} is larger than 64 KiB"
    assert "is not a number" in await failure(written(path, ""))
    ahead = written(path, "5", NOW + timedelta(minutes=6))
    assert await failure(ahead) == "the source says that it is of 2026-11-28 12:06 UTC: yet to come"
    assert await read(written(path, "5", NOW + timedelta(minutes=5))) == 5.0


async def test_a_command_runs_in_its_folder_without_the_secrets_of_the_guard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REEF_MAIN_SECRET", "planted")
    text = "import json, os, sys\nprint(json.dumps({'env': sorted(os.environ), 'in': os.getcwd(), 'n': 5}))\n"
    source = script(tmp_path, text + "open('seen', 'w').write(json.dumps(dict(os.environ)))\n")
    assert await read(source, path=("n",)) == 5.0
    seen = (tmp_path / "seen").read_text()
    assert "planted" not in seen
    assert "PATH" in seen


async def test_a_relative_command_is_one_of_the_folder(tmp_path: Path) -> None:
    path = tmp_path / "flows.sh"
    path.write_text("#!/bin/sh\necho $1\n")
    path.chmod(0o700)
    assert await read(CommandSource(("./flows.sh", "42"), tmp_path)) == 42.0
    assert await read(CommandSource(("./flows.sh", "$(echo 3; exit 1)"), tmp_path)) != 3.0


async def test_commands_that_fail(tmp_path: Path) -> None:
    missing = CommandSource(("./nothing-here",), tmp_path)
    assert await failure(missing) == "./nothing-here cannot be run: No such file or directory"
    failing = script(tmp_path, "print(5)\nraise SystemExit(3)\n")
    assert await failure(failing) == f"{sys.executable} ended with code 3"
    silent = script(tmp_path, "pass\n")
    assert "is not a number" in await failure(silent)


async def test_a_command_that_writes_too_much_is_ended(tmp_path: Path) -> None:
    endless = script(tmp_path, "import sys\nwhile True: sys.stdout.write('1' * 65536)\n")
    assert await failure(endless) == "the command wrote more than 64 KiB"


def alive(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rsplit(")", 1)[1].split()[0] != "Z"


SLEEPERS = """\
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(300)"])
open("pids", "w").write(f"{os.getpid()} {child.pid}")
%s
"""


@pytest.mark.parametrize("rest", ["time.sleep(300)", "print(5)"], ids=["it hangs", "leaves a child"])
async def test_a_command_is_killed_with_all_that_it_started(tmp_path: Path, rest: str) -> None:
    source = script(tmp_path, SLEEPERS % rest)
    started = time.monotonic()
    assert await failure(source, timeout=timedelta(seconds=2)) == "no answer within 2 s"
    assert time.monotonic() - started < 20
    pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
    assert len(pids) == 2
    await until(lambda: not any(map(alive, pids)))
