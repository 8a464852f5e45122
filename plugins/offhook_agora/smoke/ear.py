"""Notes how much of the callee's audio arrived in each second, and how loud it was. It keeps no audio."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from offhook import hookimpl
from offhook.interfaces import AudioSink, level_dbfs

if TYPE_CHECKING:
    from offhook.interfaces import AudioFrame
    from offhook.plugin import SinkRegistry

#: The spec of the sink that a phone has with an `EarPlugin`.
SPEC: Final = "smoke-ear"
#: A second with nothing louder than this is quiet.
QUIET_DBFS: Final = -50.0


@dataclass(slots=True)
class Second:
    """One second of the call: how much audio arrived in it, in milliseconds, and its loudest frame."""

    heard_ms: float = 0.0
    loudest_dbfs: float = -100.0

    @property
    def quiet(self) -> bool:
        """Whether there was no speech in it."""
        return self.loudest_dbfs < QUIET_DBFS


class Ear(AudioSink):
    """Takes what is heard.

    Attributes:
        seconds: what arrived, by the second since our leg joined.
        longest_hole_ms: the longest stretch without audio between two frames that are both loud.
    """

    def __init__(self) -> None:
        self.seconds: dict[int, Second] = {}
        self.longest_hole_ms: float = 0.0
        self._loud_until_s: float | None = None

    async def write(self, frame: AudioFrame) -> None:
        start_s, level = frame.position / frame.rate_hz, level_dbfs(frame.pcm)
        second = self.seconds.setdefault(int(start_s), Second())
        second.heard_ms += frame.duration_ms
        second.loudest_dbfs = max(second.loudest_dbfs, level)
        if level < QUIET_DBFS:
            self._loud_until_s = None
            return
        if self._loud_until_s is not None:
            self.longest_hole_ms = max(self.longest_hole_ms, (start_s - self._loud_until_s) * 1000)
        self._loud_until_s = start_s + frame.duration_ms / 1000

    async def aclose(self) -> None:
        pass


class EarPlugin:
    """Gives one phone the sink `SPEC`, which writes to one ear."""

    def __init__(self, ear: Ear) -> None:
        self._ear = ear

    @hookimpl
    def offhook_audio_sink(self, registry: SinkRegistry) -> None:
        registry.add(SPEC, lambda argument: self._ear, summary="notes how much audio arrives")
