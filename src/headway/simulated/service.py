"""From a received request to a reply: who may ask, what was asked, whether the quota has room, what is answered.

It knows no socket and no clock. Faults are chosen here, where the model's name may name one, and applied by `script`.
"""

from __future__ import annotations

import hashlib

import msgspec

from headway.simulated.dialect import Dialect, Occasion
from headway.simulated.dialects import dialect_of
from headway.simulated.faults import NO_FAULT, Fault, FaultError, parse_request_fault
from headway.simulated.identity import Identity
from headway.simulated.quota import Account, Ledger, Level
from headway.simulated.received import ReceivedRequest
from headway.simulated.reply import Ask, Context, Header, Piece, Refusal, Reply, Voice
from headway.simulated.settings import Simulation

FAULT_HEADER = "x-simulated-fault"
FAULT_MARK = "!"
"""Parts a model's name from the fault that hangs on it: `fast!status=503`."""


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
        self._ledger = Ledger(simulation.quota)
        self._salt = 0

    def answer(self, request: ReceivedRequest, planned: Fault, created: int) -> Answered:
        """`planned` is the fault for this request, unless its header or its model's name asks for another."""
        dialect = dialect_of(request)
        asked, model, fault = self._asked(dialect, request, planned)
        self._salt += self._simulation.unique_ids
        account: Account | None = None
        levels: tuple[Level, ...] = ()
        if isinstance(asked, Refusal | Reply):
            answered = asked
        else:
            admission = self._ledger.admit(dialect.key(request) or "", model, asked.need(), request.at)
            account, levels = admission.account, admission.levels
            if admission.short is None:
                answered = asked.answer(self._context(model, fault, created))
            else:
                answered = dialect.limited(admission.short, model, f"org-{self._simulation.name}")
        return Answered(self._finished(dialect, request, answered, levels), fault, account)

    def release(self, answered: Answered) -> None:
        """The reply has ended, one way or another."""
        if answered.account is not None:
            self._ledger.release(answered.account)

    def _asked(
        self, dialect: Dialect, request: ReceivedRequest, planned: Fault
    ) -> tuple[Ask | Refusal | Reply, str, Fault]:
        """What is asked, of which model, with which fault."""
        wanted = request.header(FAULT_HEADER)
        if wanted is not None:
            chosen = read_fault(wanted)
            if isinstance(chosen, Refusal):
                return chosen, "", NO_FAULT
            planned = chosen
        refusal = dialect.unauthorized(request, self._simulation.keys)
        if refusal is not None:
            return refusal, "", planned
        ask = dialect.read(request, self._simulation)
        if isinstance(ask, Refusal | Reply):
            return ask, "", planned
        model, marked, suffix = ask.model.partition(FAULT_MARK)
        if marked and wanted is None:
            chosen = read_fault(suffix)
            if isinstance(chosen, Refusal):
                return chosen, model, NO_FAULT
            planned = chosen
        known = not self._simulation.models or model in self._simulation.models
        return (None if known else dialect.unknown(model, request)) or ask, model, planned

    def _context(self, model: str, fault: Fault, created: int) -> Context:
        simulation = self._simulation
        return Context(
            provider=simulation.name,
            model=model,
            seed=simulation.seed,
            created=created,
            salt=self._salt,
            blank=fault.empty_choices,
            models=simulation.models,
        )

    def _finished(
        self, dialect: Dialect, request: ReceivedRequest, answered: Reply | Refusal, levels: tuple[Level, ...]
    ) -> Reply:
        """The reply with the headers that all have; the same request gets the same ids."""
        simulation = self._simulation
        body = hashlib.sha256(request.body).hexdigest()
        identity = Identity(simulation.seed, self._salt, request.method, request.path, body)
        took = simulation.latency.mean
        if isinstance(answered, Reply) and not answered.streamed:
            took += simulation.token_delay * answered.tokens
        own = dialect.headers(Occasion(simulation, identity, levels, took, request.today))
        if isinstance(answered, Refusal):
            return refused(answered, dialect.voice, own)
        return msgspec.structs.replace(answered, headers=(*own, *answered.headers), voice=dialect.voice)


def refused(refusal: Refusal, voice: Voice, headers: tuple[Header, ...] = ()) -> Reply:
    """A refusal as a reply, with headers before its own."""
    written = voice.write(refusal, {}, headers)
    return Reply(
        status=refusal.status,
        content_type=written.content_type,
        headers=(*headers, *written.headers),
        pieces=(Piece(written.body),),
        voice=voice,
    )


def read_fault(text: str) -> Fault | Refusal:
    try:
        return parse_request_fault(text)
    except FaultError as wrong:
        return Refusal(message=str(wrong), type="simulated_fault_error", param=FAULT_HEADER)
