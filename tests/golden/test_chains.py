"""Every recorded answer through two gateways: told as a stream of each dialect, and that read as a provider's.

So the readers of streams, too, hear all that was ever recorded. The last client speaks Chat Completions, the dialect
that loses least, and its stream is put together without the product's code.
"""

from __future__ import annotations

from random import Random

import pytest

from golden.clients import CLIENTS, Clients
from golden.equivalence import differences, end_of, expected
from golden.heard import HEAR
from golden.pieces import in_pieces
from golden.recordings import Recording
from golden.relay import Relayed, show_to
from golden.sources import chat_of, chunks_of, heard_in
from headway.wire.dialects import CODECS
from headway.wire.form.assembly import events_of
from headway.wire.form.reply import Reply

pytestmark = pytest.mark.sdk


def test_an_answer_that_passes_two_gateways_says_the_same(answer: Recording, clients: Clients):
    source, reply = heard_in(answer, clients), CODECS[answer.dialect].read_reply(answer.body)
    assert isinstance(reply, Reply)
    for between in CLIENTS:
        writer = CODECS[between].writer(show_to(between))
        stream = writer.write(list(events_of(reply))) + writer.end()
        relayed = Relayed(between, in_pieces(stream, Random(between)), "openai_chat")
        told = expected(source, answer.dialect, between)
        if end_of(source, answer.dialect) == "fault":  # a failure in some dialects, an end like any other in others
            continue
        if told.ended == "ERROR":  # Cohere has no other word for an answer that was withheld
            assert relayed.owner.ended == "failed: reported an error"
            continue
        assert relayed.owner.ended == "complete", between
        heard = HEAR["openai_chat"](chat_of(list(chunks_of(relayed.sent.data))))
        assert differences(heard, expected(told, between, "openai_chat")) == {}, between
