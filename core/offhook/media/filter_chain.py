"""Filtering: the filters of one direction of a call, in the order in which they were added.

A filter that misbehaves costs itself and nothing else: the frame goes on as it was given to it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from offhook.errors import CallStateError, OffhookError, PluginError
from offhook.interfaces.frame import AudioFrame
from offhook.plugin.isolation import as_plugin_error, name_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from offhook.interfaces import AudioFilter


class FilterChain:
    """Made with the call's media.

    Args:
        rate_hz: the leg's rate.
        note: is told what a filter did wrong.
    """

    def __init__(self, rate_hz: int, note: Callable[[OffhookError], None]) -> None:
        self._rate_hz = rate_hz
        self._note = note
        self._closed = False
        #: Those in use; look whether there are any before `apply` is called.
        self.filters: tuple[AudioFilter, ...] = ()
        #: How many were taken out because they misbehaved.
        self.failed: int = 0

    def add(self, audio_filter: AudioFilter) -> None:
        """Add one behind the others; after the call's end it is only closed.

        Raises:
            CallStateError: it was used before.
        """
        if audio_filter.taken:
            raise CallStateError(
                f"this {type(audio_filter).__name__} was added to a call already: a filter is used once, make another"
            )
        audio_filter.taken = True
        if self._closed:
            self._close(audio_filter)
        else:
            self.filters += (audio_filter,)

    def remove(self, audio_filter: AudioFilter) -> bool:
        """Take one out and close it; whether it was there."""
        if not any(other is audio_filter for other in self.filters):
            return False
        self.filters = tuple(other for other in self.filters if other is not audio_filter)
        self._close(audio_filter)
        return True

    def apply(self, pcm: bytes, position: int) -> bytes:
        """What the filters make of a frame, one after the other."""
        for audio_filter in self.filters:
            try:
                given = audio_filter.apply(AudioFrame(pcm, self._rate_hz, position))
                problem = _misfit(given, len(pcm), self._rate_hz)
                if problem:
                    raise PluginError(name_of(audio_filter), "apply", problem)
            except BaseException as error:  # a cancellation, too: there is no task here that could be cancelled
                self.failed += 1
                self._note(as_plugin_error(audio_filter, "apply", error))
                self.remove(audio_filter)
            else:
                pcm = given.pcm
        return pcm

    def close(self) -> None:
        """The call is over: close them all. Idempotent."""
        self._closed = True
        for audio_filter in self.filters:
            self.remove(audio_filter)

    def _close(self, audio_filter: AudioFilter) -> None:
        try:
            audio_filter.close()
        except BaseException as error:
            self._note(as_plugin_error(audio_filter, "close", error))


def _misfit(given: object, size: int, rate_hz: int) -> str:
    """What is wrong with what a filter gave for a frame of `size` bytes; nothing if it fits."""
    if not isinstance(given, AudioFrame):
        return f"gave {type(given).__name__}, not an AudioFrame"
    if type(given.pcm) is not bytes or len(given.pcm) != size or given.rate_hz != rate_hz:
        return f"gave {given!r} for a frame of {size // 2} samples at {rate_hz} Hz: length and rate must stay"
    return ""
