"""A leg over a child process: audio, events, refusals, renewal, flushing and leaving."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from tests.plugins.offhook_agora.kit import RATE_HZ, Doubles, Ear, frame, grant, transport, until

from offhook.errors import JoinFailed, TokenRejected, TransportError
from offhook.interfaces import (
    AudioFrame,
    GrantExpiring,
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
from offhook_agora import hosts as hosts_module
from offhook_agora import seat as seat_module
from offhook_agora.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

    from offhook.interfaces import LegEvent
    from offhook_agora.leg import AgoraLeg

THERE = [MemberJoined(2), MemberPublished(2)]


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
            assert ear.events == THERE
            assert [(uid, item.position) for uid, item in ear.audio] == [(2, 0), (2, 320), (2, 640)]
            await leg.leave()
            assert leg.counters()["frames_sent"] == leg.counters()["sdk_frames_sent"] == 3
            leg.send(frame())
            assert leg.counters()["frames_sent"] == 3
            assert len(doubles.hosts) == 1
        assert not doubles.hosts[0]._process.running

    asyncio.run(main())


@pytest.mark.parametrize(
    ("channel", "events"),
    [
        ("closed-kicked", [LegClosed("kicked")]),
        ("closed-replaced", [LegClosed("replaced")]),
        ("closed-token_expired", [LegClosed("token expired")]),
        ("closed-rejected", [LegClosed("the channel put us out")]),
        ("failed", [LegFailed("the SDK gave up after 20 minutes")]),
        ("cut", [LegDisconnected()]),
        ("cut and back", [LegDisconnected(), LegReconnected()]),
        ("expiring", [GrantExpiring()]),
        ("left", [MemberUnpublished(2), MemberLeft(2, LeaveReason.QUIT)]),
    ],
)
def test_events_of_the_channel(channel: str, events: list[object], tmp_path: Path) -> None:
    async def main() -> None:
        doubles = Doubles()
        async with transport(tmp_path, doubles) as agora:
            ear = Ear()
            leg = await agora.join(grant(channel), ear)
            leg.send(frame())
            await until(lambda: len(ear.events) == len(THERE) + len(events), "the events are reported")
            await leg.leave()
            assert ear.events == [*THERE, *events]
            assert len(doubles.hosts) == 1, "a leg that was put out does not join again"

    asyncio.run(main())


@pytest.mark.parametrize(
    ("channel", "error", "reason"),
    [
        ("refused-token", TokenRejected, 8),
        ("refused-token_expired", TokenRejected, 9),
        ("refused-rejected", JoinFailed, None),
        ("refused-app_id", JoinFailed, None),
    ],
)
def test_a_channel_that_refuses_us(channel: str, error: type[JoinFailed], reason: int | None, tmp_path: Path) -> None:
    async def main() -> None:
        async with transport(tmp_path) as agora:
            with pytest.raises(error, match="the channel refused us") as caught:
                await agora.join(grant(channel), Ear())
            assert type(caught.value) is error
            assert getattr(caught.value, "reason", None) == reason

    asyncio.run(main())


def test_frames_that_do_not_fit(tmp_path: Path) -> None:
    async def main() -> None:
        async with transport(tmp_path) as agora:
            leg = await agora.join(grant(), Ear())
            for wrong in (AudioFrame(bytes(320), 8_000), AudioFrame(bytes(1280), RATE_HZ)):
                with pytest.raises(ValueError, match="needs frames of up to 20 ms at 16000 Hz"):
                    leg.send(wrong)
            leg.send(AudioFrame(b"", RATE_HZ))
            assert leg.counters()["frames_sent"] == 0

    asyncio.run(main())


def test_renewal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with transport(tmp_path) as agora:
            leg = await agora.join(grant(), Ear())
            await leg.renew(grant(token="fresh"))
            assert leg._grant.token.matches("fresh")
            with pytest.raises(TokenRejected) as caught:
                await leg.renew(grant(token="forged"))
            assert caught.value.reason == 8
            with monkeypatch.context() as patch:
                patch.setattr(seat_module, "RENEW_S", 0.1)
                with pytest.raises(TransportError, match=r"did not answer the renewal of the token within 0\.1 s"):
                    await leg.renew(grant(token="unanswered"))
            assert leg._grant.token.matches("fresh")
            waiting = asyncio.create_task(leg.renew(grant(token="unanswered")))
            await asyncio.sleep(0)
            await leg.leave()
            with pytest.raises(TransportError, match="we left the channel"):
                await waiting
            with pytest.raises(TransportError, match="no connection to the channel"):
                await leg.renew(grant(token="fresh"))

    asyncio.run(main())


@pytest.mark.trap("1.6b")
def test_flushing_returns_what_waits_in_the_sdk(tmp_path: Path) -> None:
    async def main() -> None:
        async with transport(tmp_path, settings=Settings(lead_ms=200)) as agora:
            ear = Ear()
            leg = await agora.join(grant(), ear)
            assert leg.flush() == 0
            for index in range(5):
                leg.send(frame(320 * index))
            assert leg.flush() == pytest.approx(100)
            assert leg.flush() == 0
            assert leg.counters()["ms_flushed"] == 100
            await leg.leave()
            assert leg.flush() == 0

    asyncio.run(main())


@pytest.mark.trap("2.3c")
def test_calls_of_an_app_id_share_a_child_up_to_a_limit(tmp_path: Path) -> None:
    async def main() -> None:
        doubles = Doubles()
        async with transport(tmp_path, doubles, variables={"OFFHOOK_AGORA_CALLS_PER_CHILD": "2"}) as agora:
            legs = await asyncio.gather(*(agora.join(grant(f"room{index}"), Ear()) for index in range(5)))
            assert sorted(len(host.seats) for host in doubles.hosts) == [1, 2, 2]
            await agora.join(grant(app_id="b" * 32), Ear())
            assert len(doubles.hosts) == 4
            await asyncio.gather(*(leg.leave() for leg in legs))
            await agora.join(grant(), Ear())
            assert len(doubles.hosts) == 4, "a child without legs is used again"

    asyncio.run(main())


def test_a_child_without_legs_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosts_module, "IDLE_S", 0.2)

    async def main() -> None:
        doubles = Doubles()
        async with transport(tmp_path, doubles) as agora:
            await (await agora.join(grant(), Ear())).leave()
            await until(lambda: not doubles.hosts[0]._process.running, "the child ends")
            await (await agora.join(grant(), Ear())).leave()
            assert len(doubles.hosts) == 2

    asyncio.run(main())


@pytest.mark.parametrize("after_s", [0.0, 0.02, 0.1, 0.3])
def test_a_cancelled_join_leaves_nothing(after_s: float, tmp_path: Path) -> None:
    async def main() -> None:
        doubles = Doubles()
        async with transport(tmp_path, doubles) as agora:
            joining = asyncio.create_task(agora.join(grant("unanswered"), Ear()))
            await asyncio.sleep(after_s)
            joining.cancel()
            with pytest.raises(asyncio.CancelledError):
                await joining
            assert not any(host.seats or host.reserved for host in doubles.hosts)
        assert not any(host._process.running for host in doubles.hosts)

    asyncio.run(main())


class Leaving(Ear):
    """Leaves with the first event."""

    def __init__(self) -> None:
        super().__init__()
        self.leg: AgoraLeg | None = None
        self.leaving: list[asyncio.Task[None]] = []

    def on_event(self, event: LegEvent) -> None:
        super().on_event(event)
        assert self.leg is not None
        self.leaving.append(asyncio.create_task(self.leg.leave()))


def test_a_handler_may_leave_from_inside(tmp_path: Path) -> None:
    async def main() -> None:
        async with transport(tmp_path) as agora:
            ear = Leaving()
            ear.leg = await agora.join(grant("cut and back"), ear)
            ear.leg.send(frame())
            await until(lambda: ear.leaving, "the handler was called")
            await asyncio.gather(*ear.leaving)
            events = [*THERE, LegDisconnected(), LegReconnected()]
            assert ear.events == events[: len(ear.events)]

    asyncio.run(main())
