"""Bad networks: losses, bursts, duplicates, disorder, jitter, a latency step. Everything is counted, nothing grows."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from tests.plugins.relay_kit import FRAME_SAMPLES, Ear, Relay, Talker, tone, until, with_relay
from tests.plugins.test_aiortc_rejoin import of_the_leg

from offhook_aiortc.transport import AiortcTransport
from offhook_wire import pace
from offhook_wire.impairment import Impairment

if TYPE_CHECKING:
    from offhook_aiortc.leg import AiortcLeg
    from offhook_mockserver.rooms.pcm_member import PcmMember

pytestmark = pytest.mark.slow


def held(leg: AiortcLeg, relay: Relay) -> list[int]:
    """What jitter buffers hold, at the leg and in the room."""
    streams = leg._receiver._streams.values()  # pyright: ignore[reportPrivateUsage]
    receptions = [stream.reception for stream in streams] + list(relay.room._receptions.values())  # pyright: ignore[reportPrivateUsage]
    return [reception._buffer.held for reception in receptions]  # pyright: ignore[reportPrivateUsage]


async def heard_at_once(leg: AiortcLeg, callee: PcmMember, ears: tuple[Ear, Ear], first: int, count: int) -> None:
    """Each frame is heard before the next is sent, both ways: no delay is left."""
    for index in range(first, first + count):
        before = len(ears[0].audio), len(ears[1].audio)
        leg.send(tone(index))
        callee.send(tone(index))
        await until(
            lambda before=before: (len(ears[0].audio), len(ears[1].audio)) == (before[0] + 1, before[1] + 1),  # type: ignore[misc]
            f"frame {index} is heard both ways",
        )


@pytest.mark.fault("F21")
@pytest.mark.parametrize(
    "conditions",
    [
        {"loss": 0.01},
        {"loss": 0.05},
        {"loss": 0.2},
        {"loss": 0.5},
        {"loss": 0.05, "burst": 10},
        {"loss": 0.2, "burst": 20},
        {"duplicate": 0.3},
        {"jitter_s": 0.004},
        {"loss": 0.1, "duplicate": 0.1, "jitter_s": 0.004},
    ],
    ids=lambda conditions: " ".join(f"{name}={value}" for name, value in conditions.items()),
)
def test_losses_duplicates_and_disorder_are_counted_and_over_when_they_are_over(
    conditions: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "MOST_AHEAD_S", 60.0)  # ten seconds of audio are sent in one

    async def check(relay: Relay) -> None:
        incoming, outgoing = Impairment("in"), Impairment("out")
        ears = Ear(), Ear()
        callee = relay.room.join_pcm(9, ears[1])
        callee.publish()
        leg = await AiortcTransport(incoming=incoming, outgoing=outgoing).join(relay.grant(7), ears[0])
        await heard_at_once(leg, callee, ears, 0, 5)
        before = incoming.lost, outgoing.lost
        for path in (incoming, outgoing):
            for name, value in conditions.items():
                setattr(path, name, value)
        for index in range(5, 500):
            leg.send(tone(index))
            callee.send(tone(index))
            await asyncio.sleep(0.001)
        for path in (incoming, outgoing):
            for name in conditions:
                setattr(path, name, 1 if name == "burst" else 0)
            path._losing = 0  # pyright: ignore[reportPrivateUsage]
        await asyncio.sleep(0.05)  # what is on its way arrives
        for index in range(500, 510):
            leg.send(tone(index))
            callee.send(tone(index))
            await asyncio.sleep(0.001)
        for ear in ears:
            await until(lambda ear=ear: ear.positions[-1] == 509 * FRAME_SAMPLES, "the last frame")  # type: ignore[misc]
        await heard_at_once(leg, callee, ears, 510, 20)
        counters, member = leg.counters(), relay.room.rtp_members[0]
        assert counters["packets_received"] + counters["packets_lost"] == 530
        assert member.packets_received + member.packets_lost == 530
        lost = incoming.lost - before[0], outgoing.lost - before[1]
        # A report or a check may be among what the path lost.
        assert 0 <= lost[0] - counters["packets_lost"] <= 4
        assert 0 <= lost[1] - member.packets_lost <= 4
        late = relay.room._receptions[7].late  # pyright: ignore[reportPrivateUsage]
        for ear, concealed, missed in (
            (ears[0], counters["frames_concealed"], counters["packets_lost"] + counters["frames_late"]),
            (ears[1], relay.room.frames_concealed, member.packets_lost + late),
        ):
            assert ear.positions == [index * FRAME_SAMPLES for index in range(530)], "each frame once and in order"
            assert concealed == missed
        if "loss" in conditions:
            assert counters["packets_lost"] > 0
            assert member.packets_lost > 0
        if "duplicate" in conditions:
            assert counters["srtp_errors"] > 20, "SRTP takes nothing twice"
        assert held(leg, relay) == [0, 0]
        assert of_the_leg(ears[0]) == []
        await leg.leave()

    with_relay(check, exact=True)


@pytest.mark.slow
@pytest.mark.fault("F22")
@pytest.mark.parametrize("conditions", [{"jitter_s": 0.5}, {"delay_s": 2.0}], ids=["jitter", "latency step"])
def test_jitter_and_a_latency_step_pass_and_leave_no_delay(conditions: dict[str, float]) -> None:
    async def check(relay: Relay) -> None:
        incoming, outgoing = Impairment("in"), Impairment("out")
        ears = Ear(), Ear()
        callee = relay.room.join_pcm(9, ears[1])
        callee.publish()
        leg = await AiortcTransport(incoming=incoming, outgoing=outgoing).join(relay.grant(7), ears[0])
        talkers = Talker(leg), Talker(callee)
        await until(lambda: all(len(ear.audio) > 25 for ear in ears), "half a second")
        tasks = len(asyncio.all_tasks())
        for path in (incoming, outgoing):
            for name, value in conditions.items():
                setattr(path, name, value)
        most = 0
        for _ in range(50):
            await asyncio.sleep(0.1)
            most = max(most, *held(leg, relay))
        assert most < 50, "a buffer is bounded"
        for path in (incoming, outgoing):
            for name in conditions:
                setattr(path, name, 0)
        await asyncio.sleep(2.5)
        sent = [await talker.stop() for talker in talkers]
        for ear, count in zip(ears, reversed(sent), strict=True):
            await until(lambda ear=ear, count=count: ear.positions[-1] == (count - 1) * FRAME_SAMPLES, "the last")  # type: ignore[misc]
        first = max(sent)
        await heard_at_once(leg, callee, ears, first, 50)
        counters, member = leg.counters(), relay.room.rtp_members[0]
        assert counters["packets_received"] + counters["packets_lost"] == sent[1] + 50
        assert member.packets_received + member.packets_lost == sent[0] + 50
        assert (counters["packets_lost"], member.packets_lost) == (0, 0)
        if "delay_s" in conditions:
            assert (counters["frames_concealed"], counters["frames_late"]) == (0, 0), counters
        else:
            assert counters["frames_concealed"] == counters["frames_late"] > 0
        for ear in ears:
            assert ear.positions == sorted(set(ear.positions)), "in order and none twice"
        assert held(leg, relay) == [0, 0]
        assert len(asyncio.all_tasks()) <= tasks
        assert ears[0].events == ears[0].events[:2], "no outage and no lost audio is reported"
        await leg.leave()

    with_relay(check, exact=True)
