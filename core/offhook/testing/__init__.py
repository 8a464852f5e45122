"""The test kit: virtual time, linked legs, a double of every interface, and the invariants of every call."""

from __future__ import annotations

import warnings

from offhook.interfaces.clock import Clock
from offhook.interfaces.far_end import ChannelFarEnd, FarEnd, FarMember, ServiceAnswer, ServiceFarEnd, TokenFault
from offhook.interfaces.ids import Ids
from offhook.old_paths import keep_old_paths as _keep_old_paths
from offhook.session.events import Direction
from offhook.testing.doubles import FixedAuth, ListFilter, ListSink, MemoryStore, ScriptedCarrier
from offhook.testing.invariants import check_call, timeline_lines, violations
from offhook.testing.linked.channel import LinkedMember
from offhook.testing.linked.far_end import LinkedFarEnd
from offhook.testing.linked.transport import LinkedTransport
from offhook.testing.resources import Resources
from offhook.testing.scripted_service import ScriptedService
from offhook.testing.virtual_time import LoopClock, NothingScheduledError, VirtualLoop, run_virtual
from offhook.testing.waiting_tasks import UsersWait, users_wait, where_task_waits

__all__ = [
    "ChannelFarEnd",
    "Clock",
    "Direction",
    "FarEnd",
    "FarMember",
    "FixedAuth",
    "Ids",
    "LinkedFarEnd",
    "LinkedMember",
    "LinkedTransport",
    "ListFilter",
    "ListSink",
    "LoopClock",
    "MemoryStore",
    "NothingScheduledError",
    "Resources",
    "ScriptedCarrier",
    "ScriptedService",
    "ServiceAnswer",
    "ServiceFarEnd",
    "TokenFault",
    "UsersWait",
    "VirtualLoop",
    "check_call",
    "run_virtual",
    "timeline_lines",
    "users_wait",
    "violations",
    "where_task_waits",
]

_keep_old_paths()


def __getattr__(name: str) -> object:
    if name != "Answer":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    warnings.warn(
        "offhook.testing.Answer is called ServiceAnswer now. The next version removes the old name",
        DeprecationWarning,
        stacklevel=2,
    )
    return ServiceAnswer
