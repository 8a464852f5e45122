"""The audio frame, its length, and arithmetic on its samples.

A frame is signed 16-bit little-endian mono PCM. Its position is in samples at its own rate since the stream began, so
that a file or a packet made from it can show a gap.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final, cast

from offhook.arguments import MOST_HZ, check_instance, check_rate, check_whole, discard
from offhook.errors import ConfigError, FrameError, SourceError
from offhook.interfaces.samples import FLOAT64, UNDAMAGED, Damage, Samples, samples_in
from offhook.interfaces.samples import pcm_of as pcm_of
from offhook.interfaces.samples import samples_of as samples_of
from offhook.interfaces.samples import saturated as saturated

if TYPE_CHECKING:
    from typing import Self


#: Length of one frame in milliseconds. Every other length of a frame, in samples, ticks or seconds, is derived from it.
PTIME_MS: Final = 20
#: Frames that one direction of a call has in a second.
FRAMES_PER_S: Final = 1000 // PTIME_MS
SAMPLE_BYTES: Final = 2

#: The rates at which Opus runs without conversion (RFC 6716, section 2), in hertz.
OPUS_RATES_HZ: Final = (8_000, 12_000, 16_000, 24_000, 48_000)


#: Level of digital silence, in dB relative to full scale.
SILENCE_DBFS: Final = -100.0


class AudioFrame:
    """A piece of mono audio: its samples, their rate, and their position in the stream.

    In a call, positions count from the moment at which our leg joined, in both directions.

    Args:
        pcm: signed 16-bit little-endian samples; an even number of bytes. For floats, use `from_floats`.
        rate_hz: sampling rate, in hertz, as an int.
        position: index of the first sample since the start of the stream, at `rate_hz`.
        damage: how many of the samples do not have their true value, if the maker of the frame knows it. What is sent
            to the callee or heard is counted in the record of the call.

    Raises:
        FrameError: `pcm` is not bytes or has an odd number of bytes; `rate_hz` is not a whole number from 1 to 768,000;
            `position` is not a whole number; or `damage` is not a `Damage`. It is a `ConfigError`, a `TypeError` and a
            `ValueError`.
    """

    __slots__ = ("damage", "pcm", "position", "rate_hz")

    def __init__(self, pcm: bytes, rate_hz: int, position: int = 0, *, damage: Damage = UNDAMAGED) -> None:
        if type(pcm) is not bytes:
            pcm = _bytes(pcm)
        if len(pcm) & 1:
            raise FrameError(f"AudioFrame needs whole 16-bit samples, got {len(pcm)} bytes")
        try:  # frames are made often, so that the usual ones are checked without a call
            if type(rate_hz) is not int or not 0 < rate_hz <= MOST_HZ:
                rate_hz = check_rate(rate_hz)
            if type(position) is not int:
                position = check_whole(position, "position")
            if damage is not UNDAMAGED:
                check_instance(damage, "damage", Damage, "a Damage")
        except ConfigError as error:
            raise FrameError(error.message) from None
        self.pcm: bytes = pcm
        self.rate_hz: int = rate_hz
        self.position: int = position
        self.damage: Damage = damage

    @classmethod
    def from_floats(cls, samples: Iterable[float], rate_hz: int, position: int = 0) -> Self:
        """Make a frame from samples between -1.0 and 1.0.

        Others are clipped, infinity becomes full scale and NaN becomes silence; the frame's `damage` counts them.

        Args:
            samples: an array of float32 or float64 with one channel, or any iterable of floats. Arrays, of numpy or of
                anything else with the buffer protocol, are by far the fastest.
            rate_hz: as for the class.
            position: as for the class.

        Raises:
            FrameError: `samples` holds integers or something else, or has several channels; or as for the class.
        """
        pcm, damage = _float_samples(samples).mono()
        return cls(pcm, rate_hz, position, damage=damage)

    def __repr__(self) -> str:
        return f"AudioFrame({self.duration_ms:g} ms at {self.rate_hz} Hz, position {self.position})"

    @property
    def samples(self) -> int:
        """Number of samples."""
        return len(self.pcm) // SAMPLE_BYTES

    @property
    def duration_ms(self) -> float:
        """Length in milliseconds."""
        return self.samples * 1000 / self.rate_hz


def unchecked_frame(pcm: bytes, rate_hz: int, position: int) -> AudioFrame:
    """A frame of values that are known to be right, for those who make one for each 20 ms of a call."""
    frame = _new_frame(AudioFrame)
    frame.pcm, frame.rate_hz, frame.position, frame.damage = pcm, rate_hz, position, UNDAMAGED
    return frame


_new_frame: Final = AudioFrame.__new__


def samples_per_frame(rate_hz: int) -> int:
    """The number of samples in one frame at `rate_hz`."""
    return rate_hz // FRAMES_PER_S


def frames_in(duration_s: float) -> int:
    """The number of frames in `duration_s` seconds, rounded."""
    return round(duration_s * FRAMES_PER_S)


def _bytes(pcm: object) -> bytes:
    """An immutable copy of an object that holds bytes and nothing else."""
    given = pcm  # not narrowed by what follows
    if isinstance(pcm, bytes | bytearray | memoryview):
        view = memoryview(cast("bytes", pcm))
        if view.format in {"b", "B", "c"}:
            return view.tobytes()
    raise _refused(
        "AudioFrame needs bytes of signed 16-bit little-endian samples",
        given,
        "Pass array.tobytes(), or pass floats to AudioFrame.from_floats",
    )


def _refused(needs: str, given: object, cure: str = "") -> FrameError:
    discard(given)
    return FrameError(f"{needs}, got {type(given).__name__}" + (f". {cure}" if cure else ""))


_FLOATS: Final = "AudioFrame.from_floats needs "
_INTEGERS: Final = (
    "Divide 16-bit integers by 32768, or pass their bytes to AudioFrame(pcm, rate_hz), for example array.tobytes()"
)


def _float_samples(samples: object) -> Samples:
    kind = type(samples).__name__
    try:
        found = samples_in(samples, floats_only=True)
    except SourceError as error:
        raise FrameError(f"AudioFrame.from_floats: {error.message}") from None
    if found is None:
        return _floats_in(samples)
    if isinstance(found, memoryview):
        raise FrameError(f"{_FLOATS}floats between -1 and 1, got {kind}. {_INTEGERS}")
    if found.channels > 1:
        raise FrameError(
            f"{_FLOATS}one channel, got {kind} with {found.channels}. Mix it down first, with array.mean(axis=1), or "
            "pass it to call.play(array, rate_hz=...)"
        )
    return found


def _floats_in(samples: object) -> Samples:
    """The numbers of an iterable."""
    if not isinstance(samples, Iterable):
        raise _refused(f"{_FLOATS}an array or an iterable of floats", samples)
    values = list(cast("Iterable[object]", samples))
    for kind in dict.fromkeys(map(type, values)):
        if hasattr(kind, "__index__") or not hasattr(kind, "__float__"):
            cure = f". {_INTEGERS}" if hasattr(kind, "__index__") else ""
            raise FrameError(f"{_FLOATS}floats between -1 and 1, and found {kind.__name__} among its samples{cure}")
    try:
        return Samples(array("d", cast("list[float]", values)).tobytes(), FLOAT64)
    except TypeError:  # an array of several values for each sample
        raise FrameError(f"{_FLOATS}one channel: its samples are not single numbers") from None


def level_dbfs(pcm: bytes) -> float:
    """Root-mean-square level in dB relative to full scale; `SILENCE_DBFS` for silence or no samples."""
    if pcm == bytes(len(pcm)):  # digital silence, by far the most frequent level
        return SILENCE_DBFS
    samples = samples_of(pcm)
    # The root of the sum of squares, in one call: more than twice as fast as a sum.
    amplitude = math.hypot(*samples)
    return 20 * math.log10(amplitude / math.sqrt(len(samples)) / 32768)
