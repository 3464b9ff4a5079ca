"""What a snapshot means at run time: a route for each model name, and for each target the bytes that every request to
it begins with.

A plan is made once per snapshot, so that a request only looks things up.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from urllib.parse import quote

import msgspec

from headway.config.compile import targets_for, usual_route
from headway.config.provider import CUSTOM
from headway.core.candidates import Candidate
from headway.core.lessons import Lessons
from headway.core.registry import LiveRoute, Registry
from headway.failures import Failure, FailureKind
from headway.pipeline.asked import Asked
from headway.pipeline.patience import Patience, patience
from headway.pipeline.ways import Way, way_of
from headway.ports import NoSigners, Origin, Signers, Signing, Transport
from headway.providers.fields import request_fields
from headway.providers.surfaces import surface_of
from headway.types import Deployment, Dialect, Provider, Quirks, Route, Snapshot, Target, Tier, Usage
from headway.wire.dialects import CODECS
from headway.wire.endpoints import Endpoint
from headway.wire.form.request import Toward, Unsupported

MAX_AD_HOC = 4096
"""Routes kept for models that the configuration does not name; beyond it they are forgotten and made anew."""

_encode = msgspec.json.Encoder().encode


class Sender:
    """How to speak to one target of one route, and how to name it to the client.

    `told` are the header lines that say who served; `told_ok` the same with the attempts, for the case of one attempt
    and status 200.
    """

    __slots__ = (
        "_fields",
        "_lessons_read",
        "_patience_with_thinking",
        "_prefix",
        "_secret",
        "_target",
        "_toward",
        "_ways",
        "has_prices",
        "has_strangers",
        "is_particular",
        "kind",
        "label",
        "lacks_abilities",
        "learnt",
        "model",
        "model_text",
        "name",
        "origin",
        "quirks",
        "signing",
        "strict",
        "told",
        "told_ok",
        "usual_patience",
    )

    def __init__(
        self,
        target: Target,
        route: Route,
        origin: Origin,
        learnt: Lessons,
        signing: Signing | None = None,
        *,
        strangers: bool = True,
    ) -> None:
        """`strangers`: there are providers of other dialects, whose signatures may come back."""
        deployment, provider = target.deployment, target.deployment.provider
        self.origin = origin
        self.name = target.name
        self.kind = kind_of(provider)
        timeouts = route.resilience.timeouts
        self.usual_patience = patience(timeouts, reasons=deployment.profile.reasoning)
        self._patience_with_thinking = patience(timeouts, reasons=True)
        self.label = header_text(target.name)
        self.model = msgspec.Raw(_encode(deployment.model))
        self.model_text = deployment.model.encode()
        self.quirks: Quirks = provider.quirks
        self.strict = route.strict
        self.has_strangers = strangers
        self.is_particular = strangers or bool(provider.quirks.renames)
        """It may have to be told otherwise what its dialect says so."""
        self.lacks_abilities = bool(deployment.profile.lacks)
        self.has_prices = deployment.tariff is not None
        self.learnt = learnt
        self.signing = signing
        secret = target.credential.secret
        self._target = target
        self._secret = b"" if secret is None else secret.reveal().encode()
        self._fields = request_fields(provider, target.credential, origin.fields)
        self._prefix = origin.path_prefix
        self._ways: dict[Endpoint, Way | Unsupported] = {}
        self._toward = toward_of(deployment, learnt)
        self._lessons_read = learnt.version
        self.told = b"x-headway-target: %b\r\nx-headway-key: %b\r\nx-headway-route: %b\r\n" % (
            header_text(deployment.name),
            header_text(target.credential.name),
            header_text(route.name),
        )
        self.told_ok = b"%bx-headway-attempts: %b=200\r\n" % (self.told, self.label)

    def way(self, endpoint: Endpoint) -> Way | Unsupported:
        """How this target serves an endpoint."""
        way = self._ways.get(endpoint)
        if way is None:
            way = way_of(self._target, endpoint)
            if isinstance(way, Way):
                way = msgspec.structs.replace(way, head=self._head(way.path), stream_head=self._head(way.stream_path))
            self._ways[endpoint] = way
        return way

    def under(self, way: Way, path: str) -> Way:
        """The same under another path, which the request decides."""
        return msgspec.structs.replace(way, path=path, head=self._head(path))

    def _head(self, path: str) -> bytes:
        return b"POST %b%b HTTP/1.1\r\n%b" % (self._prefix, path.encode(), self._fields)

    @property
    def toward(self) -> Toward:
        """What a translation must know of the target."""
        if self._lessons_read != self.learnt.version:
            self._lessons_read = self.learnt.version
            self._toward = toward_of(self._target.deployment, self.learnt)
        return self._toward

    def cost(self, usage: Usage, at: float, service: str | None) -> int | None:
        """Micro-dollars, if its prices are known. `at` is Unix time."""
        tariff = self._target.deployment.tariff
        if tariff is None:
            return None
        return tariff.cost(usage, at=at, service=service, seconds=usage.seconds, characters=usage.characters)

    def patience(self, asked: Asked) -> Patience:
        """How long an attempt at this request may take for what."""
        return self._patience_with_thinking if asked.wants_thinking else self.usual_patience

    def masked(self, body: bytes) -> bytes:
        """An upstream's error without the key that we sent, should it quote it."""
        return body.replace(self._secret, b"***") if self._secret else body


class Plan:
    def __init__(
        self, snapshot: Snapshot, registry: Registry, transport: Transport, now: float, signers: Signers | None = None
    ) -> None:
        self.snapshot = snapshot
        self._signers = signers or NoSigners()
        self._strangers = len({provider.dialect for provider in snapshot.providers.values()}) > 1
        self._registry = registry
        self._transport = transport
        registry.renew()
        self._routes: dict[str, LiveRoute] = {
            name: registry.live(route, now) for name, route in snapshot.routes.items()
        }
        self._ad_hoc: dict[str, LiveRoute] = {}
        self._senders: dict[Candidate, Sender] = {}

    def resolve(self, model: str) -> LiveRoute | Failure:
        """The route for a model name as the client wrote it: logical, `provider/model`, or bare."""
        route = self._routes.get(model) or self._ad_hoc.get(model)
        if route is not None:
            return route
        found = route_for(self.snapshot, model)
        if isinstance(found, Failure):
            return found
        live = self._registry.live(found)
        if len(self._ad_hoc) >= MAX_AD_HOC:
            self._ad_hoc.clear()
            self._senders.clear()
            self._registry.keep([*self.targets(), *found.tiers[0].targets])
        self._ad_hoc[model] = live
        return live

    def sender(self, candidate: Candidate, route: Route) -> Sender:
        sender = self._senders.get(candidate)
        if sender is None:
            target = candidate.target
            origin = self._transport.origin(target.deployment.provider)
            sender = Sender(
                target,
                route,
                origin,
                candidate.state.lessons,
                self._signers.of(target),
                strangers=self._strangers,
            )
            self._senders[candidate] = sender
        return sender

    def routes(self) -> Iterable[LiveRoute]:
        """Those of the snapshot."""
        return self._routes.values()

    def targets(self) -> Iterable[Target]:
        """Every target that a route of the snapshot, or a request since, has named."""
        for live in (*self._routes.values(), *self._ad_hoc.values()):
            for tier in live.route.tiers:
                yield from tier.targets
            for fallback in live.route.fallbacks:
                for tier in fallback.tiers:
                    yield from tier.targets


def route_for(snapshot: Snapshot, model: str) -> Route | Failure:
    """The same as `Plan.resolve`, without live state."""
    route = snapshot.routes.get(model)
    if route is not None:
        return route
    provider, upstream_model = _locate(snapshot, model)
    if isinstance(provider, Failure):
        return provider
    targets = targets_for(provider, upstream_model)
    if not targets:
        return unknown(f"no key of provider {provider.name!r} may serve model {upstream_model!r}")
    return usual_route(model, (Tier(targets),), snapshot.resilience)


def _locate(snapshot: Snapshot, model: str) -> tuple[Provider | Failure, str]:
    providers = snapshot.providers
    name, slash, rest = model.partition("/")
    if slash and rest and name in providers:
        return providers[name], rest
    serving = snapshot.bare_models.get(model, ())
    if len(serving) == 1:
        return providers[serving[0]], model
    if serving:
        candidates = ", ".join(f"{provider}/{model}" for provider in serving)
        failure = Failure(
            kind=FailureKind.INVALID_REQUEST,
            source="gateway",
            message=f"model {model!r} is served by several providers; ask for one of: {candidates}",
        )
        return failure, model
    return unknown(_unknown_text(snapshot, model)), model


def _unknown_text(snapshot: Snapshot, model: str) -> str:
    names = [*snapshot.routes, *snapshot.bare_models]
    close = get_close_matches(model, names, n=1, cutoff=0.7)
    if close:
        return f"there is no model {model!r}; did you mean {close[0]!r}? GET /v1/models lists them all"
    return f"there is no model {model!r}; ask for a logical model or for provider/model. GET /v1/models lists them all"


def unknown(message: str) -> Failure:
    return Failure(kind=FailureKind.NO_TARGET, source="gateway", message=message)


def header_text(text: str) -> bytes:
    """A name as it may stand in a header: printable ASCII, everything else percent-encoded."""
    return quote(text, safe="/#:@.-_~+!*'(),;=&$ []").encode("ascii")


def toward_of(deployment: Deployment, learnt: Lessons) -> Toward:
    """What was refused is known by the target's own names, a translation goes by those of the form."""
    known_as = {its: ours for ours, its in CODECS[deployment.provider.dialect].names.items()}
    refused = frozenset(known_as.get(name, name) for name in learnt.refused)
    profile, usual = deployment.profile, deployment.provider.quirks.max_tokens
    surface = surface_of(deployment.provider, deployment.model)
    quirks = deployment.provider.quirks
    renames = {**quirks.renames, **learnt.renamed}
    if usual != "max_tokens":
        renames.setdefault("max_tokens", usual)
    return Toward(
        model=deployment.model,
        most_output=profile.most_output,
        lacks=profile.lacks | learnt.lacking | refused | surface.lacks | quirks.lacks,
        abilities_lacking=profile.lacks | learnt.lacking,
        renames=renames,
    )


_KINDS: dict[Dialect, str] = {
    "anthropic": "anthropic",
    "gemini": "gemini",
    "converse": "bedrock",
    "cohere": "cohere",
    "ollama": "ollama",
}


def kind_of(provider: Provider) -> str:
    """Whose errors and quotas its replies tell of. Of a provider that nobody knows its dialect says most."""
    return _KINDS.get(provider.dialect, provider.kind) if provider.kind == CUSTOM else provider.kind
