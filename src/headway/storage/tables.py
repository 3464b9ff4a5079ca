"""The tables. What a migration must bring about is in `migrations`, which a test holds to this.

Times are integers: microseconds of Unix time in the log, minutes and hours of it in the roll-ups. Money is
micro-dollars.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, MetaData, String, Table, Text, literal_column

METADATA = MetaData()
LONGEST_TAG = 128

# fmt: off
BOUNDS = (
    0.01, 0.025, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.5, 2.0,
    3.0, 5.0, 7.5, 10.0, 15.0, 20.0, 30.0, 60.0, 120.0, 300.0,
)
# fmt: on
"""Seconds: upper bounds of the buckets that times are counted in. One more bucket holds what took longer."""

_ID = BigInteger().with_variant(Integer, "sqlite")
"""In SQLite the number of the row itself, which spares an index."""

requests = Table(
    "requests",
    METADATA,
    Column("id", _ID, primary_key=True, autoincrement=False),
    Column("request_id", String(128), nullable=False),
    Column("endpoint", String(64), nullable=False),
    Column("model", String(256), nullable=False),
    Column("route", String(256), nullable=False),
    Column("provider", String(128), nullable=False),
    Column("target", String(384), nullable=False),
    Column("key", String(128), nullable=False),
    Column("outcome", String(32), nullable=False),
    Column("status", Integer, nullable=False),
    Column("stream", Boolean, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("duration", BigInteger, nullable=False),
    Column("first_byte", BigInteger),
    Column("input_tokens", BigInteger, nullable=False),
    Column("output_tokens", BigInteger, nullable=False),
    Column("cost", BigInteger),
    Column("session", String(128)),
    Column("event", Text, nullable=False),
    # Newest first under each filter that people use; what went well is too much to be worth an index.
    Index("ix_requests_request_id", "request_id"),
    Index("ix_requests_model", "model", "id"),
    Index("ix_requests_route", "route", "id"),
    Index("ix_requests_target", "target", "id"),
    Index("ix_requests_key", "key", "id"),
    Index("ix_requests_session", "session", "id"),
    postgresql_partition_by="RANGE (id)",
)
"""One row an exchange. `id` is its time and a few bits that tell rows of one microsecond apart: see `rows.Ids`.
`provider`, `target` (`provider/model`) and `key` are those of the last attempt, empty if there was none. `duration` and
`first_byte` are microseconds. `event` is the line of the log, as JSON.
"""
FAILED = requests.c.outcome != literal_column("'ok'")
"""As the index says it: a parameter in a query would hide from a planner that the index will do."""
Index(
    "ix_requests_failed",
    requests.c.id,
    requests.c.outcome,
    requests.c.status,
    sqlite_where=FAILED,
    postgresql_where=FAILED,
)

request_tags = Table(
    "request_tags",
    METADATA,
    Column("tag", String(LONGEST_TAG), primary_key=True),
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    postgresql_partition_by="RANGE (id)",
)
"""The tags that clients gave their requests."""

request_content = Table(
    "request_content",
    METADATA,
    Column("request_id", String(128), primary_key=True),
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("request", Text),
    Column("reply", Text),
    Column("request_cut", Boolean, nullable=False),
    Column("reply_cut", Boolean, nullable=False),
    Index("ix_request_content_id", "id"),
    postgresql_partition_by="RANGE (id)",
)
"""What was asked and answered, masked, where that is kept; `cut`: not all of it. `id` is a time, as in the log."""

SUMS = (
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
"""What roll-ups add up. `unpriced`: requests with tokens of which nobody knows the price; `microseconds`: durations."""
TIMES = tuple(f"t{number}" for number in range(len(BOUNDS) + 1))
"""How many durations fell into each bucket."""
FIRSTS = tuple(f"f{number}" for number in range(len(BOUNDS) + 1))
"""The same for the time to the first byte of streams."""
COUNTED = (*SUMS, *TIMES, *FIRSTS)
DIMENSIONS = ("route", "target", "key", "endpoint", "outcome")
TAG_SUMS = ("requests", "failed", "input_tokens", "output_tokens", "cost")


def _rollup(name: str) -> Table:
    return Table(
        name,
        METADATA,
        Column("at", Integer, primary_key=True, autoincrement=False),
        *(Column(each, String(384), primary_key=True) for each in DIMENSIONS),
        *(Column(each, BigInteger, nullable=False) for each in SUMS),
        *(Column(each, Integer, nullable=False) for each in (*TIMES, *FIRSTS)),
        sqlite_with_rowid=False,
    )


minutes = _rollup("usage_minutes")
hours = _rollup("usage_hours")
days = _rollup("usage_days")
"""Sums by minute, hour and day of Unix time."""

tag_hours = Table(
    "usage_tag_hours",
    METADATA,
    Column("at", Integer, primary_key=True, autoincrement=False),
    Column("tag", String(LONGEST_TAG), primary_key=True),
    *(Column(each, BigInteger, nullable=False) for each in TAG_SUMS),
    sqlite_with_rowid=False,
)
