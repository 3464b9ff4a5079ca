"""What a model must be able to do to answer a request as it is meant.

Leaving one of these out would change what the request means, so that another target must be looked for instead.
"""

from __future__ import annotations

from headway.wire.form.parts import Audio, File, Image, Part, Text, ToolResult, Video
from headway.wire.form.request import Request, Toward, Unsupported

TOOLS, IMAGES, AUDIO, VIDEO, FILES, JSON_OUTPUT, SCHEMA = (
    "tools",
    "images",
    "audio",
    "video",
    "files",
    "json_output",
    "json_schema",
)
ABILITIES = frozenset({TOOLS, IMAGES, AUDIO, VIDEO, FILES, JSON_OUTPUT, SCHEMA})

_NONE: frozenset[str] = frozenset()
_OF_PARTS: dict[type[Part], str] = {Image: IMAGES, Audio: AUDIO, Video: VIDEO, File: FILES}
_SAID = {
    TOOLS: "takes no tools",
    IMAGES: "takes no images",
    AUDIO: "takes no audio",
    VIDEO: "takes no video",
    FILES: "takes no files",
    JSON_OUTPUT: "cannot be held to JSON",
    SCHEMA: "cannot be held to a JSON schema",
}


def wanted(request: Request) -> frozenset[str]:
    """The abilities that a request calls for."""
    found: set[str] = set()
    for message in request.messages:
        for part in message.parts:
            if type(part) is not Text:
                _note(message.parts, found)
                break
    if not (found or request.tools or request.output is not None):
        return _NONE
    if request.tools:
        found.add(TOOLS)
    if request.output is not None:
        found.add(SCHEMA if request.output.schema else JSON_OUTPUT)
    return frozenset(found)


def lacks(name: str) -> str:
    """What a model without this ability does not do: a sentence without its subject."""
    return _SAID[name]


def missing(request: Request, toward: Toward, dialect_lacks: frozenset[str] = frozenset()) -> Unsupported | None:
    """What the model, or the dialect that it is spoken to in, cannot do of what the request calls for."""
    if request.needs:
        feature = request.needs[0]
        return Unsupported(feature, f"cannot do what {feature!r} asks for")
    wants = wanted(request)
    if wants:
        for name in sorted(wants & (toward.lacks | dialect_lacks)):
            return Unsupported(name, _SAID[name])
    return None


def _note(parts: tuple[Part, ...], found: set[str]) -> None:
    for part in parts:
        kind = type(part)
        if kind in _OF_PARTS:
            found.add(_OF_PARTS[kind])
        elif isinstance(part, ToolResult):
            _note(part.parts, found)
