"""FaceTime calls placed through Sendblue: a call-session framework in which every part is a plugin."""

from __future__ import annotations

from offhook.call import Call, Phone, ThreadsafeCall
from offhook.errors import (
    CallStateError,
    CarrierError,
    ConfigError,
    DialRefused,
    OffhookError,
    PluginError,
    StorageError,
    TransportError,
)
from offhook.interfaces import AudioFilter, AudioFrame, AudioSink, AudioSource, BoundedStream
from offhook.media import (
    AudioStream,
    PlayHandle,
    PlayMode,
    PlayoutEnd,
    PushSource,
    SpeechDetector,
    SpeechStarted,
    SpeechStopped,
)
from offhook.plugin import hookimpl
from offhook.plugin.old_paths import keep_old_paths as _keep_old_paths
from offhook.secret import Secret
from offhook.session import (
    AnswerPolicy,
    CallPolicy,
    CallRecord,
    CallState,
    Cause,
    Disposition,
    EndedBy,
    Evidence,
    Gap,
    Grade,
    LegState,
    Outcome,
    TimelineEntry,
)

__all__ = [
    "AnswerPolicy",
    "AudioFilter",
    "AudioFrame",
    "AudioSink",
    "AudioSource",
    "AudioStream",
    "BoundedStream",
    "Call",
    "CallPolicy",
    "CallRecord",
    "CallState",
    "CallStateError",
    "CarrierError",
    "Cause",
    "ConfigError",
    "DialRefused",
    "Disposition",
    "EndedBy",
    "Evidence",
    "Gap",
    "Grade",
    "LegState",
    "OffhookError",
    "Outcome",
    "Phone",
    "PlayHandle",
    "PlayMode",
    "PlayoutEnd",
    "PluginError",
    "PushSource",
    "Secret",
    "SpeechDetector",
    "SpeechStarted",
    "SpeechStopped",
    "StorageError",
    "ThreadsafeCall",
    "TimelineEntry",
    "TransportError",
    "__version__",
    "hookimpl",
]

__version__ = "0.1.0"

_keep_old_paths()
