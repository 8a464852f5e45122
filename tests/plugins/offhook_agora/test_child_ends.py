"""Whatever ends a child, or keeps it from answering, its legs come back in another child, and this process lives on."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.patience import PATIENCE_S
from tests.plugins.offhook_agora.kit import Doubles, Ear, find, frame, grant, sdk_folder, transport, until

from offhook.errors import JoinFailed, JoinTimeout, TransportNotSetUp, TransportUnavailable
from offhook.interfaces import (
    Environment,
    LeaveReason,
    LegClosed,
    LegDisconnected,
    LegFailed,
    LegReconnected,
    MemberJoined,
    MemberLeft,
    MemberPublished,
    MemberUnpublished,
)
from offhook.testing import Resources
from offhook_agora import transport as transport_module
from offhook_agora.transport import AgoraTransport

if TYPE_CHECKING:
    from offhook_agora.leg import AgoraLeg

AGAIN = [MemberJoined(2), MemberPublished(2), LegDisconnected(), LegReconnected()]


async def comes_back(leg: AgoraLeg, ear: Ear, doubles: Doubles, *, cut_s: float = 0.0) -> None:
    """The leg is disconnected and back once each, in another child, under its uid, with the gap marked."""
    await until(lambda: LegReconnected() in ear.events, "the leg is back")
    assert ear.events == AGAIN
    assert len(doubles.hosts) == 2
    assert leg.uid == 7
    heard = len(ear.audio)
    leg.send(frame(320_000))
    await until(lambda: len(ear.audio) > heard, "audio flows again")
    after = ear.audio[-1][1].position - 320_000  # the double echoes positions, which count from its own join
    assert after >= cut_s * 16_000
    counters = leg.counters()
    assert (counters["rejoins"], counters["reconnections"]) == (1, 1)
    await asyncio.sleep(0)
    assert ear.events == AGAIN


def why(ear: Ear) -> str:
    """The reason of the interruption that was reported."""
    return next(event.reason for event in ear.events if isinstance(event, LegDisconnected))


#: Long enough for a child that has to wait for its turn on a busy machine.
SHORT = {"silent_s": 1.0, "hung_s": 2.0}


@pytest.mark.fault("F41")
@pytest.mark.trap("1.7d")
@pytest.mark.parametrize(
    ("how", "limits"),
    [
        *((how, {}) for how in ("sys.exit", "os._exit", "abort", "garbage", "closes")),
        *(pytest.param(how, SHORT, marks=pytest.mark.slow) for how in ("spins", "mute")),
    ],
)
def test_a_leg_comes_back_in_another_child(
    how: str, limits: dict[str, float], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        doubles = Doubles(limits=limits)
        async with transport(tmp_path, doubles) as agora:
            ear = Ear()
            leg = await agora.join(grant(how), ear)
            leg.send(frame())
            await comes_back(leg, ear, doubles)
            assert not doubles.hosts[0]._process.running

    asyncio.run(main())
    assert "Traceback" not in caplog.text
    lines = [record.message for record in caplog.records if record.name == "offhook.agora"]
    assert len(lines) == 1
    assert lines[0].startswith(f"our leg in {how} joins again, because Agora's SDK failed: its child process ")


def test_a_child_that_is_killed(tmp_path: Path) -> None:
    async def main() -> None:
        doubles = Doubles()
        async with transport(tmp_path, doubles) as agora:
            ears = [Ear(), Ear()]
            legs = [await agora.join(grant(f"room{index}"), ear) for index, ear in enumerate(ears)]
            await until(lambda: all(len(ear.events) == 2 for ear in ears), "the member is there")
            os.kill(doubles.pid, signal.SIGKILL)
            for leg, ear in zip(legs, ears, strict=True):
                await comes_back(leg, ear, doubles)
                assert why(ear) == "Agora's SDK failed: its child process was killed by SIGKILL"

    asyncio.run(main())


@pytest.mark.fault("F41")
@pytest.mark.trap("1.7a", "1.7d")
@pytest.mark.slow
def test_a_child_that_is_stopped_is_killed(tmp_path: Path) -> None:
    async def main() -> None:
        doubles = Doubles(limits=SHORT)
        async with transport(tmp_path, doubles) as agora:
            ear = Ear()
            leg = await agora.join(grant(), ear)
            stopped = doubles.pid
            await until(lambda: len(ear.events) == 2, "the member is there")
            os.kill(stopped, signal.SIGSTOP)
            await until(lambda: LegDisconnected() in ear.events, "the leg is disconnected")
            assert why(ear) == "Agora's SDK does not answer"
            assert leg.counters()["frames_dropped"] == 0
            leg.send(frame())
            assert leg.counters()["frames_dropped"] == 1
            await comes_back(leg, ear, doubles, cut_s=2.0)
            with pytest.raises(ProcessLookupError):
                os.kill(stopped, signal.SIGCONT)

    asyncio.run(main())


def test_a_child_that_is_stopped_for_a_moment_goes_on(tmp_path: Path) -> None:
    async def main() -> None:
        doubles = Doubles(limits={"silent_s": 1.0, "hung_s": 60.0})
        async with transport(tmp_path, doubles) as agora:
            ear = Ear()
            leg = await agora.join(grant(), ear)
            await until(lambda: len(ear.events) == 2, "the member is there")
            os.kill(doubles.pid, signal.SIGSTOP)
            await until(lambda: LegDisconnected() in ear.events, "the leg is disconnected")
            os.kill(doubles.pid, signal.SIGCONT)
            await until(lambda: LegReconnected() in ear.events, "the leg is back")
            assert ear.events == AGAIN
            assert (len(doubles.hosts), leg.counters()["rejoins"]) == (1, 0)

    asyncio.run(main())


def test_leaving_takes_a_second_when_the_child_is_stopped(tmp_path: Path) -> None:
    async def main() -> None:
        doubles = Doubles()
        async with transport(tmp_path, doubles) as agora:
            leg = await agora.join(grant(), Ear())
            os.kill(doubles.pid, signal.SIGSTOP)
            await leg.leave()
            await until(lambda: not doubles.hosts[0]._process.running, "a child that hangs is killed")

    asyncio.run(main())


def test_a_child_that_does_not_leave_one_channel_stays_for_the_others(tmp_path: Path) -> None:
    async def main() -> None:
        doubles = Doubles()
        async with transport(tmp_path, doubles) as agora:
            ear = Ear()
            stuck = await agora.join(grant("never-leaves"), Ear())
            other = await agora.join(grant(), ear)
            await stuck.leave()
            other.send(frame())
            await until(lambda: ear.audio, "the other leg is heard")
            assert ear.events == AGAIN[:2]

    asyncio.run(main())


@pytest.mark.trap("1.8a")
def test_a_flood_on_standard_output_harms_nothing(tmp_path: Path) -> None:
    async def main() -> None:
        doubles = Doubles()
        async with transport(tmp_path, doubles) as agora:
            ear = Ear()
            leg = await agora.join(grant("floods"), ear)
            for index in range(10):
                leg.send(frame(320 * index))
            await until(lambda: len(ear.audio) == 10, "audio flows")
            assert ear.events == AGAIN[:2]

    asyncio.run(main())


@pytest.mark.fault("F40")
@pytest.mark.parametrize(
    ("how", "kind", "says"),
    [
        (
            "exits",
            TransportUnavailable,
            r"exited with status 3; the last that it wrote: cannot load libagora\x1b[2J_rtc_sdk.so",
        ),
        ("unusable", TransportNotSetUp, "the library lacks agora_service_create"),
        ("old", TransportUnavailable, "speaks version 2 of the protocol"),
        ("never-starts", TransportUnavailable, "killed because it did not load the SDK within 0.5 s"),
    ],
)
def test_a_child_that_does_not_start_is_explained(
    how: str, kind: type[TransportUnavailable], says: str, tmp_path: Path
) -> None:
    async def main() -> None:
        doubles = Doubles(how, {"start_s": 0.5}) if how == "never-starts" else Doubles(how)
        async with transport(tmp_path, doubles) as agora:
            with pytest.raises(TransportUnavailable) as caught:
                await agora.check(None)
            assert type(caught.value) is kind
            assert says in caught.value.message
            assert "\n" not in caught.value.message
            with pytest.raises(JoinFailed, match="Agora's SDK cannot be used"):
                await agora.join(grant(), Ear())
            await until(lambda: not any(host._process.running for host in doubles.hosts), "no child is left")

    asyncio.run(main())


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("executable", "", "sys.executable, which its child process needs, is not a program: ''"),
        ("executable", None, "is not a program: None"),
        ("executable", "/nowhere/python", "is not a program: '/nowhere/python'"),
        ("executable", __file__, "is not a program"),
        ("frozen", True, "this program is frozen"),
        ("path", ["x" * 250] * 10_000, "sys.path is too long for a child process"),
    ],
)
def test_a_process_that_cannot_start_pythons_says_why(
    name: str, value: object, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        async with transport(tmp_path) as agora:
            before = Resources.now()
            with monkeypatch.context() as patch:
                patch.setattr(sys, name, value, raising=False)
                with pytest.raises(TransportUnavailable) as caught:
                    await agora.check(None)
            assert says in caught.value.message
            assert "closed the connection" not in caught.value.message
            await agora.aclose()
            assert Resources.now().descriptors == before.descriptors

    asyncio.run(main())


def test_a_working_folder_that_was_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    path = [str(Path(place).absolute()) for place in sys.path]
    monkeypatch.chdir(folder)
    folder.rmdir()

    async def main() -> None:
        monkeypatch.setattr(sys, "path", ["", "relative", b"bytes", *path])
        async with transport(tmp_path) as agora:
            await agora.check(None)

    asyncio.run(main())


@pytest.mark.fault("F13")
def test_a_join_that_is_not_answered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport_module, "JOIN_S", 1.5)

    async def main() -> None:
        async with transport(tmp_path) as agora:
            await agora.check(None)
            with pytest.raises(JoinTimeout, match=r"did not join the channel within 1\.5 s"):
                await agora.join(grant("unanswered"), Ear())
            await (await agora.join(grant(), Ear())).leave()

    asyncio.run(main())


def test_members_are_compared_after_a_rejoin(tmp_path: Path) -> None:
    async def main() -> None:
        doubles = Doubles()
        async with transport(tmp_path, doubles) as agora:
            ear = Ear()
            await agora.join(grant("members"), ear)
            await until(lambda: len(ear.events) == 7, "the members are there")
            ear.events.clear()
            os.kill(doubles.pid, signal.SIGKILL)
            expected = {
                LegDisconnected(),
                LegReconnected(),
                MemberJoined(6),
                MemberPublished(5),
                MemberLeft(3, LeaveReason.DROPPED),
                MemberUnpublished(4),
            }
            await until(lambda: expected <= set(ear.events), "the changes are reported")
            assert len(ear.events) == len(expected)

    asyncio.run(main())


@pytest.mark.parametrize(
    ("reason", "event"),
    [
        ("token_expired", LegClosed("token expired")),
        ("replaced", LegClosed("replaced")),
        ("kicked", LegClosed("kicked")),
        ("token", LegFailed("the channel refused us: token")),
        ("app_id", LegFailed("the channel refused us: app_id")),
    ],
)
def test_a_leg_that_may_not_rejoin_is_out(reason: str, event: object, tmp_path: Path) -> None:
    async def main() -> None:
        doubles = Doubles()
        async with transport(tmp_path, doubles) as agora:
            ear = Ear()
            leg = await agora.join(grant(f"refused-{reason}-again"), ear)
            os.kill(doubles.pid, signal.SIGKILL)
            await until(lambda: event in ear.events, "the leg is out")
            assert ear.events[-1] == event
            assert ear.events.count(LegReconnected()) == 0
            await leg.leave()

    asyncio.run(main())


def test_a_program_that_ends_its_loop_with_a_leg_up(tmp_path: Path) -> None:
    doubles = Doubles()
    before = set(threading.enumerate())
    environment = Environment({"OFFHOOK_AGORA_SDK": str(sdk_folder(tmp_path / "sdk", "agora"))})
    held: list[object] = []

    async def main() -> None:
        mine = AgoraTransport(environment, find=find, make_host=doubles)
        held.append((mine, await mine.join(grant(), Ear())))

    asyncio.run(main())
    for thread in set(threading.enumerate()) - before:
        thread.join(PATIENCE_S)
        assert not thread.is_alive(), "the thread that started the child waits for it"
    with pytest.raises(ProcessLookupError):
        os.kill(doubles.hosts[0].pid, 0)
    held.clear()
    gc.collect()  # and pytest reports a socket that is closed only now


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    async def main() -> None:
        before = Resources.now()
        doubles = Doubles()
        async with transport(tmp_path, doubles) as agora:
            for _ in range(3):
                leg = await agora.join(grant(), Ear())
                os.kill(doubles.pid, signal.SIGKILL)
                await leg.leave()
            await agora.join(grant(), Ear())
        await until(lambda: not Resources.now().more_than(before), "no task, thread or descriptor is left")

    asyncio.run(main())
