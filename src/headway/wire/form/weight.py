"""How large a request in the intermediate form is, for those that count tokens without a tokenizer."""

from __future__ import annotations

from headway.wire.form.parts import Audio, File, Image, Part, Reasoning, Refusal, Text, ToolCall, ToolResult, Video
from headway.wire.form.request import HostedTool, Request
from headway.wire.openai.weight import AUDIO_BYTES_PER_TOKEN, IMAGE_TOKENS

MESSAGE_BYTES = 12
"""What the frame of a message weighs in the prompt of most models: three tokens."""
_PAGE = 100_000
"""Bytes of base64 that make about one page of a document, which most models also look at as a picture."""


def text_in(request: Request) -> tuple[int, int]:
    """Bytes of text, and tokens of everything else."""
    text = media = 0
    for message in request.messages:
        text += MESSAGE_BYTES
        for part in message.parts:
            of_text, of_media = _of(part)
            text += of_text
            media += of_media
    for tool in request.tools:
        if isinstance(tool, HostedTool):
            text += len(bytes(tool.raw))
        else:
            text += len(tool.name) + len(tool.description or "") + len(bytes(tool.parameters)) + MESSAGE_BYTES
    if request.output is not None:
        text += len(bytes(request.output.schema))
    return text, media


def _of(part: Part) -> tuple[int, int]:
    match part:
        case Text() | Refusal() | Reasoning():
            return len(part.text.encode()), 0
        case ToolCall():
            return len(part.name) + len(part.arguments.encode()), 0
        case ToolResult():
            found = [_of(each) for each in part.parts]
            return sum(text for text, _ in found), sum(media for _, media in found)
        case Image():
            return 0, IMAGE_TOKENS
        case Audio() | Video():
            return 0, max(1, len(part.source.data or "") // AUDIO_BYTES_PER_TOKEN)
        case File():
            source = part.source
            if source.text is not None:
                return len(source.text.encode()), 0
            return 0, (1 + len(source.data or "") // _PAGE) * 2 * IMAGE_TOKENS
        case _:
            return len(bytes(part.raw)), 0
