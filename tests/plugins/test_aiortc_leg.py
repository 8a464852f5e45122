"""Real legs through a real relay on loopback: HTTP, ICE, DTLS, SRTP, WebSocket."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import pathlib
from typing import TYPE_CHECKING

import httpx
import pytest
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from tests.patience import PATIENCE_S
from tests.plugins.relay_kit import (
    APP_ID,
    FRAME_SAMPLES,
    Ear,
    Relay,
    abort_websocket,
    end_peer,
    serving,
    tone,
    until,
    with_relay,
)

from offhook.errors import JoinFailed, JoinTimeout, TokenRejected, TransportUnavailable
from offhook.interfaces.frame import AudioFrame, level_dbfs
from offhook.interfaces.grant import Grant
from offhook.secret import Secret
from offhook.session.events import (
    GrantExpiring,
    LeaveReason,
    LegClosed,
    LegDisconnected,
    MemberJoined,
    MemberLeft,
    MemberPublished,
    MemberUnpublished,
)
from offhook_aiortc import leg as leg_module
from offhook_aiortc import members
from offhook_aiortc.plain_http import PlainConnection
from offhook_aiortc.transport import AiortcTransport
from offhook_mockserver.doors.webrtc import client as door_client
from offhook_mockserver.doors.webrtc.client import WebRtcClient
from offhook_wire.impairment import Impairment
from offhook_wire.opus_backend import OpusError
from offhook_wire.relay_protocol import Left

if TYPE_CHECKING:
    from starlette.requests import Request


def test_two_legs_hear_each_other() -> None:
    async def check(relay: Relay) -> None:
        transport = AiortcTransport()
        await transport.check(relay.url)
        ears = Ear(), Ear()
        first = await transport.join(relay.grant(7), ears[0])
        assert ears[0].events == []
        second = await transport.join(relay.grant(8), ears[1])
        assert ears[1].events == []
        await until(lambda: ears[0].events == [MemberJoined(8)], "the first hears of the second")
        await until(lambda: ears[1].events == [MemberJoined(7)], "the second hears of the first")
        for index in range(10):
            first.send(tone(index))
            second.send(tone(index))
        await until(lambda: all(len(ear.audio) == 10 for ear in ears), "both hear ten frames")
        assert {uid for uid, _ in ears[0].audio} == {8}
        assert ears[0].positions == [index * FRAME_SAMPLES for index in range(10)]
        assert level_dbfs(ears[1].audio[-1][1].pcm) > -20
        assert MemberPublished(8) in ears[0].events
        assert (relay.room.decoders, relay.room.encoders) == (0, 0)
        await first.leave()
        await until(lambda: MemberLeft(7, LeaveReason.QUIT) in ears[1].events, "the second hears of the end")
        counters = second.counters()
        await second.leave()
        assert (counters["frames_sent"], counters["packets_sent"]) == (10, 10)
        assert (counters["frames_received"], counters["packets_received"]) == (10, 10)
        for name in ("packets_lost", "frames_late", "frames_concealed", "decode_errors", "srtp_errors"):
            assert counters[name] == 0, name

    with_relay(check)


def test_check_join_and_events_share_a_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[int] = []
    connect = PlainConnection.open

    async def counted(host: str, port: int) -> PlainConnection:
        opened.append(port)
        return await connect(host, port)

    monkeypatch.setattr(PlainConnection, "open", counted)

    async def check(relay: Relay) -> None:
        transport = AiortcTransport()
        await transport.check(relay.url)
        leg = await transport.join(relay.grant(7), Ear())
        assert len(opened) == 1
        assert transport._http.kept == 0, "its connection is that of the events now"
        await leg.leave()
        await transport.check(relay.url)
        assert len(opened) == 2
        await transport.aclose()

    with_relay(check)


def test_a_leg_and_a_pcm_member_hear_each_other() -> None:
    async def check(relay: Relay) -> None:
        ear, callee_ear = Ear(), Ear()
        callee = relay.room.join_pcm(9, callee_ear)
        callee.publish()
        leg = await AiortcTransport().join(relay.grant(), ear)
        await until(lambda: ear.events == [MemberJoined(9), MemberPublished(9)], "present members are reported")
        assert leg.uid not in (0, 9)
        for index in range(5):
            callee.send(tone(index))
            leg.send(tone(index))
        await until(lambda: len(ear.audio) == len(callee_ear.audio) == 5, "both hear five frames")
        assert callee_ear.audio[0][0] == leg.uid
        assert callee_ear.positions == [index * FRAME_SAMPLES for index in range(5)]
        callee.unpublish()
        callee.leave(LeaveReason.DROPPED)
        await until(lambda: len(ear.events) == 4, "the leg hears of the end")
        assert ear.events[2:] == [MemberUnpublished(9), MemberLeft(9, LeaveReason.DROPPED)]
        await leg.leave()

    with_relay(check)


@pytest.mark.fault("F21")
def test_one_lost_packet_costs_one_concealed_frame_and_no_delay() -> None:
    async def check(relay: Relay) -> None:
        ear = Ear()
        relay.room.join_pcm(9, ear)
        leg = await AiortcTransport(drop=lambda number: number == 20).join(relay.grant(7), Ear())
        for index in range(60):
            leg.send(tone(index))
            if index != 20:
                # Each frame is heard before the next is sent, after the loss as before it: nothing is kept back.
                await until(lambda count=index + 1: len(ear.audio) == count, f"frame {index} is heard")  # type: ignore[misc]
        assert ear.positions == [index * FRAME_SAMPLES for index in range(60)]
        assert level_dbfs(ear.audio[20][1].pcm) > -20, "concealed with sound"
        assert relay.room.frames_concealed == 1
        assert relay.room.rtp_members[0].packets_lost == 1
        assert leg.counters()["packets_sent"] == 59
        await leg.leave()

    with_relay(check)


@pytest.mark.fault("F21")
def test_a_client_conceals_and_counts_what_the_relay_did_not_send() -> None:
    async def check(relay: Relay) -> None:
        ear = Ear()
        first = await AiortcTransport(drop=lambda number: number == 3).join(relay.grant(7), Ear())
        second = await AiortcTransport().join(relay.grant(8), ear)
        for index in range(8):
            first.send(tone(index))
        await until(lambda: len(ear.audio) == 8, "as many frames as were sent")
        assert ear.positions == [index * FRAME_SAMPLES for index in range(8)]
        counters = second.counters()
        assert (counters["frames_concealed"], counters["packets_lost"], counters["frames_late"]) == (1, 1, 0)
        await first.leave()
        await second.leave()

    with_relay(check)


def test_a_pause_shows_in_the_position_and_is_not_a_loss() -> None:
    async def check(relay: Relay) -> None:
        ear = Ear()
        first = await AiortcTransport().join(relay.grant(7), Ear())
        second = await AiortcTransport().join(relay.grant(8), ear)
        for index in (0, 1, 200, 201):
            first.send(tone(index))
        await until(lambda: len(ear.audio) == 4, "four frames")
        assert ear.positions == [index * FRAME_SAMPLES for index in (0, 1, 200, 201)]
        counters = second.counters()
        assert (counters["frames_concealed"], counters["packets_lost"]) == (0, 0)
        await first.leave()
        await second.leave()

    with_relay(check)


def test_the_last_audio_arrives_before_the_end_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    # A busy machine may not read the last packets within 30 ms.
    monkeypatch.setattr(members, "_DEPARTURE_S", PATIENCE_S)
    monkeypatch.setattr(door_client, "LEAVE_DRAIN_S", PATIENCE_S)
    order: list[str] = []

    class Order(Ear):
        def on_event(self, event: object) -> None:
            order.append(type(event).__name__)

        def on_audio(self, uid: int, frame: AudioFrame) -> None:
            order.append("audio")

    async def check(relay: Relay) -> None:
        listener = await AiortcTransport().join(relay.grant(8), Order())
        relay.room.join_pcm(9, Ear())
        pcm_ear = Ear()
        relay.room.join_pcm(10, pcm_ear)
        for turn in range(5):
            order.clear()
            pcm_ear.audio.clear()
            talker = await AiortcTransport().join(relay.grant(7), Ear())
            for index in range(30):
                talker.send(tone(index))
            await talker.leave()
            await until(lambda: "MemberLeft" in order, "the listener hears of the end")
            assert order.count("audio") == 30, turn
            assert order[-1] == "MemberLeft", turn
            assert len(pcm_ear.audio) == 30, turn
        await listener.leave()

    with_relay(check)


@pytest.mark.fault("F14")
@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"expire_s": 1, "issued_s": 1_000_000}, 9),
        ({"certificate": Secret("d" * 32)}, 8),
        ({"channel": "another"}, 8),
        ({"app_id": "b" * 32}, 8),
        ({"made_out_to": 8}, 8),
        ({"privileges": (2, 3)}, 8),
    ],
    ids=["expired", "forged", "other channel", "other app", "other uid", "may not join"],
)
def test_a_bad_token_is_rejected_with_agoras_reason(changed: dict[str, object], reason: int) -> None:
    async def check(relay: Relay) -> None:
        grant = relay.grant(7, **changed)
        with pytest.raises(TokenRejected) as refused:
            await AiortcTransport().join(grant, Ear())
        assert refused.value.reason == reason
        assert grant.token.reveal() not in str(refused.value)
        assert relay.door.connections == 0

    with_relay(check)


@pytest.mark.fault("F14")
def test_a_tampered_token_is_refused() -> None:
    async def check(relay: Relay) -> None:
        good = relay.grant(7)
        text = good.token.reveal()
        bad = Grant(APP_ID, "room", Secret(text[:40] + ("A" if text[40] != "A" else "B") + text[41:]), 7, relay.url)
        with pytest.raises(TokenRejected) as refused:
            await AiortcTransport().join(bad, Ear())
        assert refused.value.reason == 8

    with_relay(check)


def test_a_channel_that_is_not_open_is_refused() -> None:
    async def check(relay: Relay) -> None:
        grant = relay.grant(7)
        relay.rooms.close("room")
        with pytest.raises(JoinFailed, match="no channel 'room'"):
            await AiortcTransport().join(grant, Ear())

    with_relay(check)


@pytest.mark.fault("F13")
@pytest.mark.parametrize("stuck", ["HTTP", "ICE", "WebSocket"])
def test_a_join_that_is_not_answered_is_given_up_and_leaves_nothing(
    stuck: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    never = asyncio.Event()
    monkeypatch.setattr(leg_module, "JOIN_TIMEOUT_S", 0.5)

    async def silent(request: Request) -> Response:
        await never.wait()
        return PlainTextResponse("too late")

    async def check(relay: Relay) -> None:
        incoming = Impairment()
        if stuck == "WebSocket":
            monkeypatch.setattr(WebRtcClient, "attend", lambda self, websocket: never.wait())
        async with serving([Route("/relay/join", silent, methods=["POST"])]) as url:
            grant = relay.grant(7)
            if stuck == "HTTP":
                grant = dataclasses.replace(grant, endpoint=url)
            if stuck == "ICE":
                incoming.cut = True
            with pytest.raises(JoinTimeout):
                await AiortcTransport(incoming=incoming).join(grant, Ear())
            never.set()
        await until(lambda: relay.door.connections == 0, "given up by the relay as well")

    with_relay(check, join_timeout_s=0.5)


def test_joins_under_way_are_capped() -> None:
    async def check(relay: Relay) -> None:
        with pytest.raises(JoinFailed, match="limit"):
            await AiortcTransport().join(relay.grant(7), Ear())

    with_relay(check, most_joining=0)


def test_a_kicked_leg_reports_the_reason_once() -> None:
    async def check(relay: Relay) -> None:
        ear, other = Ear(), Ear()
        leg = await AiortcTransport().join(relay.grant(7), ear)
        relay.room.join_pcm(9, other)
        await until(lambda: ear.events == [MemberJoined(9)], "introduced")
        relay.room.kick(relay.room.rtp_members[0], "call over")
        await until(lambda: len(ear.events) == 2, "reported")
        assert ear.events[-1] == LegClosed("call over")
        assert other.events[-1] == MemberLeft(7, LeaveReason.DROPPED)
        leg.send(tone(0))
        await leg.leave()
        await leg.leave()
        assert len(ear.events) == 2

    with_relay(check)


@pytest.mark.fault("F18")
def test_a_second_join_with_the_uid_replaces_the_first() -> None:
    async def check(relay: Relay) -> None:
        ear = Ear()
        first = await AiortcTransport().join(relay.grant(7), ear)
        second = await AiortcTransport().join(relay.grant(7), Ear())
        await until(lambda: ear.events == [LegClosed("replaced")], "the first is put out")
        assert [member.uid for member in relay.room.members] == [7]
        await first.leave()
        await second.leave()

    with_relay(check)


@pytest.mark.slow
@pytest.mark.fault("F16")
def test_a_token_that_expires_in_mid_call_puts_its_member_out() -> None:
    async def check(relay: Relay) -> None:
        ear = Ear()
        leg = await AiortcTransport().join(relay.grant(7, expire_s=2), ear)
        await until(lambda: len(ear.events) == 2, "put out")
        assert ear.events == [GrantExpiring(), LegClosed("token expired")]
        await leg.leave()

    with_relay(check)


def test_a_client_that_is_killed_is_noticed_at_once() -> None:
    async def check(relay: Relay) -> None:
        ear, other = Ear(), Ear()
        relay.room.join_pcm(9, other)
        leg = await AiortcTransport().join(relay.grant(7), ear)
        abort_websocket(leg)
        await until(lambda: MemberLeft(7, LeaveReason.DROPPED) in other.events, "the others hear of it")
        await until(lambda: LegDisconnected() in ear.events, "and so does the leg")
        await leg.leave()

    with_relay(check)


def test_an_end_that_overtakes_the_last_audio_waits_for_it() -> None:
    async def check(relay: Relay) -> None:
        order: list[str] = []

        class Order(Ear):
            def on_event(self, event: object) -> None:
                order.append(type(event).__name__)

            def on_audio(self, uid: int, frame: AudioFrame) -> None:
                order.append("audio")

        callee = relay.room.join_pcm(9, Ear())
        callee.publish()
        leg = await AiortcTransport().join(relay.grant(7), Order())
        callee.send(tone(0))
        await until(lambda: "audio" in order, "the callee is heard")
        for index in range(1, 6):
            callee.send(tone(index))
        leg.on_relay_event(Left(9, LeaveReason.QUIT))  # before the packets
        callee.leave()
        await until(lambda: "MemberLeft" in order, "reported")
        assert order[-6:] == ["audio"] * 5 + ["MemberLeft"]
        await leg.leave()

    with_relay(check)


def test_the_reason_for_a_kick_is_reported_though_the_connection_ends_first() -> None:
    async def check(relay: Relay) -> None:
        ear = Ear()
        leg = await AiortcTransport().join(relay.grant(7), ear)
        end_peer(leg)  # DTLS says so before the WebSocket says why
        relay.room.kick(relay.room.rtp_members[0], "call over")
        await until(lambda: bool(ear.events), "reported")
        assert ear.events == [LegClosed("call over")]
        await leg.leave()

    with_relay(check)


def test_the_handler_is_not_called_after_leave() -> None:
    async def check(relay: Relay) -> None:
        ear = Ear()
        callee = relay.room.join_pcm(9, Ear())
        callee.publish()
        leg = await AiortcTransport().join(relay.grant(7), ear)
        leaving = asyncio.create_task(leg.leave())
        for index in range(10):
            callee.send(tone(index))
            await asyncio.sleep(0)
        await leaving
        events_before = len(ear.events), len(ear.audio)
        callee.leave()
        await until(lambda: relay.door.connections == 0, "the relay has let go of it")
        assert (len(ear.events), len(ear.audio)) == events_before

    with_relay(check)


def test_a_cancelled_leave_continues_by_itself() -> None:
    async def check(relay: Relay) -> None:
        transport = AiortcTransport()
        leg = await transport.join(relay.grant(7), Ear())
        leaving = asyncio.create_task(leg.leave())
        await asyncio.sleep(0)
        leaving.cancel()
        await asyncio.wait((leaving,))
        await transport.aclose()
        await until(lambda: relay.door.connections == 0, "left all the same")

    with_relay(check)


def test_leave_is_bounded_when_the_relay_is_stuck() -> None:
    async def check(relay: Relay) -> None:
        leg = await AiortcTransport().join(relay.grant(7), Ear())
        member = relay.room.rtp_members[0]

        async def stuck(timeout_s: float) -> None:
            await asyncio.sleep(5)

        member.wait_ended = stuck  # type: ignore[method-assign]  # a relay that does not answer a goodbye
        async with asyncio.timeout(1):
            await leg.leave()

    with_relay(check)


@pytest.mark.parametrize("endpoint", [None, "http://192.0.2.1:80", "https://127.0.0.1:1", "http://relay.example"])
def test_endpoints_that_are_not_a_relay_on_this_machine_are_rejected_unasked(endpoint: str | None) -> None:
    async def main() -> None:
        transport = AiortcTransport()
        with pytest.raises(TransportUnavailable, match="on this machine"):
            await transport.check(endpoint)
        with pytest.raises(TransportUnavailable, match="on this machine"):
            await transport.join(Grant(APP_ID, "room", Secret("007token"), 1, endpoint), Ear())

    asyncio.run(main())


def test_check_finds_out_that_there_is_no_codec(monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> None:
        raise OpusError("no Opus codec is installed")

    monkeypatch.setattr("offhook_aiortc.transport.default_backend", none)
    with pytest.raises(TransportUnavailable, match="no Opus codec is installed"):
        asyncio.run(AiortcTransport().check("http://127.0.0.1:9"))


def test_check_distinguishes_no_server_from_another_server() -> None:
    async def other(request: Request) -> Response:
        return PlainTextResponse("hello")

    async def main() -> None:
        transport = AiortcTransport()
        async with serving([Route("/{rest:path}", other)]) as url:
            with pytest.raises(TransportUnavailable, match="is not an offhook relay"):
                await transport.check(url + "/")
        with pytest.raises(TransportUnavailable, match=r"nothing is listening at .*offhook mock"):
            await transport.check(url)

    asyncio.run(main())


def test_the_environments_proxy_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://192.0.2.1:9")

    async def check(relay: Relay) -> None:
        transport = AiortcTransport()
        await transport.check(relay.url)
        leg = await transport.join(relay.grant(7), Ear())
        await leg.leave()

    with_relay(check)


def descriptors() -> set[str]:
    return {str(item.readlink()) for item in pathlib.Path("/proc/self/fd").iterdir() if item.is_symlink()}


def count_descriptors() -> int:
    return len(list(pathlib.Path("/proc/self/fd").iterdir()))


def sockets() -> set[str]:
    return {name for name in descriptors() if name.startswith("socket:")}


needs_proc = pytest.mark.skipif(not pathlib.Path("/proc/self/fd").exists(), reason="counts descriptors by /proc")


@needs_proc
def test_cancelling_a_join_anywhere_leaves_nothing_behind() -> None:
    async def check(relay: Relay) -> None:
        transport = AiortcTransport()
        leg = await transport.join(relay.grant(7), Ear())
        await leg.leave()
        await until(lambda: relay.door.connections == 0, "warmed up")
        steps = 0
        while True:
            tasks, before = asyncio.all_tasks(), sockets()
            join = asyncio.create_task(transport.join(relay.grant(7), Ear()))
            for _ in range(steps):
                await asyncio.sleep(0)
            if join.done():
                await join.result().leave()
                break
            join.cancel()
            await asyncio.wait((join,))
            assert join.cancelled(), f"the cancellation got lost after {steps} turns"
            for client in tuple(relay.door._clients.values()):  # pyright: ignore[reportPrivateUsage]
                client.kick("test")
            await until(lambda before=before: sockets() <= before, f"sockets closed after {steps} turns")  # type: ignore[misc]
            await until(lambda tasks=tasks: asyncio.all_tasks() <= tasks, f"tasks over after {steps} turns")  # type: ignore[misc]
            steps += 1
        assert steps > 10, "the join was broken off in many places"

    with_relay(check)


@needs_proc
def test_twenty_calls_leave_tasks_and_descriptors_as_they_were() -> None:
    async def check(relay: Relay) -> None:
        transport = AiortcTransport()

        async def call() -> None:
            ears = Ear(), Ear()
            legs = [await transport.join(relay.grant(uid), ear) for uid, ear in zip((7, 8), ears, strict=True)]
            for leg in legs:
                leg.send(tone(0))
            await until(lambda: all(ear.audio for ear in ears), "both hear")
            for leg in legs:
                await leg.leave()
            await until(lambda: relay.door.connections == 0, "the relay has let go")

        await call()
        tasks, before = len(asyncio.all_tasks()), count_descriptors()
        for _ in range(20):
            await call()
        await until(lambda: len(asyncio.all_tasks()) == tasks, "tasks are back")
        await until(lambda: count_descriptors() == before, "descriptors are back")
        await transport.aclose()

    with_relay(check)


def test_the_token_is_in_no_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    tokens: list[str] = []

    async def check(relay: Relay) -> None:
        grant = relay.grant(7)
        tokens.append(grant.token.reveal())
        leg = await AiortcTransport().join(grant, Ear())
        await leg.leave()

    with_relay(check)
    assert caplog.text
    assert tokens[0] not in caplog.text


@pytest.mark.parametrize(
    ("body", "content_type", "names"),
    [
        (b"{", "application/json", "message"),
        (b"{}", "application/json", "appId"),
        (b"{}", "text/plain", "content-type"),
        (b'{"appId":"' + b"a" * 70_000 + b'"}', "application/json", "at most"),
    ],
)
def test_the_door_names_what_is_wrong_with_a_request(body: bytes, content_type: str, names: str) -> None:
    async def check(relay: Relay) -> None:
        async with httpx.AsyncClient(trust_env=False) as http:
            answer = await http.post(relay.url + "/relay/join", content=body, headers={"content-type": content_type})
        assert answer.status_code == 400
        assert names in answer.json()["error"]["message"]
        assert answer.json()["error"]["code"] == "malformed"

    with_relay(check)


def test_a_join_that_is_not_completed_ends_by_itself() -> None:
    async def check(relay: Relay) -> None:
        grant = relay.grant(7)
        request = {
            "appId": APP_ID,
            "channel": "room",
            "token": grant.token.reveal(),
            "uid": 7,
            "ssrc": 1,
            "rejoin": False,
            "ice": {"ufrag": "abcd", "pwd": "p" * 22, "candidates": [{"ip": "host.local", "port": 9}]},
            "dtls": {"fingerprints": [{"algorithm": "sha-256", "value": "00"}]},
        }
        async with httpx.AsyncClient(trust_env=False) as http:
            answer = await http.post(relay.url + "/relay/join", json=request)
        assert answer.status_code == 200
        assert relay.door.connections == 1
        assert relay.room.members == ()
        await until(lambda: relay.door.connections == 0, "given up")

    with_relay(check, join_timeout_s=0.2)
