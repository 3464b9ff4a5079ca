"""How one target serves one endpoint: under which path, in which dialect, with which changes to the client's bytes.

A way is made once for a target and an endpoint; a request only looks it up.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from headway.pipeline.media import media_between
from headway.pipeline.translation import Translation, generation
from headway.pipeline.vectors import between
from headway.providers.surfaces import Api, Surface, native, path_of, surface_of
from headway.types import Target
from headway.wire.dialects import CODECS
from headway.wire.endpoints import Endpoint
from headway.wire.form.codec import Codec
from headway.wire.form.request import Unsupported

ANTHROPIC_VERSION = b"anthropic-version: 2023-06-01\r\n"
_WAIT = b"prefer: wait=60\r\n"
"""Replicate answers at once with a promise unless it is asked to wait; a minute is its longest."""
_VERTEX_VERSION = msgspec.Raw(b'"vertex-2023-10-16"')
_OURS = frozenset({"chat", "completions", "responses"})
"""Whose streams and answers are read without their codecs, as nearly all requests are theirs."""


_SIGNED = frozenset({"openai_chat", "openai_responses", "anthropic", "gemini", "converse"})
"""Dialects whose clients send back what providers signed."""


class Way(msgspec.Struct, frozen=True, eq=False, kw_only=True):
    """`path` and `stream_path` are those of whole answers and of streams, below the base URL."""

    path: str
    stream_path: str
    head: bytes = b""
    """The first line and the fields that are the same for all requests; and the same of streams."""
    stream_head: bytes = b""
    form: str
    """The target's dialect, or form of vectors."""
    translation: Translation | None = None
    """None: bytes pass."""
    follows: Codec | None = None
    """Who reads an answer that passes, where it is not one of OpenAI's."""
    again: Translation | None = None
    """From the dialect to itself, for requests that must not pass as they are: those with signatures of others."""
    splices: bool = True
    """The name of the model is in the body."""
    adds: Mapping[str, msgspec.Raw] | None = None
    """Fields of the body in place of the model's name."""
    version: bytes = b""
    """A header line that the target wants, unless the client has sent one."""
    whole_only: bool = False
    """The target is asked for whole answers only, and a client that wants a stream is shown one made of that."""
    local: bool = False
    """The target has no such thing, and the gateway answers by itself."""


def way_of(target: Target, endpoint: Endpoint) -> Way | Unsupported:
    deployment = target.deployment
    surface = surface_of(deployment.provider, deployment.model)
    api = native(surface, endpoint)
    if api is not None:
        return _direct(target, endpoint, surface, api)
    if endpoint.operation == "plain":
        return _media(target, endpoint, surface)
    apis = surface.of(endpoint.operation)
    if not apis:
        if endpoint.operation == "count" and surface.generate:
            return Way(path="", stream_path="", form="", local=True)
        return Unsupported(endpoint.name, f"serves nothing like {endpoint.name}")
    api = apis[0]
    translation = generation(endpoint, api.form) if endpoint.operation == "generate" else between(endpoint, api.form)
    if translation is None:
        return Unsupported(endpoint.name, f"serves nothing like {endpoint.name}")
    path, stream_path = _paths(target, api)
    return Way(
        path=path,
        stream_path=stream_path,
        form=api.form,
        translation=translation,
        adds=_adds(surface),
        version=_version(surface, api),
        whole_only=surface.whole_only,
    )


def _media(target: Target, endpoint: Endpoint, surface: Surface) -> Way | Unsupported:
    api = surface.media.get(endpoint.name)
    translation = None if api is None else media_between(endpoint, api.form)
    if api is None or translation is None:
        return Unsupported(endpoint.name, f"serves nothing like {endpoint.name}")
    path, stream_path = _paths(target, api)
    return Way(path=path, stream_path=stream_path, form=api.form, translation=translation)


def _direct(target: Target, endpoint: Endpoint, surface: Surface, api: Api) -> Way:
    path, stream_path = _paths(target, api)
    if endpoint.operation == "embed" and endpoint.style == "gemini":  # one text or several, as the client has it
        path = stream_path = with_verb(path, endpoint.name.rpartition(".")[2])
        renaming = between(endpoint, api.form)  # each of several texts is asked for with the model's name
    else:
        renaming = None
    words = endpoint.operation == "generate"
    reads, signed = words and endpoint.name not in _OURS, words and endpoint.dialect in _SIGNED
    return Way(
        path=path,
        stream_path=stream_path,
        form=api.form,
        translation=renaming,
        follows=CODECS[endpoint.dialect] if reads else None,
        again=generation(endpoint, endpoint.dialect) if signed else None,
        splices=surface.in_body,
        adds=_adds(surface),
        version=_version(surface, api),
    )


def with_verb(path: str, verb: str) -> str:
    """Google's paths end in what is to be done."""
    return f"{path.rpartition(':')[0]}:{verb}"


def _paths(target: Target, api: Api) -> tuple[str, str]:
    provider, model = target.deployment.provider, target.deployment.model
    path = path_of(api.path, provider, model)
    return path, path_of(api.stream, provider, model) if api.stream else path


def _adds(surface: Surface) -> Mapping[str, msgspec.Raw] | None:
    return {"anthropic_version": _VERTEX_VERSION} if surface.vertex_claude else None


def _version(surface: Surface, api: Api) -> bytes:
    if api.form == "replicate":
        return _WAIT
    return ANTHROPIC_VERSION if api.form == "anthropic" and not surface.vertex_claude else b""
