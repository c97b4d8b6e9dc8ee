"""Install the wheel alone, in a new environment, and live a first day with it in an empty folder."""

import json
import os
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
KEYS = {"REEF_MAIN_API_KEY": "first-day-key", "REEF_MAIN_SECRET": "first-day-secret"}
PATIENCE_S = 300.0


def call(what: str, *command: str | Path, folder: Path) -> str:
    """Run one command to its end, tell how long it took, and return what it printed; fail where it fails."""
    begun = time.monotonic()
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "REEF_"))}
    done = subprocess.run(  # noqa: S603 - its own commands
        [str(one) for one in command],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    print(f"{time.monotonic() - begun:6.1f} s  {what}")
    if done.returncode:
        raise SystemExit(f"{what} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
    return done.stdout


def installed(folder: Path, wheel: Path) -> Path:
    """Make an environment with the wheel and what the lock file names for it; return its programs."""
    venv.create(folder / "venv", with_pip=True)
    programs = folder / "venv" / "bin"
    lock = folder / "runtime.lock"
    lock.write_text(
        call("lock", sys.executable, ROOT / ".ci/locked.py", ROOT / "requirements.lock", folder=folder)
    )
    pip = (programs / "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps")
    call("install what it needs", *pip, "--require-hashes", "-r", lock, folder=folder)
    call("install the wheel", *pip, wheel, folder=folder)
    return programs


@contextmanager
def exchange(reef: Path, folder: Path) -> Iterator[str]:
    """Serve a sandbox from the same wheel; gives its address."""
    account = ":".join([*KEYS.values(), "10000"])
    command = [str(reef), "sandbox", "serve", "--account", account]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        try:
            assert process.stdout is not None
            yield str(json.loads(process.stdout.readline())["url"])
        finally:
            process.terminate()


def first_day(programs: Path, folder: Path) -> None:
    """What somebody does who has nothing but the wheel."""
    reef = programs / "reef"
    where = Path(
        call(
            "where it is", programs / "python", "-c", "import bot; print(bot.__file__)", folder=folder
        ).strip()
    )
    if programs.parent not in where.parents:
        raise SystemExit(f"not the installed program: {where}")
    with exchange(reef, folder) as url:
        call("reef init", reef, "init", "--yes", "--network", "sandbox", "--base-url", url, folder=folder)
        (folder / "secrets.env").write_text("".join(f"{name}={value}\n" for name, value in KEYS.items()))
        call("reef rules check", reef, "rules", "check", "./rules.yaml", folder=folder)
        call("reef doctor --deep", reef, "doctor", "--deep", folder=folder)
        call("reef check", reef, "check", folder=folder)
    call("reef demo", reef, "demo", "--folder", folder / "demo", folder=folder)
    call(
        "reef journal verify",
        reef,
        "journal",
        "verify",
        "--journal",
        journal_of(folder / "demo"),
        folder=folder,
    )


def journal_of(folder: Path) -> Path:
    """Find the demo's journal."""
    return next(path for path in folder.rglob("*") if path.suffix in {".db", ".sqlite"})


def main(folder: str) -> int:
    """Try the newest wheel of `folder`; returns 0 where all of it worked."""
    wheels = sorted(Path(folder).resolve().glob("reef_guard-*.whl"))
    if not wheels:
        print(f"no wheel in {folder}; build one with: make wheel")
        return 1
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="reef-wheel-") as name:
        programs = installed(Path(name), wheels[-1])
        empty = Path(name) / "empty"
        empty.mkdir()
        first_day(programs, empty)
    print(f"{time.monotonic() - begun:6.1f} s  {wheels[-1].name}, all of it")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
