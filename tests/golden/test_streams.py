"""Every recorded stream, for a client of each dialect, through the relay that the product passes it on with."""

from __future__ import annotations

import random

import anthropic
import openai
import pytest
from botocore.exceptions import EventStreamError
from google.genai import errors

from golden.clients import CLIENTS, Clients
from golden.equivalence import differences, expected
from golden.heard import HEAR
from golden.pieces import ends_at, in_pieces
from golden.recordings import Recording
from golden.relay import Relayed
from golden.sources import heard_in
from headway.types import Dialect

pytestmark = pytest.mark.sdk

RAISES: dict[Dialect, type[Exception]] = {
    "openai_chat": openai.APIError,
    "openai_responses": openai.APIError,
    "anthropic": anthropic.APIStatusError,
    "gemini": errors.ServerError,
    "converse": EventStreamError,
}
"""Cohere's client takes no notice of anything but a broken connection."""


def test_a_client_of_each_dialect_hears_what_was_said(stream: Recording, clients: Clients):
    source = heard_in(stream, clients)
    for client in CLIENTS:
        due = expected(source, stream.dialect, client)
        told: set[bytes] = set()
        for pieces in ([stream.body], in_pieces(stream.body, random.Random(client))):
            relayed = Relayed(stream.dialect, pieces, client)
            assert relayed.owner.ended == "complete", client
            told.add(relayed.sent.data)
        for data in told:  # most dialects have one way to say it, however it comes in
            assert differences(HEAR[client](clients.streamed(client, data)), due) == {}, client


def test_what_a_stream_used_is_told_to_whoever_settles_it(stream: Recording, clients: Clients):
    source = heard_in(stream, clients)
    usage = Relayed(stream.dialect, [stream.body]).owner.usage
    used = source.used
    assert (usage is None) == (used is None)
    if usage is not None and used is not None:
        assert (usage.input_tokens, usage.output_tokens) == (used.sent, used.written)
        assert (usage.cached_input_tokens, usage.cache_write_tokens) == (used.cached, used.cache_write)
        assert usage.reasoning_tokens == used.thought


def test_a_provider_that_reports_an_error_is_never_taken_at_its_word_before_it(failed_stream: Recording):
    for client in CLIENTS:
        relayed = Relayed(failed_stream.dialect, [failed_stream.body], client)
        assert relayed.owner.ended is not None
        assert relayed.owner.ended.endswith("reported an error")


def test_the_bytes_of_a_stream_pass_to_a_client_of_its_own_dialect(stream: Recording):
    for seed in range(5):
        relayed = Relayed(stream.dialect, in_pieces(stream.body, random.Random(seed)))
        assert relayed.owner.ended == "complete"
        assert relayed.sent.data == stream.body


def test_a_client_of_a_stream_that_breaks_off_raises_its_own_error(stream: Recording, clients: Clients):
    begun = stream.body[: ends_at(stream) * 9 // 10]
    for client, error in RAISES.items():
        relayed = Relayed(stream.dialect, [begun], client)
        assert relayed.owner.ended is not None
        if relayed.owner.ended.startswith("broke: "):  # the client has seen part of it
            with pytest.raises(error, match="it broke off"):
                clients.streamed(client, relayed.told_that_it_broke())
