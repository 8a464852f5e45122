"""What a plugin implements: interfaces of one to four methods each, one module a kind."""

from __future__ import annotations

from offhook.interfaces.auth import Auth
from offhook.interfaces.carrier import Carrier
from offhook.interfaces.filter import AudioFilter
from offhook.interfaces.resampler import Resampler
from offhook.interfaces.sink import AudioSink
from offhook.interfaces.source import AudioSource
from offhook.interfaces.store import Archive, DialGuard, Store
from offhook.interfaces.transport import Leg, LegHandler, Transport

__all__ = [
    "Archive",
    "AudioFilter",
    "AudioSink",
    "AudioSource",
    "Auth",
    "Carrier",
    "DialGuard",
    "Leg",
    "LegHandler",
    "Resampler",
    "Store",
    "Transport",
]
