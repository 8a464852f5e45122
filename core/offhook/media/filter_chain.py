"""The filters of one direction of a call, in the order in which they were added.

A filter that misbehaves is removed, and the frame goes on as it was before that filter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from offhook.errors import CallStateError, PluginError
from offhook.interfaces.frame import SAMPLE_BYTES, AudioFrame
from offhook.plugin.isolation import as_plugin_error, name_of

if TYPE_CHECKING:
    from offhook.interfaces import AudioFilter
    from offhook.media.damage import DamageLog
    from offhook.plugin.isolation import Note


class FilterChain:
    """The filters of one direction; made with the call's media.

    Args:
        rate_hz: the leg's rate.
        note: called with the error of a filter that misbehaved.
        damage: takes what filters do to samples, as their frames say.
    """

    __slots__ = ("_closed", "_damage", "_note", "_rate_hz", "failed", "filters")

    def __init__(self, rate_hz: int, note: Note, damage: DamageLog) -> None:
        self._rate_hz = rate_hz
        self._note = note
        self._damage = damage
        self._closed = False
        #: The filters in use. On the frame path, check that there are any before calling `apply`.
        self.filters: tuple[AudioFilter, ...] = ()
        #: How many were removed because they misbehaved.
        self.failed: int = 0

    def add(self, audio_filter: AudioFilter) -> None:
        """Add a filter after the others; when the call has ended, only close it.

        Raises:
            CallStateError: the filter was added to a call before.
        """
        if audio_filter.taken:
            raise CallStateError(
                f"this {type(audio_filter).__name__} was added to a call already, and a filter can be added only once: "
                "make a new one"
            )
        audio_filter.taken = True
        if self._closed:
            self._close(audio_filter)
        else:
            self.filters += (audio_filter,)

    def remove(self, audio_filter: AudioFilter) -> bool:
        """Remove a filter and close it. Returns whether it was there."""
        if not any(other is audio_filter for other in self.filters):
            return False
        self.filters = tuple(other for other in self.filters if other is not audio_filter)
        self._close(audio_filter)
        return True

    def apply(self, pcm: bytes, position: int) -> bytes:
        """Apply every filter to the samples of a frame, one after the other."""
        for audio_filter in self.filters:
            try:
                filtered = audio_filter.apply(AudioFrame(pcm, self._rate_hz, position))
                problem = _problem(filtered, len(pcm), self._rate_hz)
                if problem:
                    raise PluginError(name_of(audio_filter), "apply", problem)
            except BaseException as error:  # CancelledError too: no task runs here that could be cancelled
                self.failed += 1
                self._note(
                    as_plugin_error(audio_filter, "apply", error), f"the filter {name_of(audio_filter)} was removed"
                )
                self.remove(audio_filter)
            else:
                pcm = filtered.pcm
                if filtered.damage:
                    self._damage.at(f"the filter {type(audio_filter).__name__}", filtered.damage)
        return pcm

    def close(self) -> None:
        """Close all filters: the call is over. Idempotent."""
        self._closed = True
        for audio_filter in self.filters:
            self.remove(audio_filter)

    def _close(self, audio_filter: AudioFilter) -> None:
        try:
            audio_filter.close()
        except BaseException as error:
            self._note(as_plugin_error(audio_filter, "close", error), f"closing the filter {name_of(audio_filter)}")


def _problem(filtered: object, size: int, rate_hz: int) -> str:
    """What is wrong with the result of a filter for a frame of `size` bytes; empty if nothing is."""
    if not isinstance(filtered, AudioFrame):
        return f"returned {type(filtered).__name__}; expected an AudioFrame"
    if type(filtered.pcm) is not bytes or len(filtered.pcm) != size or filtered.rate_hz != rate_hz:
        return (
            f"returned {filtered!r}; expected {size // SAMPLE_BYTES} samples at {rate_hz} Hz, as in the original frame"
        )
    return ""
