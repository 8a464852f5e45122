"""The WebRTC door from outside: what it answers, and what becomes of clients that misbehave."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

import httpx
import pytest
from tests.patience import PATIENCE_S
from tests.plugins.relay_kit import APP_ID, Ear, Relay, tone, until
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from offhook.interfaces.ids import Ids
from offhook.session.events import LeaveReason, LegClosed, MemberJoined, MemberLeft, MemberPublished
from offhook_mockserver.doors.webrtc import client as door_client
from offhook_wire import relay_protocol as protocol
from offhook_wire.opus import OpusEncoder
from offhook_wire.peer import Peer, make_certificate
from offhook_wire.rtp_out import OutStream

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from offhook.interfaces.grant import Grant

CERTIFICATE = make_certificate()


class Client:
    """A client by hand, that can stop anywhere."""

    def __init__(self, relay: Relay) -> None:
        self.relay = relay
        self.rtp: list[bytes] = []
        self.out = OutStream(Ids(5))
        self.encoder = OpusEncoder(16_000)
        self.events: list[protocol.RelayEvent] = []
        self.peer = Peer(
            controlling=True,
            certificate=CERTIFICATE,
            on_rtp=self.rtp.append,
            on_rtcp=lambda data: None,
            on_down=lambda reason: None,
        )
        self.answer: protocol.JoinAnswer
        self.websocket: ClientConnection

    async def post(self, grant: Grant) -> httpx.Response:
        local = await self.peer.gather()
        request = protocol.JoinRequest(grant.app_id, grant.channel, grant.token, grant.uid, self.out.ssrc, local)
        async with httpx.AsyncClient(trust_env=False) as http:
            return await http.post(self.relay.url + protocol.JOIN_PATH, json=request.to_json())

    async def open_events(self, sid: str) -> ClientConnection:
        url = self.relay.url.replace("http", "ws") + f"{protocol.EVENTS_PATH}?sid={sid}"
        return await connect(url, proxy=None, compression=None)

    async def join(self, uid: int = 7) -> None:
        self.answer = protocol.JoinAnswer.parse((await self.post(self.relay.grant(uid))).content)
        await self.peer.connect(self.answer.peer)
        self.websocket = await self.open_events(self.answer.sid)
        while not isinstance(event := await self.next_event(), protocol.Joined) or event.uid != self.answer.uid:
            self.events.append(event)

    async def next_event(self) -> protocol.RelayEvent:
        async with asyncio.timeout(PATIENCE_S):
            return protocol.parse_event(await self.websocket.recv())

    def say(self, index: int) -> None:
        payload = self.encoder.encode(tone(index).pcm)
        self.peer.send_rtp(self.out.packet(payload, index * 960, index * 0.02))


class MovableClock:
    """A relay whose time the test moves: both clocks by `pass_s`, the wall alone by `step_s`, as when it is set."""

    def __init__(self) -> None:
        self.pass_s = 0.0
        self.step_s = 0.0

    def monotonic_s(self) -> float:
        return asyncio.get_running_loop().time() + self.pass_s

    def wall_s(self) -> float:
        return 1_000_000.0 + self.pass_s + self.step_s


def with_client(check: Callable[[Relay, Client], Awaitable[None]], relay: Relay | None = None) -> None:
    async def main() -> None:
        async with (relay or Relay()).running() as running:
            client = Client(running)
            try:
                await check(running, client)
            finally:
                await client.peer.stop()

    asyncio.run(main())


def test_the_health_names_the_server_and_its_protocol() -> None:
    async def check(relay: Relay, client: Client) -> None:
        async with httpx.AsyncClient(trust_env=False) as http:
            answer = await http.get(relay.url + "/relay")
        assert answer.json() == {"relay": "offhook", "protocol": 2}

    with_client(check)


def test_all_clients_are_at_one_port_which_closes_with_the_last() -> None:
    async def check(relay: Relay, client: Client) -> None:
        other = Client(relay)
        await client.join(7)
        await other.join(8)
        (at,) = client.answer.peer.ice.candidates
        assert other.answer.peer.ice.candidates == (at,)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.sendto(b"\x80nobody's", (at.ip, at.port))
        await until(lambda: relay.door.strays == 1, "counted")
        other.say(0)
        await until(lambda: len(client.rtp) == 1, "the other is heard")
        await other.peer.stop()
        await client.peer.stop()
        await until(lambda: relay.door.connections == 0, "over")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as later:
            later.bind((at.ip, at.port))  # it is free again
        assert relay.room.counters.packets_stray == 0

    with_client(check)


def test_the_answer_lists_the_members_and_their_ssrcs() -> None:
    async def check(relay: Relay, client: Client) -> None:
        relay.room.join_pcm(9, Ear()).publish()
        relay.room.join_pcm(10, Ear())
        await client.join()
        assert [(member.uid, member.published) for member in client.answer.members] == [(9, True), (10, False)]
        assert len({member.ssrc for member in client.answer.members}) == 2
        assert client.answer.uid == 7

    with_client(check)


def test_no_event_between_the_answer_and_the_join_is_missed() -> None:
    async def check(relay: Relay, client: Client) -> None:
        answer = protocol.JoinAnswer.parse((await client.post(relay.grant(7))).content)
        between = relay.room.join_pcm(9, Ear())
        between.publish()
        between.leave()
        await client.peer.connect(answer.peer)
        client.websocket = await client.open_events(answer.sid)
        events = [await client.next_event() for _ in range(4)]
        assert answer.members == ()
        assert isinstance(events[0], protocol.Joined)
        assert events[1:3] == [protocol.Published(9), protocol.Left(9, LeaveReason.QUIT)]
        assert events[3] == protocol.Joined(7, client.out.ssrc), "the client itself is in"

    with_client(check)


def test_a_client_is_admitted_when_media_and_events_both_work() -> None:
    async def check(relay: Relay, client: Client) -> None:
        ear = Ear()
        relay.room.join_pcm(9, ear)
        answer = protocol.JoinAnswer.parse((await client.post(relay.grant(7))).content)
        await client.peer.connect(answer.peer)
        assert [member.uid for member in relay.room.members] == [9]
        await client.open_events(answer.sid)
        await until(lambda: ear.events == [MemberJoined(7)], "in")

    with_client(check)


def test_an_event_stream_is_opened_once_and_only_with_its_sid() -> None:
    async def check(relay: Relay, client: Client) -> None:
        await client.join()
        for sid in (client.answer.sid, "", "0" * 32):
            with pytest.raises(InvalidStatus):
                await client.open_events(sid)
        assert relay.room.members[0].uid == 7

    with_client(check)


@pytest.mark.parametrize(
    "message", ["", "{}", "[]", '{"type":"dance"}', '{"type":"leave","now":true}', b"\0", "x" * 70_000]
)
def test_an_invalid_message_ends_the_client(message: str | bytes) -> None:
    async def check(relay: Relay, client: Client) -> None:
        ear = Ear()
        relay.room.join_pcm(9, ear)
        await client.join()
        await client.websocket.send(message)
        await until(lambda: ear.events[-1] == MemberLeft(7, LeaveReason.DROPPED), "dropped")
        with pytest.raises(ConnectionClosed):
            await client.next_event()
        await until(lambda: relay.door.connections == 0, "over")

    with_client(check)


def test_the_last_packets_are_heard_though_leave_overtakes_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door_client, "LEAVE_DRAIN_S", PATIENCE_S)  # a busy machine may not read them in 30 ms

    async def check(relay: Relay, client: Client) -> None:
        ear = Ear()
        relay.room.join_pcm(9, ear)
        await client.join()
        for index in range(40):
            client.say(index)
        client.peer.send_rtcp(client.out.bye())
        await client.websocket.send(protocol.encode(protocol.Leave()))
        await until(lambda: MemberLeft(7, LeaveReason.QUIT) in ear.events, "left")
        assert len(ear.audio) == 40

    with_client(check)


def test_a_leave_without_a_bye_takes_effect_within_the_drain() -> None:
    async def check(relay: Relay, client: Client) -> None:
        ear = Ear()
        relay.room.join_pcm(9, ear)
        await client.join()
        client.say(0)
        await client.websocket.send(protocol.encode(protocol.Leave()))
        await until(lambda: MemberLeft(7, LeaveReason.QUIT) in ear.events, "left")
        assert len(ear.audio) == 1

    with_client(check)


def test_a_peer_that_closes_without_leaving_is_dropped() -> None:
    async def check(relay: Relay, client: Client) -> None:
        ear = Ear()
        relay.room.join_pcm(9, ear)
        await client.join()
        await client.peer.stop()
        await until(lambda: MemberLeft(7, LeaveReason.DROPPED) in ear.events, "dropped")
        await until(lambda: relay.door.connections == 0, "over")

    with_client(check)


@pytest.mark.slow
@pytest.mark.fault("F17")
@pytest.mark.parametrize("step_s", [0, 600, -600])
def test_a_token_expires_by_the_relays_clock_though_the_wall_clock_is_set(step_s: float) -> None:
    clock = MovableClock()

    async def check(relay: Relay, client: Client) -> None:
        ear = Ear()
        relay.room.join_pcm(9, ear)
        await client.join()
        clock.step_s = step_s
        clock.pass_s = 560
        await asyncio.sleep(1.1)  # the relay looks at its clock at least each second
        assert relay.room.rtp_members
        clock.pass_s = 575
        warning = await client.next_event()
        assert isinstance(warning, protocol.TokenExpiring)
        assert 20 < warning.in_s <= 25
        assert relay.room.rtp_members
        clock.pass_s = 600
        assert await client.next_event() == protocol.Kicked("token expired")
        assert ear.events[-1] == MemberLeft(7, LeaveReason.DROPPED)
        refused = await client.post(relay.grant(7, issued_s=999_000 - 600))
        assert refused.status_code == 403
        assert protocol.RefusalAnswer.parse(refused.content).error.reason == 9

    with_client(check, Relay(clock))


def test_closing_the_channel_ends_joins_under_way_too() -> None:
    async def check(relay: Relay, client: Client) -> None:
        await client.post(relay.grant(7))
        assert relay.door.connections == 1
        relay.rooms.close("room")
        await until(lambda: relay.door.connections == 0, "over")
        refused = await client.post(relay.grant(7))
        assert refused.status_code == 404
        assert "Dial again" in protocol.RefusalAnswer.parse(refused.content).error.message

    with_client(check)


def test_closing_the_door_removes_all_clients_and_is_idempotent() -> None:
    async def check(relay: Relay, client: Client) -> None:
        ear = Ear()
        relay.room.join_pcm(9, ear)
        await client.join()
        await relay.door.aclose()
        await relay.door.aclose()
        assert relay.door.connections == 0
        assert await client.next_event() == protocol.Kicked("server stopped")
        assert [member.uid for member in relay.room.members] == [9]
        assert LegClosed("server stopped") not in ear.events

    with_client(check)


def test_a_client_that_reads_no_events_is_removed_and_does_no_harm() -> None:
    async def check(relay: Relay, client: Client) -> None:
        await client.join()
        client.websocket.transport.pause_reading()  # a client that hangs
        callee = relay.room.join_pcm(9, Ear())
        for _ in range(2000):
            callee.publish()
            callee.unpublish()
        await until(lambda: relay.room.rtp_members == (), "put out")
        client.websocket.transport.abort()

    with_client(check)


def test_an_expected_member_is_not_heard() -> None:
    async def check(relay: Relay, client: Client) -> None:
        ear = Ear()
        relay.room.join_pcm(9, ear)
        answer = protocol.JoinAnswer.parse((await client.post(relay.grant(7))).content)
        await client.peer.connect(answer.peer)
        client.say(0)
        client.say(1)
        client.websocket = await client.open_events(answer.sid)
        await client.next_event()
        client.say(2)
        await until(lambda: len(ear.audio) == 1, "heard once in")
        assert ear.events == [MemberJoined(7), MemberPublished(7)]

    with_client(check)


def test_a_request_for_another_app_is_refused() -> None:
    async def check(relay: Relay, client: Client) -> None:
        local = await client.peer.gather()
        request = protocol.JoinRequest("b" * 32, "room", relay.grant(7).token, 7, 5, local)
        async with httpx.AsyncClient(trust_env=False) as http:
            answer = await http.post(relay.url + "/relay/join", json=request.to_json())
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "app_id")
        assert request.app_id != APP_ID

    with_client(check)
