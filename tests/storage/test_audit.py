"""Who changed what: written with the change, read newest first."""

from __future__ import annotations

from headway.storage.audit import AuditLog, record
from headway.storage.database import Database
from headway.types import PERMISSIONS, Caller

ANNA = Caller(name="anna", proof="session", permissions=PERMISSIONS["admin"], address="127.0.0.1")
BOT = Caller(name="b" * 200, proof="api_token", permissions=PERMISSIONS["viewer"])


async def test_changes_are_told_newest_first_with_what_was_before_and_after(database: Database):
    async with database.engine.begin() as connection:
        await record(connection, ANNA, "models.publish", "default", before=None, after={"tiers": ["a/m"]})
        await record(connection, BOT, "account.remove", "eve", before={"role": "viewer"})
        await record(connection, ANNA, "account.remove", "bob")
    log = AuditLog(database.engine)
    bob, eve, models = await log.page(most=10)
    assert (models.who, models.proof, models.address) == ("anna", "session", "127.0.0.1")
    assert (models.action, models.subject, models.before, models.after) == (
        "models.publish",
        "default",
        None,
        {"tiers": ["a/m"]},
    )
    assert (eve.who, eve.before, eve.after) == ("b" * 128, {"role": "viewer"}, None)
    assert bob.at >= eve.at >= models.at > 1_700_000_000
    assert [each.subject for each in await log.page(most=1, before=bob.id)] == ["eve"]
    assert [each.subject for each in await log.page(most=9, who="anna")] == ["bob", "default"]
    assert [each.subject for each in await log.page(most=9, action="account.remove")] == ["bob", "eve"]


async def test_without_its_change_there_is_no_entry(database: Database):
    async with database.engine.connect() as connection, connection.begin() as transaction:
        await record(connection, ANNA, "models.publish", "default")
        await transaction.rollback()
    assert await AuditLog(database.engine).page(most=10) == []
