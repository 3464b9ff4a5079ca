"""The pages about providers, written from the catalogue: `python -m headway.providers.reference docs`.

An index, docs/providers.md, and a page for each entry below docs/providers. What is said there is what the catalogue,
the surfaces and the known models say; whoever wants to say more says it in an entry's notes.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from headway.providers.catalogue import CatalogueEntry, catalogue
from headway.providers.known_models import known_models
from headway.providers.surfaces import Api, Surface, surface_of
from headway.types import Accounting, AuthScheme, Prefill, Provider

_TITLES: Mapping[str, str] = MappingProxyType(
    {
        "openai_chat": "Chat Completions",
        "openai_responses": "Responses",
        "anthropic": "Anthropic Messages",
        "gemini": "Gemini API",
        "vertex": "Vertex AI",
        "vertex_predict": "Vertex AI, `predict`",
        "converse": "Bedrock Converse",
        "titan": "Titan, `InvokeModel`",
        "nova": "Nova, `InvokeModel`",
        "cohere_invoke": "Cohere, `InvokeModel`",
        "cohere": "Cohere API",
        "ollama": "Ollama API",
        "openai": "OpenAI API",
        "voyage": "Voyage API",
        "jina": "Jina API",
        "replicate": "Replicate predictions",
        "elevenlabs": "ElevenLabs API",
        "imagen": "Imagen, `predict`",
    }
)
"""By the names of dialects and of forms of embeddings, reranking, sound and pictures."""


class _Family(NamedTuple):
    """Models of a surface that are served in their own way, with one of them."""

    title: str
    model: str
    does: tuple[str, ...]


_FAMILIES: Mapping[str, tuple[_Family, ...]] = MappingProxyType(
    {
        "vertex": (
            _Family("Gemini", "gemini-3-pro-preview", ("answers", "counting tokens")),
            _Family("Gemini", "gemini-3-pro-preview", ("audio.speech", "audio.transcriptions", "images.generations")),
            _Family("Imagen", "imagen-4.0-generate-001", ("images.generations",)),
            _Family("Gemini", "gemini-embedding-2", ("embeddings",)),
            _Family("Google's other embeddings", "text-embedding-005", ("embeddings",)),
            _Family("Claude", "claude-opus-4-6", ("answers",)),
            _Family("open models", "zai-org/glm-5-maas", ("answers",)),
        ),
        "bedrock": (
            _Family("all that converse", "amazon.nova-pro-v1:0", ("answers", "counting tokens")),
            _Family("Titan", "amazon.titan-embed-text-v2:0", ("embeddings",)),
            _Family("Nova", "amazon.nova-2-multimodal-embeddings-v1:0", ("embeddings",)),
            _Family("Cohere", "cohere.embed-v4:0", ("embeddings",)),
            _Family("Cohere", "cohere.rerank-v3-5:0", ("reranking",)),
        ),
    }
)

_SENT: Mapping[AuthScheme, str] = MappingProxyType(
    {
        "bearer": "`Authorization: Bearer`",
        "api-key": "`api-key`",
        "x-api-key": "`x-api-key`",
        "x-goog-api-key": "`x-goog-api-key`",
        "xi-api-key": "`xi-api-key`",
        "sigv4": "`Authorization: Bearer`, or as AWS's signature (SigV4)",
        "google": "a Google Cloud access token",
        "entra": "a Microsoft Entra access token",
        "none": "nothing",
    }
)

_UNASKED: Mapping[AuthScheme, str] = MappingProxyType(
    {
        "sigv4": "without one, AWS's own credentials are looked for",
        "google": "without one, Application Default Credentials are looked for",
        "entra": "without one, Azure's default credentials are looked for",
    }
)

_PREFILLS: dict[Prefill, str] = {
    "plain": "a last message of the assistant's",
    "prefix": "a last message of the assistant's with `prefix: true`",
    "continue": "`continue_final_message`",
}

_ACCOUNTING: Mapping[Accounting, str] = MappingProxyType(
    {
        "reserved": "an estimate with the bound on the answer, when a request comes in",
        "input": "only what is sent",
    }
)

_WRITTEN = "<!-- Written by `make docs`; edit src/headway/providers/catalogue.yaml instead. -->"

_OPENING = f"""\
# Providers

{_WRITTEN}

A provider in this list needs only its name and a key: base URL, dialect, authentication and quirks come from the
catalogue (`src/headway/providers/catalogue.yaml`). Each name below leads to its page. Whatever a client speaks, a
request goes to the provider in the provider's own words: untouched where they are the client's too, else translated.
Any other server can be [added in a few lines](#adding-one-of-your-own-in-under-ten-lines).

- **Key variables**: the first one that is set is used. Without a configuration file, every provider whose key variable
  is set is there. For servers one runs oneself and that name no variable, `NAME_API_KEY` is Headway's own choice.
- **Base URL variables** move a provider elsewhere, such as to a proxy or a stub; the first one that is set is used. A
  variable marked *host* holds no path by custom: the path of the base URL is added to it unless it is there.
- **What it serves** is what the provider documents. Headway passes any request on; the provider answers for what it
  has.
- `headway providers` prints this list with what is set in your environment; `headway models` prints the models.
"""

_OWN = """\
## Adding one of your own in under ten lines

Say what it speaks and where it is, in `headway.yaml`:

```yaml
providers:
  vllm-eu:
    dialect: openai_chat
    base_url: http://10.0.0.5:8000/v1
    keys: ["${VLLM_EU_KEY}"]        # [] if it takes none
models:
  default: [vllm-eu/llama-3.1-8b]
```

Its models are asked for as `vllm-eu/NAME`, or by the logical names under `models`.

To have it in the catalogue for everyone, add an entry to `src/headway/providers/catalogue.yaml`, with the evidence in
the change that brings it, and run `make docs`. There is nothing else to write:

```yaml
example-ai:
  title: Example AI
  base_url: https://api.example.com/v1
  key_env: [EXAMPLE_API_KEY]
  base_url_env: [EXAMPLE_BASE_URL]
  endpoints: [chat, embeddings]
```
"""


def render() -> str:
    """The index."""
    entries = catalogue().values()
    blocks = [_OPENING]
    for title, local in (("Hosted", False), ("Servers one runs oneself", True)):
        group = [entry for entry in entries if entry.local is local]
        blocks.append(f"## {title}\n")
        blocks.append("\n".join(_table(group)) + "\n")
    return "\n".join([*blocks, _OWN])


def page(entry: CatalogueEntry) -> str:
    """The page of one provider."""
    return "\n".join(_page(entry)) + "\n"


def pages() -> dict[str, str]:
    """All of it, by path below the documentation's folder."""
    return {"providers.md": render()} | {f"providers/{entry.name}.md": page(entry) for entry in catalogue().values()}


def write(folder: Path) -> None:
    """Bring the folder up to date; pages of entries that are no more go."""
    wanted = pages()
    (folder / "providers").mkdir(exist_ok=True)
    for old in (folder / "providers").glob("*.md"):
        if f"providers/{old.name}" not in wanted:
            old.unlink()
    for path, text in wanted.items():
        (folder / path).write_text(text, "utf-8")


def _table(entries: Iterable[CatalogueEntry]) -> Iterator[str]:
    yield "| name | provider | speaks | base URL | key |"
    yield "| --- | --- | --- | --- | --- |"
    for entry in entries:
        url = f"`{entry.base_url}`" if entry.base_url else ""
        key = _code(entry.key_env[:1]) or ("none" if entry.keyless else _SENT[entry.auth])
        speaks = _TITLES.get(entry.surface, _TITLES[entry.dialect])
        yield f"| [`{entry.name}`](providers/{entry.name}.md) | {entry.title} | {speaks} | {url} | {key} |"


def _page(entry: CatalogueEntry) -> Iterator[str]:
    yield f"# {entry.title}\n"
    yield f"{_WRITTEN}\n"
    yield f"`{entry.name}`" + (f", also known as {_code(entry.aliases)}" if entry.aliases else "") + ".\n"
    yield from _example("{}" if entry.auth in _UNASKED else f"{{keys: [{_usual_key(entry)}]}}", entry)
    for section in entry.examples:
        yield "Or:\n"
        yield from _example(section, entry)
    if entry.needs:
        yield f"- Needs: {_code(entry.needs)}, or a base URL of your own"
    yield f"- Key: {_key(entry)}"
    yield f"- Base URL: `{entry.base_url}`; moved by {', '.join(_base_url_variables(entry))}"
    if entry.api_version is not None:
        yield f"- API version: `{entry.api_version}`, unless `api_version` says otherwise"
    yield f"- Known models: {len(known_models(entry.name))} (`headway models --provider {entry.name}`)"
    yield from _quirks(entry)
    if entry.notes:
        yield f"\n{entry.notes}"
    yield "\n## What it serves\n"
    yield from _served(entry)
    yield "\n[All providers](../providers.md)"


def _example(section: str, entry: CatalogueEntry) -> Iterator[str]:
    yield f"```yaml\nproviders:\n  {entry.name}: {section}\n```\n"


def _usual_key(entry: CatalogueEntry) -> str:
    return f'"${{{entry.key_env[0]}}}"' if entry.key_env and not entry.keyless else ""


def _key(entry: CatalogueEntry) -> str:
    if not entry.key_env and entry.auth not in _UNASKED:
        return "none"
    named = f"{_code(entry.key_env)}, " if entry.key_env else ""
    without = _UNASKED.get(entry.auth, "works without one" if entry.keyless else "")
    return f"{named}sent as {_SENT[entry.auth]}" + (f"; {without}" if without else "")


def _base_url_variables(entry: CatalogueEntry) -> Iterator[str]:
    for variable in entry.base_url_env:
        yield f"`{variable}`" + (" (host)" if variable in entry.host_env else "")


def _quirks(entry: CatalogueEntry) -> Iterator[str]:
    quirks = entry.quirks
    if entry.dialect == "openai_chat" and not quirks.stream_usage:
        yield "- Streams: it is not asked for usage, since it would refuse `stream_options` for some models or all"
    if not quirks.stream_done:
        yield "- Streams: they may end without `data: [DONE]`"
    if quirks.prefill != "none":
        yield f"- Continuation: models go on with {_PREFILLS[quirks.prefill]}"
    if quirks.accounting in _ACCOUNTING:
        yield f"- Quotas count: {_ACCOUNTING[quirks.accounting]}"
    if quirks.max_tokens != "max_tokens":
        yield f"- The bound on an answer is called `{quirks.max_tokens}`"
    if quirks.lacks:
        yield f"- Left out and [listed](../dialects.md#what-cannot-be-said): {_code(sorted(quirks.lacks))}"


def _served(entry: CatalogueEntry) -> Iterator[str]:
    families = _FAMILIES.get(entry.surface, ())
    yield "| models | what | asked in | path |" if families else "| what | asked in | path |"
    yield "| --- | --- | --- | --- |" if families else "| --- | --- | --- |"
    for title, model, does in families:
        rows = _rows(entry, _surface(entry, model))
        yield from (f"| {title} | {row} |" for what, row in rows if what in does)
    if not families:
        yield from (f"| {row} |" for _, row in _rows(entry, _surface(entry, "any-model")))


def _surface(entry: CatalogueEntry, model: str) -> Surface:
    provider = Provider(
        name=entry.name,
        kind=entry.name,
        dialect=entry.dialect,
        surface=entry.surface,
        api_version=entry.api_version,
        apis=frozenset(entry.endpoints),
        base_url=entry.base_url,
        credentials=(),
    )
    return surface_of(provider, model)


def _rows(entry: CatalogueEntry, surface: Surface) -> Iterator[tuple[str, str]]:
    """What, and a row that says in which words and under which path. Of OpenAI's API only what the entry says."""
    compatible = entry.dialect == "openai_chat" and bool(surface.generate)
    said = entry.endpoints if compatible else ("chat", "responses", "embeddings")
    for what, needed, apis in (
        ("answers", "", surface.generate),
        ("embeddings", "embeddings", surface.embed),
        ("reranking", "rerank" if compatible else "", surface.rerank),
        ("counting tokens", "", surface.count),
    ):
        for api in apis:
            need = {"openai_chat": "chat", "openai_responses": "responses"}.get(api.form, needed)
            if not need or need in said:
                yield what, f"{what} | {_TITLES[api.form]} | {_path(api)}"
    for name, api in surface.media.items():
        yield name, f"{name} | {_TITLES[api.form]} | {_path(api)}"
    for name, path in surface.plain.items():
        if name.partition(".")[0] in said:
            yield name, f"{name} | {_TITLES['openai']} | `{path}`"


def _path(api: Api) -> str:
    return f"`{api.path}`" + (f", streams `{api.stream}`" if api.stream else "")


def _code(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
