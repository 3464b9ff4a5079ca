"""What goes to addresses that were set by API: how far they may reach, and that no key goes there which nobody wrote.

Whoever may set an address may be somebody who must not have the keys of this machine: those of its environment that a
provider takes by itself, and the identity that its cloud gives it. So a provider whose address was published names its
keys. What a published document refers to by name (`${NAME}`) is its author's to choose.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from headway.config.problems import Finding
from headway.config.provider import WITHOUT_KEY
from headway.config.schema import Config
from headway.config.sections.provider import ProviderSection
from headway.types import JsonlSink, Provider, Snapshot, WebhookSink

_NEEDS_KEYS = (
    "needs 'keys' where its address is set by API: neither a key of the gateway's environment nor the machine's own "
    "identity goes there by itself"
)


def is_led_elsewhere(section: ProviderSection) -> bool:
    """Addresses of the catalogue and of the environment are not whoever publishes' to choose."""
    return section.base_url is not None or bool(section.proxy)


def check_ambient(providers: Mapping[str, Provider], sections: Mapping[str, ProviderSection]) -> Iterator[Finding]:
    for name, provider in providers.items():
        if sections[name].keys or not is_led_elsewhere(sections[name]):
            continue
        if provider.auth in WITHOUT_KEY or any(each.secret is not None for each in provider.credentials):
            yield Finding(path=("providers", name), message=_NEEDS_KEYS, on_key=True)


def kept_within(
    providers: Mapping[str, Provider], sections: Mapping[str, ProviderSection], config: Config
) -> dict[str, Provider]:
    """Those whose address was published carry how far they may reach."""
    reach = tuple(config.auth.admin.private_networks)
    return {
        name: msgspec.structs.replace(provider, reach=reach) if is_led_elsewhere(sections[name]) else provider
        for name, provider in providers.items()
    }


def told_within(snapshot: Snapshot) -> Snapshot:
    """So do webhooks, where what is told to whom was published."""
    reach = snapshot.administration.private_networks
    webhooks = tuple(msgspec.structs.replace(each, reach=reach) for each in snapshot.alerts.webhooks)
    sinks = tuple(_within(each, reach) for each in snapshot.observability.sinks)
    return msgspec.structs.replace(
        snapshot,
        alerts=msgspec.structs.replace(snapshot.alerts, webhooks=webhooks),
        observability=msgspec.structs.replace(snapshot.observability, sinks=sinks),
    )


def _within(sink: JsonlSink | WebhookSink, reach: tuple[str, ...]) -> JsonlSink | WebhookSink:
    return msgspec.structs.replace(sink, reach=reach) if isinstance(sink, WebhookSink) else sink
