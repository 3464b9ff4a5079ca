"""The header lines that every request to one credential carries: its key, who we are, and what the provider wants."""

from __future__ import annotations

from headway.types import Credential, Provider
from headway.version import __version__

KEY_FIELDS = frozenset({"api-key", "x-api-key", "x-goog-api-key", "xi-api-key"})
"""Header fields that hold the key and nothing else."""


def request_fields(provider: Provider, credential: Credential, of_origin: bytes) -> bytes:
    """`of_origin` are the lines that its address calls for. No client's header is among them."""
    secret = credential.secret
    lines = [of_origin]
    if secret is not None and provider.auth == "bearer":
        lines.append(b"authorization: Bearer %b\r\n" % secret.reveal().encode())
    elif secret is not None and provider.auth in KEY_FIELDS:
        lines.append(b"%b: %b\r\n" % (provider.auth.encode(), secret.reveal().encode()))
    lines.append(b"user-agent: headway/%b\r\naccept: */*\r\naccept-encoding: identity\r\n" % __version__.encode())
    lines.extend(b"%b: %b\r\n" % (name.encode(), value.reveal().encode()) for name, value in provider.headers)
    return b"".join(lines)
