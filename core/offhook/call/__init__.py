"""The shell: a phone, its calls, and the driver, the only place where a session meets the world."""

from __future__ import annotations

from offhook.call.call import Call
from offhook.call.phone import Phone
from offhook.call.threadsafe import ThreadsafeCall

__all__ = [
    "Call",
    "Phone",
    "ThreadsafeCall",
]
