"""What offhook_audio registers, against the kits."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import offhook_mockserver
from offhook.plugin.manager import Plugins
from offhook.testing.conformance import (
    FilterConformance,
    ResamplerConformance,
    SinkConformance,
    SourceConformance,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from offhook.interfaces import AudioFilter, AudioSink, AudioSource, Resampler

PLUGINS = Plugins.load()
SPEECH = Path(offhook_mockserver.__file__).parent / "callees/clips/hello.wav"


class Registered(SourceConformance):
    spec = ""

    def make(self, argument: str) -> AudioSource:
        return PLUGINS.make(PLUGINS.sources, self.spec, argument)


class TestWav(Registered):
    spec = "wav"
    argument = str(SPEECH)
    wrong_arguments = ("", "\0", "{folder}", "{folder}/missing.wav", __file__)


class TestTone(Registered):
    spec = "tone"
    argument = "440,0.5"
    wrong_arguments = ("", "\0", "440,0", "440,1,1", "0")


class TestSilence(Registered):
    spec = "silence"
    argument = ""
    wrong_arguments = ("\0", "-1", "0")
    not_claimed: Mapping[str, str] = {"end": "endless without an argument"}


class TestSomeSilence(Registered):
    spec = "silence"
    argument = "0.25"


class TestMarker(Registered):
    spec = "marker"
    argument = ""
    wrong_arguments = ("\0", "1")


class TestRecorder(SinkConformance):
    argument = file = "{folder}/heard.wav"
    wrong_arguments = ("", "\0", "{folder}", "//heard.wav", "file:heard.wav")

    def make(self, argument: str) -> AudioSink:
        return PLUGINS.make(PLUGINS.sinks, "recorder", argument)


class TestNull(SinkConformance):
    def make(self, argument: str) -> AudioSink:
        return PLUGINS.make(PLUGINS.sinks, "null", argument)


class TestGain(FilterConformance):
    argument = "20"
    wrong_arguments = ("", "\0", "21", "nan")

    def make(self, argument: str, rate_hz: int) -> AudioFilter:
        return PLUGINS.make(PLUGINS.filters, "gain", argument, rate_hz)


class TestLimit(FilterConformance):
    argument = "-3"
    wrong_arguments = ("", "\0", "1", "nan")

    def make(self, argument: str, rate_hz: int) -> AudioFilter:
        return PLUGINS.make(PLUGINS.filters, "limit", argument, rate_hz)


class TestLive(ResamplerConformance):
    def make(self, from_hz: int, to_hz: int) -> Resampler:
        return PLUGINS.resampler("live", from_hz, to_hz)


class TestFile(ResamplerConformance):
    not_claimed: Mapping[str, str] = {"little_delay": "quality comes first; it holds back up to 170 ms"}

    def make(self, from_hz: int, to_hz: int) -> Resampler:
        return PLUGINS.resampler("file", from_hz, to_hz)
