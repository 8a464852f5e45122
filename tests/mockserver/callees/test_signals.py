"""A callee that listens for offhook's marker, or compares what it hears with a clip."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from tests.mockserver.callees.scene import CLIP, FRAME, RATE_HZ, Caller, Scene

from offhook.interfaces.frame import AudioFrame
from offhook.plugin import Plugins
from offhook.testing.audio import marker
from offhook.testing.virtual_time import run_virtual
from offhook_mockserver.callees.moments import MomentCode
from offhook_mockserver.callees.numbers import HELLO, REPLY
from offhook_mockserver.callees.script import (
    Answer,
    HangUp,
    IfHeard,
    ListenFor,
    Mute,
    Say,
    Sound,
    SoundsLike,
    Tone,
    Unmute,
)
from offhook_mockserver.callees.signals import ToneFinder
from offhook_mockserver.callees.speech import Speech
from offhook_mockserver.callees.voice import load_speech

if TYPE_CHECKING:
    from pathlib import Path


async def play(caller: Caller, pcm: bytes) -> None:
    """Speak these samples, frame by frame."""
    caller.member.publish()
    start_s = asyncio.get_running_loop().time()
    for index, at in enumerate(range(0, len(pcm), 2 * FRAME)):
        caller.member.send(AudioFrame(pcm[at : at + 2 * FRAME], RATE_HZ, index * FRAME))
        await asyncio.sleep(start_s + (index + 1) / 50 - asyncio.get_running_loop().time())


@pytest.mark.parametrize("sent", [True, False])
def test_the_marker_is_heard(sent: bool) -> None:
    async def main() -> None:
        scene = Scene(Answer(), ListenFor(Sound.MARKER, within_s=3), HangUp())
        caller = Caller(scene.room)
        await asyncio.sleep(1)
        pcm = marker(RATE_HZ).pcm
        await play(caller, pcm if sent else bytes(len(pcm)))
        await scene.end()
        heard = [moment.at_s for moment in scene.callee.history if moment.code is MomentCode.HEARD_MARKER]
        assert heard == ([pytest.approx(1 + len(pcm) / 2 / RATE_HZ, abs=0.25)] if sent else [])

    run_virtual(main())


@pytest.mark.parametrize("said", [HELLO, REPLY])
def test_a_branch_depends_on_what_the_caller_sounded_like(said: Path) -> None:
    async def main() -> None:
        plugins = Plugins.load()
        hello, spoken = [await load_speech(plugins, Speech.of(path, None, "x"), RATE_HZ) for path in (HELLO, said)]
        sounds = IfHeard(SoundsLike(CLIP), (Mute(),), (Unmute(),))
        says = Say("silence:1", duration_s=0.2)
        scene = Scene(Answer(), sounds, says, ListenFor(Sound.SPEECH), ListenFor(Sound.QUIET), sounds, clip=hello)
        caller = Caller(scene.room)
        await asyncio.sleep(0.1)
        await play(caller, spoken)
        await scene.callee.until_finished()
        branches = [m.code.value for m in scene.callee.history if m.code in {MomentCode.MUTED, MomentCode.UNMUTED}]
        assert branches == ["unmuted", "muted" if said is HELLO else "unmuted"]
        texts = [moment.text for moment in scene.callee.history if moment.code is MomentCode.BRANCHED]
        assert texts[0] == "whether the caller sounded like clip.wav: no"
        caller.member.leave()
        await scene.end()

    run_virtual(main())


def test_a_tone_with_a_break_begins_anew() -> None:
    async def main() -> None:
        finder = ToneFinder(1000, RATE_HZ)
        caller = Scene(Answer(), ListenFor(Tone(1000)))
        pcm = await load_speech(Plugins.load(), Speech.of("tone:1000,0.08", None, "x"), RATE_HZ)
        for n in range(4):
            finder.feed(AudioFrame(pcm[n * 2 * FRAME : (n + 1) * 2 * FRAME], RATE_HZ, n * FRAME))
        finder.gap(4 * FRAME, 8 * FRAME)
        finder.feed(AudioFrame(pcm[: 2 * FRAME], RATE_HZ, 8 * FRAME))
        assert not finder.found.is_set()
        for n in range(4):
            finder.feed(AudioFrame(pcm[n * 2 * FRAME : (n + 1) * 2 * FRAME], RATE_HZ, (9 + n) * FRAME))
        assert finder.found.is_set()
        caller.running.cancel()

    run_virtual(main())
