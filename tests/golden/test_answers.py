"""Every recorded whole answer, for a client of each dialect, whole and as a stream."""

from __future__ import annotations

import pytest

from golden.clients import CLIENTS, Clients
from golden.equivalence import differences, expected
from golden.heard import HEAR
from golden.recordings import Recording
from golden.relay import show_to
from golden.sources import heard_in
from headway.types import Dialect
from headway.wire.dialects import CODECS
from headway.wire.form.assembly import events_of
from headway.wire.form.reply import NoReply, Reply

pytestmark = pytest.mark.sdk


def reply_in(answer: Recording) -> Reply:
    reply = CODECS[answer.dialect].read_reply(answer.body)
    assert isinstance(reply, Reply), reply
    return reply


def streamed(reply: Reply, client: Dialect) -> bytes:
    writer = CODECS[client].writer(show_to(client))
    return b"".join([*(writer.write([event]) for event in events_of(reply)), writer.end()])


def test_a_client_of_each_dialect_hears_what_was_said(answer: Recording, clients: Clients):
    source, reply = heard_in(answer, clients), reply_in(answer)
    for client in CLIENTS:
        due = expected(source, answer.dialect, client)
        whole = clients.whole(client, CODECS[client].write_reply(reply, show_to(client)))
        assert differences(HEAR[client](whole), due) == {}, f"{client}, whole"
        pieces = clients.streamed(client, streamed(reply, client))
        assert differences(HEAR[client](pieces), due) == {}, f"{client}, in pieces"


def test_an_answer_that_is_not_finished_is_none(unfinished: Recording):
    assert isinstance(CODECS[unfinished.dialect].read_reply(unfinished.body), NoReply)
