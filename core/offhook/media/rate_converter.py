"""Intake: from what a source gives to PCM at the leg's rate. Nothing but whole 16-bit samples gets past here."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from offhook.errors import PluginError
from offhook.interfaces.frame import SAMPLE_BYTES, AudioFrame
from offhook.plugin.isolation import as_plugin_error, name_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from offhook.interfaces import AudioSource, Resampler

    Resample = Callable[[str, int, int], Resampler]


#: A frame that is longer than a tenth of a second is converted in parts, so that no long text holds up the loop.
_PARTS_PER_S: Final = 10


class RateConverter:
    """Of one source.

    Args:
        source: whose frames are taken.
        rate_hz: the rate to convert to.
        resample: gives a resampler of a kind (``live``, ``file``) between two rates.
    """

    def __init__(self, source: AudioSource, rate_hz: int, resample: Resample) -> None:
        self._source = source
        self._to_hz = rate_hz
        self._from_hz = rate_hz
        self._resample = resample
        self._resampler: Resampler | None = None
        #: Whether anything came at another rate.
        self.resampled: bool = False

    def convert(self, frame: object) -> Iterable[bytes]:
        """What a frame becomes, in parts.

        Raises:
            PluginError: it is no frame of 16-bit samples; or the resampler failed.
        """
        if not isinstance(frame, AudioFrame):
            raise PluginError(name_of(self._source), "read", f"gave {type(frame).__name__}, not an AudioFrame")
        pcm = frame.pcm
        if type(pcm) is not bytes or len(pcm) & 1:  # frames can be changed after they were made
            raise PluginError(name_of(self._source), "read", "gave a frame whose pcm is not bytes of 16-bit samples")
        size = max(1, frame.rate_hz // _PARTS_PER_S) * SAMPLE_BYTES
        if frame.rate_hz == self._to_hz and self._resampler is None and len(pcm) <= size:
            return (pcm,) if pcm else ()
        return self._parts(pcm, frame.rate_hz, size)

    def rest(self) -> bytes:
        """What the resampler held back, at the end of the source or of its rate."""
        resampler, self._resampler = self._resampler, None
        return b"" if resampler is None else _called(resampler, resampler.flush)

    def _parts(self, pcm: bytes, rate_hz: int, size: int) -> Iterator[bytes]:
        if not pcm:
            return
        if rate_hz != self._from_hz:
            yield self.rest()
            self._from_hz = rate_hz
            if rate_hz != self._to_hz:
                self._resampler = self._resample("live" if self._source.live else "file", rate_hz, self._to_hz)
                self.resampled = True
        for start in range(0, len(pcm), size):
            part = pcm[start : start + size]
            resampler = self._resampler
            yield part if resampler is None else _called(resampler, partial(resampler.convert, part))


def _called(resampler: Resampler, method: Callable[[], bytes]) -> bytes:
    """What a resampler gives; it is somebody's plugin, too."""
    try:
        pcm = method()
    except BaseException as error:
        raise as_plugin_error(resampler, "convert", error) from error
    if len(pcm) & 1:
        raise PluginError(name_of(resampler), "convert", f"gave {len(pcm)} bytes, which are no 16-bit samples")
    return pcm
