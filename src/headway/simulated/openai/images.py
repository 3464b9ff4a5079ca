"""`/v1/images/generations`: a small PNG of one colour, which the prompt decides."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Iterator
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from headway.simulated import tokens
from headway.simulated.identity import Identity
from headway.simulated.openai.wording import EVENTS
from headway.simulated.reply import Context, Json, Piece, Refusal, Reply, event, stream, whole

_SIDE = 8
_IMAGE_TOKENS = 272


class ImageAsk(msgspec.Struct):
    prompt: str
    model: str = "dall-e-2"
    n: Annotated[int, Meta(ge=1, le=10)] | None = None
    size: str | None = None
    quality: str | None = None
    response_format: Literal["b64_json", "url"] | None = None
    stream: bool | None = None

    def need(self) -> int:
        return tokens.count(self.prompt)

    def answer(self, context: Context) -> Reply | Refusal:
        identity = context.identity("image", self.prompt)
        if self.stream:
            return stream(self._events(context, identity), EVENTS)
        data = [self._image(identity.child(index)) for index in range(self.n or 1)]
        document = {"created": context.created, "data": data, "usage": self._usage(len(data))}
        return whole(document)

    def _image(self, identity: Identity) -> Json:
        if self.response_format == "url":
            return {"url": f"https://images.invalid/{identity.hexadecimal('', 32)}.png"}
        return {"b64_json": base64.b64encode(png(identity)).decode()}

    def _usage(self, images: int) -> Json:
        prompt = tokens.count(self.prompt)
        return {
            "input_tokens": prompt,
            "input_tokens_details": {"image_tokens": 0, "text_tokens": prompt},
            "output_tokens": _IMAGE_TOKENS * images,
            "total_tokens": prompt + _IMAGE_TOKENS * images,
        }

    def _events(self, context: Context, identity: Identity) -> Iterator[Piece]:
        document = {
            "type": "image_generation.completed",
            "created_at": context.created,
            "b64_json": base64.b64encode(png(identity.child(0))).decode(),
            "size": self.size or "1024x1024",
            "quality": self.quality or "low",
            "background": "opaque",
            "output_format": "png",
            "usage": self._usage(1),
        }
        yield Piece(event(document, "image_generation.completed"), 1, terminal=True)


def png(identity: Identity) -> bytes:
    """Eight by eight dots, true colour."""
    colour = identity.stream("colour", 3)
    rows = (b"\0" + colour * _SIDE) * _SIDE
    head = struct.pack(">IIBBBBB", _SIDE, _SIDE, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )
