"""Frames and iterables of frames can be played; anything else is rejected with a message."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.core.rig import frame, run

from offhook.errors import SourceError
from offhook.media.sources import frames_source

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from offhook import AudioFrame
    from offhook.interfaces import AudioSource


async def drain(source: AudioSource) -> list[AudioFrame]:
    frames: list[AudioFrame] = []
    while (item := await source.read()) is not None:
        frames.append(item)
    assert await source.read() is None, "None at the end, and ever after"
    return frames


def test_frames_and_lists_and_generators_can_be_played() -> None:
    async def main() -> None:
        one, two = frame(1), frame(2)
        for what in (one, [one], (one, two), iter([one, two]), (item for item in (one, two))):
            source = frames_source(what)
            assert not source.live
            assert (await drain(source))[0] is one
            await source.aclose()

    run(main())


def test_an_async_iterator_is_live_and_is_closed_with_its_generator() -> None:
    async def main() -> None:
        closed: list[str] = []

        async def speech() -> AsyncIterator[AudioFrame]:
            try:
                yield frame(1)
                yield frame(2)
            finally:
                closed.append("generator")

        source = frames_source(speech())
        assert source.live
        first = await source.read()
        assert first is not None
        assert closed == []
        await source.aclose()
        assert closed == ["generator"]
        await source.aclose()
        assert await source.read() is None

    run(main())


def test_an_async_iterator_needs_no_aclose() -> None:
    class Two:
        left = 2

        def __aiter__(self) -> Two:
            return self

        async def __anext__(self) -> AudioFrame:
            if not self.left:
                raise StopAsyncIteration
            self.left -= 1
            return frame(self.left)

    async def main() -> None:
        source = frames_source(Two())
        assert len(await drain(source)) == 2
        await source.aclose()

    run(main())


def test_a_closed_list_returns_no_more_frames() -> None:
    async def main() -> None:
        source = frames_source([frame(1), frame(2)])
        await source.read()
        await source.aclose()
        assert await source.read() is None

    run(main())


@pytest.mark.parametrize("what", [7, None, object(), {}, 0.5])
def test_the_rejection_lists_what_can_be_played(what: object) -> None:
    with pytest.raises(SourceError, match=rf"^{type(what).__name__} cannot be played: pass a spec"):
        frames_source(what)  # type: ignore[arg-type]


def test_text_is_not_an_iterable_of_frames() -> None:
    with pytest.raises(SourceError, match="str cannot be played"):
        frames_source("abc")  # type: ignore[arg-type]


def test_an_iterator_of_something_else_is_rejected_when_it_is_read() -> None:
    async def bytes_later() -> AsyncIterator[bytes]:
        yield b"\0\0"

    async def main() -> None:
        for source in (frames_source(iter([b"\0\0"])), frames_source(bytes_later())):
            with pytest.raises(SourceError, match=r"the iterable yielded bytes, .*: pass it, .* rate_hz=24_000"):
                await source.read()
            await source.aclose()
        source = frames_source(iter(["AAAA"]))  # type: ignore[arg-type]
        with pytest.raises(SourceError, match=r"yielded str; expected an AudioFrame\. .*b64decode"):
            await source.read()
        await source.aclose()

    run(main())
