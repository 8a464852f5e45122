"""Is this recording that speech? Alignment by cross-correlation, then frame by frame, so that a cut or a gap shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray
from tests.patience import busy

if TYPE_CHECKING:
    from pathlib import Path

RATE_HZ = 16_000
FRAME = 320
#: A frame of the original that is louder than this, relative to its loudest, counts as speech.
SPEECH_DB = -35.0

Samples = NDArray[np.float64]


@dataclass
class Likeness:
    """How a recording compares with the speech that was played.

    Attributes:
        lag_s: where the speech begins in the recording.
        correlation: of the aligned stretch with the original, -1 to 1.
        missing_ms: speech frames of the original that are all but silent in the recording.
        speech_ms: speech frames of the original.
    """

    lag_s: float
    correlation: float
    missing_ms: int
    speech_ms: int

    def assert_whole(self, least: float = 0.9) -> None:
        """The recording is that speech, all of it. Beside many busy programs, where audio is late, most of it."""
        if busy():
            assert self.correlation > 0.7, self
            assert self.missing_ms < 0.4 * self.speech_ms, self
        else:
            assert self.correlation > least, self
            assert self.missing_ms == 0, self


def load(path: Path) -> Samples:
    """A file as mono at 16 kHz."""
    samples, rate = soundfile.read(str(path), dtype="float64", always_2d=True)
    mono = samples.mean(axis=1)
    return np.asarray(mono if rate == RATE_HZ else soxr.resample(mono, rate, RATE_HZ, "HQ"), dtype=np.float64)


def compare(original: Samples, recording: Samples) -> Likeness:
    """Find `original` in `recording`."""
    size = 1 << (len(original) + len(recording)).bit_length()
    spectrum = np.fft.rfft(recording, size) * np.conj(np.fft.rfft(original, size))
    cross = np.fft.irfft(spectrum, size)[: max(1, len(recording) - FRAME)]
    lag = int(np.argmax(cross))
    part = recording[lag : lag + len(original)]
    part = np.pad(part, (0, len(original) - len(part)))
    correlation = float(np.dot(part, original) / (np.linalg.norm(part) * np.linalg.norm(original) + 1e-12))
    want, got = levels(original), levels(part)
    speech = want > want.max() + SPEECH_DB
    missing = speech & (got < want - 20)
    return Likeness(lag / RATE_HZ, correlation, int(missing.sum()) * 20, int(speech.sum()) * 20)


def levels(samples: Samples) -> Samples:
    """Level of each 20 ms frame in dB."""
    frames = samples[: len(samples) // FRAME * FRAME].reshape(-1, FRAME)
    return np.asarray(10 * np.log10((frames**2).mean(axis=1) + 1e-10), dtype=np.float64)
