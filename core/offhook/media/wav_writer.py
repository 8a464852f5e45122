"""WAV files that are valid whenever the process dies.

The header is right from the first byte on. Audio is written to the file first and the header is updated after it, so
that the header never promises more than the file holds; a process that is killed loses at most `FLUSH_MS` of audio. An
existing file is never overwritten. (This does not cover power failures: nothing here is synced to disk.)
"""

from __future__ import annotations

import contextlib
import errno
import os
import struct
from pathlib import Path
from typing import Final, NoReturn

from offhook.arguments import check_instance, check_path, check_rate, check_whole
from offhook.errors import ConfigError, StorageError
from offhook.interfaces.frame import SAMPLE_BYTES
from offhook.paths import expanded, make_folder, remove_folders
from offhook.private_files import open_private
from offhook.wording import quoted, quoted_path, system_reason

#: How much audio may be held in memory, in milliseconds.
FLUSH_MS: Final = 200
#: The most audio that a WAV file can hold: both sizes in its header have 32 bits.
MOST_BYTES: Final = 0xFFFFFFFF - 44

#: RIFF, WAVE, a 16-byte ``fmt`` and ``data`` (Microsoft and IBM, Multimedia Programming Interface 1.0, 1991).
_HEADER: Final = struct.Struct("<4sI4s4sIHHIIHH4sI")
_PCM: Final = 1
#: Silence longer than this becomes a hole in the file, which takes no time and, on most file systems, no space.
_HOLE_BYTES: Final = 65_536


#: The header has 16 bits for the bytes of all channels.
_MOST_CHANNELS: Final = 32_767
#: The endings of names that a WAV file may have; a name without an ending is fine, too.
_ENDINGS: Final = frozenset({"", ".wav", ".wave"})
_A_FOLDER: Final = "it is a folder: name a file in it"


def _checked(path: str | os.PathLike[str]) -> str:
    """The path of a file to record to.

    Raises:
        ConfigError: it is not a path, or its ending is that of another format.
    """
    named = check_path(path, "path", "heard.wav")
    ending = Path(named).suffix
    if ending.lower() not in _ENDINGS:
        raise ConfigError(
            f"cannot record to {quoted_path(path)}: recordings are WAV files, and {quoted(ending)} is not an ending of "
            f"one. Write {quoted_path(Path(named).with_suffix('.wav'))}, and convert the file after the call"
        )
    return named


class WavWriter:
    """A 16-bit PCM WAV file that is being written.

    Args:
        path: the file to create, in a folder that is made if necessary. Its name ends with ``.wav`` (or ``.wave``) or
            has no ending; ``~`` is the home folder, and a ``*`` in the name is replaced by the first number that makes
            a new name.
        rate_hz: sampling rate.
        channels: number of channels; samples are interleaved.
        most_bytes: the limit of audio in the file, in bytes.

    Raises:
        StorageError: the file exists already, its folder cannot be made or written to, or the disk is full.
        ConfigError: an argument is of the wrong type or out of range, the name promises another format, or the path
            begins with ``~`` and that home folder is not known.
    """

    def __init__(
        self, path: str | os.PathLike[str], rate_hz: int, channels: int = 1, *, most_bytes: int = MOST_BYTES
    ) -> None:
        self.path: Path = expanded(_checked(path))
        self.rate_hz: int = check_rate(rate_hz)
        self.channels: int = check_whole(channels, "channels", least=1, most=_MOST_CHANNELS)
        self._most_bytes = check_whole(most_bytes, "most_bytes", least=0, most=MOST_BYTES, unit="bytes")
        self._pending = bytearray()
        self._stored_bytes = 0
        self._fd = -1
        if os.fspath(path).endswith("/"):
            raise StorageError(f"cannot record to {quoted_path(path)}: {_A_FOLDER}.")
        self._made_folders = make_folder(self.path.parent)
        try:
            self._fd = self._create()
            self._patch_header()
        except (OSError, ValueError) as error:
            if self._fd >= 0:
                self._release()
                self.path.unlink(missing_ok=True)
            remove_folders(self._made_folders)
            is_folder = isinstance(error, FileExistsError) and self.path.is_dir()
            reason = _A_FOLDER if is_folder else system_reason(error)
            raise StorageError(f"cannot record to {quoted_path(path)}: {reason}.") from None

    def _create(self) -> int:
        """Create the file, readable by its owner only, since it holds a private conversation."""
        flags = os.O_WRONLY | os.O_EXCL
        pattern = self.path
        if "*" not in pattern.name:
            return open_private(pattern, flags)
        number = 0
        while True:
            number += 1
            self.path = pattern.with_name(pattern.name.replace("*", str(number)))
            with contextlib.suppress(FileExistsError):
                return open_private(self.path, flags)

    @property
    def frames(self) -> int:
        """Samples per channel so far, with those that are held in memory."""
        return (self._stored_bytes + len(self._pending)) // self._align

    @property
    def stored_frames(self) -> int:
        """Samples per channel that are in the file: they survive if the process dies."""
        return self._stored_bytes // self._align

    @property
    def closed(self) -> bool:
        """Whether nothing more can be written: it was closed, or an error occurred."""
        return self._fd < 0

    def set_rate(self, rate_hz: int) -> None:
        """Change the rate of a file that holds no audio yet.

        Raises:
            ConfigError: it is not a rate.
            StorageError: the file holds audio, or the header cannot be written.
        """
        check_rate(rate_hz)
        self._require_open()
        if self.frames and rate_hz != self.rate_hz:
            raise StorageError(
                f"the recording {quoted_path(self.path)} is at {self.rate_hz} Hz and cannot continue at {rate_hz} Hz: "
                "convert the audio before it is written."
            )
        self.rate_hz = rate_hz
        self._store(b"")

    def write(self, pcm: bytes) -> None:
        """Add audio: signed 16-bit little-endian, interleaved, a whole number of samples per channel.

        Raises:
            ConfigError: not bytes, or not a whole number of samples per channel.
            StorageError: the file cannot be written any more; what was written before stays readable.
        """
        check_instance(pcm, "pcm", (bytes, bytearray, memoryview), "bytes of 16-bit samples")
        if len(pcm) % self._align:
            raise ConfigError(f"pcm must be whole 16-bit samples for {self.channels} channels, got {len(pcm)} bytes")
        self._admit(len(pcm))
        self._pending += pcm
        if len(self._pending) * 1000 >= FLUSH_MS * self.rate_hz * self._align:
            self.flush()

    def write_silence(self, frames: int) -> None:
        """Add `frames` samples per channel of silence; this takes no time, however many there are.

        Raises:
            ConfigError: `frames` is not a whole number of at least 0.
            StorageError: as in `write`.
        """
        size = check_whole(frames, "frames", least=0) * self._align
        if size <= _HOLE_BYTES:
            self.write(bytes(size))
            return
        self._admit(size)
        self.flush()
        self._store(b"", hole_bytes=size)

    def flush(self) -> None:
        """Write everything to the file: from then on it survives if the process dies.

        Raises:
            StorageError: as in `write`.
        """
        if self._pending:
            pcm = bytes(self._pending)
            self._pending.clear()
            self._store(pcm)

    def close(self) -> None:
        """Finish the file. Idempotent.

        Raises:
            StorageError: the last audio could not be written.
        """
        if not self.closed:
            self.flush()
            self._release()

    def discard(self) -> None:
        """Close the file, and delete it with the folders that were made for it and hold nothing else."""
        self.close()
        self.path.unlink(missing_ok=True)
        remove_folders(self._made_folders)

    @property
    def _align(self) -> int:
        return SAMPLE_BYTES * self.channels

    def _require_open(self) -> None:
        if self.closed:
            raise StorageError(f"the recording {quoted_path(self.path)} is closed: start another one.")

    def _admit(self, size: int) -> None:
        self._require_open()
        if self._stored_bytes + len(self._pending) + size > self._most_bytes:
            self.close()
            raise StorageError(
                f"the recording {quoted_path(self.path)} is full: the limit is {self._most_bytes} bytes of "
                "audio. What was written is complete. Start another one."
            )

    def _store(self, pcm: bytes, *, hole_bytes: int = 0) -> None:
        try:
            if hole_bytes:
                os.ftruncate(self._fd, _HEADER.size + self._stored_bytes + hole_bytes)
                self._stored_bytes += hole_bytes
            view = memoryview(pcm)
            while view:  # a disk that fills up writes a part, and the next attempt raises the reason
                taken = os.pwrite(self._fd, view, _HEADER.size + self._stored_bytes)
                self._stored_bytes += taken
                view = view[taken:]
            self._patch_header()
            deleted = os.fstat(self._fd).st_nlink == 0
        except OSError as error:
            self._give_up(system_reason(error))
        if deleted:
            self._give_up("it was deleted while it was being written")

    def _patch_header(self) -> None:
        """Write both sizes in one system call, so that the process cannot be killed between them."""
        size = self._stored_bytes
        header = _HEADER.pack(
            b"RIFF", _HEADER.size - 8 + size, b"WAVE",
            b"fmt ", 16, _PCM, self.channels, self.rate_hz, self.rate_hz * self._align, self._align, 8 * SAMPLE_BYTES,
            b"data", size,
        )  # fmt: skip
        if os.pwrite(self._fd, header, 0) < len(header):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _give_up(self, reason: str) -> NoReturn:
        """Close the file so that it stays readable, and raise the reason why it ends here."""
        self._stored_bytes -= self._stored_bytes % self._align
        with contextlib.suppress(OSError):  # the header needs no new space, so it can be written on a full disk
            self._patch_header()
        self._release()
        raise StorageError(f"the recording {quoted_path(self.path)} ends at {self.frames} samples: {reason}.") from None

    def _release(self) -> None:
        fd, self._fd = self._fd, -1
        self._pending.clear()
        os.close(fd)
