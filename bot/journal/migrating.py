"""Finds and runs the migrations. Alembic is slow to import and rarely needed, so it is imported late."""

from pathlib import Path

from sqlalchemy import Connection

from bot.journal.tables import APPLICATION_ID

_ROOT = Path(__file__).resolve().parents[1]


def migrations_path() -> Path:
    """Folder of the migrations: inside an installed package, or at the top of a checkout."""
    shipped = _ROOT / "shipped" / "migrations"
    return shipped if shipped.is_dir() else _ROOT.parent / "migrations"


def known_revisions() -> frozenset[str]:
    """Every revision that this version of the program can bring forward."""
    from alembic.script import ScriptDirectory

    return frozenset(script.revision for script in ScriptDirectory(str(migrations_path())).walk_revisions())


def migrate(connection: Connection) -> None:
    """Bring the schema to its head and stamp the file, in one transaction."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(migrations_path()).replace("%", "%%"))
    config.attributes["connection"] = connection
    with connection.begin():
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        command.upgrade(config, "head")
        connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")
