"""Converts the frames of a source to PCM at the leg's rate, and rejects anything but whole 16-bit samples."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from offhook.errors import PluginError
from offhook.interfaces.frame import SAMPLE_BYTES, AudioFrame
from offhook.interfaces.samples import UNDAMAGED, Damage
from offhook.plugin.isolation import as_plugin_error, name_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from offhook.interfaces import AudioSource, Resampler

    Resample = Callable[[str, int, int], Resampler]


#: A frame longer than a tenth of a second is converted in parts of that length, so that it does not hold up the loop.
_PARTS_PER_S: Final = 10


class RateConverter:
    """Converts the frames of one source.

    Args:
        source: the source of the frames.
        rate_hz: the rate to convert to.
        resample: returns a resampler of a kind (``live``, ``file``) between two rates.
    """

    __slots__ = ("_clipped", "_from_hz", "_part_bytes", "_resample", "_source", "_to_hz", "resampled", "resampler")

    def __init__(self, source: AudioSource, rate_hz: int, resample: Resample) -> None:
        self._source = source
        self._to_hz = rate_hz
        self._from_hz = rate_hz
        self._resample = resample
        self._part_bytes = _part_bytes(rate_hz)
        #: What converts its frames now; None while they are at the right rate.
        self.resampler: Resampler | None = None
        self._clipped = 0
        #: Whether any frame had a rate other than `rate_hz`.
        self.resampled: bool = False

    def convert(self, frame: object) -> Iterable[bytes]:
        """The PCM of a frame at the rate to convert to, in parts.

        Raises:
            PluginError: `frame` is not an `AudioFrame` of whole 16-bit samples, or the resampler failed.
        """
        if not isinstance(frame, AudioFrame):
            raise PluginError(name_of(self._source), "read", f"returned {type(frame).__name__}; expected an AudioFrame")
        pcm = frame.pcm
        if type(pcm) is not bytes or len(pcm) & 1:  # a frame can be changed after it was checked
            raise PluginError(name_of(self._source), "read", "returned a frame whose pcm is not 16-bit samples")
        if frame.rate_hz == self._to_hz and self.resampler is None and len(pcm) <= self._part_bytes:
            return (pcm,) if pcm else ()
        return self._parts(pcm, frame.rate_hz, _part_bytes(frame.rate_hz))

    def rest(self) -> bytes:
        """The audio that the resampler held back; called at the end of the source, or where its rate changes."""
        resampler, self.resampler = self.resampler, None
        if resampler is None:
            return b""
        try:
            return _called(resampler, resampler.flush)
        finally:
            self._clipped += clipped_by(resampler)

    def damage(self) -> Damage:
        """What the resamplers did to samples so far."""
        clipped = self._clipped + (clipped_by(self.resampler) if self.resampler is not None else 0)
        return Damage(clipped) if clipped else UNDAMAGED

    def _parts(self, pcm: bytes, rate_hz: int, size: int) -> Iterator[bytes]:
        if not pcm:
            return
        if rate_hz != self._from_hz:
            yield self.rest()
            self._from_hz = rate_hz
            if rate_hz != self._to_hz:
                self.resampler = self._resample("live" if self._source.live else "file", rate_hz, self._to_hz)
                self.resampled = True
        for start in range(0, len(pcm), size):
            part = pcm[start : start + size]
            resampler = self.resampler
            yield part if resampler is None else _called(resampler, partial(resampler.convert, part))


def _part_bytes(rate_hz: int) -> int:
    return max(1, rate_hz // _PARTS_PER_S) * SAMPLE_BYTES


def clipped_by(resampler: Resampler) -> int:
    """How many samples a resampler says that it clipped; it is a plugin's, and may say anything."""
    clipped: object = getattr(resampler, "clipped_samples", 0)
    return clipped if type(clipped) is int and clipped > 0 else 0


def _called(resampler: Resampler, method: Callable[[], bytes]) -> bytes:
    """The result of a resampler, checked, since resamplers are plugins too."""
    try:
        pcm = method()
    except BaseException as error:
        raise as_plugin_error(resampler, "convert", error) from error
    if len(pcm) & 1:
        problem = f"returned {len(pcm)} bytes, which is not a whole number of 16-bit samples"
        raise PluginError(name_of(resampler), "convert", problem)
    return pcm
