"""The PCM door over real sockets: what it says, audio to the bit, losing and coming back, clients that misbehave."""

from __future__ import annotations

import asyncio
import json
import os
import struct
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.patience import PATIENCE_S
from tests.plugins.relay_kit import APP_ID, CERTIFICATE, Ear, tone, until
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from offhook.interfaces.frame import AudioFrame
from offhook.plugin.manager import Plugins
from offhook.secret import Secret
from offhook.session.events import LeaveReason, MemberJoined, MemberLeft, MemberPublished, MemberUnpublished
from offhook_mockserver.doors import limits, outbox
from offhook_mockserver.rooms.admission import JoinRefused, check_may_join
from offhook_mockserver.rooms.room import MAX_ROOM_MEMBERS
from offhook_mockserver.server.socket_server import MockServer
from offhook_mockserver.server.websocket_connection import RefusableWebSocket
from offhook_wire import pace, pcm_protocol
from offhook_wire.access_token import mint
from offhook_wire.pcm_protocol import Audio, Join, Unpublish, Welcome
from offhook_wire.relay_protocol import Leave

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from offhook_mockserver.rooms.room import Room

Message = dict[str, Any]


class MovableClock:
    """The time of tokens, moved by the test."""

    def __init__(self) -> None:
        self.pass_s = 0.0

    def monotonic_s(self) -> float:
        return self.pass_s

    def wall_s(self) -> float:
        return 1_000_000.0 + self.pass_s


class Client:
    """A client that was written from docs/reference/pcm-door.md: it uses json and struct, and nothing of ours."""

    def __init__(self, port: int) -> None:
        self.url = f"ws://127.0.0.1:{port}/relay/pcm"
        self.websocket: ClientConnection

    async def ask(self, **fields: object) -> Message:
        """Connect, say `join` with these fields, and give the answer."""
        self.websocket = await connect(self.url, proxy=None, compression=None)
        await self.say(type="join", **fields)
        return await self.event()

    async def say(self, **message: object) -> None:
        await self.websocket.send(json.dumps(message))

    async def speak(self, position: int, pcm: bytes) -> None:
        await self.websocket.send(struct.pack("<IQ", 0, position) + pcm)

    async def next(self) -> str | bytes:
        async with asyncio.timeout(PATIENCE_S):
            return await self.websocket.recv()

    async def event(self) -> Message:
        """The next event; audio before it is left out."""
        while isinstance(message := await self.next(), bytes):
            pass
        pcm_protocol.parse_event(message)  # what the door says is what our own parser takes
        event: Message = json.loads(message)
        return event

    async def closed(self) -> int:
        """The code that the WebSocket was closed with, and nothing before it."""
        with pytest.raises(ConnectionClosed) as caught:
            await self.next()
        return caught.value.rcvd.code if caught.value.rcvd else 1006


class Place:
    """A mock with a room, and clients for it."""

    def __init__(self, server: MockServer, room: Room, clock: MovableClock) -> None:
        self.server = server
        self.room = room
        self.clock = clock
        self.ear = Ear()
        self.callee = room.join_pcm(9, self.ear)
        self._clients: list[Client] = []

    @property
    def door(self) -> Any:
        return self.server._pcm_door  # pyright: ignore[reportPrivateUsage]

    def client(self) -> Client:
        client = Client(self.server.port)
        self._clients.append(client)
        return client

    def join(self, **changed: object) -> Message:
        """The fields of a join that is let in, but for what is changed."""
        uid = changed.get("uid", 7)
        return {"app_id": APP_ID, "channel": "room", "token": self.token(), "uid": uid, **changed}

    def token(self, uid: int = 0, expire_s: int = 600, channel: str = "room") -> str:
        issued_s = int(self.clock.wall_s())
        return mint(APP_ID, CERTIFICATE, channel, uid, issued_s=issued_s, salt=1, expire_s=expire_s)

    async def enter(self, **changed: object) -> tuple[Client, Message]:
        client = self.client()
        welcome = await client.ask(**self.join(**changed))
        assert welcome["type"] == "welcome", welcome
        return client, welcome

    def gone(self, reason: LeaveReason) -> bool:
        return self.ear.events[-1:] == [MemberLeft(7, reason)]

    async def close(self) -> None:
        for client in self._clients:
            if hasattr(client, "websocket"):
                client.websocket.transport.abort()


def at_the_door(check: Callable[[Place], Awaitable[None]], lost_after_s: float = 10.0, **door: float) -> None:
    """Run a check against a mock of its own; afterwards no task is left."""

    async def main() -> None:
        clock = MovableClock()
        async with MockServer(clock=clock, plugins=Plugins()) as server:
            for name, value in door.items():
                setattr(server._pcm_door, f"_{name}", value)
            room = server.rooms.create("room", APP_ID, CERTIFICATE, lost_after_s=lost_after_s)
            place = Place(server, room, clock)
            try:
                await check(place)
            finally:
                await place.close()
        await until(lambda: len(asyncio.all_tasks()) == 1, "no task is left")
        timers: list[asyncio.TimerHandle] = asyncio.get_running_loop()._scheduled  # type: ignore[attr-defined]
        assert not [timer for timer in timers if "TokenLife" in repr(timer) and not timer.cancelled()]
        assert place.door.clients == place.door.connections == 0

    asyncio.run(main())


def test_events_arrive_in_order_and_once() -> None:
    async def check(place: Place) -> None:
        place.callee.publish()
        client, welcome = await place.enter()
        other = place.room.join_pcm(10, Ear())
        other.publish()
        other.unpublish()
        other.leave()
        late = place.room.join_pcm(11, Ear())
        late.leave(LeaveReason.DROPPED)
        place.callee.unpublish()
        place.server.rooms.close("room")
        events = [await client.event() for _ in range(9)]
        assert welcome == {
            "type": "welcome",
            "uid": 7,
            "rate_hz": 16_000,
            "place": welcome["place"],
            "members": [{"uid": 9, "published": True}],
        }
        assert events == [
            {"type": "joined", "uid": 10},
            {"type": "published", "uid": 10},
            {"type": "unpublished", "uid": 10},
            {"type": "left", "uid": 10, "reason": "quit"},
            {"type": "joined", "uid": 11},
            {"type": "left", "uid": 11, "reason": "dropped"},
            {"type": "unpublished", "uid": 9},
            {"type": "left", "uid": 9, "reason": "dropped"},
            {"type": "kicked", "reason": "channel closed"},
        ]
        assert await client.closed() == 1000

    at_the_door(check)


def test_audio_passes_to_the_bit_in_both_directions() -> None:
    async def check(place: Place) -> None:
        client, _ = await place.enter(uid=0)
        frames = [AudioFrame(tone(index).pcm, 16_000, 2**40 + index * 320) for index in range(20)]
        frames.append(AudioFrame(b"\x01\x80", 16_000, 2**40 + 20 * 320))
        for frame in frames:
            await client.speak(frame.position, frame.pcm)
        await until(lambda: len(place.ear.audio) == len(frames), "all heard")
        uid = place.room.members[1].uid
        assert place.ear.events == [MemberJoined(uid), MemberPublished(uid)]
        assert [(who, frame.position, frame.pcm) for who, frame in place.ear.audio] == [
            (uid, frame.position, frame.pcm) for frame in frames
        ]
        place.callee.publish()
        for frame in frames:
            place.callee.send(frame)
        assert await client.event() == {"type": "published", "uid": 9}
        for frame in frames:
            message = await client.next()
            assert isinstance(message, bytes)
            assert struct.unpack("<IQ", message[:12]) == (9, frame.position)
            assert message[12:] == frame.pcm
            assert Audio.parse(message) == Audio(9, frame.position, frame.pcm)

    at_the_door(check)


def test_a_client_publishes_by_talking_and_stops_when_it_says_so() -> None:
    async def check(place: Place) -> None:
        client, _ = await place.enter()
        for _ in range(2):
            await client.speak(0, b"\0\0")
            await client.say(type="unpublish")
        await client.say(type="leave")
        await until(lambda: place.gone(LeaveReason.QUIT), "left")
        said = [MemberPublished(7), MemberUnpublished(7)]
        assert place.ear.events == [MemberJoined(7), *said, *said, MemberLeft(7, LeaveReason.QUIT)]
        assert await client.closed() == 1000
        assert place.door.clients == 0

    at_the_door(check)


LEAVES_AND_CLOSES = bytes.fromhex("8191 00000000") + b'{"type": "leave"}' + bytes.fromhex("8882 00000000 03e8")
IS_NO_FRAME = bytes.fromhex("8380 00000000")


@pytest.mark.parametrize(
    ("sent", "malformed", "reason"),
    [(LEAVES_AND_CLOSES, 0, LeaveReason.QUIT), (IS_NO_FRAME, 1, LeaveReason.DROPPED)],
)
def test_what_a_client_sent_before_it_closed_counts_while_it_is_sent_audio(
    sent: bytes, malformed: int, reason: LeaveReason
) -> None:
    async def check(place: Place) -> None:
        client, _ = await place.enter()
        place.callee.publish()
        assert await client.event() == {"type": "published", "uid": 9}
        loop, speaking = asyncio.get_running_loop(), True

        def speak() -> None:  # in each turn of the loop, so that a send fails before what has arrived is read
            place.callee.send(tone(0))
            if speaking:
                loop.call_soon(speak)

        speak()
        client.websocket.transport.write(sent)
        try:
            await until(lambda: any(isinstance(event, MemberLeft) for event in place.ear.events), "left")
        finally:
            speaking = False
        assert place.gone(reason)
        assert place.room.counters.malformed == malformed

    at_the_door(check, lost_after_s=1.0)


def test_a_misuse_is_passed_on_once_for_each_name(caplog: pytest.LogCaptureFixture) -> None:
    noted: list[str] = []

    async def check(place: Place) -> None:
        place.room.on_misuse = noted.append
        client, _ = await place.enter()
        await client.say(type="misuse", name="use after release", detail="push \x1b[31m\n")
        await client.say(type="misuse", name="use after release", detail="another")
        for number in range(40):
            await client.say(type="misuse", name=f"kind {number}", detail="\u202e")
        await client.say(type="unpublish")
        await client.say(type="leave")
        assert await client.closed() == 1000

    at_the_door(check)
    assert noted[0] == "misuse: use after release: push \\x1b[31m\\n"
    assert noted[1:] == [f"misuse: kind {number}: \\u202e" for number in range(31)]
    warnings = [record.getMessage() for record in caplog.records if "misuse" in record.getMessage()]
    assert len(warnings) == 32


@pytest.mark.fault("F14")
@pytest.mark.parametrize(
    ("changed", "code", "reason"),
    [
        ({"channel": "elsewhere"}, "no_such_channel", None),
        ({"channel": "\u202e" * 256}, "no_such_channel", None),
        ({"app_id": "b" * 32}, "app_id", None),
        ({"token": "007nonsense"}, "token_rejected", 8),
        ({"token": "other uid"}, "token_rejected", 8),
        ({"token": "expired"}, "token_rejected", 9),
        ({"uid": -1}, "malformed", None),
        ({"uid": True}, "malformed", None),
        ({"uid": 0, "rejoin": "x"}, "malformed", None),
        ({"type": "leave"}, "malformed", None),
        ({"more": 1}, "malformed", None),
        ({"channel": "x" * 9000}, "malformed", None),
    ],
)
def test_a_client_that_may_not_join_receives_the_reason(changed: Message, code: str, reason: int | None) -> None:
    async def check(place: Place) -> None:
        tokens = {"other uid": place.token(8), "expired": place.token(expire_s=1)}
        client = place.client()
        fields = place.join(**changed)
        fields["token"] = tokens.get(fields["token"], fields["token"])
        if changed.get("token") == "expired":
            place.clock.pass_s = 2
        kind = fields.pop("type", "join")
        client.websocket = await connect(client.url, proxy=None, compression=None)
        await client.say(type=kind, **fields)
        refused = await client.event()
        assert (refused["type"], refused["code"], refused["reason"]) == ("refused", code, reason)
        assert fields["token"] not in refused["message"]
        assert await client.closed() == 1000
        assert place.ear.events == []

    at_the_door(check)


@pytest.mark.parametrize(("door", "code"), [({"join_timeout_s": 0.05}, "timeout"), ({"most_joining": 0}, "busy")])
def test_joins_under_way_are_limited_in_number_and_time(door: dict[str, float], code: str) -> None:
    async def check(place: Place) -> None:
        client = place.client()
        client.websocket = await connect(client.url, proxy=None, compression=None)
        assert (await client.event())["code"] == code
        assert await client.closed() == 1000

    at_the_door(check, **door)


@pytest.mark.fault("F18")
def test_a_second_of_the_same_uid_replaces_the_first_which_cannot_come_back() -> None:
    async def check(place: Place) -> None:
        first, welcome = await place.enter()
        second, _ = await place.enter()
        assert await first.event() == {"type": "kicked", "reason": "replaced"}
        assert await first.closed() == 1000
        refused = await first.ask(**place.join(rejoin=welcome["place"]))
        assert (refused["type"], refused["code"]) == ("refused", "replaced")
        place.callee.publish()
        assert await second.event() == {"type": "published", "uid": 9}
        with pytest.raises(JoinRefused, match="another client has joined"):  # nor can one that came by another door
            check_may_join(place.server.rooms, APP_ID, "room", Secret(place.token()), 7, identity=0x5EED)

    at_the_door(check)


def test_a_lost_client_stays_a_member_and_comes_back() -> None:
    async def check(place: Place) -> None:
        client, welcome = await place.enter()
        await client.speak(0, b"\0\0")
        await until(lambda: len(place.ear.audio) == 1, "heard")
        heard = list(place.ear.events)
        client.websocket.transport.abort()
        await until(lambda: place.door.connections == 0, "lost")
        place.callee.publish()
        place.callee.send(tone(0))
        place.room.join_pcm(10, Ear())
        again = await client.ask(**place.join(rejoin=welcome["place"]))
        assert again == {**welcome, "members": [{"uid": 9, "published": True}, {"uid": 10, "published": False}]}
        await client.speak(320, b"\1\0")
        await until(lambda: len(place.ear.audio) == 2, "heard again")
        await asyncio.sleep(0.35)  # more than lost_after_s: the room does not wait any longer
        assert place.ear.events == [*heard, MemberJoined(10)], "the others noticed nothing"
        assert place.door.clients == 1

    at_the_door(check, lost_after_s=0.3)


def test_a_client_that_comes_back_before_its_loss_was_noticed_replaces_its_old_connection() -> None:
    async def check(place: Place) -> None:
        client, welcome = await place.enter()
        old = client.websocket
        assert (await client.ask(**place.join(rejoin=welcome["place"])))["type"] == "welcome"
        with pytest.raises(ConnectionClosed):
            await old.recv()
        await client.speak(0, b"\0\0")
        await until(lambda: len(place.ear.audio) == 1, "heard")
        assert place.ear.events == [MemberJoined(7), MemberPublished(7)]

    at_the_door(check)


def test_a_client_that_stays_away_has_dropped_and_may_come_back_as_a_new_member() -> None:
    async def check(place: Place) -> None:
        client, welcome = await place.enter()
        client.websocket.transport.abort()
        await until(lambda: place.gone(LeaveReason.DROPPED), "dropped")
        assert place.door.clients == 0
        again = await client.ask(**place.join(rejoin=welcome["place"]))
        assert again["place"] != welcome["place"]
        assert place.ear.events[-1] == MemberJoined(7)

    at_the_door(check, lost_after_s=0.05)


@pytest.mark.slow
@pytest.mark.fault("F15", "F16")
def test_tokens_are_said_to_expire_renewed_refused_and_expire() -> None:
    async def check(place: Place) -> None:
        client, _ = await place.enter(token=place.token(expire_s=60))
        place.clock.pass_s = 40.5
        expiring = await client.event()
        assert expiring == {"type": "token_expiring", "in_s": 20}
        await client.say(type="renew", token="007nonsense")
        refused = await client.event()
        assert (refused["type"], refused["reason"]) == ("renewal_refused", 8)
        await client.say(type="renew", token=place.token(expire_s=60))
        assert await client.event() == {"type": "renewed"}
        place.clock.pass_s = 75
        assert (await client.event())["type"] == "token_expiring"
        assert place.ear.events == [MemberJoined(7)]
        place.clock.pass_s = 101
        assert await client.event() == {"type": "kicked", "reason": "token expired"}
        assert place.gone(LeaveReason.DROPPED)

    at_the_door(check)


@pytest.mark.fault("F29")
@pytest.mark.parametrize(
    ("message", "named"),
    [
        ("", "JSON object"),
        ("[]", "object"),
        ('{"type":"dance"}', "type must be leave, renew, unpublish or misuse"),
        ('{"type":"leave","now":true}', "now is not a field"),
        (json.dumps({"type": "leave", "\u202e" * 64: 1}), "is not a field"),
        ('{"type":"renew"}', "token is missing"),
        ("[" * 5000, "JSON object"),
        ("x" * 9000, "8192 characters"),
        (b"", "of 0 bytes"),
        (b"\0" * 12, "of 12 bytes"),
        (b"\0" * 15, "of 15 bytes"),
        (b"\0" * (12 + 642), "20.0625 ms"),
        (b"\0" * 2000, "of 2000 bytes"),
        (b"\7" + b"\0" * 13, "uid of audio must be 0"),
    ],
)
def test_an_invalid_message_removes_the_client_and_is_explained(message: str | bytes, named: str) -> None:
    async def check(place: Place) -> None:
        client, _ = await place.enter()
        await client.websocket.send(message)
        kicked = await client.event()
        assert kicked["type"] == "kicked"
        assert kicked["reason"].startswith("malformed: ")
        assert named in kicked["reason"]
        assert await client.closed() == 1000
        assert place.ear.events == [MemberJoined(7), MemberLeft(7, LeaveReason.DROPPED)]
        assert place.room.counters.malformed == 1

    at_the_door(check)


@pytest.mark.fault("F44")
def test_a_message_that_is_far_too_large_is_not_read() -> None:
    async def check(place: Place) -> None:
        client, _ = await place.enter()
        await client.websocket.send(b"\0" * 100_000)
        assert await client.closed() == 1009
        await until(lambda: place.gone(LeaveReason.DROPPED), "put out, and not just lost")
        assert place.room.counters.malformed == 1

    at_the_door(check)


@pytest.mark.fault("F49", "F50")
@pytest.mark.parametrize(
    ("header", "status"), [({"Origin": "http://evil.example"}, 403), ({"Host": "evil.example"}, 421)]
)
def test_pages_of_other_origins_are_refused_before_the_first_message(header: dict[str, str], status: int) -> None:
    async def check(place: Place) -> None:
        async with httpx.AsyncClient(trust_env=False) as http:
            upgrade = {
                "Connection": "Upgrade",
                "Upgrade": "websocket",
                "Sec-WebSocket-Version": "13",
                "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
            }
            answer = await http.get(f"{place.server.url}/relay/pcm", headers={**upgrade, **header})
        assert answer.status_code == status
        assert place.door.connections == 0
        with pytest.raises(InvalidStatus):
            await connect(place.client().url, proxy=None, origin="http://evil.example")  # type: ignore[arg-type]

    at_the_door(check)


def test_the_client_that_a_full_room_has_no_space_for_is_refused() -> None:
    async def check(place: Place) -> None:
        for uid in range(100, 100 + MAX_ROOM_MEMBERS - 2):
            place.room.join_pcm(uid, Ear())
        await place.enter()
        refused = await place.client().ask(**place.join(uid=8))
        assert (refused["type"], refused["code"]) == ("refused", "unavailable")
        assert f"{MAX_ROOM_MEMBERS} members" in refused["message"]
        await place.enter(uid=7)  # which replaces the member

    at_the_door(check)


def test_plain_http_gets_a_description_of_the_door() -> None:
    async def check(place: Place) -> None:
        async with httpx.AsyncClient(trust_env=False) as http:
            answer = await http.get(f"{place.server.url}/relay/pcm")
            other = await http.post(f"{place.server.url}/relay/pcm", json={})
        assert answer.json() == {"relay": "offhook", "door": "pcm", "protocol": 1, "path": "/relay/pcm"}
        assert other.status_code == 501

    at_the_door(check)


def test_a_slow_reader_loses_audio_and_no_events() -> None:
    async def main() -> None:
        waiting, taken = outbox.Outbox(lambda: None), 0
        for index in range(limits.MOST_AUDIO + 30):
            taken += waiting.put_audio(b"%d" % index)
            if index < 3:
                waiting.put(f"event {index}")
        assert taken == limits.MOST_AUDIO, "for each of the others an older one was dropped"
        waiting.end()
        waiting.put("too late")
        waiting.put_audio(b"too late")

        class Pipe:
            application_state = None

            def __init__(self) -> None:
                self.sent: list[str | bytes] = []

            async def send_text(self, text: str) -> None:
                self.sent.append(text)

            send_bytes = send_text

            async def close(self) -> None:
                self.sent.append("closed")

        pipe = Pipe()
        await waiting.pump(pipe)  # type: ignore[arg-type]
        kept = [b"%d" % index for index in range(30, limits.MOST_AUDIO + 30)]
        assert pipe.sent == ["event 0", "event 1", "event 2", *kept, "closed"]

    asyncio.run(main())


@pytest.mark.slow
def test_a_client_that_reads_nothing_is_removed_and_does_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "MOST_AHEAD_S", 600.0)  # all frames are sent at once

    async def check(place: Place) -> None:
        client, _ = await place.enter()
        client.websocket.transport.pause_reading()  # a client that hangs
        frame = tone(0)
        place.callee.publish()
        for index in range(20_000):
            place.callee.send(frame)
            if index % 50 == 0:
                await asyncio.sleep(0)
        assert place.door.clients == 1, "audio that it does not take is its own loss"
        for _ in range(300):
            place.callee.unpublish()
            place.callee.publish()
        await until(lambda: place.gone(LeaveReason.DROPPED), "put out")
        await until(lambda: not place.server._server.server_state.connections, "its socket is closed")  # type: ignore[union-attr]
        assert place.room.counters.audio_dropped > 10_000

    at_the_door(check)


def test_a_silent_connection_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RefusableWebSocket, "ping_interval_s", 0.05)
    monkeypatch.setattr(RefusableWebSocket, "silence_s", 0.3)

    async def check(place: Place) -> None:
        quiet, _ = await place.enter(uid=8)
        client, _ = await place.enter()
        client.websocket.transport.pause_reading()  # its machine was unplugged: not even a ping is answered
        await until(lambda: place.gone(LeaveReason.DROPPED), "lost, and not back in time")
        await quiet.websocket.ping()
        assert place.door.clients == 1, "who says nothing but answers pings stays"

    at_the_door(check, lost_after_s=0.05)


def test_stopping_the_server_notifies_the_clients_and_leaves_nothing() -> None:
    async def check(place: Place) -> None:
        client, _ = await place.enter()
        lost, _ = await place.enter(uid=8)
        lost.websocket.transport.abort()
        waiting = place.client()
        waiting.websocket = await connect(waiting.url, proxy=None, compression=None)
        await until(lambda: place.door.connections == 2, "one in, one not yet, one lost")
        await place.server.aclose()
        assert {"type": "kicked", "reason": "server stopped"} in [await client.event() for _ in range(2)]
        assert (await waiting.event())["code"] == "timeout"

    at_the_door(check)


def test_fifty_clients_leave_no_descriptors() -> None:
    def descriptors() -> int:
        return len(list(Path("/dev/fd").iterdir()))

    async def check(place: Place) -> None:
        for index in range(51):
            client, _ = await place.enter()
            if index % 2:
                await client.say(type="leave")
                assert await client.closed() == 1000
            client.websocket.transport.abort()
            await until(lambda: place.door.connections == 0, "over")
            if index == 0:
                before, tasks = descriptors(), len(asyncio.all_tasks())
        await until(lambda: descriptors() <= before, "no descriptor is left")
        await until(lambda: len(asyncio.all_tasks()) <= tasks, "no task is left")

    at_the_door(check)


def test_a_member_that_is_removed_while_it_joins_is_notified() -> None:
    class Bouncer(Ear):
        def on_event(self, event: object) -> None:
            if event == MemberJoined(7):
                room.kick(room.members[-1], "no")

    room: Room

    async def check(place: Place) -> None:
        nonlocal room
        room = place.room
        room.join_pcm(10, Bouncer())
        await asyncio.sleep(0)
        client = place.client()
        assert (await client.ask(**place.join()))["type"] == "welcome"
        assert (await client.event())["type"] == "kicked"
        assert await client.closed() == 1000

    at_the_door(check)


_WITHOUT_MEDIA_LIBRARIES = """
import asyncio, re, sys
from pathlib import Path

for name in ("aiortc", "aioice", "av", "numpy", "soundfile", "soxr", "pylibsrtp"):
    sys.modules[name] = None
import httpx
from offhook.interfaces import Grant
from offhook.plugin import Plugins
from offhook.secret import Secret
from offhook_mockserver.callees.script import Answer, Script, Wait
from offhook_mockserver.server import MockServer

exec(re.search("```python\\n(.*?)```", Path(sys.argv[1]).read_text(encoding="utf-8"), re.DOTALL)[1])

async def main():
    script = Script("Is silent.", (Answer(), Wait(9)))
    async with MockServer(plugins=Plugins(), script_for=lambda number: script) as server:
        tenant = server.tenant
        headers = {"sb-api-key-id": tenant.api_key.reveal(), "sb-api-secret-key": tenant.api_secret.reveal()}
        numbers = {"phoneNumber": "+14155550123", "fromNumber": server.from_number}
        async with httpx.AsyncClient(trust_env=False, headers=headers) as http:
            grant = (await http.post(server.url + "/facetime/start-call", json=numbers)).json()["agora"]
        (call,) = tenant.calls.values()
        token = Secret(grant["token"])
        await echo(Grant(grant["appId"], grant["channelName"], token, grant["uid"], server.url), 0.1)
        print(call.callee.ear.frames_heard, "frames of ours were heard")

asyncio.run(main())
"""


@pytest.mark.slow
def test_the_documented_client_needs_no_media_library_and_uses_the_grant_unchanged() -> None:
    page = Path(__file__).parents[4] / "docs/reference/pcm-door.md"
    ran = subprocess.run(
        [sys.executable, "-c", _WITHOUT_MEDIA_LIBRARIES, page],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines()[-1] == "5 frames of ours were heard"


def test_no_log_holds_a_token(caplog: pytest.LogCaptureFixture) -> None:
    async def check(place: Place) -> None:
        token = place.token()
        client, _ = await place.enter(token=token)
        await client.say(type="renew", token=token)
        await client.event()
        said = [record.getMessage() for record in caplog.records if "websockets.client" not in record.name]
        assert said
        assert not [message for message in said if token[-16:] in message or token[4:20] in message]

    caplog.set_level("DEBUG")
    at_the_door(check)


def test_a_closed_room_refuses_a_client() -> None:
    async def check(place: Place) -> None:
        place.room.close()
        assert (await place.client().ask(**place.join()))["code"] == "unavailable"

    at_the_door(check)


_messages = st.one_of(
    st.text(max_size=40),
    st.binary(max_size=40),
    st.builds(
        lambda kind, fields: json.dumps({"type": kind, **fields}),
        st.sampled_from(["join", "leave", "renew", "unpublish", "welcome"]),
        st.dictionaries(
            st.sampled_from(["uid", "token", "app_id", "channel", "rejoin"]),
            st.none() | st.integers() | st.text(max_size=8),
        ),
    ),
    st.integers(0, 2**64 - 1).map(lambda position: struct.pack("<IQ", 0, position) + b"\0\0"),
)


@pytest.mark.slow
@pytest.mark.fault("F29")
@settings(max_examples=15, suppress_health_check=list(HealthCheck))
@given(joined=st.booleans(), messages=st.lists(_messages, min_size=1, max_size=4))
def test_the_door_survives_any_messages(joined: bool, messages: list[str | bytes]) -> None:
    async def check(place: Place) -> None:
        client = place.client()
        if joined:
            client, _ = await place.enter()
        else:
            client.websocket = await connect(client.url, proxy=None, compression=None)
        try:
            for message in messages:
                await client.websocket.send(message)
            await client.websocket.close()
        except ConnectionClosed:
            pass
        await until(lambda: place.door.connections == 0, "over")
        other, _ = await place.enter(uid=8)
        await other.say(type="leave")
        assert await other.closed() == 1000

    at_the_door(check, lost_after_s=0.01)


def test_the_parsers_accept_our_own_messages() -> None:
    join = Join("a", "b", Secret("c"), 7, "place")
    assert Join.parse(pcm_protocol.encode(join)).to_json() == join.to_json()
    welcome = Welcome(7, 16_000, "place", (pcm_protocol.Present(9, True),))
    assert pcm_protocol.parse_event(pcm_protocol.encode(welcome)) == welcome
    for message in (Leave(), Unpublish()):
        assert pcm_protocol.parse_client_message(pcm_protocol.encode(message)) == message
    assert "place" not in repr(welcome)
    assert "place" not in repr(join)
