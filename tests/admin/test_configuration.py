"""The configuration by API: what holds, publishing, and everything that is refused."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml

from admin.configured import Node, node

PUBLIC = "http://93.184.215.14/v1"
KEY = "sk-live-0123456789abcdef3f9a"
PROVIDERS = {"alpha": {"base_url": PUBLIC, "keys": [{"name": "team", "value": KEY}], "models": ["fast", "slow"]}}
DOCUMENT = {"providers": PROVIDERS, "models": {"default": ["alpha/fast"]}}


@pytest.fixture
async def alone(tmp_path: Path, connections_ended: None) -> AsyncIterator[Node]:
    """Without a file."""
    async with node(f"sqlite:///{tmp_path}/log.db", None, tmp_path) as made:
        yield made


async def problems(answer: Any, status: int = 422) -> dict[str, str]:
    assert answer.status_code == status, answer.text
    assert set(answer.json()["error"]) == {"message", "type", "param", "code"}
    return {each["path"]: each["message"] for each in answer.json()["problems"]}


# --- publishing ---


async def test_what_is_published_runs_at_once(alone: Node):
    before = await alone.get("/configuration")
    assert (before["version"], before["applied"]) == (0, None)
    assert {each["managed_by"] for each in before["sections"].values()} == {"default"}
    assert await alone.published(DOCUMENT) == 1
    assert list(alone.gateway.snapshot.routes) == ["default"]
    assert alone.gateway.snapshot.source == "published version 1"
    (credential,) = alone.gateway.snapshot.providers["alpha"].credentials
    assert credential.secret is not None
    assert credential.secret.reveal() == KEY
    after = await alone.get("/configuration")
    assert (after["version"], after["applied"], after["error"]) == (1, 1, None)
    assert after["sections"]["models"] == {"managed_by": "database", "value": DOCUMENT["models"]}
    assert after["sections"]["server"]["managed_by"] == "default"


async def test_what_changes_nothing_is_no_new_version(alone: Node):
    await alone.published(DOCUMENT)
    shown = (await alone.get("/configuration"))["document"]
    answer = await alone.put("/configuration", {"document": shown, "base": 1})
    assert answer.json() == {"version": 1, "changes": []}
    assert await alone.published(DOCUMENT) == 1


async def test_all_that_is_wrong_is_told_and_nothing_is_published(alone: Node):
    wrong = {
        "providers": {"alpha": {"base_uri": PUBLIC}, "beta": {"base_url": PUBLIC, "dialect": "klingon"}},
        "models": {"default": ["nowhere/x"]},
        "resilience": {"attempts": "many"},
        "server": {"port": 1},
        "unheard": {},
    }
    answer = await alone.put("/configuration", {"document": wrong, "base": 0})
    found = await problems(answer)
    assert set(found) == {"server", "unheard"}
    assert found["server"] == "can only be set in headway.yaml, not by API"
    del wrong["server"], wrong["unheard"]
    found = await problems(await alone.put("/configuration", {"document": wrong, "base": 0}))
    assert set(found) == {
        "providers.alpha",
        "providers.alpha.base_uri",
        "providers.beta.dialect",
        "models.default[0]",
        "resilience.attempts",
    }
    assert (await alone.get("/configuration"))["version"] == 0
    assert (await alone.get("/configuration/history"))["versions"] == []
    assert alone.gateway.snapshot.published is None


async def test_validating_and_comparing_publish_nothing(alone: Node):
    await alone.published(DOCUMENT)
    other = {**DOCUMENT, "models": {"default": ["alpha/slow"], "second": ["alpha/fast"]}}
    assert (await alone.post("/configuration/validate", {"document": other})).json() == {"valid": True, "problems": []}
    told = (await alone.post("/configuration/diff", {"document": other})).json()
    assert told["changes"] == [
        {"path": "models.default[0]", "change": "changed", "before": "alpha/fast", "after": "alpha/slow"},
        {"path": "models.second", "change": "added", "before": None, "after": ["alpha/fast"]},
    ]
    assert (told["base"], told["valid"]) == (1, True)
    bad = (await alone.post("/configuration/validate", {"document": {"models": {"x": ["nowhere/x"]}}})).json()
    assert (bad["valid"], bad["problems"][0]["path"]) == (False, "models.x[0]")
    assert (await alone.get("/configuration"))["version"] == 1


async def test_two_editors_do_not_lose_each_others_changes(alone: Node):
    await alone.published(DOCUMENT)
    mine = {**DOCUMENT, "models": {"mine": ["alpha/fast"]}}
    yours = {**DOCUMENT, "models": {"yours": ["alpha/fast"]}}
    assert await alone.published(mine, base=1) == 2
    answer = await alone.put("/configuration", {"document": yours, "base": 1})
    assert (answer.status_code, answer.json()["newest"], answer.json()["error"]["code"]) == (409, 2, "conflict")
    answer = await alone.put("/configuration", {"document": yours}, headers={"if-match": '"1"'})
    assert answer.status_code == 409
    assert list(alone.gateway.snapshot.routes) == ["mine"]
    answer = await alone.put("/configuration", {"document": yours}, headers={"if-match": '"2"'})
    assert (answer.status_code, answer.headers["etag"]) == (200, '"3"')
    assert (await alone.put("/configuration", {"document": mine})).status_code == 428
    assert (await alone.put("/configuration", {"document": mine}, headers={"if-match": "x"})).status_code == 400


async def test_of_many_editors_at_the_same_moment_one_succeeds(alone: Node):
    await alone.published(DOCUMENT)
    documents = [{**DOCUMENT, "models": {f"m{number}": ["alpha/fast"]}} for number in range(6)]
    answers = await asyncio.gather(*(alone.put("/configuration", {"document": each, "base": 1}) for each in documents))
    assert sorted(each.status_code for each in answers) == [200, 409, 409, 409, 409, 409]
    assert (await alone.get("/configuration"))["version"] == 2


async def test_parts_that_are_changed_at_the_same_moment_are_all_there(alone: Node):
    await alone.published(DOCUMENT)
    answers = await asyncio.gather(*(alone.put(f"/models/m{number}", ["alpha/fast"]) for number in range(4)))
    assert [each.status_code for each in answers] == [200] * 4, [each.text for each in answers]
    assert set(alone.gateway.snapshot.routes) == {"default", "m0", "m1", "m2", "m3"}


async def test_an_older_version_can_be_brought_back(alone: Node):
    await alone.published(DOCUMENT, note="the first")
    await alone.published({**DOCUMENT, "models": {"other": ["alpha/slow"]}})
    answer = await alone.post("/configuration/rollback", {"version": 1, "base": 2, "note": "it was better"})
    assert answer.json()["version"] == 3
    assert list(alone.gateway.snapshot.routes) == ["default"]
    (credential,) = alone.gateway.snapshot.providers["alpha"].credentials
    assert credential.secret is not None
    assert credential.secret.reveal() == KEY, "sealed secrets come back, too"
    told = (await alone.get("/configuration/history"))["versions"]
    assert [(each["version"], each["restored"], each["note"], each["author"]) for each in told] == [
        (3, 1, "it was better", "admin"),
        (2, None, "", "admin"),
        (1, None, "the first", "admin"),
    ]
    assert (await alone.post("/configuration/rollback", {"version": 1, "base": 2})).status_code == 409
    assert (await alone.post("/configuration/rollback", {"version": 9})).status_code == 404
    one = await alone.get("/configuration/history/2")
    assert {each["path"] for each in one["changes"]} == {"models.default", "models.other"}
    assert (await alone.client.get("/configuration/history/9")).status_code == 404
    page = await alone.get("/configuration/history?limit=1")
    assert page["next"] == 3
    assert [each["version"] for each in (await alone.get("/configuration/history?before=3"))["versions"]] == [2, 1]


# --- the file ---

FILE = (
    "models: {default: [alpha/fast]}\nserver: {port: 8081}\nproviders: {alpha: {base_url: 'http://127.0.0.1:9/v1'}}\n"
)


async def test_what_the_file_says_is_the_files(tmp_path: Path, connections_ended: None):
    async with node(f"sqlite:///{tmp_path}/log.db", FILE, tmp_path) as made:
        told = await made.get("/configuration")
        assert told["sections"]["models"] == {"managed_by": "file", "value": {"default": ["alpha/fast"]}}
        assert told["sections"]["server"]["managed_by"] == "file"
        found = await problems(await made.put("/configuration", {"document": {"models": {}}, "base": 0}))
        assert found["models"] == f"the section 'models' is set in {tmp_path}/headway.yaml; change it there"
        answer = await made.put("/models/other", ["alpha/fast"])
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "managed_by_file")
        assert await made.published({"resilience": {"attempts": 2}}) == 1
        assert made.gateway.snapshot.resilience.attempts == 2
        assert made.gateway.snapshot.source == f"{tmp_path}/headway.yaml and published version 1"
        assert made.gateway.snapshot.providers["alpha"].reach is None, "what the file says may lie anywhere"


async def test_secrets_of_the_file_are_not_shown_either(tmp_path: Path, connections_ended: None):
    text = "providers: {a: {base_url: 'http://127.0.0.1:9/v1', keys: [sk-in-the-file-itself], proxy: 'http://u:hunter2@p:1'}}\n"
    async with node(f"sqlite:///{tmp_path}/log.db", text, tmp_path) as made:
        for path in ("/configuration", "/configuration/export", "/providers", "/providers/a"):
            told = (await made.client.get(path)).text
            assert "hunter2" not in told
            assert "sk-in" not in told
            assert "****self" in told


async def test_the_file_wins_over_what_is_published_and_gives_it_back(tmp_path: Path, connections_ended: None):
    url = f"sqlite:///{tmp_path}/log.db"
    async with node(url, None, tmp_path) as made:
        await made.published({**DOCUMENT, "resilience": {"attempts": 2}})
    async with node(url, "resilience: {attempts: 5}\n", tmp_path) as made:
        assert made.gateway.snapshot.resilience.attempts == 5
        assert list(made.gateway.snapshot.routes) == ["default"]
        await made.published({**DOCUMENT, "models": {"other": ["alpha/fast"]}})
    async with node(url, None, tmp_path) as made:
        assert (made.gateway.snapshot.resilience.attempts, list(made.gateway.snapshot.routes)) == (2, ["other"])


async def test_providers_of_the_environment_stay_when_one_more_is_published(tmp_path: Path, connections_ended: None):
    async with node(f"sqlite:///{tmp_path}/log.db", None, tmp_path, OPENAI_API_KEY="sk-env") as made:
        assert [each["name"] for each in (await made.get("/providers"))["items"]] == ["openai"]
        answer = await made.put("/providers/alpha", PROVIDERS["alpha"])
        assert answer.status_code == 200, answer.text
        assert set(made.gateway.snapshot.providers) == {"openai", "alpha"}


async def test_a_gateway_that_follows_no_database_says_so(world: Any):
    answer = await world.client.put("/models/x", json=["a/m"])
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "not_configurable")
    assert (await world.get("/configuration")).status_code == 200


# --- parts ---


async def test_parts_are_read_set_and_removed_by_name(alone: Node):
    assert (await alone.put("/providers/alpha", PROVIDERS["alpha"])).json()["version"] == 1
    assert (await alone.put("/models/team/gpt-4.1", {"tiers": [["alpha/fast"]]})).json()["version"] == 2
    assert (await alone.get("/models/team/gpt-4.1"))["value"] == {"tiers": [["alpha/fast"]]}
    answer = await alone.client.delete("/providers/alpha")
    assert "models." in next(iter(await problems(answer))), "a model still leads there"
    assert (await alone.client.delete("/models/team/gpt-4.1")).status_code == 200
    assert (await alone.client.delete("/models/team/gpt-4.1")).status_code == 404
    assert (await alone.client.delete("/providers/alpha")).status_code == 200
    assert alone.gateway.snapshot.providers == {}
    assert (await alone.client.get("/providers/alpha")).status_code == 404
    assert (await alone.put("/resilience", {"attempts": 4})).status_code == 200
    assert (await alone.get("/resilience"))["value"] == {"attempts": 4}


async def test_keys_are_set_and_removed_by_name(alone: Node):
    await alone.put("/providers/alpha", {"base_url": PUBLIC, "keys": [KEY]})
    assert (await alone.put("/providers/alpha/keys/second", {"value": "${SECOND}", "weight": 2})).status_code == 422
    added = await alone.put("/providers/alpha/keys/second", {"value": "another-key-of-somebody", "weight": 2})
    assert [each["path"] for each in added.json()["changes"]] == [
        "providers.alpha.keys.default",
        "providers.alpha.keys.second",
    ]
    names = [each.name for each in alone.gateway.snapshot.providers["alpha"].credentials]
    assert names == ["default", "second"], "the first keeps its name"
    shown = await alone.get("/providers/alpha/keys/second")
    assert shown["value"] == {"value": "****body", "weight": 2, "name": "second"}
    assert (await alone.client.delete("/providers/alpha/keys/default")).status_code == 200
    last = await alone.client.delete("/providers/alpha/keys/second")
    assert (last.status_code, last.json()["error"]["code"]) == (409, "last_key")
    assert (await alone.client.delete("/providers/alpha/keys/nobody")).status_code == 404


async def test_a_part_may_be_bound_to_the_version_that_was_seen(alone: Node):
    await alone.published(DOCUMENT)
    await alone.put("/models/other", ["alpha/slow"])
    stale = await alone.put("/models/default", ["alpha/slow"], headers={"if-match": '"1"'})
    assert (stale.status_code, stale.json()["newest"]) == (409, 2)
    assert (await alone.put("/models/default?base=1", ["alpha/slow"])).status_code == 409
    assert (await alone.put("/models/default?base=2&note=why", ["alpha/slow"])).status_code == 200
    assert (await alone.get("/configuration/history"))["versions"][0]["note"] == "why"


# --- permissions ---


async def test_who_may_configure_may_not_say_where_keys_go(alone: Node):
    await alone.published(DOCUMENT)
    async with alone.client_for("operator") as operator:
        assert (await operator.put("/models/x", json=["alpha/slow"])).status_code == 200
        for method, path, body in (
            ("PUT", "/providers/beta", {"base_url": PUBLIC}),
            ("DELETE", "/providers/alpha", None),
            ("PUT", "/providers/alpha/keys/x", {"value": "x"}),
            ("PUT", "/configuration", {"base": 2, "document": {"models": {}}}),
            ("POST", "/configuration/rollback", {"version": 1}),
            ("POST", "/configuration/validate", {"document": {"observability": {"otel": {"endpoint": PUBLIC}}}}),
        ):
            answer = await operator.request(method, path, json=body)
            if path.endswith("rollback"):
                assert answer.status_code == 200, "providers are the same in it"
            else:
                assert answer.status_code == 403, (path, answer.text)
                assert "'providers'" in answer.json()["error"]["message"]
    async with alone.client_for("viewer") as viewer:
        assert (await viewer.get("/configuration")).status_code == 200
        assert (await viewer.put("/models/x", json=["alpha/slow"])).status_code == 403


# --- what comes from outside ---


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("http://127.0.0.1:9/v1", "loopback"),
        ("http://[::1]/v1", "loopback"),
        ("http://localhost/v1", "loopback"),
        ("http://10.1.2.3/v1", "private"),
        ("http://169.254.169.254/latest", "metadata"),
        ("http://[::ffff:169.254.169.254]/latest", "metadata"),
        ("http://0.0.0.0/v1", "this machine"),
    ],
)
async def test_an_address_inside_is_not_published(alone: Node, address: str, why: str):
    answer = await alone.put("/providers/inside", {"base_url": address, "keys": []})
    assert why in (await problems(answer))["providers.inside.base_url"]


async def test_other_addresses_inside_are_not_published_either(alone: Node):
    observability: Any = {
        "alerts": {"webhooks": [{"url": "http://10.0.0.1/hook"}]},
        "sinks": [{"kind": "webhook", "url": "http://192.168.0.1/hook"}],
    }
    answer = await alone.put("/configuration", {"base": 0, "document": {"observability": observability}})
    assert set(await problems(answer)) == {"observability.alerts.webhooks[0].url", "observability.sinks[0].url"}
    answer = await alone.put("/providers/x", {"base_url": PUBLIC, "proxy": "http://u:p@127.0.0.1:3128"})
    assert set(await problems(answer)) == {"providers.x.proxy"}


async def test_a_network_that_the_file_allows_may_be_reached(tmp_path: Path, connections_ended: None):
    allowed = "auth: {admin: {private_networks: [127.0.0.0/8]}}\n"
    async with node(f"sqlite:///{tmp_path}/log.db", allowed, tmp_path) as made:
        answer = await made.put("/providers/inside", {"base_url": "http://127.0.0.1:9/v1", "keys": []})
        assert answer.status_code == 200, answer.text
        assert made.gateway.snapshot.providers["inside"].reach == ("127.0.0.0/8",)


@pytest.mark.parametrize(
    ("document", "path", "why"),
    [
        (
            {"providers": {"a": {"base_url": PUBLIC, "keys": ["file:/etc/passwd"]}}},
            "providers.a.keys[0]",
            "/run/secrets",
        ),
        (
            {"providers": {"a": {"base_url": PUBLIC, "keys": ["file:/run/secrets/../../etc/passwd"]}}},
            "providers.a.keys[0]",
            "/run/secrets",
        ),
        (
            {"providers": {"a": {"base_url": PUBLIC, "keys": ["${HEADWAY_ADMIN_TOKEN}"]}}},
            "providers.a.keys[0]",
            "HEADWAY_*",
        ),
        ({"models": {"x": ["a/${HEADWAY_SECRET_KEY}"]}}, "models.x[0]", "HEADWAY_*"),
        (
            {"providers": {"a": {"base_url": PUBLIC, "tls": {"ca_file": "/etc/passwd"}}}},
            "providers.a.tls.ca_file",
            "/run/secrets",
        ),
        ({"observability": {"sinks": [{"kind": "jsonl", "path": "x"}]}}, "observability.sinks[0].kind", "writes files"),
        ({"providers": {"a": {"base_url": PUBLIC, "keys": ["sealed:00:AA"]}}}, "providers.a.keys[0]", "sealed"),
    ],
)
async def test_what_is_published_reads_no_file_and_nothing_of_headways_own(
    tmp_path: Path, connections_ended: None, document: Any, path: str, why: str
):
    url = f"sqlite:///{tmp_path}/log.db"
    async with node(url, None, tmp_path, HEADWAY_ADMIN_TOKEN="t", HEADWAY_SECRET_KEY="k" * 32) as made:
        answer = await made.put("/configuration", {"base": 0, "document": document})
        assert why in (await problems(answer))[path]
        assert "root:" not in answer.text


@pytest.mark.parametrize(
    "body", [b"[" * 100_000, b"{" * 5, b'{"document": []}', b'{"document": {"models": {"x": NaN}}}']
)
async def test_no_body_breaks_it(alone: Node, body: bytes):
    answer = await alone.client.put("/configuration", content=body, headers={"content-type": "application/json"})
    assert 400 <= answer.status_code < 500, answer.text


async def test_a_body_that_is_too_large_or_too_deep_is_refused(alone: Node):
    large = {"base": 0, "document": {"models": {"x": "y" * 2**20}}}
    assert (await alone.put("/configuration", large)).status_code == 413
    deep: Any = "x"
    for _ in range(200):
        deep = [deep]
    answer = await alone.put("/configuration", {"base": 0, "document": {"models": {"x": deep}}})
    assert "nested" in next(iter((await problems(answer)).values()))
    answer = await alone.client.put(
        "/configuration",
        content=b'{"base": 0, "document": {"models": {"\\ud800": ["a/b"]}}}',
        headers={"content-type": "application/json"},
    )
    assert answer.status_code == 422


# --- secrets ---

CANARY = "canary-of-a-secret-{}-that-nobody-sees"


async def test_no_secret_comes_back_anywhere(alone: Node, tmp_path: Path):
    secrets = [CANARY.format(number) for number in range(8)]
    document: Any = {
        "providers": {
            "short": {"base_url": PUBLIC, "keys": [secrets[0]]},
            "long": {
                "base_url": PUBLIC,
                "keys": [{"name": "k", "value": secrets[1]}],
                "headers": {"x-extra": secrets[2]},
                "proxy": f"http://u:{secrets[3]}@93.184.215.14:3128",
            },
        },
        "observability": {
            "alerts": {"webhooks": [{"url": f"{PUBLIC}/{secrets[4]}"}]},
            "sinks": [{"kind": "webhook", "url": f"{PUBLIC}/{secrets[5]}", "headers": {"x-token": secrets[6]}}],
        },
    }
    said = [(await alone.put("/configuration", {"document": document, "base": 0})).text]
    document["providers"]["short"]["keys"] = [secrets[7]]
    said.append((await alone.post("/configuration/diff", {"document": document})).text)
    said.append((await alone.put("/configuration", {"document": document, "base": 1})).text)
    said.append((await alone.post("/configuration/rollback", {"version": 1})).text)
    broken = {**document, "models": {"x": ["nowhere/x"]}}
    said.append((await alone.post("/configuration/validate", {"document": broken})).text)
    pages = (
        *("/configuration", "/configuration/export", "/configuration/history", "/configuration/history/1"),
        *("/configuration/history/2", "/providers", "/providers/long", "/providers/long/keys/k", "/status"),
    )
    said.extend([(await alone.client.get(page)).text for page in pages])
    with closing(sqlite3.connect(tmp_path / "log.db")) as connection:
        said.extend(map(str, connection.execute("SELECT * FROM configurations").fetchall()))
        audit = connection.execute("SELECT before, after FROM audit").fetchall()
    assert len(audit) == 3
    said.extend(map(str, audit))
    for text in said:
        for secret in (*secrets, "canary"):
            assert secret not in text
    assert "****sees" in said[0]


async def test_references_are_shown_as_they_are(tmp_path: Path, connections_ended: None):
    async with node(f"sqlite:///{tmp_path}/log.db", None, tmp_path, SOME_KEY="sk-very-secret-thing") as made:
        section = {"base_url": PUBLIC, "keys": ["${SOME_KEY}"], "headers": {"x-token": "Bearer ${SOME_KEY}"}}
        await made.published({"providers": {"a": section}})
        assert (await made.get("/providers/a"))["value"] == section
        assert "very-secret" not in (await made.client.get("/configuration")).text
        with_default = {"base_url": PUBLIC, "keys": ["${NO_SUCH:-a-secret-that-is-a-default}"]}
        await made.published({"providers": {"a": with_default}})
        assert "a-secret-that" not in (await made.client.get("/providers/a")).text
    assert not (tmp_path / "nothing").exists()


async def test_a_masked_secret_that_is_sent_back_stays_what_it_is(alone: Node):
    await alone.published(DOCUMENT)
    section = (await alone.get("/providers/alpha"))["value"]
    assert section["keys"] == [{"name": "team", "value": "****3f9a"}]
    section["keys"].insert(0, {"name": "other", "value": "a-new-key-of-another"})
    assert (await alone.put("/providers/alpha", section)).status_code == 200
    told = {each.name: each.secret for each in alone.gateway.snapshot.providers["alpha"].credentials}
    assert told["team"] is not None
    assert told["team"].reveal() == KEY


async def test_a_mask_that_stands_for_nothing_is_refused(alone: Node):
    await alone.published(DOCUMENT)
    for section in (
        {"base_url": PUBLIC, "keys": ["****0000"]},
        {"base_url": PUBLIC, "keys": [{"name": "team", "value": "****"}]},
    ):
        found = await problems(await alone.put("/providers/alpha", section))
        assert all("masked" in each for each in found.values())
    found = await problems(await alone.put("/providers/beta", {"base_url": PUBLIC, "keys": ["****3f9a"]}))
    assert "masked" in found["providers.beta.keys[0]"]


async def test_a_masked_key_does_not_go_to_another_address(alone: Node):
    """Or whoever may set an address could have the key sent there."""
    await alone.published(DOCUMENT)
    masked = {"keys": [{"name": "team", "value": "****3f9a"}], "models": ["fast"]}
    for elsewhere in (
        {"base_url": "http://93.184.215.15/v1"},
        {"base_url": "http://93.184.215.14:81/v1"},
        {"base_url": PUBLIC, "proxy": "http://93.184.215.15:3128"},
        {"kind": "openai"},
    ):
        found = await problems(await alone.put("/providers/alpha", {**masked, **elsewhere}))
        assert "another address" in found["providers.alpha.keys[0].value"]
    assert (await alone.put("/providers/alpha", {**masked, "base_url": "http://93.184.215.14/v2"})).status_code == 200


async def test_the_export_is_a_configuration(alone: Node):
    await alone.published({**DOCUMENT, "resilience": {"attempts": 2}})
    text = (await alone.client.get("/configuration/export")).text
    told = yaml.safe_load(text)
    assert told["models"] == {"default": ["alpha/fast"]}
    assert told["resilience"] == {"attempts": 2}
    assert told["providers"]["alpha"]["keys"][0]["value"] == "****3f9a"


async def test_the_schema_is_that_of_the_file(alone: Node):
    schema = await alone.get("/configuration/schema")
    root = Path(__file__).parents[2]
    assert schema == json.loads((root / "headway.schema.json").read_text())


async def test_without_a_key_to_seal_it_no_secret_is_published_and_references_are(
    tmp_path: Path, connections_ended: None
):
    url = f"sqlite:///{tmp_path}/log.db"
    async with node(url, None, tmp_path, HEADWAY_SECRET_KEY_FILE=f"{tmp_path}/none", SOME_KEY="sk-some") as made:
        answer = await made.put("/configuration", {"document": DOCUMENT, "base": 0})
        found = await problems(answer)
        assert "cannot be sealed" in found["providers.alpha.keys[0].value"]
        assert "${NAME}" in found["providers.alpha.keys[0].value"]
        assert (await made.get("/configuration"))["version"] == 0
        section = {"base_url": PUBLIC, "keys": ["${SOME_KEY}"]}
        assert (await made.put("/providers/alpha", section)).status_code == 200
