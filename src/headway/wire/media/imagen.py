"""Google's Imagen models, asked through `predict`, at Gemini's API and at Vertex AI alike."""

from __future__ import annotations

import msgspec

from headway.wire.foreign_json import UNREADABLE
from headway.wire.form.reply import NoReply
from headway.wire.form.request import Unsupported
from headway.wire.media.form import Made, Picture, Pictures, Sent
from headway.wire.media.sizes import IMAGEN_SIDES, shape_of

MOST = 4
"""Pictures at a time."""
_RATIOS = frozenset({"1:1", "3:4", "4:3", "9:16", "16:9"})
_TYPES = {"png": "image/png", "jpeg": "image/jpeg"}


class _Prediction(msgspec.Struct, rename="camel"):
    bytes_base64_encoded: str | None = None
    mime_type: str | None = None
    prompt: str | None = None
    rai_filtered_reason: str | None = None


class _Answer(msgspec.Struct):
    predictions: list[_Prediction] | None = None
    error: msgspec.Raw = msgspec.Raw()


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Answer).decode


def write_picture(picture: Picture) -> Sent | Unsupported:
    if picture.n > MOST:
        return Unsupported("n", f"makes at most {MOST} pictures at a time")
    dropped = list(picture.others)
    parameters: dict[str, object] = {"sampleCount": picture.n}
    shape = shape_of(picture.size, _RATIOS, IMAGEN_SIDES)
    if not shape.exact:
        dropped.append("size")
    if shape.ratio is not None:
        parameters["aspectRatio"] = shape.ratio
    if shape.side is not None:
        parameters["sampleImageSize"] = shape.side
    options: dict[str, object] = {}
    if picture.output_format in _TYPES:
        options["mimeType"] = _TYPES[picture.output_format]
    elif picture.output_format is not None:
        dropped.append("output_format")
    if picture.compression is not None:
        if picture.output_format == "jpeg":
            options["compressionQuality"] = picture.compression
        else:
            dropped.append("output_compression")
    if options:
        parameters["outputOptions"] = options
    return Sent(_encode({"instances": [{"prompt": picture.prompt}], "parameters": parameters}), tuple(dropped))


def read_pictures(body: bytes) -> Pictures | NoReply:
    try:
        answer = _decode(body)
    except UNREADABLE:
        return NoReply("it is no answer of predict")
    if answer.error and answer.error != msgspec.Raw(b"null"):
        return NoReply("it is an error", is_error=True)
    made = [
        Made(each.bytes_base64_encoded, each.mime_type, each.prompt)
        for each in answer.predictions or ()
        if each.bytes_base64_encoded
    ]
    return Pictures(tuple(made)) if made else NoReply("its provider withheld the pictures, or made none")
