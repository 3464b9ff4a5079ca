"""Secrets are planted wherever a client, a provider or an operator can put one; then everything that the gateway says,
sends or keeps is searched for them. What clients ask and are answered is planted, too: it is not kept either.
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from end_to_end.conftest import Connect, Connection, Provide, Reply, ScriptedUpstream
    from end_to_end.processes.conftest import GatewayProcess, Serve

pytestmark = pytest.mark.real

CANARY = b"canary"
TOKEN = {"authorization": "Bearer canary-admin-token-of-some-length"}
CONFIG = """
storage: {{url: "sqlite:///{folder}/log.db"}}
providers:
  alpha: {{base_url: "{alpha}", keys: [{{name: a, value: sk-canary-a}}], headers: {{x-team: canary-team}}}}
  broken: {{base_url: "{broken}", keys: ["${{PLANTED}}"]}}
  from-file: {{base_url: "{broken}", keys: ["file:key.txt"], auth: x-api-key}}
  behind-proxy: {{base_url: "http://upstream.invalid/v1", keys: [], proxy: "http://user:canary-proxy@127.0.0.1:9"}}
models:
  default: [broken/fast, from-file/fast, alpha/fast]
observability:
  alerts: {{error_rate: {{requests: 1}}, webhooks: [{{url: "{watcher}/canary-alerts"}}]}}
  otel: {{endpoint: "{watcher}", headers: {{x-otel: canary-otel}}}}
  sinks:
    - {{kind: jsonl, path: "{folder}/events.jsonl"}}
    - {{kind: webhook, url: "{watcher}/canary-sink", headers: {{x-sink: canary-sink}}, wait: 10ms}}
"""
KEYS = {
    "authorization": "Bearer sk-canary-client",
    "x-api-key": "canary-client",
    "api-key": "canary-client",
    "x-goog-api-key": "canary-client",
    "cookie": "session=canary",
    "x-custom": "canary",
}
ASKED: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"messages": [{"role": "user", "content": "the canary sings"}], "user": "canary"},
    "/v1/responses": {"input": "the canary sings", "metadata": {"a": "canary"}},
    "/v1/embeddings": {"input": "the canary sings"},
    "/v1/messages": {"max_tokens": 5, "messages": [{"role": "user", "content": "the canary sings"}]},
}
MODELS = ("default", "alpha/fast", "broken/fast", "from-file/fast", "behind-proxy/fast")
ENVIRON = {"HEADWAY_ADMIN_TOKEN": TOKEN["authorization"].partition(" ")[2], "PLANTED": "sk-canary-environment"}


class Scene:
    """A gateway with all that it tells, and somebody who watches it."""

    def __init__(self, process: GatewayProcess, connection: Connection, watcher: ScriptedUpstream, folder: Path):
        self._process = process
        self._connection = connection
        self._watcher = watcher
        self._folder = folder

    async def ask(self, path: str, body: object = None, **options: Any) -> Reply:
        return await self._connection.ask(path, body, **options)

    def said(self) -> dict[str, bytes]:
        """What it has written, sent and kept so far, by where."""
        told = {"standard output": self._process.out.encode(), "standard error": self._process.told.encode()}
        for file in self._folder.iterdir():
            if file.suffix not in (".yaml", ".txt", ".key") and file.is_file():
                told[file.name] = file.read_bytes()
        for number, request in enumerate(self._watcher.requests):
            body = gzip.decompress(request.body) if request.headers.get("content-encoding") == "gzip" else request.body
            told[f"{number}: {request.path}"] = body
        return told

    def sent_to(self, path: str) -> int:
        return sum(request.path.endswith(path) for request in self._watcher.requests)

    async def told_everybody(self) -> None:
        for path in ("/canary-alerts", "/canary-sink", "/v1/traces"):
            await self._process.reaches(lambda path=path: self.sent_to(path) > 0, f"something is sent to {path}")

    async def written(self, count: int) -> None:
        """Until so many requests are in the log."""
        while (await self.ask("/api/statistics", headers=TOKEN)).json()["requests"] < count:
            assert self._process.popen.poll() is None


@pytest.fixture
async def scene(
    serve: Serve, simulated: Provide, scripted: ScriptedUpstream, connect: Connect, tmp_path: Path
) -> Scene:
    alpha = await simulated(keys=("sk-canary-a",))
    broken = await simulated(name="broken", fault="status=401")
    scripted.answer = lambda _: [b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"]
    folder = tmp_path / "kept"
    folder.mkdir()
    (folder / "key.txt").write_text("sk-canary-file\n")
    watcher = f"http://127.0.0.1:{scripted.port}"
    (folder / "headway.yaml").write_text(
        CONFIG.format(alpha=alpha.base_url, broken=broken.base_url, watcher=watcher, folder=folder)
    )
    process = await serve("-c", folder / "headway.yaml", environ=ENVIRON)
    return Scene(process, await connect(process.port), scripted, folder)


def expect_none(told: dict[str, bytes]) -> None:
    found = {where: text[max(0, text.find(CANARY) - 80) :][:200] for where, text in told.items() if CANARY in text}
    assert found == {}


async def asked_everything(scene: Scene) -> int:
    """Every model at every endpoint, whole and streamed; a repeat, and what nobody serves. How many requests."""
    count = 0
    for model in MODELS:
        for path, body in ASKED.items():
            for stream in (False, True):
                headers = {**KEYS, "idempotency-key": f"canary-{count // 2}"}
                await scene.ask(f"{path}?key=canary", {"model": model, "stream": stream, **body}, headers=headers)
                count += 1
    for body in (
        {"model": "canary-not-there/x", "messages": []},
        b"{canary",
        {"model": "default", "messages": "canary"},
    ):
        await scene.ask("/v1/chat/completions", body, headers=KEYS)
    return count


async def somebody_comes_in(scene: Scene) -> list[bytes]:
    """An account and a session of it, and somebody who guesses. What none of that may leave behind."""
    anna = {"name": "anna", "password": "a canary in a mine"}
    made = await scene.ask("/api/accounts", {**anna, "role": "admin"}, headers=TOKEN)
    assert made.status == 201
    welcome = await scene.ask("/api/login", anna)
    assert welcome.status == 200
    wrong = [
        await scene.ask("/api/login", {"name": name, "password": "canary" * 3}) for name in ("anna", "canary-name")
    ]
    assert [reply.status for reply in wrong] == [401, 401]
    token = await scene.ask("/api/tokens", {"name": "tool", "scopes": ["read"]}, headers=TOKEN)
    assert token.status == 201
    cookie = welcome.headers["set-cookie"].partition(";")[0].partition("=")[2]
    assert CANARY not in made.body + b"".join(reply.body for reply in wrong)
    return [cookie.encode(), token.json()["token"].encode(), welcome.json()["csrf"].encode()]


async def pages(scene: Scene) -> dict[str, bytes]:
    """Every page that answers to GET."""
    described = (await scene.ask("/api/openapi.json", headers=TOKEN)).json()
    listed = (await scene.ask("/api/logs?limit=500", headers=TOKEN)).json()["requests"]
    assert listed
    told: dict[str, bytes] = {}
    paths = ["/metrics", "/health/ready", "/v1/models", "/", "/api/openapi.json", "/api/docs", "/nowhere"]
    paths += [f"/api{path}" for path, operations in described["paths"].items() if "get" in operations]
    paths += [f"/api/logs/{row['request_id']}" for row in listed]
    for path in paths:
        if path == "/api/live":
            continue
        wanted = path.replace("{request_id}", listed[0]["request_id"])
        wanted += {"/api/explain": "?model=default", "/api/statistics/top": "?by=target"}.get(path, "")
        told[path] = (await scene.ask(wanted, headers=TOKEN)).body
    return told


async def test_nothing_planted_is_said_sent_or_kept(scene: Scene):
    count = await asked_everything(scene)
    secrets = await somebody_comes_in(scene)
    await scene.told_everybody()
    await scene.written(count)
    named = b"canary-not-there"  # what a client calls a model is told
    told = {**scene.said(), **await pages(scene)}
    expect_none({where: text.replace(named, b"") for where, text in told.items()})
    assert [where for where, text in told.items() for secret in secrets if secret in text] == []
    assert {"standard output", "events.jsonl", "/api/logs"} <= {where for where, text in told.items() if named in text}
    assert any(where.startswith("log.db") for where, text in told.items() if named in text)
    assert len(told["events.jsonl"].splitlines()) >= count


async def test_the_errors_of_the_administration_do_not_quote(scene: Scene):
    told = {}
    for wrong in (
        {},
        {"authorization": "Bearer canary"},
        {"authorization": "Basic canary"},
        {"cookie": "canary=canary"},
    ):
        for path in ("/api/status", "/api/logs/x", "/api/nowhere", "/api/openapi.json"):
            reply = await scene.ask(path, headers=wrong)
            assert reply.status == 401
            told[f"{path} {json.dumps(wrong)}"] = reply.body
    expect_none({**told, **scene.said()})
