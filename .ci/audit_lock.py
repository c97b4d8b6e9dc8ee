"""Hold the lock file to what can be judged without a network.

Every requirement is pinned to one version and has SHA-256 hashes; no line names a host, a path or an index;
what pyproject.toml asks for directly is there; and what is installed is what is locked. Advisories need a
network: `make advisories` asks for them.
"""

import re
import sys
import tomllib
from importlib.metadata import distributions
from pathlib import Path

PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)(?:\[[^\]]*\])?==(?P<version>[^\s;\\]+)")
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}\b")
OWN = "reef-guard"
BUILT_IN = {"pip", "setuptools", "wheel", "uv"}
"""What a virtual environment comes with, and the resolver that `make lock` installs."""


def plain(name: str) -> str:
    """Write a name as package indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def blocks(text: str) -> list[str]:
    """Return each requirement with the lines that belong to it."""
    found: list[str] = []
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        if line[0].isspace():
            found[-1] += "\n" + line
        else:
            found.append(line)
    return found


def problems(lock: str, project: str, installed: dict[str, str]) -> list[str]:
    """Return everything that is wrong."""
    wrong = [f"line {number} names a place: {line.strip()}" for number, line in places(lock)]
    pinned: dict[str, set[str]] = {}
    for block in blocks(lock):
        pin = PIN.match(block)
        if pin is None:
            wrong.append(f"not pinned to one version: {block.splitlines()[0]}")
            continue
        if not HASH.search(block):
            wrong.append(f"without a hash: {pin['name']}")
        pinned.setdefault(plain(pin["name"]), set()).add(pin["version"])
    wrong += [f"asked for, not locked: {name}" for name in sorted(asked(project) - pinned.keys())]
    for name, version in sorted(installed.items()):
        if name in BUILT_IN or name == OWN:
            continue
        if version not in pinned.get(name, set()):
            wrong.append(f"installed {name} {version}, locked {sorted(pinned.get(name, {'nothing'}))}")
    return wrong


def places(lock: str) -> list[tuple[int, str]]:
    """Return the lines that name a host, an index or a file."""
    return [
        (number, line)
        for number, line in enumerate(lock.splitlines(), 1)
        if re.search(r"://|--(?:extra-)?index-url|--find-links|file:|@\s*/", line)
    ]


def asked(project: str) -> set[str]:
    """Return the names that the project asks for directly, its groups included."""
    table = tomllib.loads(project)
    wanted = list(table["project"]["dependencies"])
    for group in table.get("dependency-groups", {}).values():
        wanted += group
    return {plain(re.split(r"[\s\[<>=!~;]", one, maxsplit=1)[0]) for one in wanted}


def main() -> int:
    """Print what is wrong; 1 where anything is."""
    root = Path(__file__).resolve().parent.parent
    installed = {plain(one.metadata["Name"]): one.version for one in distributions()}
    lock = (root / "requirements.lock").read_text()
    wrong = problems(lock, (root / "pyproject.toml").read_text(), installed)
    for line in wrong:
        print(line)
    print(f"{len(blocks(lock))} requirements locked, {len(wrong)} problems")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
