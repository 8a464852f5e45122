"""What a callee listens for counts from its own turn on: speech from before the end of what it said does not."""

from __future__ import annotations

import asyncio

import pytest
from tests.mockserver.callees.scene import CLIP, Caller, Scene, tone

from offhook.testing.virtual_time import run_virtual
from offhook_mockserver.callees.moments import MomentCode
from offhook_mockserver.callees.script import (
    Answer,
    BargeIn,
    Condition,
    HangUp,
    IfHeard,
    ListenFor,
    Mute,
    Say,
    Sound,
    Step,
    Unmute,
    Wait,
)

#: The caller speaks from here to there, and a second time much later.
FIRST_S, STOP_S, SECOND_S = 0.5, 1.5, 6.0
#: Speech counts after this much of it.
NOTICED_S = 0.06


async def two_turns(scene: Scene, pause_s: float = SECOND_S - STOP_S) -> None:
    caller = Caller(scene.room)
    await asyncio.sleep(FIRST_S)
    index = await caller.speak(STOP_S - FIRST_S)
    await asyncio.sleep(pause_s)
    await caller.speak(0.5, index + round(pause_s * 50))
    await asyncio.sleep(3)
    caller.member.leave()
    await scene.end()


def moments(scene: Scene, code: MomentCode) -> list[float]:
    return [moment.at_s for moment in scene.callee.history if moment.code is code and moment.at_s is not None]


def interrupting(after_stop_s: float, *then: Step) -> tuple[Scene, float]:
    """A callee that speaks over the caller's first turn, and until `after_stop_s` after its end; and when it stops."""
    stops_s = STOP_S + after_stop_s
    frames = round((stops_s - FIRST_S - NOTICED_S) * 50)
    return Scene(Answer(), ListenFor(Sound.SPEECH), Say(CLIP), *then, clip=tone(frames)), stops_s


@pytest.mark.parametrize("after_stop_s", [0.0, 0.02, 0.1, 0.4, 0.66, 0.8])
def test_the_turn_that_was_interrupted_does_not_count(after_stop_s: float) -> None:
    async def main() -> None:
        scene, stops_s = interrupting(after_stop_s, ListenFor(Sound.SPEECH), ListenFor(Sound.QUIET))
        await two_turns(scene)
        assert scene.callee.stopped_speaking_at_s == pytest.approx(stops_s, abs=0.03)
        assert moments(scene, MomentCode.HEARD_SPEECH)[1:] == [pytest.approx(SECOND_S + NOTICED_S, abs=0.03)]
        assert moments(scene, MomentCode.HEARD_QUIET) == [pytest.approx(SECOND_S + 0.5 + 0.7, abs=0.23)]

    run_virtual(main())


@pytest.mark.parametrize("after_stop_s", [0.0, 0.02, 0.1, 0.4, 0.66, 0.8])
def test_nor_does_its_end_count_as_quiet(after_stop_s: float) -> None:
    async def main() -> None:
        scene, _ = interrupting(after_stop_s, ListenFor(Sound.QUIET))
        await two_turns(scene)
        assert moments(scene, MomentCode.HEARD_QUIET) == [pytest.approx(SECOND_S + 0.5 + 0.7, abs=0.23)]

    run_virtual(main())


@pytest.mark.parametrize("after_stop_s", [0.02, 0.1, 0.4, 0.66])
def test_nor_does_barging_in_or_waiting_find_it(after_stop_s: float) -> None:
    async def main() -> None:
        scene, _ = interrupting(after_stop_s, BargeIn(CLIP, after_s=0.2, duration_s=0.1))
        await two_turns(scene)
        assert moments(scene, MomentCode.SPEAKS)[1:] == [pytest.approx(SECOND_S + NOTICED_S + 0.2, abs=0.03)]

        frames = round((STOP_S - FIRST_S - NOTICED_S) * 50)
        scene = Scene(
            *(Answer(), ListenFor(Sound.SPEECH), Wait(frames / 50 + after_stop_s), ListenFor(Sound.SPEECH)),
            HangUp(),
        )
        await two_turns(scene)
        assert moments(scene, MomentCode.HEARD_SPEECH)[1:] == [pytest.approx(SECOND_S + NOTICED_S, abs=0.03)]

    run_virtual(main())


@pytest.mark.parametrize(
    ("after_stop_s", "wait_s", "spoke"),
    [
        (0.1, 0.0, False),
        (0.4, 0.0, False),
        (0.4, 0.3, False),
        (0.4, 2.0, False),
        (-0.5, 0.0, True),  # the caller speaks at this moment
        (-0.5, 2.0, True),
        (-0.02, 2.0, False),  # less than counts as speech
        (0.4, 6.0, True),
    ],
)
def test_a_branch_knows_whether_the_caller_spoke_since(after_stop_s: float, wait_s: float, spoke: bool) -> None:
    async def main() -> None:
        branches = (IfHeard(Condition.SPEECH, (Mute(),)), IfHeard(Condition.SILENCE, (Unmute(),)))
        scene, _ = interrupting(after_stop_s, Wait(wait_s), *branches, HangUp())
        await two_turns(scene)
        assert bool(moments(scene, MomentCode.MUTED)) is spoke
        assert bool(moments(scene, MomentCode.UNMUTED)) is not spoke

    run_virtual(main())


@pytest.mark.parametrize("after_stop_s", [-0.5, -0.1])
def test_a_caller_who_speaks_on_is_heard_at_that_time(after_stop_s: float) -> None:
    async def main() -> None:
        scene, stops_s = interrupting(after_stop_s, ListenFor(Sound.SPEECH), ListenFor(Sound.QUIET), HangUp())
        await two_turns(scene)
        assert moments(scene, MomentCode.HEARD_SPEECH)[1:] == [pytest.approx(stops_s + NOTICED_S, abs=0.03)]
        assert moments(scene, MomentCode.HEARD_QUIET) == [pytest.approx(STOP_S + 0.7, abs=0.23)]

    run_virtual(main())


def test_a_caller_who_goes_on_after_a_short_pause_is_heard_then() -> None:
    async def main() -> None:
        scene, _ = interrupting(0.2, ListenFor(Sound.SPEECH), ListenFor(Sound.QUIET), HangUp())
        await two_turns(scene, pause_s=0.4)
        assert moments(scene, MomentCode.HEARD_SPEECH)[1:] == [pytest.approx(STOP_S + 0.4 + NOTICED_S, abs=0.03)]
        assert moments(scene, MomentCode.HEARD_QUIET) == [pytest.approx(STOP_S + 0.4 + 0.5 + 0.7, abs=0.23)]

    run_virtual(main())
