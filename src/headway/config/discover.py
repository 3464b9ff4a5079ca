"""Zero configuration: which providers the environment alone is enough for.

A hosted provider is there if its usual key is set and its address complete; a server that one runs oneself, if its
address is set, since its default address says nothing about whether it runs.
"""

from __future__ import annotations

from collections.abc import Mapping

from headway.config.provider import usual_key
from headway.config.sections.provider import ProviderSection
from headway.providers.catalogue import CatalogueEntry, base_url, catalogue


def discovered(environ: Mapping[str, str]) -> dict[str, ProviderSection]:
    """A section for each provider that is there, as if it had been written with nothing in it."""
    return {name: ProviderSection() for name, entry in catalogue().items() if _is_there(entry, environ)}


def _is_there(entry: CatalogueEntry, environ: Mapping[str, str]) -> bool:
    moved = any(environ.get(variable, "").strip() for variable in entry.base_url_env)
    has_key = usual_key(entry, environ) is not None
    if entry.shared_key_env and not moved:
        return False
    if entry.local or not entry.key_env:
        return moved and (has_key or entry.keyless)
    return has_key and base_url(entry, environ) is not None
