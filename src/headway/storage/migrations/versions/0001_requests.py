"""The request log and its roll-ups."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_SUMS = (
    "requests",
    "streams",
    "attempts",
    "broken",
    "input_tokens",
    "output_tokens",
    "cached_tokens",
    "reasoning_tokens",
    "cost",
    "unpriced",
    "microseconds",
)
_BUCKETS = 22


def upgrade() -> None:
    _requests()
    _tags()
    _sums()


def _requests() -> None:
    op.create_table(
        "requests",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=False),
        sa.Column("request_id", sa.String(128), nullable=False),
        sa.Column("endpoint", sa.String(64), nullable=False),
        sa.Column("model", sa.String(256), nullable=False),
        sa.Column("route", sa.String(256), nullable=False),
        sa.Column("provider", sa.String(128), nullable=False),
        sa.Column("target", sa.String(384), nullable=False),
        sa.Column("key", sa.String(128), nullable=False),
        sa.Column("outcome", sa.String(32), nullable=False),
        sa.Column("status", sa.Integer, nullable=False),
        sa.Column("stream", sa.Boolean, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("duration", sa.BigInteger, nullable=False),
        sa.Column("first_byte", sa.BigInteger),
        sa.Column("input_tokens", sa.BigInteger, nullable=False),
        sa.Column("output_tokens", sa.BigInteger, nullable=False),
        sa.Column("cost", sa.BigInteger),
        sa.Column("session", sa.String(128)),
        sa.Column("event", sa.Text, nullable=False),
        postgresql_partition_by="RANGE (id)",
    )
    op.create_index("ix_requests_request_id", "requests", ["request_id"])
    for name in ("model", "route", "target", "key", "session"):
        op.create_index(f"ix_requests_{name}", "requests", [name, "id"])
    failed = sa.text("outcome <> 'ok'")
    op.create_index(
        "ix_requests_failed", "requests", ["id", "outcome", "status"], sqlite_where=failed, postgresql_where=failed
    )


def _tags() -> None:
    op.create_table(
        "request_tags",
        sa.Column("tag", sa.String(128), primary_key=True),
        sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
        postgresql_partition_by="RANGE (id)",
    )


def _sums() -> None:
    for name in ("usage_minutes", "usage_hours", "usage_days"):
        op.create_table(
            name,
            sa.Column("at", sa.Integer, primary_key=True, autoincrement=False),
            *(
                sa.Column(each, sa.String(384), primary_key=True)
                for each in ("route", "target", "key", "endpoint", "outcome")
            ),
            *(sa.Column(each, sa.BigInteger, nullable=False) for each in _SUMS),
            *(sa.Column(f"{kind}{number}", sa.Integer, nullable=False) for kind in "tf" for number in range(_BUCKETS)),
            sqlite_with_rowid=False,
        )
    op.create_table(
        "usage_tag_hours",
        sa.Column("at", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("tag", sa.String(128), primary_key=True),
        *(
            sa.Column(each, sa.BigInteger, nullable=False)
            for each in ("requests", "failed", "input_tokens", "output_tokens", "cost")
        ),
        sqlite_with_rowid=False,
    )
