"""FaceTime calls placed through Sendblue: a call-session framework whose every part is a plugin."""

from __future__ import annotations

from offhook.audio import AudioFrame
from offhook.call import Call
from offhook.errors import OffhookError
from offhook.hookspecs import hookimpl
from offhook.outcome import Cause, Disposition, EndedBy, Outcome
from offhook.phone import Phone
from offhook.play_handle import PlayHandle, PlayMode, PlayoutEnd
from offhook.policy import AnswerPolicy, CallPolicy
from offhook.push import PushSource
from offhook.record import CallRecord, TimelineEntry
from offhook.secret import Secret
from offhook.speech import SpeechDetector, SpeechStarted, SpeechStopped
from offhook.states import CallState, Evidence, Grade, LegState

__all__ = [
    "AnswerPolicy",
    "AudioFrame",
    "Call",
    "CallPolicy",
    "CallRecord",
    "CallState",
    "Cause",
    "Disposition",
    "EndedBy",
    "Evidence",
    "Grade",
    "LegState",
    "OffhookError",
    "Outcome",
    "Phone",
    "PlayHandle",
    "PlayMode",
    "PlayoutEnd",
    "PushSource",
    "Secret",
    "SpeechDetector",
    "SpeechStarted",
    "SpeechStopped",
    "TimelineEntry",
    "__version__",
    "hookimpl",
]

__version__ = "0.1.0"
