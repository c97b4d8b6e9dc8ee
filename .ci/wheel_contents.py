"""Fail where the wheel lacks what must travel inside it."""

import sys
import zipfile
from pathlib import Path

WANTED = (
    "bot/shipped/rules/balanced.yaml",
    "bot/shipped/rules/basis-trader.yaml",
    "bot/shipped/rules/concentrated-alt-holder.yaml",
    "bot/shipped/rules/conservative.yaml",
    "bot/shipped/rules/funding-trader.yaml",
    "bot/shipped/rules/lifeline.yaml",
    "bot/shipped/rules/observe.yaml",
    "bot/shipped/migrations/env.py",
    "bot/shipped/config/scenarios/alts-halve.yaml",
    "bot/shipped/config/scenarios/lost-leg.yaml",
    "bot/shipped/config/scenarios/november-2025.yaml",
    "bot/shipped/config/scenarios/november-2025-puts.yaml",
    "bot/shipped/config/scenarios/short-squeeze.yaml",
    "bot/shipped/config/demo-account.json",
    "bot/shipped/config/rules.schema.json",
    "bot/shipped/config/Dockerfile",
    "bot/shipped/config/init/compose.yaml",
    "bot/shipped/config/init/reef.service",
    "bot/shipped/config/init/reef.yaml",
    "bot/shipped/config/init/secrets.env",
    "bot/py.typed",
)


def main(folder: str) -> int:
    """Look into the newest wheel of `folder` and return 1 where something is missing."""
    wheels = sorted(Path(folder).glob("reef_guard-*.whl"))
    if not wheels:
        print(f"no wheel in {folder}; build one with: python -m build --wheel")
        return 1
    names = set(zipfile.ZipFile(wheels[-1]).namelist())
    missing = [name for name in WANTED if name not in names]
    for name in missing:
        print(f"{wheels[-1].name} lacks {name}")
    print(f"{wheels[-1].name}: {len(names)} files, {len(missing)} missing")
    return int(bool(missing))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
