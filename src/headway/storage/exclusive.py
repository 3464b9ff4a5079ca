"""Changes that look first and then write, and must not meet another one on the way."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from sqlalchemy import Table
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine


@asynccontextmanager
async def exclusive(engine: AsyncEngine, table: Table) -> AsyncGenerator[AsyncConnection]:
    """A transaction in which nobody else changes the table. In SQLite nobody else changes anything."""
    async with engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            await connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            await connection.exec_driver_sql(f"LOCK TABLE {table.name} IN SHARE ROW EXCLUSIVE MODE")
        yield connection
