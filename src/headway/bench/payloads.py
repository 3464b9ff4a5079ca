"""The bytes on the wire: requests that the load generator sends and replies that the mock gives, built once before a
run.

Only shapes and sizes are decided here: an OpenAI chat request of a given size, a reply of about 0.5 KB, chunks of about
250 B.
"""

from __future__ import annotations

import json

COMPLETION_ID = "chatcmpl-bench0000000000000000"
CREATED = 1_750_000_000
UPSTREAM_MODEL = "bench-upstream"
SENTENCE = 'Explain in two sentences why the request queue grew, and what "back-pressure" means here.\n'
MESSAGE_BYTES = 600
CHUNK_BYTES = 250

PLAIN_HEADERS = (
    ("date", "Mon, 16 Jun 2025 12:00:00 GMT"),
    ("content-type", "application/json"),
    ("server", "mock"),
    ("x-request-id", "req_bench0000000000000000"),
)
OPENAI_HEADERS = (
    ("date", "Mon, 16 Jun 2025 12:00:00 GMT"),
    ("content-type", "application/json"),
    ("connection", "keep-alive"),
    ("access-control-expose-headers", "X-Request-ID"),
    ("openai-organization", "bench-organization"),
    ("openai-processing-ms", "412"),
    ("openai-project", "proj_bench00000000000000"),
    ("openai-version", "2020-10-01"),
    ("x-envoy-upstream-service-time", "418"),
    ("x-ratelimit-limit-requests", "30000"),
    ("x-ratelimit-limit-tokens", "150000000"),
    ("x-ratelimit-remaining-requests", "29999"),
    ("x-ratelimit-remaining-tokens", "149999967"),
    ("x-ratelimit-reset-requests", "2ms"),
    ("x-ratelimit-reset-tokens", "0s"),
    ("x-request-id", "req_bench00000000000000000000000"),
    ("strict-transport-security", "max-age=31536000; includeSubDomains; preload"),
    ("cf-cache-status", "DYNAMIC"),
    ("set-cookie", "__cf_bm=bench.bench; path=/; HttpOnly; Secure; SameSite=None"),
    ("x-content-type-options", "nosniff"),
    ("server", "mock"),
    ("cf-ray", "bench0000000000-AMS"),
    ("alt-svc", 'h3=":443"; ma=86400'),
)
"""With content-length, the 24 headers that a real reply brings."""


def compact(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def chat_body(model: str, size: int, *, stream: bool = False) -> bytes:
    """A chat request of `size` bytes (or a little more where the envelope alone is larger), `messages` first as
    OpenAI's SDK writes it.
    """
    tail: dict[str, object] = {"model": model, "max_tokens": 256}
    if stream:
        tail |= {"stream": True, "stream_options": {"include_usage": True}}
    messages: list[dict[str, str]] = []
    room = size - len(compact({"messages": messages, **tail}))
    roles = ("user", "assistant")
    while room > 0:
        message = {"role": roles[len(messages) % 2], "content": ""}
        content = (SENTENCE * (MESSAGE_BYTES // len(SENTENCE) + 1))[:MESSAGE_BYTES]
        envelope = len(compact(message)) + bool(messages)
        if room < len(compact(content)) - 2 + envelope + MESSAGE_BYTES // 8:
            content = "x" * max(1, room - envelope)
        message["content"] = content
        messages.append(message)
        room -= len(compact(message)) + (len(messages) > 1)
    return compact({"messages": messages or [{"role": "user", "content": "x"}], **tail})


def chat_request(body: bytes, *, authority: str, path: str, api_key: str) -> bytes:
    """The whole HTTP/1.1 request, head and body."""
    head = (
        f"POST {path} HTTP/1.1\r\nhost: {authority}\r\naccept: application/json\r\ncontent-type: application/json\r\n"
        f"user-agent: headway-bench\r\nauthorization: Bearer {api_key}\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def chat_reply() -> bytes:
    """The body of a whole reply, about 0.5 KB."""
    usage = {
        "prompt_tokens": 33,
        "completion_tokens": 28,
        "total_tokens": 61,
        "prompt_tokens_details": {"cached_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0},
    }
    message = {"role": "assistant", "content": SENTENCE, "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    return compact(
        {
            "id": COMPLETION_ID,
            "object": "chat.completion",
            "created": CREATED,
            "model": UPSTREAM_MODEL,
            "choices": [choice],
            "usage": usage,
            "system_fingerprint": "fp_bench",
        }
    )


def whole_reply(body: bytes, headers: tuple[tuple[str, str], ...] = PLAIN_HEADERS, status: str = "200 OK") -> bytes:
    """A reply with content-length, head and body."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
    return f"HTTP/1.1 {status}\r\n{lines}content-length: {len(body)}\r\n\r\n".encode() + body


def stream_head(headers: tuple[tuple[str, str], ...] = PLAIN_HEADERS) -> bytes:
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers if name != "content-type")
    return f"HTTP/1.1 200 OK\r\n{lines}content-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n".encode()


def framed(payload: bytes) -> bytes:
    """One chunk of a chunked body."""
    return b"%x\r\n%b\r\n" % (len(payload), payload)


def event(delta: dict[str, object], *, finish: str | None = None) -> bytes:
    """One server-sent event of a chat stream."""
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    chunk = {
        "id": COMPLETION_ID,
        "object": "chat.completion.chunk",
        "created": CREATED,
        "model": UPSTREAM_MODEL,
        "choices": [choice],
        "usage": None,
    }
    return b"data: " + compact(chunk) + b"\n\n"


def content_event() -> bytes:
    """One event with text, `CHUNK_BYTES` long."""
    room = CHUNK_BYTES - len(event({"content": ""}))
    return event({"content": "x" * room})


def usage_event(chunks: int) -> bytes:
    usage = {"prompt_tokens": 33, "completion_tokens": chunks, "total_tokens": 33 + chunks}
    chunk: dict[str, object] = {
        "id": COMPLETION_ID,
        "object": "chat.completion.chunk",
        "created": CREATED,
        "model": UPSTREAM_MODEL,
        "choices": [],
        "usage": usage,
    }
    return b"data: " + compact(chunk) + b"\n\n"


def stream_end(chunks: int, *, usage: bool) -> bytes:
    """What follows the last chunk of text: finish reason, usage if asked for, terminal marker, end of body."""
    parts = [framed(event({}, finish="stop"))]
    if usage:
        parts.append(framed(usage_event(chunks)))
    return b"".join([*parts, framed(b"data: [DONE]\n\n"), b"0\r\n\r\n"])


def events_of(chunks: int, *, usage: bool) -> int:
    """How many events a stream of `chunks` chunks of text has: the role, the text, the finish reason, usage, the
    terminal marker.
    """
    return chunks + 3 + usage
