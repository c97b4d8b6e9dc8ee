"""The image installs what the lock file names for Reef: all of that, and nothing for its development."""

import importlib.util
import re
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
LOCK = """\
# made by a tool
aiohttp==3.1 \\
    --hash=sha256:aa
    # via reef-guard (pyproject.toml)
idna==3.18 ; python_version < '4' \\
    --hash=sha256:bb \\
    --hash=sha256:cc
    # via
    #   aiohttp
    #   mypy
mypy==1.14 \\
    --hash=sha256:dd
    # via reef-guard (pyproject.toml:dev)
"""


@pytest.fixture(scope="module")
def locked() -> ModuleType:
    """The script, which is no module of the package."""
    spec = importlib.util.spec_from_file_location("locked", ROOT / ".ci" / "locked.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def names(lines: list[str]) -> set[str]:
    """The packages of some lines."""
    return {re.split(r"[=\[]", line, maxsplit=1)[0].lower() for line in lines}


def test_what_is_needed_comes_with_its_hashes(locked: ModuleType) -> None:
    assert locked.needed(LOCK, ()) == [
        "aiohttp==3.1 \\\n    --hash=sha256:aa",
        "idna==3.18 ; python_version < '4' \\\n    --hash=sha256:bb \\\n    --hash=sha256:cc",
    ]
    assert names(locked.needed(LOCK, ("mypy",))) == {"mypy", "idna"}


def test_what_is_not_locked_is_told(locked: ModuleType) -> None:
    with pytest.raises(SystemExit, match="not in the lock file: setuptools"):
        locked.needed(LOCK, ("setuptools",))


def test_the_lock_file_gives_every_dependency_and_no_tool(locked: ModuleType) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = {
        re.split(r"[<>=]", one, maxsplit=1)[0].replace(".", "-").lower() for one in project["dependencies"]
    }
    text = (ROOT / "requirements.lock").read_text()
    found = names(locked.needed(text, ()))
    assert wanted <= found
    assert not found & {"mypy", "pytest", "ruff", "sphinx", "hatchling"}
    assert {"hatchling", "pathspec"} <= names(locked.needed(text, ("hatchling",)))
