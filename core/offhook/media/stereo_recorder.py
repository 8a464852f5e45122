"""Both directions of a call in one stereo file: caller left, callee right, on one timeline.

Each side is written at its position, and is never stretched, shortened or moved. Where nothing was written, the file
holds silence. So what is heard together in the file was heard together in the call.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Final

from offhook.interfaces.frame import SAMPLE_BYTES, samples_of
from offhook.media.wav_writer import WavWriter

if TYPE_CHECKING:
    import os
    from pathlib import Path


#: How long the recorder waits for the side that is behind, in milliseconds.
LOOK_BACK_MS: Final = 500
#: A position that is more than this many seconds ahead is taken for an error.
MOST_GAP_S: Final = 3600

_LEFT: Final = 0
_RIGHT: Final = 1
_FRAME_BYTES: Final = 2 * SAMPLE_BYTES
#: How much audio is written to the file at a time, in milliseconds.
_STEP_MS: Final = 100


class StereoRecorder:
    """Records the two directions of a call.

    A place is written to the file once both sides are past it, or one side is past it by `look_back_ms`. Audio that
    arrives later for that place is left out and counted.

    Args:
        path: the file to create; a ``*`` in its name is replaced by the first number that makes a new name.
        rate_hz: sampling rate of both sides.
        look_back_ms: how long to wait for the side that is behind.

    Raises:
        ConfigError, StorageError: the file cannot be created, see `WavWriter`.
    """

    def __init__(self, path: str | os.PathLike[str], rate_hz: int, *, look_back_ms: int = LOOK_BACK_MS) -> None:
        self._file = WavWriter(path, rate_hz, channels=2)
        self._look_back = look_back_ms * rate_hz // 1000
        self._step = _STEP_MS * rate_hz // 1000
        self._most_gap = MOST_GAP_S * rate_hz
        #: Interleaved samples from `_start` on; everything before `_start` was written to the file.
        self._window = array("h")
        self._start = 0
        self._ends = [0, 0]
        #: Samples that arrived after their place was written, left and right together.
        self.late_samples: int = 0
        #: Samples left out because their position was more than `MOST_GAP_S` ahead of everything else.
        self.stray_samples: int = 0

    @property
    def path(self) -> Path:
        """The path of the file."""
        return self._file.path

    @property
    def frames(self) -> int:
        """Length of the recording in samples per channel, with what is not yet written to the file."""
        return max(self._ends)

    def write_left(self, position: int, pcm: bytes) -> None:
        """Write audio of the caller at `position`, in samples since the recording began.

        Raises:
            StorageError: the file cannot be written any more; what was written before stays readable.
        """
        self._put(_LEFT, position, pcm)

    def write_right(self, position: int, pcm: bytes) -> None:
        """Write audio of the callee; as `write_left`."""
        self._put(_RIGHT, position, pcm)

    def close(self, end: int = 0) -> None:
        """Write the rest and finish the file. Idempotent.

        Args:
            end: where the call ended, as a position; the file holds silence up to there.

        Raises:
            StorageError: the last audio could not be written.
        """
        if not self._file.closed:
            self._write_out(max(self._ends) - self._start)
            self._file.write_silence(min(max(0, end - self._start), self._most_gap))
            self._file.close()

    def discard(self) -> None:
        """Close the file and delete it: nothing was recorded."""
        self._file.discard()

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
            self._write_out(ready)

    def _pass_over(self, position: int) -> None:
        """Before a jump far beyond the window: write the window, then the gap, which need not be held in memory."""
        settled = position - self._look_back
        if settled > max(self._ends):
            self._write_out(max(self._ends) - self._start)
            gap, self._start = settled - self._start, settled
            self._file.write_silence(gap)

    def _write_out(self, frames: int) -> None:
        # `samples_of` swaps the bytes on a big-endian machine, which here makes them little-endian again.
        pcm = samples_of(self._window[: 2 * frames].tobytes()).tobytes()
        # Delete the samples before writing: a recorder that is used after a failed write must not grow.
        del self._window[: 2 * frames]
        self._start += frames
        self._file.write(pcm)
