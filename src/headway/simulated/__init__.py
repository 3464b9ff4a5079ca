"""A provider that is not one: OpenAI's wire, deterministic answers, a true quota, and faults on request.

For tests, demos and rehearsals of outages. See docs/simulated-provider.md.
"""

from headway.simulated.faults import Fault, FaultError, parse_fault
from headway.simulated.notation import Latency
from headway.simulated.provider import SimulatedProvider
from headway.simulated.schedule import Chance, Every, Schedule, Window, parse_schedule
from headway.simulated.service import ReceivedRequest
from headway.simulated.settings import Quota, Simulation
from headway.simulated.threaded import in_thread

__all__ = [
    "Chance",
    "Every",
    "Fault",
    "FaultError",
    "Latency",
    "Quota",
    "ReceivedRequest",
    "Schedule",
    "SimulatedProvider",
    "Simulation",
    "Window",
    "in_thread",
    "parse_fault",
    "parse_schedule",
]
