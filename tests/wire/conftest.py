"""Recorded exchanges with providers that speak OpenAI's API, and fakes for what stands around a relay.

The recordings live beside the repository; tests that need them are skipped where they are absent.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest

from headway.failures import Failure, FailureKind
from headway.pipeline.relay import Manner, Notice, StreamRelay
from headway.providers.classification.classify import classify_event
from headway.types import Usage
from headway.wire import sse
from headway.wire.endpoints import ENDPOINTS, Endpoint
from headway.wire.form.codec import Show
from headway.wire.form.reply import Event
from headway.wire.form.request import Request, Unsupported
from headway.wire.malformed import Malformed
from wire.at_work import AtWork

CORPUS = Path(__file__).parents[3] / "shared" / "corpus"
JSON_ENDPOINTS = {endpoint.path: endpoint for endpoint in ENDPOINTS if endpoint.body == "json"}


class Recording(NamedTuple):
    """One exchange with a provider: what it was asked, as a document, and the bytes of its answer."""

    id: str
    provider: str
    endpoint: Endpoint
    request: dict[str, Any] | None
    status: int
    content_type: str
    body: bytes

    @property
    def is_stream(self) -> bool:
        return self.content_type.startswith("text/event-stream")


def recorded() -> Iterator[Recording]:
    for path in sorted(CORPUS.glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            entry = json.loads(line)
            request, response = entry["request"], entry["response"]
            where = urlsplit(request["url"]).path
            endpoint = next((e for tail, e in JSON_ENDPOINTS.items() if where.endswith(tail)), None)
            if endpoint is None or request["method"] != "POST":
                continue
            body = request["body"] if request["body_kind"] == "json" else None
            yield Recording(
                entry["id"],
                path.stem,
                endpoint,
                body,
                response["status"],
                {name.lower(): value for name, value in response["headers"].items()}.get("content-type", ""),
                as_bytes(response["body_kind"], response["body"]),
            )


def as_bytes(kind: str, body: Any) -> bytes:
    match kind:
        case "json":
            return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
        case "base64":
            return base64.b64decode(body)
        case _:
            return (body or "").encode()


@pytest.fixture(scope="session")
def recordings() -> list[Recording]:
    if not CORPUS.is_dir():
        pytest.skip("no recorded exchanges beside the repository")
    return list(recorded())


@pytest.fixture(scope="session")
def streams(recordings: list[Recording]) -> list[Recording]:
    """Each different stream once."""
    return list({each.body: each for each in recordings if each.is_stream and each.status == 200}.values())


@pytest.fixture(scope="session")
def replies(recordings: list[Recording]) -> list[Recording]:
    return [each for each in recordings if each.status == 200 and not each.is_stream]


# --- around a relay ---


class Watched:
    """The exchange and the client of a relay: what it reported, in order, and what was shown."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.shown: list[bytes] = []
        self.usage: Usage | None = None
        self.passed = 0

    @property
    def outcome(self) -> str:
        return self.told[-1] if self.told else "nothing"

    # pipeline.relay.RelayOwner

    def commit(self, length: int | None) -> None:
        assert length is None
        self.told.append("commit")

    def attempt_failed(self, failure: Failure) -> None:
        assert not self.shown
        self.told.append(f"failed: {failure.kind.value}")

    def relayed(self, usage: Usage | None, passed: int) -> None:
        self.told.append("relayed")
        self.usage, self.passed = usage, passed

    def broke(self, failure: Failure, usage: Usage | None, passed: int, notice: Notice) -> None:
        self.told.append(f"broke: {failure.kind.value}" + (", as told" if notice == "told" else ""))
        self.usage, self.passed = usage, passed

    def reported(self, payload: bytes) -> Failure:
        failure = classify_event("custom", payload, who="up/m#k")
        return failure or Failure(kind=FailureKind.UNKNOWN, source="upstream", message="sent an error event")

    # ports.Downstream

    def reply(self, status: int, headers: bytes, body: bytes) -> None:
        raise AssertionError("a relay does not answer as a whole")

    def begin(self, status: int, headers: bytes, length: int | None) -> None:
        raise AssertionError("a relay's exchange begins the answer")

    def write(self, data: bytes) -> None:
        assert self.told[:1] == ["commit"], "shown before the commit"
        self.shown.append(data)

    def end(self) -> None:
        raise AssertionError("a relay's exchange ends the answer")

    def abort(self) -> None:
        raise AssertionError("a relay's exchange aborts the answer")


class Relayed(NamedTuple):
    outcome: str
    shown: bytes
    usage: Usage | None
    told: list[str]
    pieces: list[bytes]


def relayed(
    endpoint: Endpoint,
    pieces: list[bytes],
    *,
    hide: bool = False,
    expect_done: bool = True,
    choices: int = 1,
    lost: Failure | None = None,
) -> Relayed:
    """A stream that arrives in these pieces and then ends; `lost`: its connection breaks instead."""
    watched = Watched()
    manner = Manner(endpoint, who="up/m#k", hide_usage=hide, expect_done=expect_done, choices=choices)
    relay = StreamRelay(watched, watched, manner)
    for number, piece in enumerate(pieces, 1):
        relay.on_body(piece, complete=lost is None and number == len(pieces))
        if watched.outcome.startswith(("failed", "broke")):  # and its owner leaves the connection
            break
    else:
        if lost is not None:
            relay.on_lost(lost)
    shown = b"".join(watched.shown)
    assert watched.passed in (0, len(shown)), "the number of bytes told is not the number shown"
    return Relayed(watched.outcome, shown, watched.usage, watched.told, watched.shown)


@pytest.fixture(scope="session")
def relay():
    return relayed


# --- what a full parse says ---


def events_of(stream: bytes) -> list[tuple[bytes, Any]]:
    """Every event with the document in its data; None for comments, `[DONE]` and what is no JSON."""
    whole, rest = sse.split(stream)
    found: list[tuple[bytes, Any]] = []
    for event in (*whole, rest):
        data = sse.data_of(event)
        try:
            found.append((event, None if data is None else json.loads(data)))
        except ValueError:
            found.append((event, None))
    return found


def usage_from(document: Any) -> Usage | None:
    """Usage as it stands in a parsed reply or stream event."""
    if not isinstance(document, dict):
        return None
    usage = (document.get("response") or document).get("usage")
    if not isinstance(usage, dict):
        return None
    asked, answered = (usage.get(f"{a}_tokens", usage.get(f"{b}_tokens")) for a, b in WORDS)
    if asked is None and answered is None:
        return None
    of_asked, of_answered = (usage.get(f"{a}_tokens_details", usage.get(f"{b}_tokens_details")) or {} for a, b in WORDS)
    asked, answered, reasoning = asked or 0, answered or 0, of_answered.get("reasoning_tokens") or 0
    beyond = (usage.get("total_tokens") or 0) - asked - answered
    if beyond > 0:  # some leave what the model thought out of the completion, and in the total
        answered, reasoning = answered + beyond, max(reasoning, beyond)
    elsewhere = (usage.get(f"{name}_tokens") for name in ("prompt_cache_hit", "num_cached", "cached"))
    tools = usage.get("server_tool_use_details") or usage.get("server_tool_use") or {}
    cost = usage.get("cost")
    cost = cost.get("total_cost") if isinstance(cost, dict) else cost
    return Usage(
        input_tokens=asked,
        output_tokens=answered,
        cached_input_tokens=of_asked.get("cached_tokens") or next((each for each in elsewhere if each), 0),
        reasoning_tokens=reasoning,
        cache_write_tokens=of_asked.get("cache_write_tokens") or 0,
        audio_input_tokens=of_asked.get("audio_tokens") or 0,
        audio_output_tokens=of_answered.get("audio_tokens") or 0,
        cached_audio_input_tokens=(of_asked.get("cached_tokens_details") or {}).get("audio_tokens") or 0,
        image_input_tokens=of_asked.get("image_tokens") or 0,
        image_output_tokens=of_answered.get("image_tokens") or 0,
        searches=tools.get("web_search_requests") or usage.get("num_search_queries") or 0,
        told_cost=None if cost is None else round(cost * 1e6),
    )


WORDS = (("prompt", "input"), ("completion", "output"))
"""What Chat Completions and Responses call the two sides."""


class FullParse(NamedTuple):
    """What a reader of the whole stream knows, who need not be quick."""

    events: list[tuple[bytes, Any]]
    usage: Usage | None
    without_usage_chunk: bytes
    end: int | None
    """Where the event ends after which the answer counts as finished; None: it never is."""
    told: int | None
    """Where the provider's own error event ends; None: there is none."""


def fully_parsed(stream: bytes, endpoint: Endpoint) -> FullParse:
    events = events_of(stream)
    usages = [usage for _, document in events if (usage := usage_from(document)) is not None]
    kept = [event for event, document in events if not is_usage_chunk(document)]
    position, end, told = 0, None, None
    for event, document in events:
        position += len(event)
        if told is None and is_error(document):
            told = position
        if end is None and finishes(event, document, endpoint):
            end = position
    return FullParse(events, usages[-1] if usages else None, b"".join(kept), end, told)


def is_error(document: Any) -> bool:
    return isinstance(document, dict) and (bool(document.get("error")) or document.get("type") == "error")


def is_usage_chunk(document: Any) -> bool:
    return isinstance(document, dict) and document.get("choices") == [] and document.get("usage") is not None


def finishes(event: bytes, document: Any, endpoint: Endpoint) -> bool:
    if endpoint.name == "responses":
        kinds = ("response.completed", "response.incomplete", "response.failed", "error")
        return isinstance(document, dict) and document.get("type") in kinds
    if sse.data_of(event) == b"[DONE]":
        return True
    choices = document.get("choices") if isinstance(document, dict) else None
    return any(choice.get("finish_reason") for choice in choices or ())


@pytest.fixture(scope="session")
def full_parse():
    return fully_parsed


@pytest.fixture(scope="session")
def full_usage():
    return usage_from


# What the tests of a dialect do with its codec, if they say what `work` is.


@pytest.fixture
def read(work: AtWork) -> Callable[..., Request]:
    return work.read


@pytest.fixture
def read_any(work: AtWork) -> Callable[[Any], Request | Malformed]:
    return work.read_any


@pytest.fixture
def write(work: AtWork) -> Callable[..., tuple[Any, tuple[str, ...]]]:
    return work.write


@pytest.fixture
def refuse(work: AtWork) -> Callable[[Request], Unsupported]:
    return work.refuse


@pytest.fixture
def events(work: AtWork) -> Callable[[bytes], list[Event]]:
    return work.events


@pytest.fixture
def show(work: AtWork) -> Show:
    return work.show()
