"""Checks that a WAV file holds what its header promises; decoders read what there is and do not report the rest."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from typing import Final

#: Lengths left by writers that could not go back to fill in the real one: ffmpeg, then SoX and eSpeak NG, then others.
_UNKNOWN: Final = frozenset({0xFFFFFFFF, 0x7FFFF000, 0x7FFFFFFF})
_CHUNK: Final = 8
#: How many chunks to read before giving up: a real file has fewer before its audio.
_MOST_CHUNKS: Final = 1_000


@dataclass(frozen=True, slots=True)
class Riff:
    """The header of a WAV file.

    Attributes:
        rate_hz: sampling rate; None if the file ends before it.
        length_at: offset of the field with the length of the audio; None if no audio was found.
        promised_bytes: that length; None if the writer left it open.
        held_bytes: the bytes of the file that follow the field.
    """

    rate_hz: int | None = None
    length_at: int | None = None
    promised_bytes: int | None = None
    held_bytes: int = 0

    @property
    def truncated(self) -> bool:
        """Whether the file ends before the length that it promises, or before its audio."""
        return self.length_at is None or (self.promised_bytes or 0) > self.held_bytes


def read_riff(fd: int, size: int) -> Riff | None:
    """Read the chunks of an open file of `size` bytes up to its audio. Returns None if it is not a WAV file."""
    form = os.pread(fd, 12, 0)
    if form[:4] not in (b"RIFF", b"RIFX", b"RF64") or form[8:] != b"WAVE":
        return None
    order = ">" if form[:4] == b"RIFX" else "<"
    rate_hz = None
    at = len(form)
    for _ in range(_MOST_CHUNKS):
        head = os.pread(fd, _CHUNK, at)
        if len(head) < _CHUNK:
            break
        name, length = struct.unpack(f"{order}4sI", head)
        body = at + _CHUNK
        if name == b"data":
            return Riff(rate_hz, at + 4, _promise(fd, order, length, body, size), size - body)
        if name == b"fmt " and len(field := os.pread(fd, 4, body + 4)) == 4:
            rate_hz = int(struct.unpack(f"{order}I", field)[0])
        at = body + length + length % 2
    return Riff(rate_hz)


def _promise(fd: int, order: str, length: int, body: int, size: int) -> int | None:
    if length in _UNKNOWN:
        return None
    if length == 0 and not _only_chunks(fd, order, body, size):
        return None
    return length


def _only_chunks(fd: int, order: str, at: int, size: int) -> bool:
    """Whether only whole chunks lie between `at` and the end; then a length of 0 means no audio."""
    for _ in range(_MOST_CHUNKS):
        head = os.pread(fd, _CHUNK, at)
        if len(head) < _CHUNK:
            break
        at += _CHUNK + int(struct.unpack(f"{order}I", head[4:])[0])
        at += at % 2
    return size <= at <= size + 1
