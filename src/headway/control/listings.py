"""Providers' own lists of models, fetched in the background and kept between one start and the next.

A list says what genai-prices cannot know: which models a key may use today, and what they can do. Nobody waits for it:
the gateway starts with the list of last time, or with none. Making a snapshot of what has changed is `app`'s business.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from random import Random

import msgspec

from headway.failures import Failure
from headway.ports import Calls, Signers
from headway.providers.fields import request_fields
from headway.providers.listings import store
from headway.providers.listings.listed import ListedModel
from headway.providers.listings.read import SOURCES
from headway.types import Credential, Deployment, Provider, Snapshot, Target
from headway.wire.malformed import Malformed

SOON = 10.0
"""Seconds after the start: requests come first."""
EVERY = 6 * 3600.0
AGAIN = 900.0
"""Seconds after which a provider is asked again that gave no list."""
PATIENCE = 30.0
MOST_PAGES = 20
MOST_BYTES = 32 * 2**20

Notice = Callable[[str, str], None]


class NoListError(Exception):
    """Why there is no list, in words for the log; never with a secret."""


class Listings:
    """`changed` is called when a list is not what it was; `notice` tells operators."""

    def __init__(
        self,
        transport: Calls,
        signers: Signers,
        environ: Mapping[str, str],
        *,
        snapshot: Callable[[], Snapshot],
        changed: Callable[[], None],
        notice: Notice,
    ) -> None:
        self._transport = transport
        self._signers = signers
        self._environ = environ
        self._snapshot = snapshot
        self._changed = changed
        self._notice = notice
        self._not_before: dict[str, float] = {}
        """When a provider that gave no list may be asked again (monotonic seconds)."""

    async def keep(self, rng: Random) -> None:
        """Run until cancelled."""
        await asyncio.sleep(SOON)
        while True:
            if await self.look():
                self._changed()
            await asyncio.sleep(60.0 * rng.uniform(0.8, 1.2))

    async def look(self) -> bool:
        """Fetch the lists that are missing or old. Has any changed?"""
        changed = False
        for provider in self._snapshot().providers.values():
            path = store.path_for(provider.name, provider.base_url, self._environ)
            if path is None or not provider.lists_models or time.monotonic() < self._not_before.get(provider.name, 0.0):
                continue
            stored = await asyncio.to_thread(store.load, path)
            if stored is not None and stored.age(time.time()) < EVERY:
                continue
            try:
                models = await self.fetch(provider)
                await asyncio.to_thread(store.save, path, models, time.time())
            except (NoListError, OSError) as error:
                self._not_before[provider.name] = time.monotonic() + AGAIN
                self._notice("models_not_listed", f"{provider.name}: {error}")
                continue
            changed = changed or stored is None or stored.models != models
        return changed

    async def fetch(self, provider: Provider) -> tuple[ListedModel, ...]:
        """The models of one provider, in its own words. Raises NoListError."""
        source = SOURCES[provider.dialect]
        where = _of_list(provider)
        found: list[ListedModel] = []
        after: str | None = None
        for _ in range(MOST_PAGES):
            body = await self._get(where, source.page(after))
            listing = source.read(body)
            if isinstance(listing, Malformed):
                raise NoListError(listing.message)
            found.extend(listing.models)
            after = listing.after
            if after is None:
                break
        return tuple(found)

    async def _get(self, provider: Provider, path: str) -> bytes:
        origin = self._transport.origin(provider)
        credential = provider.credentials[0]
        target = origin.path_prefix + path.encode()
        fields = request_fields(provider, credential, origin.fields)
        if provider.dialect == "anthropic":
            fields += b"anthropic-version: 2023-06-01\r\n"
        head = b"GET %b HTTP/1.1\r\n%b%b\r\n" % (target, fields, await self._signature(provider, credential, target))
        found = await self._transport.ask(origin, head, b"", patience=PATIENCE, most=MOST_BYTES)
        if isinstance(found, Failure):
            raise NoListError(found.message)
        if found.status != 200:
            raise NoListError(f"answered {found.status} where its list of models should be")
        if not found.whole:
            raise NoListError("its list of models is too long")
        return found.body

    async def _signature(self, provider: Provider, credential: Credential, path: bytes) -> bytes:
        deployment = Deployment(provider=provider, model="")
        signing = self._signers.of(Target(deployment=deployment, credential=credential, weight=1.0))
        if signing is None:
            return b""
        fields = signing.fields(b"GET", path, b"")
        if fields is None:
            ready: asyncio.Future[Failure | None] = asyncio.get_running_loop().create_future()
            signing.wait(lambda failure: None if ready.done() else ready.set_result(failure))
            failure = await ready
            fields = None if failure is not None else signing.fields(b"GET", path, b"")
        if fields is None:
            raise NoListError("there is no token for it")
        return fields


def _of_list(provider: Provider) -> Provider:
    """Where the list is, which is not always where the models are."""
    address = provider.base_url
    if provider.dialect == "converse":
        address = address.replace("//bedrock-runtime.", "//bedrock.", 1)
    elif provider.dialect == "cohere" and not address.endswith("/v1"):
        address += "/v1"
    return provider if address == provider.base_url else msgspec.structs.replace(provider, base_url=address)
