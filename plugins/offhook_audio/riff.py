"""Checks that a WAV file holds what its header promises; decoders read what there is and do not report the rest.

The forms are RIFF, RIFX (big-endian), and RF64 and BW64, whose lengths have 64 bits and are in the chunk ``ds64`` (EBU
Tech 3306, ITU-R BS.2088).
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass, field
from typing import Final

_CHUNK: Final = 8
#: How many chunks to read before giving up: a real file has fewer before its audio.
_MOST_CHUNKS: Final = 1_000
#: A length of this many bytes or more that exceeds twice what the file holds was never filled in. Writers that cannot
#: go back leave all sorts of large numbers. Audio of that length would last an hour and more at any rate.
_OPEN_BYTES: Final = 1_000_000_000
#: In RF64 and BW64: the length is in ``ds64``. In other forms: not known. Decoders take it for "to the end".
_NOT_HERE: Final = 0xFFFFFFFF
_WIDE: Final = (b"RF64", b"BW64")


@dataclass(frozen=True, slots=True)
class Riff:
    """The header of a WAV file.

    Attributes:
        rate_hz: sampling rate; None if the file has none.
        promised_bytes: the length of the audio; None if the writer left it open, or no audio was found.
        held_bytes: the bytes of the file from the start of the audio on.
        problem: why the file cannot be played, as the end of a sentence; empty if nothing is wrong.
        patches: what a decoder must read in place of what the file holds, by offset.
    """

    rate_hz: int | None = None
    promised_bytes: int | None = None
    held_bytes: int = 0
    problem: str = ""
    patches: dict[int, bytes] = field(default_factory=dict[int, bytes])


def read_riff(fd: int, size: int) -> Riff | None:
    """Read the chunks of an open file of `size` bytes. Returns None if it is not a WAV file."""
    form = os.pread(fd, 12, 0)
    if form[:4] not in (b"RIFF", b"RIFX", *_WIDE) or form[8:] != b"WAVE":
        return None
    return _Reader(fd, size, form[:4]).read()


class _Reader:
    """Reads one file."""

    def __init__(self, fd: int, size: int, form: bytes) -> None:
        self._fd = fd
        self._size = size
        self._form = form
        self._order = ">" if form == b"RIFX" else "<"

    def read(self) -> Riff:
        """The header, up to the audio and beyond it."""
        rate_hz: int | None = None
        wide_length: int | None = None
        at, last = 12, ""
        for _ in range(_MOST_CHUNKS):
            chunk = self._chunk(at)
            if chunk is None:
                break
            name, length = chunk
            body = at + _CHUNK
            if not name.isascii() or not name.decode().isprintable():
                return Riff(rate_hz, problem=f"is damaged: at byte {at} it should have a chunk. Write it again.")
            if name == b"data":
                if rate_hz is None:
                    return self._without_format(body, length)
                return self._audio(rate_hz, body, length, wide_length)
            if name == b"fmt " and len(text := os.pread(self._fd, 4, body + 4)) == 4:
                rate_hz = int(struct.unpack(f"{self._order}I", text)[0])
            if name == b"ds64" and len(text := os.pread(self._fd, 16, body)) == 16:
                wide_length = int(struct.unpack("<QQ", text)[1])
            at = body + length + length % 2
            last = f": its chunk {name.decode()!r} promises {length} bytes" if at > self._size else ""
        return Riff(rate_hz, problem=f"is truncated: it ends before its audio{last}. Copy it again.")

    def _chunk(self, at: int) -> tuple[bytes, int] | None:
        head = os.pread(self._fd, _CHUNK, at)
        if len(head) < _CHUNK:
            return None
        name, length = struct.unpack(f"{self._order}4sI", head)
        return bytes(name), int(length)

    def _audio(self, rate_hz: int, body: int, length: int, wide_length: int | None) -> Riff:
        held = self._size - body
        promised: int | None = length
        patches: dict[int, bytes] = {}
        if self._form in _WIDE:
            promised = wide_length if length == _NOT_HERE else length
        if self._is_open(promised, body):
            promised = None
        if promised is None or self._form in _WIDE:
            # Decoders differ in what they make of 64-bit forms; where the length has 32 bits, they need not know.
            fits = promised is None or promised < _NOT_HERE
            patches[0] = (self._form if self._form == b"RIFX" else b"RIFF") if fits else b"RF64"
            patches[body - 4] = struct.pack(f"{self._order}I", promised if fits and promised is not None else _NOT_HERE)
        problem = ""
        if promised is not None and promised > held:
            problem = (
                f"is truncated: it promises {promised} bytes of audio and holds {held}. Copy it again, or repair it "
                "with: sox --ignore-length IN.wav OUT.wav"
            )
        elif promised is not None and self._has_more_audio(body + promised + promised % 2):
            problem = "holds two pieces of audio (two data chunks), of which only one can be played: write it again."
        return Riff(rate_hz, promised, held, problem, patches)

    def _is_open(self, promised: int | None, body: int) -> bool:
        """Whether the writer did not know the length."""
        held = self._size - body
        if promised is None or promised == _NOT_HERE:
            return True
        if promised == 0:
            return not self._only_chunks(body)
        return promised >= _OPEN_BYTES and promised > 2 * held

    def _only_chunks(self, at: int) -> bool:
        """Whether only whole chunks lie between `at` and the end; then a length of 0 means no audio."""
        for _ in range(_MOST_CHUNKS):
            chunk = self._chunk(at)
            if chunk is None:
                break
            at += _CHUNK + chunk[1]
            at += at % 2
        return self._size <= at <= self._size + 1

    def _has_more_audio(self, at: int) -> bool:
        return self._find(at, b"data")

    def _without_format(self, body: int, length: int) -> Riff:
        if self._find(body + length + length % 2, b"fmt "):
            return Riff(problem="has its audio before its format (the chunk fmt follows data): write it again.")
        return Riff(problem="does not say its rate and format (it has no chunk fmt before its audio): write it again.")

    def _find(self, at: int, wanted: bytes) -> bool:
        for _ in range(_MOST_CHUNKS):
            chunk = self._chunk(at)
            if chunk is None:
                return False
            name, length = chunk
            if name == wanted:
                return True
            at += _CHUNK + length + length % 2
        return False


#: How files begin that are often taken for audio files which can be played.
_STARTS: Final = (
    (0, b"\x1aE\xdf\xa3", "a WebM or Matroska file"),
    (4, b"ftyp", "an MP4 or M4A file"),
    (0, b"#!AMR", "an AMR file"),
    (0, b"ADIF", "an AAC file"),
    (0, b"\xff\xf1", "an AAC file"),
    (0, b"\xff\xf9", "an AAC file"),
    (0, b"0&\xb2u\x8ef\xcf\x11", "a Windows Media file"),
    (8, b"AVI ", "an AVI file"),
    (0, b"\x1f\x8b", "a gzip archive"),
    (0, b"PK\x03\x04", "a ZIP archive"),
    (0, b"version https://git-lfs", "a Git LFS pointer, whose content was not fetched"),
)


def kind_of(fd: int) -> str:
    """What a file is that cannot be decoded, where its first bytes show it; otherwise empty."""
    start = os.pread(fd, 64, 0)
    for at, mark, kind in _STARTS:
        if start[at : at + len(mark)] == mark:
            return kind
    text = start.lstrip()[:9].lower()
    return "a web page" if text.startswith((b"<!doctype", b"<html")) else ""


def cut_short(fd: int, size: int) -> bool:
    """Whether an AIFF or Wave64 file ends before the length in its header; decoders do not report that."""
    start = os.pread(fd, 24, 0)
    promised = 0
    if start[:4] == b"FORM" and start[8:12] in (b"AIFF", b"AIFC"):
        promised = _CHUNK + int(struct.unpack(">I", start[4:8])[0])
    elif start[:4] == b"riff":
        promised = int(struct.unpack("<Q", start[16:])[0]) if len(start) == 24 else 24
    return size + 1 < promised < _OPEN_BYTES
