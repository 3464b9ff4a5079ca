"""Without a configuration file: what the environment offers is served; without anything, the simulated provider is."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from end_to_end.conftest import Connect, Provide
    from end_to_end.processes.conftest import GatewayProcess, Serve

pytestmark = pytest.mark.real

HELLO = [{"role": "user", "content": "hello"}]


async def test_a_provider_s_usual_variables_are_enough(serve: Serve, simulated: Provide, connect: Connect):
    provider = await simulated("alpha", keys=("sk-usual",))
    process = await serve(environ={"OPENAI_API_KEY": "sk-usual", "OPENAI_BASE_URL": provider.base_url})
    client = await connect(process.port)
    listed = [model["id"] for model in (await client.ask("/v1/models")).json()["data"]]
    assert "openai/gpt-4o-mini" in listed
    assert all(name.startswith("openai/") for name in listed)
    for model in ("openai/gpt-4o-mini", "gpt-4o-mini", "openai/made-up"):
        reply = await client.ask("/v1/chat/completions", {"model": model, "messages": HELLO})
        assert reply.status == 200, reply.body
        assert reply.json()["model"] == model.removeprefix("openai/")
    assert "providers: openai (from environment)" in process.told


async def test_several_providers_are_told_apart_by_their_names(serve: Serve, simulated: Provide, connect: Connect):
    one, other = await simulated("one", keys=("sk-1",)), await simulated("other", keys=("sk-2",))
    environ = {"OPENAI_API_KEY": "sk-1", "OPENAI_BASE_URL": one.base_url}
    process = await serve(environ={**environ, "MISTRAL_API_KEY": "sk-2", "MISTRAL_BASE_URL": other.base_url})
    client = await connect(process.port)
    for model, who in (("openai/x", "one"), ("mistral/x", "other")):
        reply = await client.ask("/v1/chat/completions", {"model": model, "messages": HELLO})
        assert f"at {who}" in reply.json()["choices"][0]["message"]["content"]
    unknown = await client.ask("/v1/chat/completions", {"model": "nobody/x", "messages": HELLO})
    assert unknown.status == 404
    assert unknown.json()["error"]["code"] == "model_not_found"


@pytest.mark.parametrize("workers", [1, 2])
async def test_without_any_key_the_simulated_provider_answers(serve: Serve, connect: Connect, workers: int):
    process = await serve("--workers", workers)
    assert "serving the simulated provider" in process.told
    client = await connect(process.port)
    reply = await client.ask("/v1/chat/completions", {"model": "default", "messages": HELLO})
    assert reply.status == 200
    assert "a simulated answer" in reply.json()["choices"][0]["message"]["content"]
    listed = [model["id"] for model in (await client.ask("/v1/models")).json()["data"]]
    assert listed[0] == "default"
    for model in listed:
        reply = await client.ask("/v1/chat/completions", {"model": model, "messages": HELLO, "max_tokens": 3})
        assert reply.status == 200, reply.body


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not here")
@pytest.mark.parametrize("keys", ["none", "the usual one"])
async def test_the_line_that_it_prints_works_as_it_stands(serve: Serve, simulated: Provide, keys: str):
    provider = await simulated()
    environ = {"OPENAI_API_KEY": "sk-usual", "OPENAI_BASE_URL": provider.base_url} if keys != "none" else {}
    process = await serve(environ=environ)
    answer = await run(printed(process))
    assert answer["object"] == "chat.completion", answer


def printed(process: GatewayProcess) -> str:
    found = re.search(r"^ *curl (?:.*\\\n)*.*$", process.told, re.MULTILINE)
    assert found is not None, process.told
    return found[0]


async def run(line: str) -> Any:
    shell = await asyncio.create_subprocess_exec(
        "sh", "-c", f"{line} -sS --noproxy '*'", stdout=asyncio.subprocess.PIPE
    )
    out, _ = await shell.communicate()
    assert shell.returncode == 0
    return json.loads(out)
