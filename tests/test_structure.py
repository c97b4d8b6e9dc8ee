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


FOLDERS = sorted({path.parent.relative_to(ROOT).as_posix() for path in EVERYTHING})


def within(folder: str, paths: list[Path]) -> list[Path]:
    """Those that stand in a folder itself."""
    return [path for path in paths if path.parent == ROOT / folder]


@pytest.mark.parametrize("folder", FOLDERS)
def test_files_and_functions_stay_small(folder: str) -> None:
    for path in within(folder, EVERYTHING):
        text = path.read_text()
        count = len(text.splitlines())
        assert count <= MAX_FILE_LINES, path.name
        for node in ast.walk(ast.parse(text)) if count > MAX_FUNCTION_LINES else ():
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                assert lines <= MAX_FUNCTION_LINES, f"{path.name}: {node.name} has {lines} lines"


@pytest.mark.parametrize("folder", [one for one in FOLDERS if one.split("/")[0] == "bot"])
def test_each_library_has_one_home(folder: str) -> None:
    for path in within(folder, SOURCES):
        text = path.read_text()
        for node in ast.walk(ast.parse(text)) if any(name in text for name in HOMES) else ():
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module]
            for name in names:
                home = HOMES.get(name.split(".")[0])
                if home is not None:
                    assert path.relative_to(ROOT / "bot").parts[0] == home, path.name


@pytest.mark.parametrize("room", ["risk", "rules", "planning", "model"])
def test_pure_rooms_read_no_clock(room: str) -> None:
    for path in (ROOT / "bot" / room).rglob("*.py"):
        text = path.read_text()
        for word in ("datetime.now", "time.time", "time.monotonic", "utcnow"):
            assert word not in text, f"{path.name} reads a clock: {word}"
