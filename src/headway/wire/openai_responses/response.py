"""Whole answers: a provider's, read; a client's, written with what it is told about its own request."""

from __future__ import annotations

import msgspec

from headway.wire.foreign_json import UNREADABLE
from headway.wire.form.codec import Show
from headway.wire.form.parts import Part, Refusal, Text, ToolCall
from headway.wire.form.reply import Choice, NoReply, Reply, Stop
from headway.wire.openai_responses import output_write
from headway.wire.openai_responses.envelope import Envelope
from headway.wire.openai_responses.groups import grouped
from headway.wire.openai_responses.output_read import Hosted, Item, item_of, logprobs_of, parts_of
from headway.wire.openai_responses.vocabulary import NULL, ToolUsage, WireUsage, stop_of, usage_of


class _Incomplete(msgspec.Struct, gc=False):
    reason: str | None = None


class Head(msgspec.Struct):
    """What a response says beside its output."""

    id: str | None = None
    created_at: float | None = None
    model: str | None = None
    status: str | None = None
    incomplete_details: _Incomplete | None = None
    error: msgspec.Raw = msgspec.Raw()
    service_tier: str | None = None
    usage: WireUsage | None = None
    tool_usage: ToolUsage | None = None

    @property
    def created(self) -> int | None:
        at = self.created_at
        return int(at) if at is not None and 0 <= at < _LATEST else None

    @property
    def failed(self) -> bool:
        return self.status in _FAILED or (bool(self.error) and self.error != NULL)

    def stop(self, *, calls: bool, refused: bool) -> Stop:
        reason = None if self.incomplete_details is None else self.incomplete_details.reason
        return stop_of(self.status or "completed", reason, calls=calls, refused=refused)


class _Plain(Head):
    """A response that holds nothing but items that are known here."""

    output: list[Item] | None = None


class _Any(Head):
    output: list[msgspec.Raw] | None = None


_LATEST = 2**40
_FAILED = frozenset({"failed", "cancelled"})
_UNFINISHED = frozenset({"queued", "in_progress"})
_decode_plain = msgspec.json.Decoder(_Plain).decode
_decode_any = msgspec.json.Decoder(_Any).decode


def read_reply(body: bytes) -> Reply | NoReply:
    try:
        head = _decode_plain(body)
        output: list[Item | Hosted] | None = [*head.output] if head.output is not None else None
    except UNREADABLE:
        try:
            head = _decode_any(body)
            output = None if head.output is None else [item_of(raw) for raw in head.output]
        except UNREADABLE:
            return NoReply("it is no response of the Responses API")
    if head.failed:
        return NoReply("it reports an error", is_error=True)
    if head.status in _UNFINISHED:
        return NoReply("it is not finished")
    if output is None:
        return NoReply("it holds no output")
    return _reply(head, output)


def _reply(head: Head, output: list[Item | Hosted]) -> Reply:
    parts: list[Part] = []
    logprobs: list[msgspec.Raw] = []
    searches = 0
    for item in output:
        parts += parts_of(item)
        if isinstance(item, Hosted):
            searches += item.searched
        elif item.content is not None:
            logprobs += [content.logprobs for content in item.content if content.logprobs]
    kinds = [type(part) for part in parts]
    stop = head.stop(calls=ToolCall in kinds, refused=Refusal in kinds and Text not in kinds)
    return Reply(
        id=head.id,
        model=head.model,
        created=head.created,
        choices=[Choice(parts=parts, stop=stop, logprobs=logprobs_of(logprobs) if logprobs else msgspec.Raw())],
        usage=usage_of(head.usage, head.tool_usage, searches),
        service_tier=head.service_tier,
    )


def write_reply(reply: Reply, show: Show) -> bytes:
    envelope = Envelope(show, reply.id, reply.model, reply.created, reply.service_tier)
    choice = reply.choices[0] if reply.choices else Choice(parts=[])
    groups = grouped(show.request)
    items = output_write.items_of(choice, envelope.base, summarise=envelope.summarises, groups=groups)
    refused = any(isinstance(part, Refusal) for part in choice.parts)
    return envelope.final(items, choice.stop, reply.usage, refused=refused)
