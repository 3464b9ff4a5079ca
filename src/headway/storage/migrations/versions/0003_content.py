"""Messages and replies."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "request_content",
        sa.Column("request_id", sa.String(128), primary_key=True),
        sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("request", sa.Text),
        sa.Column("reply", sa.Text),
        sa.Column("request_cut", sa.Boolean, nullable=False),
        sa.Column("reply_cut", sa.Boolean, nullable=False),
        postgresql_partition_by="RANGE (id)",
    )
    op.create_index("ix_request_content_id", "request_content", ["id"])
