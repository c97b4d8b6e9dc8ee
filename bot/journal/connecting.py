"""Connections to the journal's file."""

import sqlite3
from pathlib import Path
from typing import cast
from urllib.parse import quote

from sqlalchemy import Connection, create_engine
from sqlalchemy.pool import StaticPool


def connect(file: Path, mode: str, wait_seconds: float) -> Connection:
    """Open the file with the settings that durability needs; transactions are left to the caller."""
    uri = f"file:{quote(str(file.absolute()))}?{mode}"

    def opened() -> sqlite3.Connection:
        driver = sqlite3.connect(
            uri, uri=True, timeout=wait_seconds, isolation_level=None, check_same_thread=False
        )
        driver.execute("PRAGMA synchronous = FULL")
        driver.execute("PRAGMA foreign_keys = ON")
        return driver

    return create_engine("sqlite://", creator=opened, poolclass=StaticPool).connect()


def disconnect(connection: Connection) -> None:
    """Close a connection and its file."""
    connection.close()
    connection.engine.dispose()


def driver_of(connection: Connection) -> sqlite3.Connection:
    """The driver's own connection, for what must not cost anything on the way."""
    return cast("sqlite3.Connection", connection.connection.driver_connection)
