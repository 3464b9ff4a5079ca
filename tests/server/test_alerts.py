"""`/api/alerts` and the way there: what a running gateway sees go wrong is told on the page, in the log, in metrics and
to a webhook, and never with a secret.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec
import pytest

from headway.types import Alert

if TYPE_CHECKING:
    from server.conftest import Lane, Message

pytestmark = pytest.mark.real

CONFIG = """
providers:
  up: {{base_url: "{base_url}", keys: [{{name: a, value: sk-hunter2}}]}}
models:
  default: [up/m]
"""
CHAT = {"model": "default", "messages": []}
REFUSED = (
    b'{"error": {"message": "Incorrect API key provided", "type": "invalid_request_error", "code": "invalid_api_key"}}'
)

Get = Callable[..., "Message"]


@pytest.fixture
def get(get: Get, lean: Lane) -> Get:
    lean.configure(CONFIG + "observability: {{alerts: {{enabled: false}}}}")  # forgets what other tests left
    lean.configure(CONFIG)
    return get


def refuse_the_key(lean: Lane) -> None:
    client = lean.client()
    client.ask(CHAT)
    lean.upstream.request().answer(REFUSED, status=401)
    assert client.reply().status == 401


def look(lean: Lane) -> None:
    lean.run.call(lean.run.headway.alarm.look)


def test_without_trouble_the_page_is_empty(get: Get):
    message = get("/api/alerts")
    assert (message.status, message.field("content-type")) == (200, "application/json")
    assert message.field("cache-control") == "no-store"
    assert message.json == {"alerts": []}


def test_a_refused_key_is_told_until_it_has_been_used_with_success_or_replaced(get: Get, lean: Lane):
    refuse_the_key(lean)
    look(lean)
    (alert,) = msgspec.json.decode(msgspec.json.encode(get("/api/alerts").json["alerts"]), type=list[Alert])
    assert (alert.kind, alert.severity, alert.subject, alert.count) == ("key_parked", "critical", "up#a", 1)
    assert alert.resolved_at is None
    assert b"hunter" not in get("/api/alerts").body
    assert 'headway_alerts{kind="key_parked"} 1' in get("/metrics").body.decode()
    assert lean.run.call(lean.run.headway.gateway.troubles).parked == {"up#a"}
    lean.configure(CONFIG.replace("sk-hunter2", "sk-another"))
    assert lean.run.call(lean.run.headway.gateway.troubles).parked == frozenset()


def test_the_front_page_names_it(get: Get):
    assert "/api/alerts" in get("/").json["endpoints"]


def test_a_reload_names_a_webhook_which_hears_of_what_is_wrong(get: Get, lean: Lane):
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(5.0)
        port = listening.getsockname()[1]
        url = f"http://127.0.0.1:{port}/services/hunter3"
        lean.configure(
            CONFIG + f"observability: {{{{alerts: {{{{webhooks: [{{{{url: '{url}', format: slack}}}}]}}}}}}}}"
        )
        refuse_the_key(lean)
        look(lean)
        sock, _ = listening.accept()
        with sock:
            sock.settimeout(5.0)
            received = b""
            while b"}" not in received:
                received += sock.recv(65536)
            sock.sendall(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")
    head, _, body = received.partition(b"\r\n\r\n")
    assert head.startswith(b"POST /services/hunter3 HTTP/1.1\r\n")
    assert json.loads(body)["text"].startswith("[critical] key_parked up#a: up#a is refused")
    until = time.monotonic() + 5.0
    while 'headway_alert_posts_total{result="failed"}' not in (metrics := get("/metrics").body.decode()):
        assert time.monotonic() < until
    assert "hunter" not in metrics
