"""The tables of the administration: what is configured by API, who may do so, and who did what.

Times are microseconds of Unix time. No secret stands here in the clear: passwords as argon2 hashes, tokens as SHA-256
of what is too long to guess, providers' keys sealed.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, String, Table, Text

from headway.storage.tables import METADATA

configurations = Table(
    "configurations",
    METADATA,
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("author", String(128), nullable=False),
    Column("note", String(512), nullable=False),
    Column("restored", Integer),
    Column("document", Text, nullable=False),
)
"""One row for each published configuration; the newest is the one that holds. Whoever publishes takes the number after
the one that they began with, so that of two who began with the same only one succeeds. `document`: JSON, top-level
sections as in headway.yaml, secrets sealed. `restored`: the version that this one brings back.
"""

accounts = Table(
    "accounts",
    METADATA,
    Column("name", String(128), primary_key=True),
    Column("role", String(16), nullable=False),
    Column("password", String(256), nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("changed", BigInteger, nullable=False),
)
"""People. `password` is empty for those who come by single sign-on, whose role is what they were last told to have."""

sessions = Table(
    "sessions",
    METADATA,
    Column("hash", String(64), primary_key=True),
    Column("name", String(128), nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("expires", BigInteger, nullable=False),
    Index("ix_sessions_name", "name"),
    Index("ix_sessions_expires", "expires"),
)
"""Logins that last. What each may do is told by its account, as it is at each request."""

api_tokens = Table(
    "api_tokens",
    METADATA,
    Column("id", String(32), primary_key=True),
    Column("name", String(128), nullable=False),
    Column("hash", String(64), nullable=False, unique=True),
    Column("scopes", String(256), nullable=False),
    Column("author", String(128), nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("expires", BigInteger),
    Column("used", BigInteger),
    Column("revoked", Boolean, nullable=False),
)
"""Tokens of tools. `scopes`: permissions, separated by spaces."""

audit = Table(
    "audit",
    METADATA,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("at", BigInteger, nullable=False),
    Column("who", String(128), nullable=False),
    Column("proof", String(16), nullable=False),
    Column("address", String(64)),
    Column("action", String(64), nullable=False),
    Column("subject", String(256), nullable=False),
    Column("before", Text),
    Column("after", Text),
    Index("ix_audit_who", "who", "id"),
    Index("ix_audit_action", "action", "id"),
)
"""Every change: by whom, from where, and how it was before and after (JSON, secrets masked)."""
