"""Rooms: which member receives which events and audio, and that audio is encoded only where it is needed."""

from __future__ import annotations

import asyncio
import itertools
import math
from array import array
from typing import TYPE_CHECKING

import pytest
from tests.patience import PATIENCE_S

from offhook.interfaces.clock import SystemClock
from offhook.interfaces.frame import AudioFrame, level_dbfs
from offhook.interfaces.ids import Ids
from offhook.secret import Secret
from offhook.session.events import LeaveReason, LegClosed, MemberJoined, MemberLeft, MemberPublished, MemberUnpublished
from offhook.testing import LoopClock, run_virtual
from offhook_mockserver.rooms import room as room_module
from offhook_mockserver.rooms.room import MAX_ROOM_MEMBERS, Room
from offhook_mockserver.rooms.room_error import RoomError
from offhook_mockserver.rooms.rooms import Rooms
from offhook_mockserver.rooms.rtp_member import RtpMember
from offhook_wire import pace, rtcp, rtp
from offhook_wire.access_token import TokenInvalid, mint
from offhook_wire.opus import OpusEncoder
from offhook_wire.pcm_protocol import Audio
from offhook_wire.rtp_out import OutStream

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from offhook_mockserver.rooms.member import RoomEvent
    from offhook_mockserver.rooms.pcm_member import PcmMember

APP_ID = "a" * 32
CERTIFICATE = Secret("c" * 32)
RATE_HZ = 16_000


def tone(index: int, rate_hz: int = RATE_HZ) -> AudioFrame:
    samples = rate_hz // 50
    start = index * samples
    pcm = array("h", [round(8000 * math.sin(2 * math.pi * 440 * (start + n) / rate_hz)) for n in range(samples)])
    return AudioFrame(pcm.tobytes(), rate_hz, start)


class Ear:
    """A handler that keeps its events and audio."""

    def __init__(self) -> None:
        self.events: list[RoomEvent] = []
        self.audio: list[tuple[int, AudioFrame]] = []

    def on_event(self, event: RoomEvent) -> None:
        self.events.append(event)

    def on_audio(self, uid: int, frame: AudioFrame) -> None:
        self.audio.append((uid, frame))


class Wire:
    """A packet sender that keeps its packets."""

    def __init__(self) -> None:
        self.rtp: list[rtp.RtpPacket] = []
        self.rtcp: list[rtcp.Rtcp] = []

    def send_rtp(self, data: bytes) -> None:
        self.rtp.append(rtp.parse(data))

    def send_rtcp(self, data: bytes) -> None:
        self.rtcp += rtcp.parse(data)


class Talker:
    """The far end of an RTP member: makes the packets that its client would send."""

    def __init__(self, room: Room, uid: int, seed: int = 1) -> None:
        self.wire, self.ear = Wire(), Ear()
        self.stream = OutStream(Ids(seed))
        self.member = RtpMember(room, uid, self.wire, self.ear, clock=SystemClock(), ids=Ids(seed + 100))
        self.encoder = OpusEncoder(RATE_HZ)
        room.expect(self.member)
        room.admit(self.member)

    def say(self, index: int) -> None:
        payload = self.encoder.encode(tone(index).pcm)
        self.member.on_rtp(self.stream.packet(payload, index * rtp.FRAME_TICKS, index * 0.02))

    def bye(self) -> None:
        self.member.on_rtcp(self.stream.bye())


def make_room(rate_hz: int = RATE_HZ) -> Room:
    return Room("room", APP_ID, CERTIFICATE, clock=SystemClock(), ids=Ids("room"), rate_hz=rate_hz)


def in_loop(check: Callable[[Room], Awaitable[None]]) -> None:
    async def main() -> None:
        room = make_room()
        await check(room)
        room.close()

    asyncio.run(main())


async def a_turn() -> None:
    await asyncio.sleep(0)


def test_a_pcm_member_receives_the_members_that_are_there_after_joining() -> None:
    async def check(room: Room) -> None:
        first = room.join_pcm(7, Ear())
        first.publish()
        room.join_pcm(8, Ear())
        late = Ear()
        room.join_pcm(9, late)
        assert late.events == []
        await a_turn()
        assert late.events == [MemberJoined(7), MemberPublished(7), MemberJoined(8)]

    in_loop(check)


def test_events_go_to_the_others_in_order() -> None:
    async def check(room: Room) -> None:
        ear = Ear()
        room.join_pcm(1, ear)
        await a_turn()
        other = room.join_pcm(2, Ear())
        other.publish()
        other.publish()
        other.unpublish()
        other.leave(LeaveReason.DROPPED)
        other.leave()
        assert ear.events == [
            MemberJoined(2),
            MemberPublished(2),
            MemberUnpublished(2),
            MemberLeft(2, LeaveReason.DROPPED),
        ]

    in_loop(check)


def test_pcm_passes_uncoded_between_pcm_members_and_only_while_published() -> None:
    async def check(room: Room) -> None:
        ear, own = Ear(), Ear()
        room.join_pcm(1, ear)
        talker = room.join_pcm(2, own)
        talker.send(tone(0))
        talker.publish()
        talker.send(tone(1))
        assert [(uid, frame.pcm) for uid, frame in ear.audio] == [(2, tone(1).pcm)]
        assert own.audio == []
        assert room.counters.unheard == 1
        assert (room.encoders, room.decoders) == (0, 0)

    in_loop(check)


def test_audio_never_arrives_before_the_events_of_its_talker() -> None:
    async def check(room: Room) -> None:
        talker = room.join_pcm(2, Ear())
        talker.publish()
        order: list[str] = []

        class Order(Ear):
            def on_event(self, event: RoomEvent) -> None:
                order.append(type(event).__name__)

            def on_audio(self, uid: int, frame: AudioFrame) -> None:
                order.append("audio")

        room.join_pcm(1, Order())
        talker.send(tone(0))
        await a_turn()
        assert order == ["MemberJoined", "MemberPublished", "audio"]

    in_loop(check)


@pytest.mark.parametrize("frame", [tone(0, 48_000), AudioFrame(bytes(2 * 321), RATE_HZ)])
def test_a_frame_of_another_rate_or_length_is_refused(frame: AudioFrame) -> None:
    async def check(room: Room) -> None:
        talker = room.join_pcm(2, Ear())
        with pytest.raises(ValueError, match="not a frame of at most 20 ms"):
            talker.send(frame)

    in_loop(check)


def test_a_second_join_with_the_same_uid_removes_the_first_member() -> None:
    async def check(room: Room) -> None:
        ear, old, watcher = Ear(), Ear(), Ear()
        room.join_pcm(1, watcher)
        first = room.join_pcm(2, old)
        await a_turn()
        second = room.join_pcm(2, ear)
        assert old.events[-1] == LegClosed("replaced")
        assert not first.present
        assert second.present
        assert watcher.events[-2:] == [MemberLeft(2, LeaveReason.DROPPED), MemberJoined(2)]
        first.leave()
        assert second.present

    in_loop(check)


def test_a_failing_handler_does_not_affect_other_members(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Ear):
        def on_event(self, event: RoomEvent) -> None:
            raise RuntimeError("callee script")

        def on_audio(self, uid: int, frame: AudioFrame) -> None:
            raise RuntimeError("callee script")

    async def check(room: Room) -> None:
        ear = Ear()
        room.join_pcm(1, Broken())
        room.join_pcm(2, ear)
        await a_turn()
        talker = room.join_pcm(3, Ear())
        talker.publish()
        talker.send(tone(0))
        assert ear.events[-2:] == [MemberJoined(3), MemberPublished(3)]
        assert len(ear.audio) == 1

    in_loop(check)
    assert "callee script" in caplog.text


def test_uid_zero_gets_a_free_uid() -> None:
    async def check(room: Room) -> None:
        members = [room.join_pcm(0, Ear()) for _ in range(20)]
        assert len({member.uid for member in members}) == 20
        assert 0 not in {member.uid for member in members}

    in_loop(check)


def test_a_closed_room_removes_its_members_and_rejects_new_ones() -> None:
    async def check(room: Room) -> None:
        ear = Ear()
        room.join_pcm(1, ear)
        talker = Talker(room, 2)
        await a_turn()
        room.close("call over")
        assert ear.events[-1] == LegClosed("call over")
        assert talker.ear.events[-1] == LegClosed("call over")
        assert room.members == ()
        with pytest.raises(RoomError, match="closed"):
            room.join_pcm(3, Ear())

    in_loop(check)


def test_rtp_is_forwarded_without_a_decoder() -> None:
    async def check(room: Room) -> None:
        one, two = Talker(room, 1, seed=1), Talker(room, 2, seed=2)
        for index in range(10):
            one.say(index)
            two.say(index)
        assert len(one.wire.rtp) == len(two.wire.rtp) == 10
        assert (room.decoders, room.encoders) == (0, 0)
        heard = two.wire.rtp
        assert {packet.ssrc for packet in heard} == {two.member.ssrc_of(1)}
        assert one.stream.ssrc not in {packet.ssrc for packet in heard}
        steps = {rtp.sequence_distance(b.sequence, a.sequence) for a, b in itertools.pairwise(heard)}
        assert steps == {1}
        assert MemberPublished(1) in two.ear.events

    in_loop(check)


def test_one_decoder_per_talker_serves_all_pcm_members_and_is_closed_with_the_last() -> None:
    async def check(room: Room) -> None:
        talker = Talker(room, 1)
        ears = [Ear(), Ear()]
        members: list[PcmMember] = [room.join_pcm(uid, ear) for uid, ear in enumerate(ears, 10)]
        for index in range(10):
            talker.say(index)
        assert room.decoders == 1
        assert [len(ear.audio) for ear in ears] == [10, 10]
        assert [frame.position for _, frame in ears[0].audio] == [320 * index for index in range(10)]
        assert level_dbfs(ears[0].audio[-1][1].pcm) > -20
        for member in members:
            member.leave()
        assert room.decoders == 0

    in_loop(check)


def test_one_encoder_per_source_exists_only_while_an_rtp_member_listens() -> None:
    async def check(room: Room) -> None:
        source = room.join_pcm(1, Ear())
        source.publish()
        source.send(tone(0))
        assert room.encoders == 0
        listeners = [Talker(room, uid, seed=uid) for uid in (2, 3)]
        for index in range(1, 6):
            source.send(tone(index))
        assert room.encoders == 1
        assert [len(listener.wire.rtp) for listener in listeners] == [5, 5]
        assert listeners[0].wire.rtp[-1].payload == listeners[1].wire.rtp[-1].payload
        for listener in listeners:
            listener.member.leave()
        assert room.encoders == 0

    in_loop(check)


def test_a_pause_of_a_pcm_source_is_a_jump_of_the_timestamp_and_a_marker() -> None:
    async def check(room: Room) -> None:
        source = room.join_pcm(1, Ear())
        source.publish()
        listener = Talker(room, 2)
        for index in (0, 1, 50):
            source.send(tone(index))
        first, second, after = listener.wire.rtp
        assert rtp.timestamp_distance(second.timestamp, first.timestamp) == rtp.FRAME_TICKS
        assert rtp.timestamp_distance(after.timestamp, second.timestamp) == 49 * rtp.FRAME_TICKS
        assert rtp.sequence_distance(after.sequence, second.sequence) == 1
        assert [packet.marker for packet in (first, second, after)] == [True, False, True]

    in_loop(check)


def test_a_member_that_comes_back_continues_under_the_same_ssrc() -> None:
    async def check(room: Room) -> None:
        listener = Talker(room, 2)
        for _ in range(2):
            source = room.join_pcm(1, Ear())
            source.publish()
            source.send(tone(0))
            source.send(tone(1))
            source.leave()
        packets = listener.wire.rtp
        assert len({packet.ssrc for packet in packets}) == 1
        numbers = [rtp.sequence_distance(packet.sequence, packets[0].sequence) for packet in packets]
        assert numbers == [0, 1, 2, 3]
        assert sum(isinstance(packet, rtcp.Bye) for packet in listener.wire.rtcp) == 2

    in_loop(check)


def test_buffered_audio_is_heard_before_the_member_leaves() -> None:
    async def check(room: Room) -> None:
        talker, ear = Talker(room, 1), Ear()
        room.join_pcm(2, ear)
        talker.say(0)
        payload = talker.encoder.encode(tone(1).pcm)
        talker.stream.packet(payload, 960, 0.02)  # lost on the way
        talker.say(2)
        assert len(ear.audio) == 1
        talker.member.leave()
        assert [frame.position for _, frame in ear.audio] == [0, 320, 640]
        assert ear.events[-1] == MemberLeft(1, LeaveReason.QUIT)

    in_loop(check)


def test_wait_ended_returns_at_the_bye_or_at_its_timeout() -> None:
    async def check(room: Room) -> None:
        talker = Talker(room, 1)
        talker.say(0)
        await asyncio.wait_for(talker.member.wait_ended(0.001), PATIENCE_S)  # its own limit, not ours, must end it
        talker.bye()
        await asyncio.wait_for(talker.member.wait_ended(2 * PATIENCE_S), PATIENCE_S)

    in_loop(check)


def test_packets_before_admission_and_garbage_are_counted() -> None:
    async def check(room: Room) -> None:
        member = RtpMember(room, 5, Wire(), Ear(), clock=SystemClock(), ids=Ids(1))
        member.on_rtp(OutStream(Ids(2)).packet(b"x", 0, 0.0))
        room.expect(member)
        room.admit(member)
        member.on_rtp(b"\x80")
        member.on_rtcp(b"\x80\xc8")
        assert (room.counters.unheard, room.counters.malformed) == (1, 2)

    in_loop(check)


def test_an_expected_member_receives_events_before_it_is_admitted() -> None:
    async def check(room: Room) -> None:
        ear = Ear()
        member = RtpMember(room, 5, Wire(), ear, clock=SystemClock(), ids=Ids(1))
        room.expect(member)
        room.join_pcm(6, Ear()).publish()
        assert ear.events == [MemberJoined(6), MemberPublished(6)]
        member.leave()
        with pytest.raises(RoomError, match="before it was admitted"):
            room.admit(member)

    in_loop(check)


def test_the_directory_is_bounded_and_its_names_are_unique() -> None:
    async def main() -> None:
        rooms = Rooms(SystemClock(), Ids(1), limit=2)
        one = rooms.create("one", APP_ID, CERTIFICATE)
        rooms.create("two", APP_ID, CERTIFICATE)
        with pytest.raises(RoomError, match="open already"):
            rooms.create("one", APP_ID, CERTIFICATE)
        with pytest.raises(RoomError, match="limit"):
            rooms.create("three", APP_ID, CERTIFICATE)
        assert rooms.get("one") is one
        rooms.close("one")
        rooms.close("one")
        assert rooms.get("one") is None
        assert one.closed
        rooms.close_all()
        assert len(rooms) == 0

    asyncio.run(main())


def test_a_room_verifies_tokens_for_its_own_channel() -> None:
    async def check(room: Room) -> None:
        now_s = int(SystemClock().wall_s())
        good = mint(APP_ID, CERTIFICATE, "room", 5, issued_s=now_s, salt=1)
        assert room.verify(Secret(good), 5).channel == "room"
        with pytest.raises(TokenInvalid, match="uid 5"):
            room.verify(Secret(good), 6)

    in_loop(check)


class Hasty(Ear):
    """A handler that removes a member inside a callback."""

    def __init__(self) -> None:
        super().__init__()
        self.member: PcmMember | RtpMember | None = None

    def on_event(self, event: RoomEvent) -> None:
        super().on_event(event)
        if self.member is not None:
            self.member.leave()

    def on_audio(self, uid: int, frame: AudioFrame) -> None:
        super().on_audio(uid, frame)
        if self.member is not None:
            self.member.leave()


def test_a_handler_may_remove_any_member_inside_a_callback() -> None:
    async def check(room: Room) -> None:
        hasty = Hasty()
        room.join_pcm(2, hasty)
        await a_turn()
        talker = Talker(room, 1)
        talker.say(0)
        talker.stream.packet(talker.encoder.encode(tone(1).pcm), 960, 0.02)  # lost on the way
        talker.say(2)
        hasty.member = talker.member
        talker.member.leave()
        assert hasty.events[-1] == MemberLeft(1, LeaveReason.QUIT)
        assert not talker.member.present
        listener = Talker(room, 4)
        source = room.join_pcm(3, Ear())
        hasty.member = None
        source.publish()
        hasty.member = source
        source.send(tone(0))
        assert not source.encodes
        hasty.member = None
        newcomer = RtpMember(room, 5, Wire(), Ear(), clock=SystemClock(), ids=Ids(9))
        room.expect(newcomer)
        hasty.member = newcomer
        room.admit(newcomer)
        assert not newcomer.present
        assert listener.member.present

    in_loop(check)


def test_a_member_that_said_bye_and_stays_is_muted_after_a_second() -> None:
    async def main() -> None:
        room = make_room()
        ear = Ear()
        room.join_pcm(2, ear)
        talker = Talker(room, 1)
        talker.say(0)
        talker.bye()
        assert ear.events[-1] == MemberPublished(1)
        talker.member._report(1)  # pyright: ignore[reportPrivateUsage] - as its timer would after a second
        assert ear.events[-1] == MemberUnpublished(1)
        talker.say(1)
        assert ear.events[-1] == MemberPublished(1)
        room.close()

    asyncio.run(main())


def test_a_bye_that_names_only_other_streams_ends_nothing() -> None:
    async def check(room: Room) -> None:
        talker = Talker(room, 1)
        talker.say(0)
        talker.member.on_rtcp(
            rtcp.ReceiverReport(talker.stream.ssrc).encode() + rtcp.Bye((talker.stream.ssrc ^ 1,)).encode()
        )
        talker.member._report(1)  # pyright: ignore[reportPrivateUsage] - as its timer would after a second
        assert talker.member.published

    in_loop(check)


def test_watchers_are_called_once_a_turn_and_never_see_a_replaced_member_away() -> None:
    async def main() -> None:
        room = Rooms(LoopClock(), Ids("watch")).create("c", "a" * 32, Secret("c" * 32))
        seen: list[tuple[int, bool]] = []
        stop = room.watch(lambda: seen.append((len(room.members), room.closed)))
        waiting = asyncio.create_task(room.until(lambda: room.closed))
        await asyncio.sleep(0)
        assert seen == []
        room.join_pcm(5, Ear())
        room.join_pcm(5, Ear())
        await asyncio.sleep(0.1)
        room.close()
        await asyncio.sleep(0.1)
        assert seen == [(1, False), (0, True)]
        assert waiting.done()
        stop()
        stop()

    run_virtual(main())


@pytest.mark.fault("F24")
def test_a_lost_pcm_member_is_removed_unless_it_recovers() -> None:
    async def main() -> None:
        room = Rooms(LoopClock(), Ids("lost")).create("c", "a" * 32, Secret("c" * 32), lost_after_s=4)
        listener = Ear()
        room.join_pcm(1, listener)
        member = room.join_pcm(2, Ear())
        member.lose()
        await asyncio.sleep(3)
        member.recover()
        await asyncio.sleep(10)
        assert member.present
        member.lose()
        member.lose()
        await asyncio.sleep(4.1)
        assert not member.present
        assert listener.events[-1] == MemberLeft(2, LeaveReason.DROPPED)
        member.lose()

    run_virtual(main())


def test_a_full_room_takes_no_further_client_but_its_callee_and_one_that_replaces_a_member() -> None:
    async def main() -> None:
        room = make_room()
        for uid in range(1, MAX_ROOM_MEMBERS + 1):
            room.check_space(uid)
            room.join_pcm(uid, Ear())
        room.check_space(1)
        with pytest.raises(RoomError, match=f"{MAX_ROOM_MEMBERS} members"):
            room.check_space(0)
        with pytest.raises(RoomError, match=f"{MAX_ROOM_MEMBERS} members"):
            room.check_space(MAX_ROOM_MEMBERS + 1)
        assert room.join_pcm(0, Ear()).present, "a callee"
        room.close()

    asyncio.run(main())


@pytest.mark.parametrize("samples", [1, 40, 160, 200, 320])
def test_frames_of_any_length_are_heard_in_packets_of_20_ms_at_their_own_pace(samples: int) -> None:
    """One packet for each short frame would play as 20 ms, and make a second of audio last for many."""

    async def check(room: Room) -> None:
        ear, listener = Ear(), Talker(room, 8)
        room.join_pcm(9, ear)
        talker = room.join_pcm(7, Ear())
        talker.publish()
        total = 4000
        for start in range(0, total, samples):
            talker.send(AudioFrame(bytes(2 * samples), RATE_HZ, start))
        talker.leave()
        assert sum(frame.samples for _, frame in ear.audio) == len(range(0, total, samples)) * samples
        packets = listener.wire.rtp
        assert len(packets) == math.ceil(len(range(0, total, samples)) * samples / 320)
        assert {b.timestamp - a.timestamp & 0xFFFF_FFFF for a, b in itertools.pairwise(packets)} == {960}

    in_loop(check)


def test_short_gaps_are_filled_so_that_packets_are_no_more_than_time_allows() -> None:
    """One packet for each short frame would cost an encoding each, and play 20 ms for a sample."""

    async def check(room: Room) -> None:
        listener = Talker(room, 8)
        talker = room.join_pcm(7, Ear())
        talker.publish()
        for position in range(0, 3200, 2):
            talker.send(AudioFrame(bytes(2), RATE_HZ, position))
        talker.leave()
        packets = listener.wire.rtp
        assert len(packets) == 10
        assert {b.timestamp - a.timestamp & 0xFFFF_FFFF for a, b in itertools.pairwise(packets)} == {960}

    in_loop(check)


@pytest.mark.parametrize("first", [2**63, 2**64 - 1])
def test_positions_at_the_end_of_their_range_fit_into_the_messages_to_others(first: int) -> None:
    async def check(room: Room) -> None:
        ear = Ear()
        room.join_pcm(9, ear)
        talker = room.join_pcm(7, Ear())
        talker.publish()
        for position in (first, 0, 2**64 - 320, 320):
            talker.send(AudioFrame(bytes(640), RATE_HZ, position))
        heard = [Audio.parse(Audio(uid, frame.position, frame.pcm).to_bytes()).position for uid, frame in ear.audio]
        assert len(heard) == 4
        assert heard == sorted(heard)

    in_loop(check)


def test_a_gap_ends_a_packet_that_is_not_full() -> None:
    async def check(room: Room) -> None:
        listener = Talker(room, 8)
        talker = room.join_pcm(7, Ear())
        talker.publish()
        for position in (0, 100, 1000, 1100):
            talker.send(AudioFrame(bytes(200), RATE_HZ, position))
        talker.unpublish()
        first, second = listener.wire.rtp
        assert second.timestamp - first.timestamp & 0xFFFF_FFFF == 3000
        assert second.marker

    in_loop(check)


def test_a_talker_faster_than_real_time_is_held_to_it_and_counted() -> None:
    async def main() -> None:
        room = make_room()
        ear, rtp_talker = Ear(), Talker(room, 8)
        room.join_pcm(9, ear)
        talker = room.join_pcm(7, Ear())
        talker.publish()
        for index in range(2000):
            talker.send(tone(index))
            rtp_talker.say(index)
        for uid in (7, 8):
            last = max(frame.position + frame.samples for who, frame in ear.audio if who == uid)
            assert last <= RATE_HZ * (pace.MOST_AHEAD_S + 0.1)
        assert len(rtp_talker.wire.rtp) < 300, "neither do WebRTC members hear the PCM member's flood"
        assert room.counters.audio_too_fast > 2 * 1700
        await asyncio.sleep(10)
        before = len(ear.audio)
        for index in range(2000, 2050):
            talker.send(tone(index))
            await asyncio.sleep(0.02)
        assert len(ear.audio) == before + 50, "it is heard again as soon as it keeps to time"
        room.close()

    run_virtual(main())


def test_a_packet_of_120_ms_is_heard_in_frames_that_every_door_can_send() -> None:
    async def check(room: Room) -> None:
        ear, talker = Ear(), Talker(room, 8)
        room.join_pcm(9, ear)
        for index in range(5):
            payload = bytes([0x7B, 0x06]) + bytes(60)
            talker.member.on_rtp(talker.stream.packet(payload, index * 5760, 0.0, ticks=5760))
        assert [frame.position for _, frame in ear.audio] == [320 * index for index in range(30)]
        assert {frame.samples for _, frame in ear.audio} == {320}

    in_loop(check)


def test_numbers_that_jump_are_counted_and_the_talker_is_heard_on() -> None:
    async def check(room: Room) -> None:
        talker, listener = Talker(room, 8), Talker(room, 9, seed=2)
        payload = talker.encoder.encode(tone(0).pcm)
        for sequence in (*range(100, 400), *range(60_000, 60_020)):
            talker.member.on_rtp(rtp.RtpPacket(111, False, sequence, 0, 5, payload).encode())
        assert len(listener.wire.rtp) == 319
        steps = {b.sequence - a.sequence for a, b in itertools.pairwise(listener.wire.rtp)}
        assert steps == {1}
        assert room.counters.misnumbered == 1

    in_loop(check)


def test_ever_new_uids_are_refused_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each uid leaves a stream with every listener, for the case that it comes back."""
    monkeypatch.setattr(room_module, "MOST_UIDS", 20)

    async def check(room: Room) -> None:
        listener = Talker(room, 1)
        late = RtpMember(room, 99, Wire(), Ear(), clock=SystemClock(), ids=Ids(5))
        room.expect(late)
        for uid in range(2, 21):
            member = room.join_pcm(uid, Ear())
            member.publish()
            member.send(tone(0))
            member.leave()
        with pytest.raises(RoomError, match="has had 20 different members"):
            room.join_pcm(21, Ear())
        with pytest.raises(RoomError, match="has had 20 different members"):
            room.admit(late)
        late.leave()
        assert not late.present
        room.join_pcm(20, Ear())
        assert len(listener.member.streams) == 19

    in_loop(check)


def test_a_handler_that_fails_on_audio_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Ear):
        def on_audio(self, uid: int, frame: AudioFrame) -> None:
            super().on_audio(uid, frame)
            raise ZeroDivisionError

    async def check(room: Room) -> None:
        ear = Broken()
        room.join_pcm(9, ear)
        talker = room.join_pcm(7, Ear())
        talker.publish()
        for index in range(100):
            talker.send(tone(index))
        assert len(ear.audio) == 100
        assert len(caplog.records) == 1

    in_loop(check)
