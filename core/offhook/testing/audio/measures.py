"""Measures of samples, by numpy: levels, loud stretches, tones, clipping, and conversion between rates.

Only functions of this folder import this module, when they are called: `offhook.testing` works without numpy.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Final

from offhook.errors import MissingExtraError
from offhook.interfaces.frame import SAMPLE_BYTES, SILENCE_DBFS

#: pytest shows the line of the test, and none of ours.
__tracebackhide__: Final = True

try:
    import numpy as np
    import soxr
except ImportError as _missing:
    raise MissingExtraError("offhook[audio]", "measuring audio", ("numpy", "soxr")) from _missing

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import TypeAlias

    import numpy.typing as npt

    Floats: TypeAlias = npt.NDArray[np.float64]
    Flags: TypeAlias = npt.NDArray[np.bool_]

#: The step in which levels and tones are measured, in seconds.
STEP_S: Final = 0.01
#: Below this level nothing counts as sound: it is below the noise of any room, and codecs turn silence into less.
_INAUDIBLE_DBFS: Final = -60.0
#: A pause in speech is at least this far below its loud parts.
_BELOW_LOUD_DB: Final = 12.0
#: Sound further below the loud parts than this is a pause even without background noise.
_MOST_BELOW_LOUD_DB: Final = 30.0
#: Sound is at least this much louder than the background.
_ABOVE_NOISE_DB: Final = 10.0
#: The window for tones, in seconds: it tells tones apart that are 50 Hz apart.
_WINDOW_S: Final = 0.04
#: Windows that are computed together: about 5 MB at 16 kHz.
_TOGETHER: Final = 1024
#: Steps whose levels are computed together: a minute.
_STEPS_TOGETHER: Final = 6000
#: The largest sample.
_FULL: Final = 32767
#: Peaks that were cut off are near full scale, and behind a codec rarely at it. Speech that was not cut has one sample
#: in ten thousand there, even if its largest one is at full scale.
_CLIPPED: Final = 0.944 * _FULL


def samples_in(pcm: bytes) -> Floats:
    """The samples of s16le PCM, where 1.0 is full scale."""
    return np.frombuffer(pcm, "<i2").astype(np.float64) / 32768


def pcm_in(samples: Floats) -> bytes:
    """The s16le PCM of samples, where 1.0 is full scale; what is beyond is clipped."""
    return np.clip(np.rint(samples * 32768), -32768, _FULL).astype("<i2").tobytes()


def converted(samples: Floats, from_hz: int, to_hz: int) -> Floats:
    """The samples at another rate; the first one stays at the same moment."""
    if from_hz == to_hz or not samples.size:
        return samples
    return np.asarray(soxr.resample(samples, from_hz, to_hz, quality="HQ"), np.float64)


def level_dbfs(samples: Floats) -> float:
    """Root-mean-square level; `SILENCE_DBFS` for silence or no samples."""
    power = float(np.mean(samples**2)) if samples.size else 0.0
    return max(SILENCE_DBFS, 10 * float(np.log10(power))) if power else SILENCE_DBFS


def peak_of(pcm: bytes) -> int:
    """The distance of the largest sample from zero, up to 32768; 0 if there are no samples."""
    samples = np.frombuffer(pcm, "<i2")
    return max(int(samples.max()), -int(samples.min())) if samples.size else 0


def clipped_share(pcm: bytes) -> float:
    """The share of samples, from 0 to 1, that are at full scale or within 0.5 dB of it."""
    samples = np.abs(np.frombuffer(pcm, "<i2").astype(np.int32))
    return float(np.mean(samples >= _CLIPPED)) if samples.size else 0.0


def loud_parts(pcm: bytes, rate_hz: int, threshold_dbfs: float | None) -> list[tuple[int, int]]:
    """The stretches of sound: the first sample of each, and the sample after its last; in steps of `STEP_S`.

    Args:
        pcm: the samples.
        rate_hz: their rate.
        threshold_dbfs: what is at this level or above is sound; None for a threshold that follows from the loud parts
            and from the background of these samples.
    """
    levels = _levels(pcm, rate_hz)
    if threshold_dbfs is None:
        audible = levels[levels > _INAUDIBLE_DBFS]
        if not audible.size:
            return []
        loud = float(np.percentile(audible, 95))
        noise = float(np.percentile(levels, 10))
        threshold_dbfs = max(
            _INAUDIBLE_DBFS, loud - _MOST_BELOW_LOUD_DB, min(noise + _ABOVE_NOISE_DB, loud - _BELOW_LOUD_DB)
        )
    return _parts(levels >= threshold_dbfs, round(STEP_S * rate_hz), len(pcm) // SAMPLE_BYTES)


def tone_parts(samples: Floats, rate_hz: int, hz: float, least_share: float) -> list[tuple[int, int]]:
    """The stretches in which a tone has `least_share` of the power, as in `loud_parts`."""
    size, hop = round(_WINDOW_S * rate_hz), round(STEP_S * rate_hz)
    window = np.hanning(size)
    wave = window * np.exp(-2j * np.pi * hz / rate_hz * np.arange(size))
    # Half a window of silence at both ends, so that the first window has its centre at the first sample.
    padded = np.concatenate((np.zeros(size // 2), samples, np.zeros(size)))
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[: samples.size : hop]
    heard: list[Flags] = []
    for start in range(0, len(frames), _TOGETHER):
        part = frames[start : start + _TOGETHER]
        power = (part**2) @ window / window.sum()
        tone = 2 * np.abs(part @ wave) ** 2 / window.sum() ** 2
        heard.append((tone >= least_share * power) & (tone >= 10 ** (_INAUDIBLE_DBFS / 10)))
    return _parts(np.concatenate(heard), hop, samples.size) if heard else []


def envelope(pcm: bytes, edges: Sequence[int]) -> list[tuple[int, int]]:
    """The smallest and the largest sample between each edge and the next; both 0 where there are none."""
    samples = np.frombuffer(pcm, "<i2")
    parts = [samples[max(0, start) : max(0, end)] for start, end in itertools.pairwise(edges)]
    return [(int(part.min()), int(part.max())) if part.size else (0, 0) for part in parts]


def _levels(pcm: bytes, rate_hz: int) -> Floats:
    """The level of each step, in dBFS. Long recordings are mostly silent, and are measured minute by minute."""
    hop = round(STEP_S * rate_hz)
    size = hop * SAMPLE_BYTES * _STEPS_TOGETHER
    parts = [_levels_of(pcm[start : start + size], hop) for start in range(0, len(pcm), size)]
    return np.concatenate(parts) if parts else np.zeros(0)


def _levels_of(pcm: bytes, hop: int) -> Floats:
    steps = -(-len(pcm) // (SAMPLE_BYTES * hop))
    if pcm.count(0) == len(pcm):
        return np.full(steps, SILENCE_DBFS)
    samples = samples_in(pcm)
    padded = np.pad(samples, (0, -samples.size % hop))
    power = np.mean(padded.reshape(-1, hop) ** 2, axis=1)
    levels: Floats = 10 * np.log10(np.maximum(power, 10 ** (SILENCE_DBFS / 10)))
    return levels


def _parts(steps: Flags, hop: int, size: int) -> list[tuple[int, int]]:
    """The stretches of True in steps, in samples of a recording of this size."""
    return [(first * hop, min(last * hop, size)) for first, last in _runs(steps)]


def _runs(flags: Flags) -> Iterator[tuple[int, int]]:
    """The stretches of True: the first index of each, and the index after its last."""
    changes = np.flatnonzero(np.diff(np.concatenate(([False], flags, [False])).astype(np.int8)))
    return zip(changes[::2].tolist(), changes[1::2].tolist(), strict=True)
