"""Whatever fails before the first word of an answer costs one further call, no pause, and nothing that the client sees.

The first target's model carries the fault in its name; the second one is well.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from end_to_end.conftest import Apply, Provide, Seen, Start
    from headway.types import ExchangeEvent

pytestmark = [pytest.mark.sdk, pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")]

CONFIG = """
providers:
  a: {{base_url: "{a}", keys: []}}
  b: {{base_url: "{b}", keys: []}}
models:
  default: {{tiers: [["a/fast!{fault}"], ["b/fast"]]}}
resilience:
  timeouts: {{connect: 1s, headers: {patience}, first_token: {patience}, stall: 5s}}
"""

STATUSES = {
    500: "server_error",
    502: "server_error",
    503: "overloaded",
    504: "timeout",
    408: "timeout",
    429: "rate_limited",
    529: "overloaded",
}
"""What each means whose body says no more."""
REFUSED = {
    f"status={status},body={body}": (str(status), kind)
    for status, kind in STATUSES.items()
    for body in ("json", "html", "text", "empty")
}
BOTH = REFUSED | {
    "status=504,body=json": ("504", "server_error"),  # its type says so
    "close_before_headers": ("transport", "transport"),
    "rst_before_headers": ("transport", "transport"),
    "delay_headers=30s": ("timeout", "timeout"),
    "json_error_200": ("server_error", "server_error"),
    "body=html": ("bad_reply", "bad_reply"),
    "body=text": ("bad_reply", "bad_reply"),
    "body=empty": ("bad_reply", "bad_reply"),
    "empty_choices": ("bad_reply", "bad_reply"),
    "bare_lf": ("bad_reply", "bad_reply"),
    "cl_te": ("bad_reply", "bad_reply"),
}
WHOLE = {
    "malformed_json_at=3t": ("bad_reply", "bad_reply"),
    "end_at=3t": ("bad_reply", "bad_reply"),
    "eof_at=3t": ("bad_reply", "bad_reply"),
    "rst_at=3t": ("bad_reply", "bad_reply"),
    "delay_token=10s": ("timeout", "timeout"),
}
STREAMED = {
    "delay_first_token=30s": ("timeout", "timeout"),
    "stall_after=0t": ("timeout", "timeout"),
    "stall_after=0t,comments=20ms": ("timeout", "timeout"),
    "stall_after=0t,pings=20ms": ("timeout", "timeout"),
    "wrong_content_type": ("bad_reply", "bad_reply"),
    "malformed_json_at=0t": ("bad_reply", "bad_reply"),
    "error_event_at=0t": ("server_error", "server_error"),
    "end_at=0t": ("bad_reply", "bad_reply"),
    "eof_at=0b": ("bad_reply", "bad_reply"),
    "eof_at=0t": ("bad_reply", "bad_reply"),
    "rst_at=0t": ("bad_reply", "bad_reply"),
}
CASES = [
    *((fault, stream, *told) for fault, told in BOTH.items() for stream in (False, True)),
    *((fault, False, *told) for fault, told in WHOLE.items()),
    *((fault, True, *told) for fault, told in STREAMED.items()),
]
HARMLESS = (
    "split_utf8",
    "chunk_bytes=1",
    "framing=close",
    "framing=chunked",
    "http10",
    "informational=103",
    "double_done",
    "no_done",
    "huge_event=1MB",
    "delay_token=5ms",
    "delay_first_token=50ms,comments=10ms",
    "delay_first_token=50ms,pings=10ms",
)


@pytest.mark.parametrize(
    ("fault", "stream", "result", "kind"),
    CASES,
    ids=[f"{case[0]}-{'streamed' if case[1] else 'whole'}" for case in CASES],
)
async def test_the_second_target_answers_at_once(
    gateway: Start, simulated: Provide, application: Apply, *, fault: str, stream: bool, result: str, kind: str
):
    a, b = await simulated("alpha"), await simulated("beta")
    running = await gateway(CONFIG.format(a=a.base_url, b=b.base_url, fault=fault, patience="150ms"))
    seen = await application(running).chat(stream=stream)
    assert (len(a.requests), len(b.requests)) == (1, 1)
    assert seen.attempts == f"a/fast!{fault}#none={result} b/fast#none=200"
    (event,) = await running.ended(1)
    assert (event.attempts[0].result, event.attempts[0].failure) == (result, kind)
    _expect_one_failover(seen, event)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_a_port_that_nobody_listens_on_is_left_at_once(
    gateway: Start, simulated: Provide, application: Apply, stream: bool
):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    b = await simulated("beta")
    nowhere = f"http://127.0.0.1:{port}/v1"
    running = await gateway(CONFIG.format(a=nowhere, b=b.base_url, fault="none", patience="5s"))
    seen = await application(running).chat(stream=stream)
    assert len(b.requests) == 1
    (event,) = await running.ended(1)
    assert event.attempts[0].failure == "transport"
    _expect_one_failover(seen, event)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("fault", HARMLESS)
async def test_what_is_merely_unusual_is_no_failure(
    gateway: Start, simulated: Provide, application: Apply, fault: str, stream: bool
):
    a, b = await simulated("alpha"), await simulated("beta")
    running = await gateway(CONFIG.format(a=a.base_url, b=b.base_url, fault=fault, patience="5s"))
    seen = await application(running).chat(stream=stream, text="say: ça va — 你好 🌍")
    assert seen.error is None
    assert (seen.text, seen.finish) == ("ça va — 你好 🌍", ["stop"])
    assert (len(a.requests), len(b.requests)) == (1, 0)
    (event,) = await running.ended(1)
    assert (event.outcome, [each.result for each in event.attempts]) == ("ok", ["200"])


def _expect_one_failover(seen: Seen, event: ExchangeEvent) -> None:
    """The application has the second target's whole answer, and nothing lay between the attempts."""
    assert seen.error is None
    assert "at beta" in seen.text
    assert seen.finish == ["stop"]
    first, second = event.attempts
    assert (event.outcome, event.broke) == ("ok", False)
    assert (second.target, second.result, second.reason) == ("b/fast#none", "200", "failover")
    assert second.started == pytest.approx(first.started + first.duration, abs=1e-6)
