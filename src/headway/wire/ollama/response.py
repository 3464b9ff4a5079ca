"""Whole answers of Ollama's, read and written."""

from __future__ import annotations

import msgspec

from headway.wire import moments
from headway.wire.foreign_json import UNREADABLE
from headway.wire.form.codec import Show
from headway.wire.form.parts import Audio, Image, Part, Reasoning, Refusal, Source, Text, ToolCall
from headway.wire.form.reply import Choice, NoReply, Reply, Stop
from headway.wire.ollama import vocabulary
from headway.wire.ollama.calls import EMPTY, Call, WrittenCall, WrittenFunction, arguments_of, made_id, object_of


class Message(msgspec.Struct, gc=False):
    content: str | None = None
    thinking: str | None = None
    tool_calls: list[Call] | None = None
    images: list[str] | None = None


class Said(msgspec.Struct, gc=False):
    """A whole answer, or one line of a stream."""

    model: str | None = None
    created_at: str | None = None
    message: Message | None = None
    done: bool = False
    done_reason: str | None = None
    prompt_eval_count: int | None = None
    eval_count: int | None = None
    logprobs: msgspec.Raw = msgspec.Raw()
    error: msgspec.Raw = msgspec.Raw()

    @property
    def is_error(self) -> bool:
        return self.error not in _NO_ERROR


class WrittenMessage(msgspec.Struct, omit_defaults=True, tag_field="role", tag="assistant", gc=False):
    content: str
    thinking: str | None = None
    tool_calls: list[WrittenCall] | None = None
    images: list[str] | None = None


class Written(msgspec.Struct, omit_defaults=True, gc=False):
    model: str
    created_at: str
    message: WrittenMessage
    done: bool
    done_reason: str | None = None
    prompt_eval_count: int | None = None
    eval_count: int | None = None
    logprobs: msgspec.Raw | None = None


_NO_ERROR = (msgspec.Raw(), msgspec.Raw(b"null"), msgspec.Raw(b'""'))

read_said = msgspec.json.Decoder(Said).decode
_encode = msgspec.json.Encoder().encode


def call_of(call: Call, moment: str | None, index: int) -> ToolCall:
    function = call.function
    return ToolCall(
        id=call.id or made_id(moment, index, call), name=function.name, arguments=arguments_of(function.arguments)
    )


def written_call(call: ToolCall, index: int) -> WrittenCall:
    """Arguments that are no JSON object cannot be said here, and no client could use them: it gets none."""
    return WrittenCall(call.id, WrittenFunction(index, call.name, object_of(call.arguments) or EMPTY))


def read_reply(body: bytes) -> Reply | NoReply:
    try:
        said = read_said(body)
    except UNREADABLE:
        return NoReply("the reply is not one of Ollama's")
    if said.is_error:
        return NoReply("the reply is an error", is_error=True)
    if said.message is None:
        return NoReply("the reply holds no message")
    message = said.message
    stop = vocabulary.stop_of(said.done_reason, calls=bool(message.tool_calls)) if said.done else None
    choice = Choice(
        parts=_parts(message, said.created_at),
        stop=stop,
        logprobs=vocabulary.logprobs_of(said.logprobs) if said.logprobs else msgspec.Raw(),
    )
    return Reply(
        model=said.model,
        created=moments.seconds_of(said.created_at),
        choices=[choice],
        usage=vocabulary.usage_of(said.prompt_eval_count, said.eval_count),
    )


def _parts(message: Message, moment: str | None) -> list[Part]:
    parts: list[Part] = []
    if message.thinking:
        parts.append(Reasoning(text=message.thinking, origin="ollama"))
    if message.content:
        parts.append(Text(message.content))
    parts += [Image(Source(data=data)) for data in message.images or ()]
    parts += [call_of(call, moment, index) for index, call in enumerate(message.tool_calls or ())]
    return parts


def write_reply(reply: Reply, show: Show) -> bytes:
    choice = reply.choices[0] if reply.choices else Choice(parts=[], stop=Stop.END)
    usage = reply.usage
    return _encode(
        Written(
            model=reply.model or show.model,
            created_at=moments.moment_of(reply.created or show.created),
            message=_message(choice.parts),
            done=True,
            done_reason=vocabulary.reason_of(choice.stop),
            prompt_eval_count=None if usage is None else usage.input_tokens,
            eval_count=None if usage is None else usage.output_tokens,
            logprobs=vocabulary.written_logprobs(choice.logprobs) if choice.logprobs else None,
        )
    )


def _message(parts: list[Part]) -> WrittenMessage:
    texts: list[str] = []
    thoughts: list[str] = []
    calls: list[WrittenCall] = []
    images: list[str] = []
    for part in parts:
        match part:
            case Text() | Refusal():
                texts.append(part.text)
            case Reasoning(text=text) if text:
                thoughts.append(text)
            case ToolCall():
                calls.append(written_call(part, len(calls)))
            case Audio(transcript=str() as transcript):
                texts.append(transcript)
            case Image(source=Source(data=str() as data)):
                images.append(data)
            case _:
                pass
    return WrittenMessage(
        content="".join(texts),
        thinking="".join(thoughts) or None,
        tool_calls=calls or None,
        images=images or None,
    )
