"""Signatures and redactions on their way through Converse.

Claude signs its thoughts the same way for Anthropic and for Bedrock, so that each takes what the other gave. Bedrock's
`redactedContent` is a blob, in which Claude's redaction, a text at Anthropic, is wrapped once more; in the form it is
unwrapped and Anthropic's.
"""

from __future__ import annotations

import base64
import binascii

from headway.types import Dialect
from headway.wire.form.seals import CLAUDES, seal, unseal

UNSIGNED = seal("", "openai_chat", "converse")
"""Stands where nobody signed and nobody says who thought: it tells, when it comes back, that Claude did not."""


def unsigned(origin: Dialect | None) -> str:
    """What a client is given for the signature of a thought that has none."""
    return UNSIGNED if origin is None or origin in CLAUDES else seal("", origin, "converse")


def seal_signature(signature: str, origin: Dialect | None) -> str:
    """A signature as a client of Converse is given it."""
    return signature if origin in CLAUDES else seal(signature, origin, "converse")


def unseal_signature(signature: str) -> tuple[str, Dialect]:
    return unseal(signature, "converse")


def wrap(redacted: str, origin: Dialect | None) -> str:
    """A redaction as `redactedContent`."""
    if origin is None or origin == "converse":
        return redacted
    text = redacted if origin == "anthropic" else seal(redacted, origin, "converse")
    return base64.b64encode(text.encode()).decode()


def unwrap(blob: str) -> tuple[str, Dialect]:
    """The redaction in `redactedContent`, and whose it is. What is no text inside stays as it is."""
    try:
        text = base64.b64decode(blob, validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        return blob, "converse"
    if not text.isprintable() or base64.b64encode(text.encode()).decode() != blob:
        return blob, "converse"
    inside, origin = unseal(text, "converse")
    return inside, ("anthropic" if origin == "converse" else origin)
