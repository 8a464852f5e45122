"""Filters: in order, on every frame; a filter that misbehaves is removed."""

from __future__ import annotations

import asyncio
from array import array
from typing import TYPE_CHECKING

import pytest
from tests.core.rig import FRAME, RATE_HZ, frame

from offhook import AudioFrame
from offhook.errors import CallStateError, PluginError, SourceError
from offhook.interfaces import AudioFilter
from offhook.media.damage import DamageLog
from offhook.media.filter_chain import FilterChain
from offhook.testing import ListFilter

if TYPE_CHECKING:
    from collections.abc import Callable

    from offhook.errors import OffhookError


class Filter(AudioFilter):
    """Applies a function to each frame."""

    def __init__(self, change: Callable[[AudioFrame], object], close: Exception | None = None) -> None:
        self._change, self._close = change, close
        self.closed = 0

    def apply(self, frame: AudioFrame) -> AudioFrame:
        return self._change(frame)  # type: ignore[return-value]

    def close(self) -> None:
        self.closed += 1
        if self._close is not None:
            raise self._close


class Plain(AudioFilter):
    """Has nothing to close."""

    def apply(self, frame: AudioFrame) -> AudioFrame:
        return frame


def plus(number: int) -> Callable[[AudioFrame], AudioFrame]:
    def change(item: AudioFrame) -> AudioFrame:
        return AudioFrame(array("h", [value * 2 + number for value in array("h", item.pcm)]).tobytes(), item.rate_hz)

    return change


def raising(error: BaseException) -> Callable[[AudioFrame], AudioFrame]:
    def change(item: AudioFrame) -> AudioFrame:
        item.pcm = b"spoilt"
        raise error

    return change


def spoilt(item: AudioFrame) -> AudioFrame:
    item.pcm = bytearray(item.pcm)  # type: ignore[assignment]
    return item


@pytest.fixture
def notes() -> list[OffhookError]:
    return []


@pytest.fixture
def chain(notes: list[OffhookError]) -> FilterChain:
    return FilterChain(RATE_HZ, lambda error, doing="": notes.append(error), DamageLog(lambda *_: None))


def test_filters_are_applied_in_the_order_they_were_added(chain: FilterChain) -> None:
    seen = ListFilter()
    for audio_filter in (Filter(plus(1)), Filter(plus(10)), seen):
        chain.add(audio_filter)
    assert chain.apply(frame(3).pcm, 640) == frame(24).pcm
    (item,) = seen.frames
    assert (item.position, item.rate_hz, item.pcm) == (640, RATE_HZ, frame(24).pcm)


def test_a_removed_filter_is_closed_and_not_called_again(chain: FilterChain) -> None:
    first, second, plain = Filter(plus(1)), Filter(plus(10)), Plain()
    for audio_filter in (first, second, plain):
        chain.add(audio_filter)
    assert chain.remove(first)
    assert not chain.remove(first)
    assert chain.remove(plain)
    assert (first.closed, second.closed) == (1, 0)
    assert chain.apply(frame(3).pcm, 0) == frame(16).pcm


def test_a_filter_is_used_once(chain: FilterChain) -> None:
    used = Plain()
    chain.add(used)
    chain.remove(used)
    with pytest.raises(CallStateError, match="this Plain was added to a call already"):
        chain.add(used)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (raising(OSError("no")), "OSError: no"),
        (raising(asyncio.CancelledError()), "failed in apply: CancelledError ("),
        (lambda _: None, "returned NoneType; expected an AudioFrame"),
        (lambda item: item.pcm, "returned bytes; expected an AudioFrame"),
        (lambda item: AudioFrame(item.pcm[:-2], RATE_HZ), "expected 320 samples at 16000 Hz"),
        (
            lambda item: AudioFrame(item.pcm * 2, RATE_HZ),
            "returned AudioFrame(40 ms at 16000 Hz, position 0); expected",
        ),
        (lambda item: AudioFrame(item.pcm, 8_000), "expected 320 samples at 16000 Hz"),
        (spoilt, "expected 320 samples at 16000 Hz"),
    ],
)
def test_a_filter_that_misbehaves_is_removed(
    chain: FilterChain, notes: list[OffhookError], change: Callable[[AudioFrame], object], problem: str
) -> None:
    bad = Filter(change)
    for audio_filter in (Filter(plus(1)), bad, Filter(plus(10))):
        chain.add(audio_filter)
    for _ in range(2):
        assert chain.apply(frame(3).pcm, 0) == frame(24).pcm
    assert (bad.closed, chain.failed, len(chain.filters)) == (1, 1, 2)
    (note,) = notes
    assert isinstance(note, PluginError)
    assert (note.plugin, note.hook) == ("tests.core.media.test_filter_chain.Filter", "apply")
    assert problem in note.message


def test_an_offhook_error_of_a_filter_is_kept(chain: FilterChain, notes: list[OffhookError]) -> None:
    ours = SourceError("the noise profile is gone")
    chain.add(Filter(raising(ours)))
    assert chain.apply(frame(3).pcm, 0) == frame(3).pcm
    assert notes == [ours]


def test_a_filter_may_remove_another_while_it_runs(chain: FilterChain) -> None:
    second = Filter(plus(10))

    def remove(item: AudioFrame) -> AudioFrame:
        chain.remove(second)
        return item

    chain.add(Filter(remove))
    chain.add(second)
    chain.apply(frame(3).pcm, 0)
    assert chain.apply(frame(3).pcm, 0) == frame(3).pcm
    assert second.closed == 1


def test_the_end_closes_all_filters_and_later_ones(chain: FilterChain, notes: list[OffhookError]) -> None:
    first, second, late = Filter(plus(1), OSError("stuck")), Filter(plus(1)), Filter(plus(1))
    chain.add(first)
    chain.add(second)
    chain.close()
    chain.close()
    chain.add(late)
    assert (first.closed, second.closed, late.closed, chain.filters) == (1, 1, 1, ())
    assert [note.message.rpartition(" (")[0] for note in notes] == [
        "plugin 'tests.core.media.test_filter_chain.Filter' failed in close: OSError: stuck"
    ]
    assert chain.apply(bytes(2 * FRAME), 0) == bytes(2 * FRAME)
