"""Which signer a credential of a provider needs.

A key in the configuration goes before whatever the machine or its environment has. What cannot be signed for gets a
signer that says why, since that is a matter of one provider and no reason to stop.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from headway.providers.auth.extras import load, missing
from headway.providers.auth.signer import FixedSigner, Refusal, Signer
from headway.providers.auth.sigv4 import FixedKeys, Keys, SigV4Signer
from headway.types import Credential, Provider

_REGION = re.compile(r"(?:^|\.)([a-z]{2,4}(?:-[a-z]+)+-\d{1,2})(?=\.|$)")
_ACCESS_KEY = re.compile(r"[A-Z0-9]{12,128}")


def signer_for(provider: Provider, credential: Credential, environ: Mapping[str, str]) -> Signer | None:
    """None: a header that is always the same is enough. Imports the library that an extra brings, where it is needed;
    neither blocks on a network nor raises.
    """
    key = None if credential.secret is None else credential.secret.reveal()
    match provider.auth:
        case "sigv4":
            return _aws(provider.base_url, key, environ)
        case "google":
            return _google(key)
        case "entra":
            return _entra(provider.base_url, key)
        case _:
            return None


def region_of(base_url: str, environ: Mapping[str, str]) -> str | None:
    """AWS's region: out of the host, for a signature for another would be refused, else out of the environment."""
    named = _REGION.search(urlsplit(base_url).hostname or "")
    if named is not None:
        return named[1]
    return environ.get("AWS_REGION", "").strip() or environ.get("AWS_DEFAULT_REGION", "").strip() or None


def _aws(base_url: str, key: str | None, environ: Mapping[str, str]) -> Signer:
    region = region_of(base_url, environ)
    if key is not None:
        access, colon, rest = key.partition(":")
        if not colon:
            return FixedSigner(key)  # one of Bedrock's API keys
        secret, _, token = rest.partition(":")
        if _ACCESS_KEY.fullmatch(access) is None or not secret:
            return Refusal("the key is neither one of Bedrock's API keys nor ACCESS_KEY:SECRET_KEY[:SESSION_TOKEN]")
        if region is None:
            return Refusal("no AWS region is known: set AWS_REGION, or a base_url whose host names one")
        known = region
        return SigV4Signer(FixedKeys(Keys(access, secret, token or None)), lambda: known, base_url)
    aws = load("aws")
    if aws is None:
        return Refusal(missing("aws"))
    chain = aws.Chain(region)
    return SigV4Signer(chain, chain.region, base_url)


def _google(key: str | None) -> Signer:
    if key is not None and not key.endswith(".json"):
        return FixedSigner(key)
    google = load("google")
    if google is None:
        return Refusal(missing("google"))
    return google.from_surroundings() if key is None else google.from_file(key)


def _entra(base_url: str, key: str | None) -> Signer:
    if key is not None:
        return FixedSigner(key)
    entra = load("entra")
    return Refusal(missing("entra")) if entra is None else entra.from_surroundings(base_url)
