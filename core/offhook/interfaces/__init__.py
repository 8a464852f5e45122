"""The border: the interfaces that plugins implement, of one to four methods each, and the values that cross it."""

from __future__ import annotations

from offhook.interfaces.audio import AudioFilter, AudioSink, AudioSource, Resampler
from offhook.interfaces.carrier import Auth, Carrier, CarrierReport
from offhook.interfaces.clock import Clock, SystemClock, iso_8601
from offhook.interfaces.diagnosis import Finding, Level
from offhook.interfaces.dialing import DialGuard, DialRequest
from offhook.interfaces.environment import Environment, unread
from offhook.interfaces.far_end import ChannelFarEnd, FarEnd, FarMember, ServiceAnswer, ServiceFarEnd, TokenFault
from offhook.interfaces.frame import (
    FRAMES_PER_S,
    OPUS_RATES_HZ,
    PTIME_MS,
    SAMPLE_BYTES,
    AudioFrame,
    frames_in,
    level_dbfs,
    pcm_of,
    samples_of,
    samples_per_frame,
    saturated,
)
from offhook.interfaces.grant import Grant, is_loopback
from offhook.interfaces.ids import Ids
from offhook.interfaces.loop_load import LoadMeter, LoopLoad
from offhook.interfaces.numbers import e164, mask, mask_all
from offhook.interfaces.samples import FLOAT32, Damage, Samples
from offhook.interfaces.store import Archive, Document, Store
from offhook.interfaces.stream import BoundedStream
from offhook.interfaces.transport import Leg, LegHandler, Transport
from offhook.session.events import (
    AudioLost,
    AudioReturned,
    Direction,
    GrantExpiring,
    LeaveReason,
    LegClosed,
    LegDisconnected,
    LegEvent,
    LegFailed,
    LegReconnected,
    MemberJoined,
    MemberLeft,
    MemberPublished,
    MemberUnpublished,
)

__all__ = [
    "FLOAT32",
    "FRAMES_PER_S",
    "OPUS_RATES_HZ",
    "PTIME_MS",
    "SAMPLE_BYTES",
    "Archive",
    "AudioFilter",
    "AudioFrame",
    "AudioLost",
    "AudioReturned",
    "AudioSink",
    "AudioSource",
    "Auth",
    "BoundedStream",
    "Carrier",
    "CarrierReport",
    "ChannelFarEnd",
    "Clock",
    "Damage",
    "DialGuard",
    "DialRequest",
    "Direction",
    "Document",
    "Environment",
    "FarEnd",
    "FarMember",
    "Finding",
    "Grant",
    "GrantExpiring",
    "Ids",
    "LeaveReason",
    "Leg",
    "LegClosed",
    "LegDisconnected",
    "LegEvent",
    "LegFailed",
    "LegHandler",
    "LegReconnected",
    "Level",
    "LoadMeter",
    "LoopLoad",
    "MemberJoined",
    "MemberLeft",
    "MemberPublished",
    "MemberUnpublished",
    "Resampler",
    "Samples",
    "ServiceAnswer",
    "ServiceFarEnd",
    "Store",
    "SystemClock",
    "TokenFault",
    "Transport",
    "e164",
    "frames_in",
    "is_loopback",
    "iso_8601",
    "level_dbfs",
    "mask",
    "mask_all",
    "pcm_of",
    "samples_of",
    "samples_per_frame",
    "saturated",
    "unread",
]
