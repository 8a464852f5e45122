"""The source ``wav``: an audio file. WAV of any kind, and everything else that libsndfile reads (FLAC, Ogg, MP3, AIFF).

Everything that can be wrong with the file is found when the source is made, before anything rings. The file is read in
blocks of 100 ms, so that a long one needs no more memory than a short one.
"""

from __future__ import annotations

import io
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import soundfile

from offhook.arguments import check_path
from offhook.errors import ConfigError, SourceError
from offhook.interfaces import FLOAT32, SAMPLE_BYTES, AudioFrame, AudioSource, Samples
from offhook.paths import nearest_file, path_argument
from offhook.wording import quoted_path
from offhook_audio.riff import Riff, cut_short, kind_of, read_riff

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Rates of audio files, in hertz; a header with another rate is wrong.
RATES_HZ: Final = range(1_000, 384_001)
#: More channels than any microphone array has; each needs memory.
MOST_CHANNELS: Final = 64

_BLOCK_MS: Final = 100
#: How libsndfile names samples of 16 bits.
_PLAIN: Final = "PCM_16"
#: libsndfile only estimates the length of files in this format.
_ESTIMATED: Final = "MP3"


class WavSource(AudioSource):
    """Plays an audio file at its own rate, all its channels mixed down to one.

    Args:
        path: the file; ``~`` is the home folder.

    Raises:
        ConfigError: the path is neither text nor a path.
        SourceError: the file is missing, a folder, a device, unreadable, empty, truncated or not audio.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        if path == "":
            raise SourceError("the source wav needs the path of an audio file, for example wav:greeting.wav")
        path = check_path(path, "path", "greeting.wav")
        self._shown = quoted_path(path)
        #: Samples that were NaN (played as silence) or infinite (played as full scale).
        self.sanitised_samples: int = 0
        #: Samples beyond full scale, played as full scale.
        self.clipped_samples: int = 0
        #: Samples that are nearly silent since their channels cancelled each other out.
        self.cancelled_samples: int = 0
        self._position = 0
        self._fd = self._open(path)
        try:
            self._file = self._decode()
        except BaseException:
            self._release()
            raise
        self.rate_hz: int = self._file.samplerate
        self._block = max(1, self.rate_hz * _BLOCK_MS // 1000)
        #: Whether the samples of the file are those that are played, so that nothing is converted.
        self._plain = self._file.channels == 1 and self._file.subtype == _PLAIN

    async def read(self) -> AudioFrame | None:
        if self._fd < 0:
            return None
        try:
            samples = self._next()
        except soundfile.LibsndfileError as error:
            raise self._broken(_reason(error)) from None
        if not len(samples):
            if self._position < self._file.frames and self._file.format != _ESTIMATED:
                raise self._broken("it ends before the length in its header")
            return None
        pcm, damage = samples.mono()
        self.clipped_samples += damage.clipped
        self.sanitised_samples += damage.sanitised
        self.cancelled_samples += damage.cancelled
        frame = AudioFrame(pcm, self.rate_hz, self._position, damage=damage)
        self._position += len(samples)
        return frame

    def _next(self) -> Samples:
        """The next block, empty at the end."""
        if self._plain:
            data = bytearray(self._block * SAMPLE_BYTES)
            count: int = self._file.buffer_read_into(data, dtype="int16")
            return Samples(bytes(data[: count * SAMPLE_BYTES]))
        block = self._file.read(self._block, dtype="float32", always_2d=True)
        # libsndfile scales by 32768, so 16-bit samples keep their values.
        return Samples(np.asarray(block, np.float32).tobytes(), FLOAT32, block.shape[1], by_numpy=True)

    async def aclose(self) -> None:
        if self._fd >= 0:
            self._file.close()
            self._release()

    def _release(self) -> None:
        fd, self._fd = self._fd, -1
        os.close(fd)

    def _open(self, path: str) -> int:
        """Open the file; it is checked afterwards, since the name could be given to another file in between."""
        file: str | os.PathLike[str] = path
        try:
            file = path_argument("wav", path)
            # Non-blocking, because opening a FIFO waits for its other end. For files it changes nothing.
            return os.open(file, os.O_RDONLY | os.O_NONBLOCK)
        except ConfigError as error:
            raise SourceError(error.message) from None
        except FileNotFoundError:
            near = nearest_file(file) or "."
            raise SourceError(
                f"the audio file {self._shown} does not exist (looked in {quoted_path(Path.cwd())}){near}"
            ) from None
        except PermissionError:
            raise self._refused("may not be read: change its permissions.") from None
        except OSError as error:
            raise self._refused(f"cannot be opened: {error.strerror}. Check the path.") from None
        except ValueError:  # a NUL
            raise self._refused("has an invalid path: check its spelling.") from None

    def _decode(self) -> soundfile.SoundFile:
        status = os.fstat(self._fd)
        if stat.S_ISDIR(status.st_mode):
            raise self._refused("is a folder: name a file in it.")
        if not stat.S_ISREG(status.st_mode):
            raise self._refused("is a device, a pipe or a socket: name a regular file.")
        if not status.st_size:
            raise self._refused("is empty (0 bytes): check the program that wrote it.")
        riff = read_riff(self._fd, status.st_size)
        if riff is not None:
            self._check(riff)
        elif cut_short(self._fd, status.st_size):
            raise self._refused("is truncated: it ends before the length in its header. Copy it again.")
        try:
            # The descriptor stays ours: whether libsndfile closes it after a failure depends on the failure.
            file = _Forward(
                _Patched(self._fd, riff.patches) if riff is not None and riff.patches else self._fd, closefd=False
            )
        except soundfile.LibsndfileError as error:
            kind = kind_of(self._fd)
            reason = f"is {kind}" if kind else f"cannot be decoded ({_reason(error)})"
            raise self._refused(f"{reason}: name a WAV, FLAC, Ogg or MP3 file.") from None
        problem = _problem(file)
        if problem:
            file.close()
            raise self._refused(problem)
        return file

    def _check(self, riff: Riff) -> None:
        if riff.problem:
            raise self._refused(riff.problem)
        if riff.rate_hz not in RATES_HZ:
            raise self._refused(_wrong_rate(riff.rate_hz))

    def _refused(self, problem: str) -> SourceError:
        return SourceError(f"the audio file {self._shown} {problem}")

    def _broken(self, reason: str) -> SourceError:
        at_s = self._position / self.rate_hz
        return SourceError(f"the audio file {self._shown} cannot be read after {at_s:.1f} s: {reason}.")


def _reason(error: soundfile.LibsndfileError) -> str:
    text: str = error.error_string
    return text.removeprefix("Error : ").rstrip(".")


def _wrong_rate(rate_hz: int | None) -> str:
    found = "no rate" if rate_hz is None else f"a rate of {rate_hz} Hz"
    return f"has {found} in its header; expected {RATES_HZ[0]} to {RATES_HZ[-1]} Hz: write it again."


def _problem(file: soundfile.SoundFile) -> str:
    """What is wrong with a file that libsndfile has opened; empty if nothing is."""
    if file.samplerate not in RATES_HZ:
        return _wrong_rate(file.samplerate)
    if file.channels > MOST_CHANNELS:
        return f"has {file.channels} channels; the limit is {MOST_CHANNELS}: mix it down first."
    if not file.frames:
        return "holds no audio (0 samples): check the program that wrote it."
    return ""


class _Forward(soundfile.SoundFile):  # type: ignore[misc]  # mypy sees no types in soundfile
    """A file that is read from start to end only.

    Otherwise soundfile seeks to the current place after every read, and an MP3 decoder loses the state it carries over.
    """

    def seekable(self) -> bool:
        return False


class _Patched(io.FileIO):
    """A WAV file of which some bytes are read as others: lengths that were not filled in, names of forms."""

    def __init__(self, fd: int, patches: Mapping[int, bytes]) -> None:
        super().__init__(fd, "rb", closefd=False)
        self._patches = {at + index: byte for at, text in patches.items() for index, byte in enumerate(text)}

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # soundfile passes only these
        start = self.tell()
        count = super().readinto(buffer)
        view = memoryview(buffer).cast("B")
        for at, byte in self._patches.items():
            if start <= at < start + count:
                view[at - start] = byte
        return count
