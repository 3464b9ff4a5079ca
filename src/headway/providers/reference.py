"""docs/providers.md, written from the catalogue: `python -m headway.providers.reference > docs/providers.md`."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator

from headway.providers.catalogue import CatalogueEntry, Endpoint, catalogue
from headway.types import Prefill

_PATHS: dict[Endpoint, str] = {
    "chat": "/v1/chat/completions",
    "completions": "/v1/completions",
    "responses": "/v1/responses",
    "embeddings": "/v1/embeddings",
    "moderations": "/v1/moderations",
    "images": "/v1/images/generations",
    "audio": "/v1/audio/...",
}

_PREFILLS: dict[Prefill, str] = {
    "plain": "a last message of the assistant's",
    "prefix": "a last message of the assistant's with `prefix: true`",
    "continue": "`continue_final_message`",
}

_OPENING = """\
# Providers

<!-- Written by `python -m headway.providers.reference > docs/providers.md`; edit catalogue.yaml instead. -->

A provider in this list needs only its name and a key: base URL, authentication and quirks come from the catalogue
(`src/headway/providers/catalogue.yaml`). All of them speak OpenAI's API, and any other server that does can be
[added in a few lines](#adding-one-of-your-own-in-under-ten-lines).

- **Key variables**: the first one that is set is used. Without a configuration file, every provider whose key variable
  is set is there. For servers one runs oneself and that name no variable, `NAME_API_KEY` is Headway's own choice.
- **Base URL variables** move a provider elsewhere, such as to a proxy or a stub; the first one that is set is used. A
  variable marked *host* holds no path by custom: the path of the base URL is added to it unless it is there.
- **Endpoints** are those the provider documents. Headway passes any request on; the provider answers for what it has.
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

Its models are asked for as `vllm-eu/NAME`, or by the logical names under `models`. To have it in the catalogue for
everyone, add an entry to `catalogue.yaml`, with the evidence in the change that brings it.
"""


def render() -> str:
    """The whole page."""
    entries = catalogue().values()
    hosted = [entry for entry in entries if not entry.local]
    local = [entry for entry in entries if entry.local]
    blocks = [_OPENING, "\n".join(_table(entries)) + "\n", _OWN]
    for title, group in (("Hosted", hosted), ("Servers one runs oneself", local)):
        blocks.append(f"## {title}\n")
        blocks.extend("\n".join(_section(entry)) + "\n" for entry in group)
    return "\n".join(blocks)


def _table(entries: Iterable[CatalogueEntry]) -> Iterator[str]:
    yield "| name | provider | base URL | key |"
    yield "| --- | --- | --- | --- |"
    for entry in entries:
        key = _code(entry.key_env[:1]) or "none"
        yield f"| [`{entry.name}`](#{entry.name}) | {entry.title} | `{entry.base_url}` | {key} |"


def _section(entry: CatalogueEntry) -> Iterator[str]:
    yield f"### {entry.name}\n"
    yield f"{entry.title}." + (f" Also known as {_code(entry.aliases)}." if entry.aliases else "") + "\n"
    yield "```yaml"
    yield from _example(entry)
    yield "```\n"
    if entry.needs:
        yield f"- Needs: {_code(entry.needs)}, or a base URL of your own"
    yield f"- Key: {_key(entry)}"
    yield f"- Base URL: `{entry.base_url}`; moved by {', '.join(_base_url_variables(entry))}"
    yield f"- Endpoints: {_code(_PATHS[endpoint] for endpoint in entry.endpoints)}"
    yield from _quirks(entry)
    if entry.notes:
        yield f"\n{entry.notes}"


def _example(entry: CatalogueEntry) -> Iterator[str]:
    yield "providers:"
    keys = f'"${{{entry.key_env[0]}}}"' if entry.key_env and not entry.keyless else ""
    yield f"  {entry.name}: {{keys: [{keys}]}}"


def _key(entry: CatalogueEntry) -> str:
    sent = {
        "bearer": "`Authorization: Bearer`",
        "api-key": "`api-key`",
        "x-api-key": "`x-api-key`",
        "none": "",
    }[entry.auth]
    if not entry.key_env:
        return "none"
    return f"{_code(entry.key_env)}, sent as {sent}" + ("; works without one" if entry.keyless else "")


def _base_url_variables(entry: CatalogueEntry) -> Iterator[str]:
    for variable in entry.base_url_env:
        yield f"`{variable}`" + (" (host)" if variable in entry.host_env else "")


def _quirks(entry: CatalogueEntry) -> Iterator[str]:
    if not entry.quirks.stream_usage:
        yield "- Streams: it is not asked for usage, since it would refuse `stream_options` for some models or all"
    if not entry.quirks.stream_done:
        yield "- Streams: they may end without `data: [DONE]`"
    if entry.quirks.prefill != "none":
        yield f"- Continuation: models go on with {_PREFILLS[entry.quirks.prefill]}"


def _code(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


if __name__ == "__main__":
    sys.stdout.write(render())
