"""The watch for audio that does not come."""

from __future__ import annotations

import asyncio

from tests.core.rig import later, now, run

from offhook.call.audio_flow import SilenceTimer


def watch() -> tuple[SilenceTimer, list[tuple[str, float]]]:
    reported: list[tuple[str, float]] = []
    made = SilenceTimer(
        asyncio.get_running_loop(),
        3,
        lambda: reported.append(("lost", now())),
        lambda: reported.append(("returned", now())),
    )
    return made, reported


def test_audio_that_never_comes_is_reported_once() -> None:
    async def main() -> None:
        watched, reported = watch()
        later(1, watched.expect, True)
        later(2, watched.expect, True)
        await asyncio.sleep(20)
        assert reported == [("lost", 4)]
        assert watched.missing

    run(main())


def test_it_is_lost_counted_from_the_last_frame_and_comes_back() -> None:
    async def main() -> None:
        watched, reported = watch()
        watched.expect(True)
        for at in (1, 2, 4, 8, 9):
            later(at, watched.heard, at)
        await asyncio.sleep(20)
        assert reported == [("lost", 7), ("returned", 8), ("lost", 12)]

    run(main())


def test_nothing_is_reported_while_no_audio_is_expected() -> None:
    async def main() -> None:
        watched, reported = watch()
        watched.heard(now())
        watched.expect(True)
        later(2, watched.expect, False)
        later(10, watched.expect, True)
        later(12, watched.expect, False)
        later(30, watched.expect, True)
        later(34, watched.expect, False)
        await asyncio.sleep(50)
        assert reported == [("lost", 33)]
        assert not watched.missing

    run(main())
