"""Bedrock as it was recorded, and boto3 against a transport that is told what to answer."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

import msgspec
import pytest

from headway.wire.converse.codec import CODEC
from headway.wire.form.codec import Said, Show
from headway.wire.form.parts import Message, Text
from headway.wire.form.reply import Event
from headway.wire.form.request import Request, Toward, Unsupported, Written
from headway.wire.malformed import Malformed

CORPUS = Path(__file__).parents[4] / "shared" / "corpus" / "bedrock.jsonl"
CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"


class Recorded(NamedTuple):
    """One exchange with Bedrock. `operation`: converse, converse-stream, count-tokens."""

    id: str
    operation: str
    model: str
    request: dict[str, Any]
    status: int
    body: bytes


def _recorded() -> Iterator[Recorded]:
    for line in CORPUS.read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        request, response = entry["request"], entry["response"]
        path = unquote(urlsplit(request["url"]).path).split("/")
        if path[-1] not in ("converse", "converse-stream", "count-tokens"):
            continue
        try:
            asked = request["body"] if request["body_kind"] == "json" else json.loads(request["body"])
        except ValueError:  # a recording whose body was cut
            continue
        kind, body = response["body_kind"], response["body"]
        raw = base64.b64decode(body) if kind == "base64" else body if kind == "text" else json.dumps(body)
        data = raw if isinstance(raw, bytes) else raw.encode()
        yield Recorded(entry["id"], path[-1], path[-2], asked, response["status"], data)


@pytest.fixture(scope="session")
def recordings() -> list[Recorded]:
    if not CORPUS.is_file():
        pytest.skip("no recorded exchanges beside the repository")
    return list(_recorded())


@pytest.fixture(scope="session")
def fields() -> Callable[[dict[str, Any]], dict[str, msgspec.Raw]]:
    """A body as the server hands it over: one level deep."""
    decode = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
    return lambda body: decode(json.dumps(body))


@pytest.fixture(scope="session")
def read(fields) -> Callable[..., Request]:
    """A request's body read; it must be readable."""

    def read(body: dict[str, Any], model: str = CLAUDE, *, stream: bool = False) -> Request:
        request = CODEC.read_request(fields(body), Said(model=model, stream=stream))
        assert isinstance(request, Request), request
        return request

    return read


@pytest.fixture(scope="session")
def complaint(fields) -> Callable[[dict[str, Any]], Malformed]:
    def complaint(body: dict[str, Any]) -> Malformed:
        malformed = CODEC.read_request(fields(body), Said(model=CLAUDE, stream=False))
        assert isinstance(malformed, Malformed), malformed
        return malformed

    return complaint


@pytest.fixture(scope="session")
def write(validate) -> Callable[..., tuple[dict[str, Any], tuple[str, ...]]]:
    """A request written for Bedrock, as the SDK would accept it: its body and what was dropped."""

    def write(request: Request, model: str = CLAUDE, **toward: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
        written = CODEC.write_request(request, Toward(model=model, **toward))
        assert isinstance(written, Written), written
        body = json.loads(written.body)
        validate("Converse", {"modelId": model} | body)
        return body, written.dropped

    return write


@pytest.fixture(scope="session")
def refuse() -> Callable[..., Unsupported]:
    def refuse(request: Request, model: str = CLAUDE, **toward: Any) -> Unsupported:
        refused = CODEC.write_request(request, Toward(model=model, **toward))
        assert isinstance(refused, Unsupported), refused
        return refused

    return refuse


@pytest.fixture(scope="session")
def foreign() -> Callable[..., Request]:
    """A request of Chat Completions, of these messages."""

    def foreign(*messages: Message, **more: Any) -> Request:
        said = messages or (Message("user", (Text("Hi"),)),)
        return msgspec.structs.replace(Request(dialect="openai_chat", model="m", messages=said), **more)

    return foreign


@pytest.fixture(scope="session")
def show() -> Show:
    asked = Request(dialect="converse", model=CLAUDE, messages=())
    return Show(request_id="req_1", created=1, model=CLAUDE, request=asked)


@pytest.fixture(scope="session")
def events_of_stream() -> Callable[[bytes], list[Event]]:
    """All that a complete stream says."""

    def events(data: bytes) -> list[Event]:
        frames, rest = CODEC.split(data)
        assert rest == b""
        reader, into = CODEC.reader(), list[Event]()
        for frame in frames:
            reader.read(frame, into)
        reader.end(into)
        assert reader.complete, into
        return into

    return events


# --- the SDK ---


@pytest.fixture(scope="session")
def service_model() -> Any:
    session = pytest.importorskip("botocore.session").get_session()
    return session.get_service_model("bedrock-runtime")


@pytest.fixture(scope="session")
def validate(service_model) -> Callable[[str, dict[str, Any]], None]:
    """Are these parameters of an operation as the SDK's model has them?"""
    validator = pytest.importorskip("botocore.validate").ParamValidator()

    def validate(operation: str, parameters: dict[str, Any]) -> None:
        report = validator.validate(parameters, service_model.operation_model(operation).input_shape)
        assert not report.has_errors(), report.generate_report()

    return validate


class _Body(io.BytesIO):
    """What the SDK reads an answer from."""

    def stream(self, amt: int = 7, **_: Any) -> Iterator[bytes]:
        while piece := self.read(amt):
            yield piece


class Bedrock:
    """boto3 whose transport answers what it is told, and keeps what it was asked."""

    def __init__(self) -> None:
        boto3 = pytest.importorskip("boto3")
        config = pytest.importorskip("botocore.config").Config(retries={"total_max_attempts": 1})
        self.client = boto3.client(
            "bedrock-runtime", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b", config=config
        )
        self.client.meta.events.register("before-send.bedrock-runtime", self._send)
        self._answer: tuple[int, dict[str, str], bytes] = (200, {}, b"{}")
        self.asked: dict[str, Any] = {}
        self.model = ""

    def answers(self, body: bytes, status: int = 200, **headers: str) -> None:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self._answer = (status, {"content-type": "application/json"} | named, body)

    def _send(self, request: Any, **_: Any) -> Any:
        self.asked = json.loads(request.body)
        self.model = unquote(urlsplit(request.url).path).split("/")[2]
        status, headers, body = self._answer
        awsrequest = pytest.importorskip("botocore.awsrequest")
        return awsrequest.AWSResponse(request.url, status, awsrequest.HeadersDict(headers), _Body(body))


@pytest.fixture(scope="session")
def bedrock() -> Bedrock:
    return Bedrock()
