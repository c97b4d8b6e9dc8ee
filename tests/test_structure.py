"""The shape that the house promises: small files, small functions, one library in one room."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted((ROOT / "bot").rglob("*.py"))
EVERYTHING = SOURCES + sorted(
    path for name in ("tests", "benchmarks") for path in (ROOT / name).rglob("*.py")
)
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 70
HOMES = {
    "ccxt": "exchange",
    "cel": "rules",
    "sqlalchemy": "journal",
    "alembic": "journal",
    "apscheduler": "daemon",
    "apprise": "notifications",
    "prometheus_client": "telemetry",
}


@pytest.mark.parametrize("path", EVERYTHING, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_and_functions_stay_small(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= MAX_FILE_LINES
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            assert lines <= MAX_FUNCTION_LINES, f"{node.name} has {lines} lines"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_each_library_has_one_home(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
        for name in names:
            home = HOMES.get(name.split(".")[0])
            if home is not None:
                assert path.relative_to(ROOT / "bot").parts[0] == home


@pytest.mark.parametrize("room", ["risk", "rules", "planning", "model"])
def test_pure_rooms_read_no_clock(room: str) -> None:
    for path in (ROOT / "bot" / room).rglob("*.py"):
        text = path.read_text()
        for word in ("datetime.now", "time.time", "time.monotonic", "utcnow"):
            assert word not in text, f"{path.name} reads a clock: {word}"
