"""Predictions of Replicate's, read; and written, for whoever reads them.

An output is a text, or a list of pieces of one. A prediction that is not over when the wait for it is cannot be asked
for again here, and is an error.
"""

from __future__ import annotations

import msgspec

from headway.wire.foreign_json import UNREADABLE
from headway.wire.form.codec import Show
from headway.wire.form.parts import Text
from headway.wire.form.reply import Choice, NoReply, Reply, Stop
from headway.wire.moments import seconds_of
from headway.wire.replicate.vocabulary import Metrics, usage_of

_BOUNDS = ("max_tokens", "max_completion_tokens", "max_output_tokens", "max_new_tokens")
_UNDER_WAY = frozenset({"starting", "processing", "queued"})


class _Prediction(msgspec.Struct):
    status: str
    id: str | None = None
    model: str | None = None
    created_at: str | None = None
    output: str | list[str] | None = None
    metrics: Metrics | None = None
    input: msgspec.Raw = msgspec.Raw()


class _State(msgspec.Struct):
    status: str


_decode = msgspec.json.Decoder(_Prediction).decode
_decode_state = msgspec.json.Decoder(_State).decode
_decode_input = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_bound = msgspec.json.Decoder(int).decode
_encode = msgspec.json.Encoder().encode


def read_reply(body: bytes) -> Reply | NoReply:
    try:
        state = _decode_state(body).status
    except UNREADABLE:
        return NoReply("it is no prediction")
    if state in _UNDER_WAY:
        return NoReply("the prediction was not finished when the longest wait for it was over", is_error=True)
    if state != "succeeded":
        return NoReply("the prediction did not succeed", is_error=True)
    try:
        prediction = _decode(body)
    except UNREADABLE:
        return NoReply("its output is not a text")
    output = prediction.output
    if output is None:
        return NoReply("the prediction holds no output")
    text = output if isinstance(output, str) else "".join(output)
    return Reply(
        id=prediction.id,
        model=prediction.model or None,
        created=seconds_of(prediction.created_at),
        choices=[Choice(parts=[Text(text)], stop=_stop_of(prediction))],
        usage=usage_of(prediction.metrics),
    )


def _stop_of(prediction: _Prediction) -> Stop:
    """It is not told; but an answer of as many tokens as it may have has been cut."""
    written = None if prediction.metrics is None else prediction.metrics.output_token_count
    if written is None or not prediction.input:
        return Stop.END
    try:
        told = _decode_input(prediction.input)
        bounds = [_decode_bound(told[name]) for name in _BOUNDS if name in told and told[name] != msgspec.Raw(b"null")]
    except UNREADABLE:
        return Stop.END
    return Stop.LENGTH if any(0 < bound <= written for bound in bounds) else Stop.END


def write_reply(reply: Reply, show: Show) -> bytes:
    parts = reply.choices[0].parts if reply.choices else []
    told: dict[str, object] = {
        "id": reply.id or show.request_id,
        "model": reply.model or show.model,
        "status": "succeeded",
        "output": [part.text for part in parts if isinstance(part, Text)],
        "error": None,
    }
    if reply.usage is not None:
        told["metrics"] = {
            "input_token_count": reply.usage.input_tokens,
            "output_token_count": reply.usage.output_tokens,
        }
    return _encode(told)
