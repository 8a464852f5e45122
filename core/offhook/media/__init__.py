"""The audio of a call: playout, pacing, listening, recording. The frame path has no hook, no task and no lock."""

from __future__ import annotations

from offhook.media.listening import AudioStream
from offhook.media.mixing import LEAST_DB, MOST_DB, gain_of
from offhook.media.pacer import Pacer
from offhook.media.play_handle import PlayHandle, PlayMode, PlayoutEnd
from offhook.media.push_source import PushSource
from offhook.media.speech import SpeechChange, SpeechDetector, SpeechStarted, SpeechStopped
from offhook.media.wav_writer import WavWriter

__all__ = [
    "LEAST_DB",
    "MOST_DB",
    "AudioStream",
    "Pacer",
    "PlayHandle",
    "PlayMode",
    "PlayoutEnd",
    "PushSource",
    "SpeechChange",
    "SpeechDetector",
    "SpeechStarted",
    "SpeechStopped",
    "WavWriter",
    "gain_of",
]
