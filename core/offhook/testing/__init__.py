"""The test kit: virtual time, two linked legs, and a double of every interface."""

from __future__ import annotations

from offhook.testing.doubles import FixedAuth, ListFilter, ListSink, MemoryStore, ScriptedCarrier
from offhook.testing.linked import FarMember, LinkedTransport
from offhook.testing.virtual_time import LoopClock, NothingScheduledError, VirtualLoop, run_virtual

__all__ = [
    "FarMember",
    "FixedAuth",
    "LinkedTransport",
    "ListFilter",
    "ListSink",
    "LoopClock",
    "MemoryStore",
    "NothingScheduledError",
    "ScriptedCarrier",
    "VirtualLoop",
    "run_virtual",
]
