"""Both directions of a call in one stereo file: caller left, callee right, on one timeline.

Each side is put where its position says. Neither is ever stretched, squeezed or moved to meet the other: where nothing
was written there is silence, so what is heard together in the file was heard together in the call.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Final

from offhook.interfaces.frame import SAMPLE_BYTES, samples_of
from offhook.media.wav_writer import WavWriter

if TYPE_CHECKING:
    import os
    from pathlib import Path


#: How long the file waits for the side that is behind, in milliseconds.
LOOK_BACK_MS: Final = 500
#: A position further ahead than this is an error of whoever counted, in seconds.
MOST_GAP_S: Final = 3600

_LEFT: Final = 0
_RIGHT: Final = 1
_FRAME_BYTES: Final = 2 * SAMPLE_BYTES
#: How much is handed to the file at a time, in milliseconds.
_STEP_MS: Final = 100


class StereoRecorder:
    """Records the two directions of a call.

    What both sides are past, or one side is past by `look_back_ms`, is written; audio that comes for a place that was
    written already is left out and counted.

    Args:
        path: the file to make; a ``*`` in its name becomes the first number that makes it new.
        rate_hz: sampling rate of both sides.
        look_back_ms: how long to wait for the side that is behind.

    Raises:
        StorageError: the file cannot be made, see `WavWriter`.
    """

    def __init__(self, path: str | os.PathLike[str], rate_hz: int, *, look_back_ms: int = LOOK_BACK_MS) -> None:
        self._file = WavWriter(path, rate_hz, channels=2)
        self._look_back = look_back_ms * rate_hz // 1000
        self._step = _STEP_MS * rate_hz // 1000
        self._most_gap = MOST_GAP_S * rate_hz
        #: Interleaved samples from `_start` on; `_start` is how much has been handed to the file.
        self._window = array("h")
        self._start = 0
        self._ends = [0, 0]
        #: Samples that came when their place was written already, left and right together.
        self.late_samples: int = 0
        #: Samples left out because their position was absurd: more than `MOST_GAP_S` ahead of everything else.
        self.stray_samples: int = 0

    @property
    def path(self) -> Path:
        """The file."""
        return self._file.path

    @property
    def frames(self) -> int:
        """Length of the recording in samples, what still waits included."""
        return max(self._ends)

    def write_left(self, position: int, pcm: bytes) -> None:
        """Put audio of the caller at `position`, in samples since the recording began.

        Raises:
            StorageError: the file cannot be written any more; what was written before stays readable.
        """
        self._put(_LEFT, position, pcm)

    def write_right(self, position: int, pcm: bytes) -> None:
        """Put audio of the callee; as `write_left`."""
        self._put(_RIGHT, position, pcm)

    def close(self) -> None:
        """Write what waits and finish the file. Idempotent.

        Raises:
            StorageError: the last audio could not be written.
        """
        if not self._file.closed:
            self._hand_over(max(self._ends) - self._start)
            self._file.close()

    def discard(self) -> None:
        """Close the file and remove it: nothing was recorded."""
        self._file.close()
        self._file.path.unlink(missing_ok=True)

    def _put(self, side: int, position: int, pcm: bytes) -> None:
        samples = samples_of(pcm)
        if position - max(self._ends) > self._most_gap:
            self.stray_samples += len(samples)
            return
        if position < self._start:
            late = min(self._start - position, len(samples))
            self.late_samples += late
            del samples[:late]
            position += late
        if not samples:
            return
        end = position + len(samples)
        self._pass_over(position)
        at = position - self._start
        missing = end - self._start - len(self._window) // 2
        if missing > 0:
            self._window.frombytes(bytes(missing * _FRAME_BYTES))
        self._window[2 * at + side : 2 * (end - self._start) : 2] = samples
        self._ends[side] = max(self._ends[side], end)
        ready = max(min(self._ends), max(self._ends) - self._look_back) - self._start
        if ready >= self._step:
            self._hand_over(ready)

    def _pass_over(self, position: int) -> None:
        """Before a jump that leaves the window far behind: what waits goes out, and the gap need not be in memory."""
        settled = position - self._look_back
        if settled > max(self._ends):
            self._hand_over(max(self._ends) - self._start)
            gap, self._start = settled - self._start, settled
            self._file.write_silence(gap)

    def _hand_over(self, frames: int) -> None:
        # `samples_of` swaps the bytes on a big-endian machine, which here makes them little-endian again.
        pcm = samples_of(self._window[: 2 * frames].tobytes()).tobytes()
        # Let go first: a recorder that is written to after an error must not grow.
        del self._window[: 2 * frames]
        self._start += frames
        self._file.write(pcm)
