"""Errors of every upstream, as every official client raises them: as its own, and never as an answer."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import pytest

from end_to_end.sdks.faults import STATUSES, failing
from end_to_end.sdks.place import Place
from end_to_end.sdks.seen import Application, Wish
from end_to_end.sdks.upstreams import Upstream

pytestmark = [pytest.mark.sdk, pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")]

_OPENAI = ("BadRequestError", "AuthenticationError", "NotFoundError", "RateLimitError", "InternalServerError")
RAISED: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "chat": (*_OPENAI, "InternalServerError"),
        "responses": (*_OPENAI, "InternalServerError"),
        "anthropic": (*_OPENAI, "ServiceUnavailableError"),
        "gemini": (*(f"ClientError {status}" for status in (400, 401, 404, 429)), "ServerError 502", "ServerError 503"),
        "bedrock": (
            "ValidationException",
            "AccessDeniedException",
            "ResourceNotFoundException",
            "ThrottlingException",
            "InternalServerException",
            "ServiceUnavailableException",
        ),
        "cohere": (
            "BadRequestError",
            "UnauthorizedError",
            "NotFoundError",
            "TooManyRequestsError",
            "ApiError",
            "ServiceUnavailableError",
        ),
    }
)
"""By client, in the order of `STATUSES`. Clients of other dialects are told of the upstream's 500 as 502."""
UNCHANGED: Mapping[tuple[str, str, str], str] = MappingProxyType(
    {
        ("anthropic", "anthropic", "overloaded"): "OverloadedError",
        ("gemini", "gemini", "500"): "ServerError 500",
        ("cohere", "cohere", "500"): "InternalServerError",
    }
)
"""Where client and upstream speak the same dialect, what the upstream says is passed on."""


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("status", STATUSES)
def test_a_refusal_is_the_client_s_own_exception(
    place: Place, client: Application, client_name: str, upstream: Upstream, status: str, *, stream: bool
):
    model = failing(client_name, upstream, f"streamed-{status}" if stream else status)
    with pytest.raises(client.refused) as caught:
        client.ask(model, [client.said("hello")], Wish(stream=stream))
    usual = RAISED[client_name][STATUSES.index(status)]
    assert client.refusal(caught.value) == UNCHANGED.get((client_name, upstream.name, status), usual)


@pytest.mark.parametrize("fault", ["error-event", "early-end", "lost-connection"])
def test_a_stream_that_breaks_is_an_error(
    place: Place, client: Application, client_name: str, upstream: Upstream, fault: str
):
    model = failing(client_name, upstream, fault)
    with pytest.raises(broken(client, client_name, upstream)):
        client.ask(model, [client.said("hello")], Wish(stream=True))
    assert "".join(client.heard).startswith("This is ")


def test_a_call_whose_arguments_are_cut_is_an_error(
    place: Place, client: Application, client_name: str, upstream: Upstream
):
    model = failing(client_name, upstream, "early-end-of-a-call")
    with pytest.raises((*broken(client, client_name, upstream), client.refused)):  # Gemini says a call in one piece
        client.ask(model, [client.said("call:weather")], Wish(stream=True, tools=True))


def broken(client: Application, client_name: str, upstream: Upstream) -> tuple[type[Exception], ...]:
    """What the client raises. An error event of the provider's own passes as it is where both speak Responses; OpenAI's
    client hands out a flat one, and raises only when it is asked for the response as a whole.
    """
    return (*client.broken, RuntimeError) if client_name == upstream.name == "responses" else client.broken
