"""The journal's tables. The migrations must give exactly these; a test compares the two."""

from sqlalchemy import Column, Float, Index, Integer, LargeBinary, MetaData, Table, Text, text

APPLICATION_ID = 0x52454546
"""Stamped into the file's header (`REEF`), so that no other database is taken for a journal."""

HEAD_REVISION = "0002"
"""The newest migration that this version of the program knows."""

metadata = MetaData()

entries = Table(
    "entries",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("at", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("episode", Text, nullable=False),
    Column("intent", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("previous", Text, nullable=False),
    Column("hash", Text, nullable=False),
)
"""Append-only, chained by hash. Times are ISO 8601 in UTC with microseconds, so text order is time order."""

blobs = Table(
    "blobs",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("body", LargeBinary, nullable=False),
)
"""Inputs of decisions and rule texts, by the SHA-256 of the plain body; stored compressed by zlib."""

memory = Table(
    "memory",
    metadata,
    Column("account", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("body", Text, nullable=False),
    Column("at", Text, nullable=False),
)
"""What the guard must remember between cycles. It may change: decisions record their input in full."""

lease = Table(
    "lease",
    metadata,
    Column("journal", Integer, primary_key=True),
    Column("epoch", Integer, nullable=False),
    Column("holder", Text, nullable=False),
    Column("expires", Float, nullable=False),
)
"""One row, `journal` 1: which daemon may append, and until when nobody may take its place. `expires` counts
seconds since the machine was started: a clock that is set must neither shorten a lease nor make it longer."""

ENDS = "kind IN ('prepared', 'outcome')"

Index("entries_once", entries.c.intent, entries.c.kind, unique=True, sqlite_where=text(ENDS))
"""An intent is prepared once and ends once."""

Index("entries_adopted", entries.c.intent, sqlite_where=text("kind = 'adopted'"))
Index("entries_intent", entries.c.intent, sqlite_where=text("intent <> ''"))
Index("entries_episode", entries.c.episode, sqlite_where=text("episode <> ''"))
Index("entries_kind", entries.c.account, entries.c.kind, entries.c.at)

TRIGGERS = {
    f"{table}_no_{verb.lower()}": (
        f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
        f"BEGIN SELECT RAISE(ABORT, '{table} are append-only'); END"
    )
    for table in ("entries", "blobs")
    for verb in ("UPDATE", "DELETE")
}
"""They stop mistakes; the chain of hashes shows what somebody did who dropped them."""
