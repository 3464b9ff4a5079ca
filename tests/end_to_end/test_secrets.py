"""Keys are planted wherever keys can be; none ever shows in a reply, a log line, a metric, an error or a page."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from end_to_end.conftest import Provide, Received, Reply, RunningGateway, ScriptedUpstream, Start

pytestmark = pytest.mark.real

CANARY = "canary"
CONFIG = """
providers:
  bearer: {{base_url: "{base_url}", keys: [{{name: a, value: sk-canary-a}}, {{name: b, value: sk-canary-b}}]}}
  api-key: {{base_url: "{base_url}", auth: api-key, keys: ["${{KEY}}"]}}
  from-file: {{base_url: "{base_url}", auth: x-api-key, keys: ["file:key.txt"], headers: {{x-team: canary-team}}}}
  behind-proxy: {{base_url: "http://upstream.invalid/v1", keys: [], proxy: "http://user:canary-proxy@127.0.0.1:{proxy}"}}
  refused: {{base_url: "https://127.0.0.1:{proxy}/v1", keys: [sk-canary-c], headers: {{x-team: "file:key.txt"}}}}
models:
  default: [bearer/fast, api-key/fast, from-file/fast]
observability:
  alerts:
    error_rate: {{requests: 1}}
    webhooks: [{{url: "http://127.0.0.1:{proxy}/canary?canary=1"}}, {{url: "https://127.0.0.1:{proxy}/canary"}}]
"""
PATHS = ("/v1/chat/completions", "/v1/responses", "/v1/embeddings")
PAGES = (
    "/",
    "/v1/models",
    "/v1/models/default",
    "/health/live",
    "/health/ready",
    "/metrics",
    "/api/alerts",
    "/nowhere",
)
PROVIDERS = ("bearer", "api-key", "from-file", "behind-proxy", "refused")


async def started(gateway: Start, folder: Path, base_url: str, proxy: int = 9) -> RunningGateway:
    (folder / "key.txt").write_text("sk-canary-f\n")
    file = folder / "headway.yaml"
    file.write_text(CONFIG.format(base_url=base_url, proxy=proxy))
    return await gateway(file, {"KEY": "sk-canary-e"})


async def everything(running: RunningGateway) -> list[Reply]:
    """Every provider at every endpoint, whole and streamed, with a client's own key; and every page."""
    replies: list[Reply] = []
    keys = {"authorization": "Bearer sk-canary-client", "api-key": "canary-client", "x-api-key": "canary-client"}
    for model in ("default", *(f"{provider}/fast" for provider in PROVIDERS), "bearer/fast", "unknown/fast"):
        for path in PATHS:
            for stream in (False, True):
                body = {"model": model, "stream": stream, "messages": [{"role": "user", "content": "hello"}]}
                replies.append(await running.ask(path, {**body, "input": "hello"}, headers=keys))
    running.headway.alarm.look()
    replies += [await running.ask(path, headers=keys) for path in PAGES]
    return replies


def expect_no_canary(running: RunningGateway, replies: list[Reply]) -> None:
    running.headway.close()
    assert CANARY not in running.out.getvalue().decode()
    assert [reply for reply in replies if CANARY in repr(reply)] == []
    assert running.out.getvalue().count(b'"event":"exchange"') == len(replies) - len(PAGES)


@pytest.mark.parametrize("fault", ["none", "status=401", "status=403", "status=429", "status=500", "html", "refuse"])
async def test_no_key_shows_however_it_goes(gateway: Start, simulated: Provide, tmp_path: Path, fault: str):
    provider = await simulated(keys=("sk-canary-a", "sk-canary-e", "sk-canary-f"), fault=fault)
    running = await started(gateway, tmp_path, provider.base_url)
    replies = await everything(running)
    assert any(reply.status == 200 for reply in replies[: -len(PAGES)]) == (fault == "none")
    sent = [value for request in provider.requests for value in dict(request.headers).values()]
    assert [value for value in sent if "client" in value] == []
    expect_no_canary(running, replies)


def shown(request: Received) -> str:
    """The key as the upstream was sent it."""
    return " ".join(value for name, value in request.headers.items() if name != "x-team" and CANARY in value)


QUOTES: dict[str, tuple[int, str]] = {
    "refusing the key": (
        401,
        '{{"error": {{"message": "Incorrect API key provided: {key}", "type": "x", "code": "y"}}}}',
    ),
    "refusing the request": (400, '{{"error": {{"message": "Invalid key {key}", "type": "x", "code": null}}}}'),
    "forbidding it": (403, '{{"error": {{"message": "{key} may not do this", "type": "x", "code": null}}}}'),
    "failing": (500, '{{"error": {{"message": "cannot look up {key}", "type": "x", "code": null}}}}'),
    "in another form": (500, '{{"detail": "cannot look up {key}"}}'),
    "in a page": (502, "<html>{key}</html>"),
    "in an answer that is an error": (200, '{{"error": {{"message": "no quota for {key}"}}}}'),
}


@pytest.mark.parametrize("quote", QUOTES.values(), ids=QUOTES)
async def test_an_upstream_that_quotes_the_key_is_not_quoted(
    gateway: Start,
    scripted: ScriptedUpstream,
    reply_bytes: Callable[..., bytes],
    tmp_path: Path,
    quote: tuple[int, str],
):
    status, template = quote
    scripted.answer = lambda request: [reply_bytes(status, template.format(key=shown(request)).encode())]
    running = await started(gateway, tmp_path, scripted.base_url)
    expect_no_canary(running, await everything(running))


async def test_an_upstream_that_quotes_the_key_in_a_stream_is_not_quoted(
    gateway: Start, scripted: ScriptedUpstream, tmp_path: Path
):
    def answer(request: Received) -> list[bytes]:
        error = json.dumps({"error": {"message": f"no quota for {shown(request)}"}})
        head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
        return [head, f"data: {error}\n\n".encode()]

    scripted.answer = answer
    scripted.close_after = True
    running = await started(gateway, tmp_path, scripted.base_url)
    expect_no_canary(running, await everything(running))


async def test_a_proxy_s_password_does_not_show(gateway: Start, scripted: ScriptedUpstream, tmp_path: Path):
    scripted.answer = lambda _: [b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n"]
    running = await started(gateway, tmp_path, scripted.base_url, proxy=scripted.port)
    reply = await running.chat("behind-proxy/fast")
    assert scripted.requests[0].headers["proxy-authorization"].startswith("Basic ")
    assert reply.status >= 400
    expect_no_canary(running, [reply, *[await running.ask(path) for path in PAGES]])


async def test_the_running_configuration_can_be_printed(gateway: Start, simulated: Provide, tmp_path: Path):
    running = await started(gateway, tmp_path, (await simulated()).base_url)
    for provider in running.headway.snapshot.providers.values():
        assert CANARY not in repr(provider)


async def test_a_bad_edit_does_not_show_what_it_holds(gateway: Start, simulated: Provide, tmp_path: Path):
    running = await started(gateway, tmp_path, (await simulated()).base_url)
    text = 'providers: {a: {base_url: "canary@", keys: [{valeu: canary}], headers: {x: [canary]}, proxy: "canary://"}}'
    (tmp_path / "headway.yaml").write_text(text)
    running.headway.reload()
    while running.headway.last_config_error is None:
        await running.ask("/health/live")
    replies = [await running.ask(path) for path in PAGES]
    assert "did you mean 'value'" in replies[PAGES.index("/health/ready")].json()["config"]["error"]
    expect_no_canary(running, replies)
