"""A real gateway and a real collector: what arrives by OTLP, that it joins the client's trace and holds no secret."""

from __future__ import annotations

import asyncio
import gzip
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from headway.config import observability
from headway.config.load import load_text
from headway.config.problems import ConfigError

if TYPE_CHECKING:
    from end_to_end.conftest import Start

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
CANARY = "canary"
PATH = "/v1/chat/completions"
CONFIG = """
providers:
  sim: {{base_url: "{base_url}", keys: [sk-canary-key], headers: {{x-team: canary-team}}}}
models:
  default: [sim/fast]
observability:
  otel:
    endpoint: {endpoint}
    headers: {{authorization: "Basic ${{OTLP_KEY}}"}}
    service_name: test-gateway
"""


def asked(text: str, **options: object) -> dict[str, object]:
    return {"model": "default", "messages": [{"role": "user", "content": text}], **options}


class Collector:
    """An OTLP/HTTP receiver."""

    def __init__(self) -> None:
        self.spans: list[Any] = []
        self.resources: list[dict[str, str]] = []
        self.metrics: dict[str, Any] = {}
        self.fields: list[dict[str, str]] = []
        self.raw = b""
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                if self.headers.get("content-encoding") == "gzip":
                    body = gzip.decompress(body)
                collector.take(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}/base"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def take(self, path: str, fields: dict[str, str], body: bytes) -> None:
        self.fields.append(fields)
        self.raw += body
        if path == "/base/v1/traces":
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                self.resources.append({each.key: each.value.string_value for each in resource.resource.attributes})
                for scope in resource.scope_spans:
                    self.spans.extend(scope.spans)
        elif path == "/base/v1/metrics":
            for resource in ExportMetricsServiceRequest.FromString(body).resource_metrics:
                for scope in resource.scope_metrics:
                    self.metrics.update({metric.name: metric for metric in scope.metrics})
        else:
            raise AssertionError(path)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)


@pytest.fixture
def collector() -> Iterator[Collector]:
    made = Collector()
    yield made
    made.close()


class Upstream:
    """A provider that keeps what it was sent, and says what it likes."""

    def __init__(self, status: int = 200, body: bytes = b"") -> None:
        self.heads: list[bytes] = []
        self._status = status
        self._body = body or (
            b'{"object":"chat.completion","model":"fast","choices":[{"index":0,"message":{"role":"assistant",'
            b'"content":"canary-answer"},"finish_reason":"stop"}],"usage":{"prompt_tokens":7,"completion_tokens":2}}'
        )

    async def __aenter__(self) -> Upstream:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.base_url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: (\d+)", head)
        await reader.readexactly(int(length[1]) if length else 0)
        self.heads.append(head)
        fields = f"content-type: application/json\r\ncontent-length: {len(self._body)}\r\nconnection: close\r\n"
        writer.write(f"HTTP/1.1 {self._status} X\r\n{fields}\r\n".encode() + self._body)
        await writer.drain()
        writer.close()


def attributes(span: Any) -> dict[str, Any]:
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in span.attributes}


@pytest.mark.real
async def test_a_trace_goes_through_the_gateway_and_reaches_the_collector(gateway: Start, collector: Collector):
    async with Upstream() as upstream:
        config = CONFIG.format(base_url=upstream.base_url, endpoint=collector.endpoint)
        running = await gateway(config, {"OTLP_KEY": "of-the-collector"})
        headers = {"traceparent": f"00-{TRACE}-{SPAN}-01", "tracestate": "vendor=1"}
        reply = await running.ask(PATH, asked("hello"), headers=headers)
        assert reply.status == 200
        running.headway.close()
    exchange, attempt = sorted(collector.spans, key=lambda span: span.kind)
    assert [span.name for span in (exchange, attempt)] == ["chat default", "chat fast"]
    assert exchange.trace_id == attempt.trace_id == bytes.fromhex(TRACE)
    assert exchange.parent_span_id == bytes.fromhex(SPAN)
    assert attempt.parent_span_id == exchange.span_id
    assert attributes(exchange)["headway.request_id"] == reply.headers["x-request-id"]
    assert attributes(attempt)["gen_ai.usage.input_tokens"] == 7
    assert attributes(attempt)["server.address"] == "127.0.0.1"
    (head,) = upstream.heads
    assert f"traceparent: 00-{TRACE}-{attempt.span_id.hex()}-01\r\n".encode() in head
    assert b"tracestate: vendor=1\r\n" in head
    assert collector.resources[0]["service.name"] == "test-gateway"
    assert set(collector.metrics) >= {"gen_ai.client.token.usage", "http.server.request.duration"}
    assert {fields["authorization"] for fields in collector.fields} == {"Basic of-the-collector"}
    (line,) = [line for line in running.log() if line["event"] == "exchange"]
    assert line["trace"] == {
        "trace_id": TRACE,
        "span_id": exchange.span_id.hex(),
        "sampled": True,
        "parent_id": SPAN,
    }


@pytest.mark.real
@pytest.mark.parametrize("status", [200, 400, 401, 429, 500])
async def test_no_secret_and_no_content_reaches_the_collector(gateway: Start, collector: Collector, status: int):
    error = b'{"error": {"message": "you said: canary-quoted", "type": "canary_type"}}' if status != 200 else b""
    async with Upstream(status, error) as upstream:
        config = CONFIG.format(base_url=upstream.base_url, endpoint=collector.endpoint)
        running = await gateway(config, {"OTLP_KEY": "canary-otlp"})
        headers = {
            "traceparent": f"00-{TRACE}-{SPAN}-01",
            "tracestate": "canary=canary",
            "authorization": "Bearer canary-client",
            "x-headway-session": "canary-session",
            "idempotency-key": "canary-idempotency",
            "user-agent": "canary-agent",
        }
        body = asked("canary-question", user="canary-user", metadata={"a": "canary"})
        assert (await running.ask(PATH, body, headers=headers)).status == status
        await running.ask(PATH, b"canary is no JSON", headers=headers)
        running.headway.close()
    assert len(collector.spans) >= 3
    assert CANARY.encode() not in collector.raw
    assert any("canary-otlp" in repr(fields) for fields in collector.fields), "it is sent, in the header"


@pytest.mark.real
async def test_a_collector_that_is_away_costs_requests_nothing_and_is_counted(gateway: Start):
    async with Upstream() as upstream:
        running = await gateway(
            CONFIG.format(base_url=upstream.base_url, endpoint="http://127.0.0.1:9"), {"OTLP_KEY": "k"}
        )
        assert (await running.chat()).status == 200
        running.headway.recorder.drain()
        began = time.monotonic()
        running.headway._exports.close(1.0)
        assert time.monotonic() - began < 3.0
        while any(thread.name.startswith(("Otel", "headway-closing")) for thread in threading.enumerate()):
            assert time.monotonic() - began < 20.0
            await asyncio.sleep(0.01)
        page = (await running.ask("/metrics")).body.decode()
    assert 'headway_exports_dropped_total{sink="otel",what="spans"}' in page


@pytest.mark.real
async def test_a_reload_turns_it_on_and_off(gateway: Start, collector: Collector, tmp_path: Path):
    async with Upstream() as upstream:
        text = CONFIG.format(base_url=upstream.base_url, endpoint=collector.endpoint)
        plain = text[: text.index("observability:")]
        file = tmp_path / "headway.yaml"
        file.write_text(plain)
        environ = {"OTLP_KEY": "k"}
        running = await gateway(file, environ)
        await running.chat()
        for number, wanted in enumerate((text, plain), 2):
            running.headway.publish(load_text(wanted, name="x", folder=tmp_path, environ=environ, generation=number))
            await running.chat()
            running.headway.recorder.drain()
        running.headway.close()
    assert len(collector.spans) == 2
    assert [b"traceparent" in head for head in upstream.heads] == [False, True, False]


def test_without_it_nothing_of_opentelemetry_is_loaded():
    """In a process of its own, since other tests load it."""
    code = """
import asyncio, io, sys
from pathlib import Path
from headway.app import Headway, Settings
from headway.config.load import load_text

async def main():
    text = "providers: {x: {base_url: 'http://127.0.0.1:9/v1'}}"
    Headway(load_text(text, name="x", folder=Path(), environ={}), Settings(log=False), {}, io.BytesIO()).close()

asyncio.run(main())
sys.exit(any(name.partition(".")[0] in ("opentelemetry", "requests", "google") for name in sys.modules))
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_without_the_library_the_configuration_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    def missing(name: str) -> object:
        return None if name.startswith("opentelemetry") else find_spec(name)

    monkeypatch.setattr(observability, "find_spec", missing)
    config = "providers: {x: {keys: [k], base_url: 'http://127.0.0.1:9/v1'}}\n"
    config += "observability:\n  otel: {endpoint: 'http://127.0.0.1:4318'}\n"
    with pytest.raises(ConfigError) as caught:
        load_text(config, name="x", folder=Path(), environ={})
    assert str(caught.value) == "x:3:3: observability.otel: OpenTelemetry is not installed: pip install 'headway[otel]'"
