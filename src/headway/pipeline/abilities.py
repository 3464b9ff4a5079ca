"""What a request calls for that not every model can do, of requests whose bytes pass and are otherwise not read.

A look for the words that such requests have is enough to know that most call for nothing; only where one is found the
request is read.
"""

from __future__ import annotations

from headway.pipeline.asked import Asked
from headway.pipeline.translation import form_of
from headway.wire.form.abilities import AUDIO, FILES, IMAGES, JSON_OUTPUT, SCHEMA, TOOLS, VIDEO, wanted
from headway.wire.malformed import Malformed
from headway.wire.openai.peek import JsonRequest

_SIGNS: dict[str, tuple[bytes, ...]] = {
    TOOLS: (b'"tools"', b'"functions"', b'"toolConfig"'),
    IMAGES: (b'"image', b'"input_image"', b"image/"),
    AUDIO: (b'"input_audio"', b'"audio"', b"audio/"),
    VIDEO: (b'"video', b"video/"),
    FILES: (b'"file', b'"input_file"', b'"document"', b"application/pdf"),
    JSON_OUTPUT: (b'"json_object"', b"application/json", b'"format"'),
    SCHEMA: (b'"json_schema"', b'chema"'),
}


def called_for(asked: Asked, lacking: frozenset[str]) -> frozenset[str]:
    """Which of these abilities the request calls for."""
    facts = asked.facts
    if asked.endpoint.operation != "generate" or not isinstance(facts, JsonRequest):
        return frozenset()
    body = facts.body
    suspects = [name for name in lacking if any(body.find(sign) >= 0 for sign in _SIGNS.get(name, ()))]
    if not suspects:
        return frozenset()
    form = form_of(asked)
    return frozenset() if isinstance(form, Malformed) else wanted(form) & lacking
