"""The handle of one item: what it shows, and that it ends once."""

from __future__ import annotations

from tests.core.playing import bench
from tests.core.rig import FRAME, RATE_HZ, RampSource, ramp, run

from offhook import AudioFrame, PlayMode, PlayoutEnd
from offhook.errors import SourceError
from offhook.media.sources import frames_source


def test_a_handle_shows_how_its_item_ended() -> None:
    async def main() -> None:
        async with bench() as b:
            handle = b.playout.add(frames_source(AudioFrame(ramp(1, 320), RATE_HZ)))
            await b.take()
            assert repr(handle) == "PlayHandle(IterableSource, 20 ms sent, waiting or playing)"
            await b.take()
            assert repr(handle) == "PlayHandle(IterableSource, 20 ms sent, completed)"
            assert handle.problem is None

    run(main())


def test_only_the_first_end_counts() -> None:
    async def main() -> None:
        async with bench() as b:
            handle = b.playout.add(RampSource(FRAME))
            handle.finish(PlayoutEnd.CLEARED)
            handle.finish(PlayoutEnd.FAILED, SourceError("too late"))
            assert (await handle.done(), handle.problem) == (PlayoutEnd.CLEARED, None)

    run(main())


def test_modes_are_words() -> None:
    assert [str(mode) for mode in PlayMode] == ["queue", "replace", "mix"]
