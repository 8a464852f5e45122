"""How audio is paced on its way to the SDK, and put in time on its way from it. All in virtual time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook_agora.child.incoming import Incoming
from offhook_agora.child.outgoing import MOST_AHEAD_MS, Outgoing
from offhook_agora.messages import SDK_RATES_HZ
from offhook_agora.playout_clock import PlayoutClock

RATE_HZ = 16_000


def pcm(ms: float, rate_hz: int = RATE_HZ, value: int = 1) -> bytes:
    return value.to_bytes(2, "little") * round(rate_hz * ms / 1000)


# What the SDK has queued


@pytest.mark.trap("1.6b")
def test_the_clock_knows_what_waits_without_adding_up_errors() -> None:
    clock = PlayoutClock(RATE_HZ)
    for index in range(180_000):  # an hour of frames, each a little late
        clock.push(320, index * 0.02 + 0.007)
    end_s = 180_000 * 0.02 + 0.007
    assert clock.queued(end_s - 0.01) == 160
    assert clock.queued(end_s) == 0


def test_the_clock_starts_anew_after_a_pause_and_after_a_flush() -> None:
    clock = PlayoutClock(RATE_HZ)
    clock.push(1_600, 10.0)
    assert (clock.queued(10.0), clock.queued(10.05), clock.queued(11.0)) == (1_600, 800, 0)
    clock.push(1_600, 20.0)
    assert clock.flush(20.025) == 1_200
    clock.push(320, 20.03)
    assert clock.queued(20.03) == 320
    clock.take_back(320)
    assert (clock.queued(20.03), clock.pushed) == (0, 3_200)


@given(
    st.lists(
        st.tuples(st.sampled_from(["push", "flush"]), st.integers(0, 4_000), st.floats(0, 1, allow_nan=False)),
        max_size=60,
    )
)
def test_what_was_pushed_is_heard_or_flushed_or_waits(steps: list[tuple[str, int, float]]) -> None:
    clock = PlayoutClock(RATE_HZ)
    now_s, heard, flushed = 0.0, 0, 0
    for what, samples, wait_s in steps:
        now_s += wait_s
        if what == "push":
            clock.push(samples, now_s)
        else:
            flushed += clock.flush(now_s)
        assert clock.queued(now_s) >= 0
        assert clock.pushed - flushed - clock.queued(now_s) >= heard
        heard = clock.pushed - flushed - clock.queued(now_s)


# To the SDK


@pytest.mark.trap("1.4c")
def test_the_beginning_is_held_until_the_lead_is_there_and_then_nothing_is() -> None:
    outgoing = Outgoing(RATE_HZ, 100)
    pieces = [outgoing.add(pcm(20), index * 320, index * 0.02) for index in range(8)]
    assert [None if piece is None else len(piece) for piece in pieces] == [None] * 4 + [3_200, 640, 640, 640]
    assert outgoing.deadline_s() is None
    assert outgoing.underruns == 0


def test_a_short_word_is_pushed_when_the_lead_has_passed() -> None:
    outgoing = Outgoing(RATE_HZ, 100)
    assert outgoing.add(pcm(20), 0, 5.0) is None
    assert outgoing.deadline_s() == pytest.approx(5.1)
    assert outgoing.due(5.05) is None
    assert outgoing.due(5.1) == pcm(20)
    assert outgoing.deadline_s() is None


@pytest.mark.parametrize("late_s", [-0.015, 0.0, 0.03])
def test_a_pause_keeps_its_length_however_late_the_next_frame_is(late_s: float) -> None:
    outgoing = Outgoing(RATE_HZ, 100)
    pushed_s = []
    for index in range(10):
        begin_s = (index // 5) * 1.0 + late_s * (index // 5)
        now_s = begin_s + index * 0.02
        if outgoing.add(pcm(20), index * 320 + (index // 5) * RATE_HZ, now_s):
            pushed_s.append(now_s)
        deadline_s = outgoing.deadline_s()
        if deadline_s is not None and deadline_s <= now_s + 0.02 and outgoing.due(deadline_s):
            pushed_s.append(deadline_s)
    assert [round(at_s - pushed_s[0], 6) for at_s in pushed_s[:2]] == [0, 1.1]


def test_a_pause_that_the_positions_do_not_tell_begins_a_new_time() -> None:
    outgoing = Outgoing(RATE_HZ, 100)
    outgoing.add(pcm(20), 0, 5.0)
    assert outgoing.due(5.1)
    outgoing.add(pcm(20), 320, 9.0)
    assert outgoing.deadline_s() == pytest.approx(9.1)


@pytest.mark.parametrize("lead_ms", [0, 20, 100, 200])
def test_at_every_lead_all_audio_arrives_in_order(lead_ms: int) -> None:
    outgoing = Outgoing(RATE_HZ, lead_ms)
    got = bytearray()
    sent = b""
    for index in range(100):
        now_s = index * 0.02
        deadline_s = outgoing.deadline_s()
        if deadline_s is not None and deadline_s <= now_s:
            got += outgoing.due(deadline_s) or b""
        data = pcm(20, value=index + 1)
        sent += data
        got += outgoing.add(data, index * 320, now_s) or b""
    assert sent.startswith(bytes(got))
    assert len(sent) - len(got) <= lead_ms * 32
    assert outgoing.dropped == 0


@given(st.lists(st.integers(1, 480), min_size=1, max_size=200), st.sampled_from(SDK_RATES_HZ), st.integers(0, 200))
def test_frames_of_any_length_become_whole_milliseconds(lengths: list[int], rate_hz: int, lead_ms: int) -> None:
    outgoing = Outgoing(rate_hz, lead_ms)
    position, now_s = 0, 100.0
    sent, got = b"", bytearray()
    for index, length in enumerate(lengths):
        data = (index % 200 + 1).to_bytes(2, "little") * length
        piece = outgoing.add(data, position, now_s)
        if piece is not None:
            assert len(piece) % (rate_hz // 1000 * 2) == 0
            got += piece
        sent += data
        position += length
        now_s += length / rate_hz
    for _ in range(3):  # the lead, and then what is less than a millisecond
        got += outgoing.due(outgoing.deadline_s() or now_s) or b""
    assert outgoing.deadline_s() is None
    assert bytes(got).replace(b"\0\0", b"").startswith(sent) or bytes(got).startswith(sent) or outgoing.underruns
    assert len(got) % (rate_hz // 1000 * 2) == 0


@pytest.mark.trap("1.4c")
def test_more_than_200_ms_ahead_is_dropped_and_counted() -> None:
    outgoing = Outgoing(RATE_HZ, 100)
    got = sum(len(outgoing.add(pcm(20), index * 320, 1.0) or b"") for index in range(50))
    assert got == MOST_AHEAD_MS * 32
    assert outgoing.dropped == 40
    assert outgoing.add(pcm(20), 50 * 320, 1.02) is not None  # as soon as there is room


def test_a_pause_shorter_than_the_lead_is_heard_as_silence() -> None:
    outgoing = Outgoing(RATE_HZ, 100)
    for index in range(6):
        outgoing.add(pcm(20), index * 320, index * 0.02)
    piece = outgoing.add(pcm(20), 6 * 320 + 640, 0.16)
    assert piece == bytes(1_280) + pcm(20)


def test_a_pause_that_has_passed_is_not_made_longer() -> None:
    outgoing = Outgoing(RATE_HZ, 0)
    outgoing.add(pcm(20), 0, 0.0)
    outgoing.due(outgoing.deadline_s() or 0.0)
    piece = outgoing.add(pcm(20), 16_000, 1.0)
    assert piece == pcm(20)
    assert outgoing.underruns == 0


def test_an_underrun_is_counted_and_begins_a_new_lead() -> None:
    outgoing = Outgoing(RATE_HZ, 40)
    outgoing.add(pcm(20), 0, 0.0)
    assert outgoing.add(pcm(20), 320, 0.02) is not None
    assert outgoing.add(pcm(20), 640, 0.5) is None
    assert outgoing.underruns == 1
    assert outgoing.add(pcm(20), 960, 0.5) == pcm(40)


@pytest.mark.trap("1.6b")
def test_a_flush_forgets_what_is_held_and_counts_what_it_drops() -> None:
    outgoing = Outgoing(RATE_HZ, 100)
    for index in range(3):
        outgoing.add(pcm(20), index * 320, index * 0.02)
    assert outgoing.flush(0.06) == 960
    assert (outgoing.flushed, outgoing.given, outgoing.deadline_s()) == (3, False, None)
    for index in range(5):
        outgoing.add(pcm(20), (index + 3) * 320, 1.0)
    assert outgoing.given
    assert [outgoing.flush(1.03), outgoing.flush(1.03)] == [1_120, 0]
    assert outgoing.underruns == 0


def test_a_piece_that_the_sdk_refuses_is_not_counted_as_heard() -> None:
    outgoing = Outgoing(RATE_HZ, 20)
    piece = outgoing.add(pcm(20), 0, 0.0)
    assert piece is not None
    outgoing.refused(piece)
    assert outgoing.flush(0.0) == 0


# From the SDK


def talk(incoming: Incoming, times: list[float], uid: int = 9) -> list[tuple[int, int]]:
    """Pieces of 10 ms at these times; returns position and length of each frame, in milliseconds."""
    frames = [frame for now_s in times for frame in incoming.add(uid, pcm(10), now_s)]
    return [(frame.position // 16, len(frame.pcm) // 32) for frame in frames]


def every_10_ms(start_s: float, count: int) -> list[float]:
    return [start_s + index * 0.01 for index in range(count)]


def incoming(rate_hz: int = RATE_HZ) -> Incoming:
    made = Incoming(1, rate_hz)
    made.start(100.0)
    return made


def test_positions_count_from_the_join() -> None:
    assert talk(incoming(), every_10_ms(102.0, 6)) == [(2_000, 20), (2_020, 20), (2_040, 20)]


@pytest.mark.trap("1.3b")
def test_a_pause_is_a_jump() -> None:
    positions = talk(incoming(), [*every_10_ms(101.0, 4), *every_10_ms(103.0, 4)])
    assert positions == [(1_000, 20), (1_020, 20), (3_000, 20), (3_020, 20)]


def test_half_a_frame_before_a_pause_is_not_joined_to_what_follows() -> None:
    positions = talk(incoming(), [*every_10_ms(101.0, 3), *every_10_ms(103.0, 2)])
    assert positions == [(1_000, 20), (1_020, 10), (3_000, 20)]


def test_a_delay_inside_the_process_is_no_jump() -> None:
    late = [101.5 + index * 0.0001 for index in range(46)]  # the 46 pieces of 101.04 to 101.49, all at once
    positions = talk(incoming(), [*every_10_ms(101.0, 4), *late, *every_10_ms(101.51, 4)])
    assert positions == [(1_000 + index * 20, 20) for index in range(27)]


@given(st.lists(st.floats(0, 0.3), min_size=1, max_size=100))
def test_positions_never_step_back_and_no_audio_is_lost(waits: list[float]) -> None:
    made = incoming()
    now_s, end, total = 101.0, 0, 0
    for wait_s in waits:
        now_s += wait_s
        for frame in made.add(9, pcm(10), now_s):
            assert frame.position >= end
            end = frame.position + len(frame.pcm) // 2
            total += len(frame.pcm)
    total += sum(len(frame.pcm) for frame in made.end(9, gone=True))
    assert total == len(waits) * 320


def test_pieces_of_other_lengths_become_frames_of_20_ms() -> None:
    made = incoming(48_000)
    frames = [frame for index in range(3) for frame in made.add(9, pcm(50, 48_000), 101.0 + index * 0.05)]
    assert [len(frame.pcm) // 96 for frame in frames] == [20] * 7
    assert [len(frame.pcm) // 96 for frame in made.end(9, gone=False)] == [10]
    assert made.frames == 8
    assert made.end(9, gone=True) == []


def test_the_talkers_are_kept_apart_and_bounded() -> None:
    made = incoming()
    for uid in range(1, 200):
        made.add(uid, pcm(10), 101.0)
    assert made.malformed == 199 - 128
    assert [frame.uid for frame in made.add(5, pcm(10), 101.01)] == [5]
    made.end(7, gone=True)
    assert len(made.add(199, pcm(20), 101.0)) == 1


def test_audio_before_the_join_and_half_samples_are_counted() -> None:
    made = Incoming(1, RATE_HZ)
    assert made.add(9, pcm(20), 1.0) == []
    made.start(1.0)
    assert made.add(9, b"\1", 1.0) == []
    assert made.malformed == 2
