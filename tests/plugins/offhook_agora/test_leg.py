"""A leg over a child process: audio, events, refusals, and the end."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tests.plugins.offhook_agora.kit import Doubles, Ear, frame, grant, transport, until

from offhook.interfaces import MemberJoined, MemberPublished

if TYPE_CHECKING:
    from pathlib import Path


def test_a_leg_joins_talks_hears_and_leaves(tmp_path: Path) -> None:
    async def main() -> None:
        doubles = Doubles()
        async with transport(tmp_path, doubles) as agora:
            await agora.check(None)
            ear = Ear()
            leg = await agora.join(grant(), ear)
            assert leg.uid == 7
            assert not ear.events
            for index in range(3):
                leg.send(frame(320 * index))
            await until(lambda: len(ear.audio) == 3, "the member echoes")
            assert ear.events == [MemberJoined(2), MemberPublished(2)]
            assert [(uid, item.position) for uid, item in ear.audio] == [(2, 0), (2, 320), (2, 640)]
            await leg.leave()
            assert leg.counters()["frames_sent"] == leg.counters()["sdk_frames_sent"] == 3
            assert len(doubles.hosts) == 1
        assert not doubles.hosts[0]._process.running

    asyncio.run(main())
