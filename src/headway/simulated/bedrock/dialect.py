"""Bedrock's endpoints: what stands under which path, and whose key is good. Signatures are not verified."""

from __future__ import annotations

import re

from headway.simulated import complaints
from headway.simulated.bedrock import wording
from headway.simulated.bedrock.claude import InvokedMessagesAsk
from headway.simulated.bedrock.invoke import InvokeAsk, kind_of
from headway.simulated.bedrock.request import ConverseAsk, CountAsk
from headway.simulated.complaints import Complaint
from headway.simulated.dialect import Occasion
from headway.simulated.quota import Short
from headway.simulated.received import ReceivedRequest, decoded
from headway.simulated.reply import Ask, Header, Refusal, Reply, Voice
from headway.simulated.settings import Simulation

ACTIONS = ("converse", "converse-stream", "invoke", "invoke-with-response-stream", "count-tokens")
_CALL = re.compile(r"/model/([^/]+)/([a-z-]+)")
_SIGNED = re.compile(r"AWS4-HMAC-SHA256 Credential=([^/,]+)/[^,]+,\s*SignedHeaders=[^,]+,\s*Signature=[0-9a-f]{64}")


class Bedrock:
    """The key of a signed request is its access key's id."""

    @property
    def voice(self) -> Voice:
        return wording.VOICE

    def claims(self, request: ReceivedRequest) -> bool:
        return _CALL.fullmatch(request.place) is not None

    def key(self, request: ReceivedRequest) -> str | None:
        signed = _SIGNED.fullmatch(request.header("authorization") or "")
        return signed[1] if signed else request.bearer()

    def unauthorized(self, request: ReceivedRequest, keys: tuple[str, ...]) -> Refusal | None:
        given = request.header("authorization")
        if given is None:
            return Refusal(
                status=403, message="Missing Authentication Token", type="MissingAuthenticationTokenException"
            )
        key = self.key(request)
        if key is None or (given.startswith("AWS4") and request.header("x-amz-date") is None):
            message = "Authorization header requires 'Credential', 'SignedHeaders' and 'Signature' parameters."
            return Refusal(status=403, message=message, type="IncompleteSignatureException")
        if not keys or key in keys:
            return None
        if request.bearer():
            return Refusal(status=403, message="Authentication failed: Please make sure your API Key is valid.")
        message = "The security token included in the request is invalid."
        return Refusal(status=403, message=message, type="UnrecognizedClientException")

    def read(self, request: ReceivedRequest, simulation: Simulation) -> Ask | Refusal | Reply:
        found = _CALL.fullmatch(request.place)
        if found is None or found[2] not in ACTIONS or request.method != "POST":
            return Refusal(
                status=404, message="Unable to determine service/operation name", type="UnknownOperationException"
            )
        model, action = decoded(found[1]), found[2]
        asked = self._body(action, request.body)
        if isinstance(asked, Complaint):
            return wording.invalid(asked)
        asked.model = model
        if isinstance(asked, ConverseAsk):
            asked.streamed = action == "converse-stream"
        elif isinstance(asked, InvokedMessagesAsk):
            asked.stream = action != "invoke"
        return asked

    def unknown(self, model: str, request: ReceivedRequest) -> Refusal | None:
        return Refusal(message="The provided model identifier is invalid.")

    def limited(self, short: Short, model: str, organization: str) -> Refusal:
        return wording.limited(short)

    def headers(self, occasion: Occasion) -> tuple[Header, ...]:
        digits = occasion.identity.hexadecimal("", 32)
        parts = (digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:])
        return (
            ("x-amzn-requestid", "-".join(parts)),
            ("x-amzn-bedrock-invocation-latency", str(round(1000 * occasion.took))),
        )

    def _body(self, action: str, body: bytes) -> ConverseAsk | CountAsk | InvokedMessagesAsk | InvokeAsk | Complaint:
        if action.startswith("invoke"):
            kind = InvokedMessagesAsk if b'"anthropic_version"' in body else kind_of(body)
            if kind is None:
                return Complaint("other", said="Malformed input request, please reformat your input and try again.")
            return complaints.read(kind, body)
        if action == "count-tokens":
            return complaints.read(CountAsk, body)
        return complaints.read(ConverseAsk, body)
