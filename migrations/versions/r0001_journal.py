"""The journal's first tables: entries chained by hash, blobs, memory."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables, their indexes and the triggers that keep them append-only."""
    op.create_table(
        "entries",
        sa.Column("seq", sa.Integer, primary_key=True),
        sa.Column("at", sa.Text, nullable=False),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("episode", sa.Text, nullable=False),
        sa.Column("intent", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("previous", sa.Text, nullable=False),
        sa.Column("hash", sa.Text, nullable=False),
    )
    op.create_table(
        "blobs",
        sa.Column("digest", sa.Text, primary_key=True, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "memory",
        sa.Column("account", sa.Text, primary_key=True, nullable=False),
        sa.Column("name", sa.Text, primary_key=True, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("at", sa.Text, nullable=False),
    )
    op.create_index(
        "entries_once",
        "entries",
        ["intent", "kind"],
        unique=True,
        sqlite_where=sa.text("kind IN ('prepared', 'outcome')"),
    )
    op.create_index("entries_intent", "entries", ["intent"], sqlite_where=sa.text("intent <> ''"))
    op.create_index("entries_episode", "entries", ["episode"], sqlite_where=sa.text("episode <> ''"))
    op.create_index("entries_kind", "entries", ["account", "kind", "at"])
    for table in ("entries", "blobs"):
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} are append-only'); END"
            )
