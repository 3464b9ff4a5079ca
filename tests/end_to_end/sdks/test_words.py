"""Each official client asks each upstream for words, tools' calls, what is in a picture, and JSON after a schema."""

from __future__ import annotations

import base64

import pytest

from end_to_end.sdks.applications import Applications
from end_to_end.sdks.place import Place
from end_to_end.sdks.seen import PIXEL, TOOLS, Application, Forecast, Wish, result_of
from end_to_end.sdks.upstreams import AWS_KEY, BEDROCK, Upstream, is_asked_at
from headway.simulated import tokens

pytestmark = [pytest.mark.sdk, pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")]

HELLO = "hello — 你好 🌍"


@pytest.fixture(params=[False, True], ids=["whole", "streamed"])
def stream(request: pytest.FixtureRequest) -> bool:
    return request.param


def test_a_chat(place: Place, client: Application, upstream: Upstream, stream: bool):
    seen = client.ask(f"to-{upstream.name}", [client.said(HELLO)], Wish(stream=stream))
    assert seen.text.startswith(f"This is {upstream.model} at {upstream.name} — a simulated answer. ")
    assert seen.stop == client.stops[0]
    assert seen.spent == (3 + 4 + tokens.count(HELLO) + upstream.added, tokens.count(seen.text))
    if stream:
        assert len(seen.pieces) > 5
        assert "".join(seen.pieces) == seen.text
    path, body = place.last(upstream)
    assert is_asked_at(upstream, path, stream=stream)
    assert upstream.words(body) == HELLO


def test_tools_called_in_parallel_and_their_results(
    place: Place, client: Application, upstream: Upstream, stream: bool
):
    wish = Wish(stream=stream, tools=True)
    history = [client.said("call:weather call:clock")]
    called = client.ask(f"to-{upstream.name}", history, wish)
    assert [call.name for call in called.calls] == ["weather", "clock"]
    assert [list(call.arguments) for call in called.calls] == [["city"], ["zone"]]
    assert all(isinstance(value, str) for call in called.calls for value in call.arguments.values())
    assert called.stop == client.stops[1]
    assert min(called.spent) > 3
    assert upstream.tools(place.last(upstream)[1]) == list(TOOLS)
    history += [*called.turn, *client.answered(called.calls)]
    final = client.ask(f"to-{upstream.name}", history, wish)
    assert "The tool returned: " in final.text
    assert final.text.endswith(result_of(called.calls[-1]))
    assert not final.calls
    assert final.stop == client.stops[0]
    assert upstream.calls(place.last(upstream)[1]) == [(call.name, call.arguments) for call in called.calls]
    assert upstream.results(place.last(upstream)[1]) == [result_of(call) for call in called.calls]


def test_a_picture(place: Place, client: Application, upstream: Upstream):
    seen = client.ask(f"look-{upstream.name}", [client.said("what is this?", PIXEL)])
    assert "a simulated answer" in seen.text
    assert seen.spent[0] > 85
    sent = upstream.picture(place.last(upstream)[1])
    assert (
        base64.urlsafe_b64decode(sent.replace("+", "-").replace("/", "_")) == PIXEL
    )  # Google's client writes the other alphabet


def test_an_answer_after_a_schema_as_the_client_itself_reads_it(place: Place, client: Application, upstream: Upstream):
    forecast = client.parsed(f"to-{upstream.name}", "what will the weather be?")
    assert type(forecast) is Forecast
    assert list(upstream.schema(place.last(upstream)[1])["properties"]) == ["city", "sky", "degrees"]


def test_bedrock_is_asked_with_a_signature(place: Place, applications: Applications):
    chat = applications["chat"]
    chat.ask("to-bedrock", [chat.said(HELLO)])
    signature = place.requests(BEDROCK)[-1].header("authorization") or ""
    access, _, _ = AWS_KEY.partition(":")
    assert signature.startswith(f"AWS4-HMAC-SHA256 Credential={access}/")
    assert "/us-east-1/bedrock/aws4_request" in signature
