"""From a received request to a reply: who may ask, what was asked, whether the quota has room, what is answered.

It knows no socket and no clock. Faults are chosen here, where the model's name may name one, and applied by `script`.
"""

from __future__ import annotations

import hashlib

import msgspec

from headway.simulated.faults import NO_FAULT, Fault, FaultError, parse_request_fault
from headway.simulated.identity import Identity
from headway.simulated.openai.reading import FORM_ENDPOINTS, JSON_ENDPOINTS, read_form, read_json
from headway.simulated.quota import Account, Ledger
from headway.simulated.reply import Ask, Context, Header, Json, Refusal, Reply, whole
from headway.simulated.settings import Simulation

FAULT_HEADER = "x-simulated-fault"
FAULT_MARK = "!"
"""Parts a model's name from the fault that hangs on it: `fast!status=503`."""


class ReceivedRequest(msgspec.Struct, frozen=True):
    """A request as it came. Header names are in lower case; `at` is the provider's clock when it was complete."""

    method: str
    path: str
    headers: tuple[Header, ...]
    body: bytes
    at: float

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key == name), None)


class Answered(msgspec.Struct, frozen=True):
    """The reply, the fault to play on it, and what to release when it has ended."""

    reply: Reply
    fault: Fault
    account: Account | None


class Service:
    """One provider without its sockets."""

    __slots__ = ("_ledger", "_salt", "_simulation")

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._ledger = Ledger(simulation.quota, f"org-{simulation.name}")
        self._salt = 0

    def answer(self, request: ReceivedRequest, planned: Fault, created: int) -> Answered:
        """`planned` is the fault for this request, unless its header or its model's name asks for another."""
        asked, model, fault = self._asked(request, planned)
        self._salt += self._simulation.unique_ids
        account: Account | None = None
        limits: tuple[Header, ...] = ()
        if isinstance(asked, Refusal | Reply):
            answered = asked
        else:
            admission = self._ledger.admit(key_of(request) or "", model, asked.need(), request.at)
            account, limits = admission.account, admission.headers
            answered = admission.refusal or asked.answer(self._context(model, fault, created))
        reply = answered.reply() if isinstance(answered, Refusal) else answered
        return Answered(self._with_headers(reply, request, limits), fault, account)

    def release(self, answered: Answered) -> None:
        """The reply has ended, one way or another."""
        if answered.account is not None:
            self._ledger.release(answered.account)

    def _asked(self, request: ReceivedRequest, planned: Fault) -> tuple[Ask | Refusal | Reply, str, Fault]:
        """What is asked, of which model, with which fault."""
        wanted = request.header(FAULT_HEADER)
        if wanted is not None:
            chosen = read_fault(wanted)
            if isinstance(chosen, Refusal):
                return chosen, "", NO_FAULT
            planned = chosen
        path = request.path.partition("?")[0].removeprefix("/v1").rstrip("/")
        refusal = self._unauthorized(request)
        if refusal is not None:
            return refusal, "", planned
        if path == "/models" or path.startswith("/models/"):
            return self._models(request, path), "", planned
        ask = self._read(request, path)
        if isinstance(ask, Refusal):
            return ask, "", planned
        model, marked, suffix = ask.model.partition(FAULT_MARK)
        if marked and wanted is None:
            chosen = read_fault(suffix)
            if isinstance(chosen, Refusal):
                return chosen, model, NO_FAULT
            planned = chosen
        return self._unknown(model, path) or ask, model, planned

    def _read(self, request: ReceivedRequest, path: str) -> Ask | Refusal:
        kind = JSON_ENDPOINTS.get(path)
        if kind is None and path not in FORM_ENDPOINTS:
            return Refusal(status=404, message=f"Invalid URL ({request.method} {request.path})")
        if request.method != "POST":
            return _not_allowed(request)
        if kind is not None:
            return read_json(kind, request.body)
        return read_form(path, request.header("content-type") or "", request.body)

    def _unauthorized(self, request: ReceivedRequest) -> Refusal | None:
        if not self._simulation.keys:
            return None
        key = key_of(request)
        if key is None:
            return Refusal(
                status=401,
                message="You didn't provide an API key. You need to provide your API key in an Authorization header "
                "using Bearer auth (i.e. Authorization: Bearer YOUR_KEY).",
            )
        if key in self._simulation.keys:
            return None
        shown = f"{key[:3]}***{key[-4:]}" if len(key) > 10 else "***"
        return Refusal(status=401, message=f"Incorrect API key provided: {shown}.", code="invalid_api_key")

    def _unknown(self, model: str, path: str) -> Refusal | None:
        if not model:
            return Refusal(message="you must provide a model parameter")
        if not self._simulation.models or model in self._simulation.models:
            return None
        # Endpoints that have a model of their own are open to it, for their requests may leave it out.
        if path in {"/moderations", "/images/generations"}:
            return None
        if path == "/responses":
            message = f"The requested model '{model}' does not exist."
            return Refusal(status=400, message=message, param="model", code="model_not_found")
        message = f"The model `{model}` does not exist or you do not have access to it."
        return Refusal(status=404, message=message, code="model_not_found")

    def _models(self, request: ReceivedRequest, path: str) -> Reply | Refusal:
        if request.method != "GET":
            return _not_allowed(request)
        name = path.removeprefix("/models").removeprefix("/")
        if name:
            return self._unknown(name, path) or whole(self._model(name))
        return whole({"object": "list", "data": [self._model(model) for model in self._simulation.models]})

    def _model(self, name: str) -> Json:
        created = self._simulation.created or 0
        return {"id": name, "object": "model", "created": created, "owned_by": self._simulation.name}

    def _context(self, model: str, fault: Fault, created: int) -> Context:
        simulation = self._simulation
        return Context(
            provider=simulation.name,
            model=model,
            seed=simulation.seed,
            created=created,
            salt=self._salt,
            blank=fault.empty_choices,
        )

    def _with_headers(self, reply: Reply, request: ReceivedRequest, limits: tuple[Header, ...]) -> Reply:
        simulation = self._simulation
        identity = Identity(
            simulation.seed, self._salt, request.method, request.path, hashlib.sha256(request.body).hexdigest()
        )
        took = simulation.latency.mean + (0.0 if reply.streamed else simulation.token_delay * reply.tokens)
        own: tuple[Header, ...] = (
            ("openai-organization", f"org-{simulation.name}"),
            ("openai-processing-ms", str(round(1000 * took))),
            ("openai-version", "2020-10-01"),
            ("x-request-id", identity.hexadecimal("req_", 32)),
        )
        return msgspec.structs.replace(reply, headers=(*own, *limits, *reply.headers))


def key_of(request: ReceivedRequest) -> str | None:
    """The key, in whichever header it came: `Authorization: Bearer`, `api-key` or `x-api-key`."""
    scheme, _, key = (request.header("authorization") or "").partition(" ")
    if scheme.lower() == "bearer" and key.strip():
        return key.strip()
    return request.header("api-key") or request.header("x-api-key")


def _not_allowed(request: ReceivedRequest) -> Refusal:
    message = f"Not allowed to {request.method} on {request.path}."
    return Refusal(status=405, message=message, code="method_not_supported")


def read_fault(text: str) -> Fault | Refusal:
    try:
        return parse_request_fault(text)
    except FaultError as wrong:
        return Refusal(message=str(wrong), type="simulated_fault_error", param=FAULT_HEADER)
