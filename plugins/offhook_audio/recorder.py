"""The sink ``recorder``: a WAV file that is valid at any moment of the call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from offhook.arguments import check_path
from offhook.errors import SpecError
from offhook.interfaces import AudioSink
from offhook.media import WavWriter
from offhook.paths import path_argument

if TYPE_CHECKING:
    import os

    from offhook.interfaces import AudioFrame

#: The longest silence that one jump of the position may make, in seconds.
MOST_GAP_S: Final = 3600

#: The rate in the header until the first frame shows the real one.
_RATE_BEFORE_AUDIO_HZ: Final = 16_000


class RecorderSink(AudioSink):
    """Records audio from the first frame on, with silence where nothing was heard.

    If it is closed before any frame was written, it deletes its file.

    Args:
        path: the file to create, whose name ends with ``.wav`` or has no ending; an existing file is never
            overwritten. A ``*`` in its name is replaced by the first number that makes a new name: ``reply-*.wav``.

    Raises:
        ConfigError: the path is missing or of the wrong type, or its name ends with something other than ``.wav``.
        StorageError: the file cannot be created.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        if path == "":
            raise SpecError("the sink recorder needs the path of the file to create, for example recorder:heard.wav")
        named = check_path(path, "path", "heard.wav")
        self._file = WavWriter(path_argument("recorder", named), _RATE_BEFORE_AUDIO_HZ)
        #: Position of the next frame if nothing is missing; None before the first.
        self._expected: int | None = None
        #: Jumps of the position that were longer than `MOST_GAP_S`, and were shortened to that.
        self.clamped_gaps: int = 0
        #: Frames whose position stepped back; they were appended in the order of their arrival.
        self.backward_steps: int = 0

    async def write(self, frame: AudioFrame) -> None:
        if self._expected is None or frame.rate_hz != self._file.rate_hz:
            self._file.set_rate(frame.rate_hz)
        if self._expected is not None:
            gap = frame.position - self._expected
            if gap < 0:
                self.backward_steps += 1
            elif gap:
                most = MOST_GAP_S * frame.rate_hz
                self.clamped_gaps += gap > most
                self._file.write_silence(min(gap, most))
        self._file.write(frame.pcm)
        self._expected = frame.position + frame.samples

    async def aclose(self) -> None:
        if self._expected is None and not self._file.closed:
            self._file.discard()
        else:
            self._file.close()
