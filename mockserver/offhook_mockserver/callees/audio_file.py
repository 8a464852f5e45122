"""Checks an audio file that a script names, before anything rings: quickly, and without a media library."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Final

from offhook.wording import system_reason

if TYPE_CHECKING:
    from pathlib import Path


#: The largest file that a callee may say: ten minutes of 96 kHz stereo with 24 bits are 330 MB.
MOST_BYTES: Final = 512 * 1024 * 1024
#: The problem of a file that is not there.
MISSING: Final = "does not exist"
_RATES_HZ: Final = range(1_000, 384_001)
_HEADER_BYTES: Final = 44
#: How files of the formats begin that the source ``wav`` reads: WAV and its relatives, AIFF, FLAC, Ogg, MP3.
_BEGINNINGS: Final = (
    b"RIFF",
    b"RIFX",
    b"RF64",
    b"FORM",
    b"fLaC",
    b"OggS",
    b"ID3",
    b"\xff\xfb",
    b"\xff\xf3",
    b"\xff\xf2",
)


def audio_problem(path: Path) -> str:
    """What is wrong with an audio file, as the end of a sentence that begins with its name; empty if nothing is.

    It finds what is not a regular file, too large, not audio, or has a WAV header with an impossible rate. The source
    that reads the file when the call starts finds the rest.
    """
    try:
        # Non-blocking, because opening a FIFO waits for its other end.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except FileNotFoundError:
        return MISSING
    except (OSError, ValueError) as error:
        return f"cannot be opened: {system_reason(error)}"
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            return "is not a regular file"
        if status.st_size > MOST_BYTES:
            return f"is larger than {MOST_BYTES // 2**20} MB, which is the limit"
        header = os.read(descriptor, _HEADER_BYTES)
    except OSError as error:
        return f"cannot be read: {system_reason(error)}"
    finally:
        os.close(descriptor)
    if not header.startswith(_BEGINNINGS):
        return "is not an audio file" if header else "is empty"
    if header[:4] == b"RIFF" and header[12:16] == b"fmt ":
        rate_hz = int.from_bytes(header[24:28], "little")
        if rate_hz not in _RATES_HZ:
            return f"has a header with a rate of {rate_hz} Hz"
    return ""
