"""The lock file's own judge sees each kind of fault."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent
HASH = "--hash=sha256:" + "0a" * 32
PROJECT = """\
[project]
dependencies = ["aiohttp>=3", "Ruamel.YAML[x]>=0.18"]
[dependency-groups]
dev = ["ruff>=0.9"]
"""
GOOD = "".join(f"{one} \\\n    {HASH}\n" for one in ("aiohttp==3.1", "ruamel-yaml[x]==0.18", "ruff==0.9"))
INSTALLED = {"aiohttp": "3.1", "reef-guard": "0.1.0", "pip": "23.2.1"}


def script(name: str) -> ModuleType:
    """Load a script that is no module of the package."""
    spec = importlib.util.spec_from_file_location(name, ROOT / ".ci" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def audit() -> ModuleType:
    """The judge."""
    return script("audit_lock")


def test_a_good_lock_has_no_problem(audit: ModuleType) -> None:
    assert audit.problems(GOOD, PROJECT, INSTALLED) == []


@pytest.mark.parametrize(
    ("lock", "installed", "word"),
    [
        (GOOD.replace("aiohttp==3.1", "aiohttp>=3.1"), {}, "not pinned"),
        (GOOD.replace(HASH, "", 1), {}, "without a hash: aiohttp"),
        (GOOD.replace("ruff==0.9", "black==24"), {}, "asked for, not locked: ruff"),
        (GOOD + "# from https://packages.example/index\n", {}, "names a place"),
        (GOOD + "odd @ file:///home/me/odd\n", {}, "names a place"),
        (GOOD, {"aiohttp": "3.2"}, "installed aiohttp 3.2"),
        (GOOD, {"stray": "1"}, "installed stray 1"),
    ],
)
def test_each_fault_is_seen(audit: ModuleType, lock: str, installed: dict[str, str], word: str) -> None:
    assert any(word in one for one in audit.problems(lock, PROJECT, {**INSTALLED, **installed}))


def test_what_reef_needs_is_taken_for_every_python() -> None:
    asked = "    # via reef-guard (pyproject.toml)\n"
    lock = (
        f"highspy==1.1 \\\n    {HASH}\n{asked}"
        f"numpy==2.4 ; python_version < '3.12' \\\n    {HASH}\n    # via highspy\n"
        f"numpy==2.5 ; python_version >= '3.12' \\\n    {HASH}\n    # via highspy\n"
        f"ruff==0.9 \\\n    {HASH}\n"
    )
    found = "\n".join(script("locked").needed(lock, ()))
    assert [line.split(" ")[0] for line in found.splitlines() if "==" in line] == [
        "highspy==1.1",
        "numpy==2.4",
        "numpy==2.5",
    ]
