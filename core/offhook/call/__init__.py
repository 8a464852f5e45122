"""The shell: a phone, its calls, and the driver, the only place where a session meets the world."""

from __future__ import annotations

from offhook.call.call import Call
from offhook.call.in_process import InProcessService, clock_in_process, reached_in_process
from offhook.call.load_figures import PhoneLoad
from offhook.call.load_policy import LoadPolicy
from offhook.call.phone import Phone, PhoneSettings
from offhook.call.threadsafe import ThreadsafeCall

__all__ = [
    "Call",
    "InProcessService",
    "LoadPolicy",
    "Phone",
    "PhoneLoad",
    "PhoneSettings",
    "ThreadsafeCall",
    "clock_in_process",
    "reached_in_process",
]
