"""Framing and credits between a program and the process of Agora's SDK."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.patience import PATIENCE_S

from offhook.secret import Secret
from offhook_agora.async_pipe import AsyncPipe
from offhook_agora.child.thread_pipe import ThreadPipe
from offhook_agora.messages import (
    MAX_PCM_BYTES,
    PROTOCOL,
    Alive,
    Audio,
    Closed,
    Counts,
    Credit,
    FromChild,
    Join,
    Leave,
    Ready,
    Reason,
    Renewed,
    Start,
    Stop,
    ToChild,
    parse_from_child,
    parse_to_child,
)
from offhook_agora.pipe import (
    AUDIO,
    AUDIO_WINDOW,
    CONTROL,
    EVENT_WINDOW,
    HEADER,
    MAX_PAYLOAD,
    WAITING,
    Link,
    PipeBroken,
    child_link,
    parent_link,
)
from offhook_wire.strict_json import ProtocolError

START = Start(PROTOCOL, "/package", "/libraries", "2.4.10")
READY = Ready(PROTOCOL, 7, "2.4.10")
PCM = b"\x01\x02" * 320


def opened() -> tuple[Link[FromChild], Link[ToChild]]:
    """Both ends, after their first messages."""
    parent, child = parent_link(), child_link()
    parent.send(START)
    child.send(READY)
    assert list(cross(parent, child)) == [START]
    assert list(cross(child, parent)) == [READY]
    child.taken()
    parent.taken()
    return parent, child


def cross(sender: Link[Any], receiver: Link[Any]) -> list[object]:
    """Carry what waits to the other end."""
    data = bytes(sender.out)
    sender.out.clear()
    return receiver.feed(data)


def ready(data: bytes = b"") -> Link[FromChild]:
    """A parent's end after `Ready`."""
    link = parent_link()
    payload = READY.to_text().encode()
    assert link.feed(HEADER.pack(len(payload), CONTROL) + payload) == [READY]
    return link


# Messages


@pytest.mark.parametrize(
    "message",
    [START, Join(1, "a" * 32, "c", Secret("007")), Leave(1), Stop()],
    ids=lambda message: type(message).__name__,
)
def test_messages_to_the_child_are_read_as_they_were_written(message: ToChild) -> None:
    read = parse_to_child(message.to_text())
    assert read.to_json() == message.to_json()


@pytest.mark.parametrize(
    "message",
    [READY, Closed(1, Reason.KICKED, "out"), Counts(1, frames_sent=3), Alive(3)],
    ids=lambda message: type(message).__name__,
)
def test_messages_from_the_child_are_read_as_they_were_written(message: FromChild) -> None:
    assert parse_from_child(message.to_text()) == message


def test_a_token_is_in_no_text_but_that_of_the_wire() -> None:
    join = Join(1, "a" * 32, "c", Secret("007-token-of-the-test"))
    assert "007-token" in join.to_text()
    assert "007-token" not in f"{join!r} {join}"


@given(st.binary(max_size=3_000))
@example(b"")
@example(bytes(16))
@example(b"\1\0\0\0" + bytes(12) + b"\1")
@example(b"\1\0\0\0" + bytes(12) + bytes(MAX_PCM_BYTES + 2))
def test_audio_is_read_as_it_was_written_or_refused(data: bytes) -> None:
    try:
        audio = Audio.parse(data)
    except ProtocolError:
        return
    assert audio.to_bytes() == data
    assert 0 < len(audio.pcm) <= MAX_PCM_BYTES
    assert len(audio.pcm) % 2 == 0


# Frames


@given(st.lists(st.integers(1, 700), max_size=60), st.integers(1, 20))
def test_frames_arrive_whole_however_they_are_split(cuts: list[int], count: int) -> None:
    parent, child = opened()
    sent: list[object] = []
    for number in range(count):
        message = Renewed(1, number) if number % 3 == 0 else Audio(1, 9, number * 320, PCM)
        child.send(message)
        sent.append(message)
    data = bytes(child.out)
    received: list[object] = []
    for cut in cuts:
        received += parent.feed(data[:cut])
        data = data[cut:]
    received += parent.feed(data)
    assert received == sent
    assert parent.broken is None
    assert parent.end().why == "closed"


@given(st.binary(max_size=400), st.integers(0, 400))
def test_whatever_arrives_is_a_message_or_ends_the_connection(noise: bytes, at: int) -> None:
    parent = ready()
    child = child_link()
    child.send(Alive(1))
    child.send(Audio(1, 2, 3, PCM))
    data = bytes(child.out)
    received = parent.feed(data[:at] + noise + data[at:])
    assert all(isinstance(message, Alive | Audio) for message in received)
    if parent.broken is not None:
        assert parent.broken.why in {"malformed", "version", "overflow"}
        assert parent.feed(data) == []
    assert isinstance(parent.end(), PipeBroken)


@pytest.mark.parametrize(
    "data",
    [
        HEADER.pack(0, 0),
        HEADER.pack(0, 3),
        HEADER.pack(MAX_PAYLOAD + 1, AUDIO),
        HEADER.pack(2**32 - 1, CONTROL),
        HEADER.pack(0, CONTROL),
        HEADER.pack(2, CONTROL) + b"{}",
        HEADER.pack(17, AUDIO) + bytes(17),
        HEADER.pack(4, CONTROL) + b"\xff\xfe\xfd\xfc",
    ],
)
def test_damage_ends_the_connection_and_what_came_before_counts(data: bytes) -> None:
    link = ready()
    payload = Alive(1).to_text().encode()
    assert link.feed(HEADER.pack(len(payload), CONTROL) + payload + data) == [Alive(1)]
    assert link.broken is not None
    assert link.broken.why == "malformed"


def test_an_end_inside_a_frame_is_told_from_a_clean_one() -> None:
    link = ready()
    link.feed(b"\x10\0")
    assert link.end().why == "truncated"


@pytest.mark.parametrize("first", [Ready(PROTOCOL + 1, 7), Alive(1)])
def test_the_first_message_names_the_version(first: Ready | Alive) -> None:
    child, parent = child_link(), parent_link()
    child.send(first)
    assert cross(child, parent) == []
    assert parent.broken is not None
    assert parent.broken.why == "version"


def test_audio_before_the_first_message_ends_the_connection() -> None:
    child, parent = child_link(), parent_link()
    child.send(Audio(1, 2, 3, PCM))
    assert cross(child, parent) == []
    assert parent.broken is not None


# Credits


def test_audio_without_credit_waits_and_the_oldest_is_dropped() -> None:
    parent, child = opened()
    frames = [Audio(1, 2, number, PCM) for number in range(AUDIO_WINDOW + WAITING + 5)]
    for frame in frames:
        child.send(frame)
    assert cross(child, parent) == frames[:AUDIO_WINDOW]
    assert child.lost(1) == 5
    child.send(Audio(2, 2, 0, PCM))  # another leg has credit of its own
    assert len(cross(child, parent)) == 1
    for _ in range(AUDIO_WINDOW):
        parent.taken(1)
    cross(parent, child)
    assert cross(child, parent) == frames[-WAITING:]
    assert parent.broken is child.broken is None


def test_events_without_credit_end_the_connection() -> None:
    parent, child = opened()
    for number in range(EVENT_WINDOW - 1):  # `Ready` was sent before
        child.send(Alive(number))
    assert child.broken is None
    child.send(Alive(0))
    assert child.broken is not None
    assert child.broken.why == "overflow"
    size = len(child.out)
    child.send(Alive(0))
    child.send(Audio(1, 2, 3, PCM))
    assert len(child.out) == size
    assert parent.broken is None


def test_events_go_on_while_they_are_taken() -> None:
    parent, child = opened()
    for number in range(10 * EVENT_WINDOW):
        child.send(Alive(number))
        assert cross(child, parent) == [Alive(number)]
        parent.taken()
        cross(parent, child)
    assert parent.broken is child.broken is None


@pytest.mark.parametrize("kind", ["audio", "events"])
def test_a_side_that_ignores_credits_is_cut_off(kind: str) -> None:
    parent, _ = opened()
    payload = Audio(1, 2, 3, PCM).to_bytes() if kind == "audio" else Alive(1).to_text().encode()
    data = HEADER.pack(len(payload), AUDIO if kind == "audio" else CONTROL) + payload
    count = 0
    while parent.broken is None:
        count += len(parent.feed(data))
    assert parent.broken.why == "overflow"
    assert count <= EVENT_WINDOW + 1


def test_credit_for_what_was_not_sent_ends_the_connection() -> None:
    parent, child = opened()
    child.send(Audio(1, 2, 3, PCM))
    payload = Credit(1, 2).to_text().encode()
    assert child.feed(HEADER.pack(len(payload), CONTROL) + payload) == []
    assert child.broken is not None
    assert child.broken.why == "malformed"
    del parent


def test_audio_of_very_many_legs_ends_the_connection() -> None:
    parent, _ = opened()
    leg = 0
    while parent.broken is None and leg < 5_000:
        leg += 1
        payload = Audio(leg, 2, 3, PCM).to_bytes()
        parent.feed(HEADER.pack(len(payload), AUDIO) + payload)
    assert parent.broken is not None
    assert parent.broken.why == "malformed"


def test_a_leg_that_is_over_leaves_nothing_behind() -> None:
    parent, child = opened()
    empty = (dict(vars(parent)), dict(vars(child)))
    for leg in range(1, 3_000):
        for number in range(AUDIO_WINDOW + WAITING + 1 if leg < 3 else 20):
            child.send(Audio(leg, 2, number, PCM))
        for message in cross(child, parent):
            assert isinstance(message, Audio)
            parent.taken(leg)
        child.forget(leg)
        parent.forget(leg)
        cross(parent, child)  # credits for it arrive late
        parent.taken(leg)
    assert parent.broken is child.broken is None
    for link, before in zip((parent, child), empty, strict=True):
        sizes = {name: len(value) for name, value in vars(link).items() if hasattr(value, "__len__")}
        assert all(size <= 2 for size in sizes.values()), sizes
        assert before.keys() == vars(link).keys()


# Both ends over a socket


def test_both_ends_over_a_socket_lose_nothing() -> None:
    """The child's end writes from several threads, and the parent's is slow at times."""
    ours, theirs = socket.socketpair()
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)  # so that it is full at times
    child: ThreadPipe[ToChild] = ThreadPipe(theirs, child_link())
    started = threading.Event()
    commands: list[object] = []

    def on_message(message: ToChild | Audio) -> None:
        commands.append(message)
        child.taken(message.leg if isinstance(message, Audio) else 0)
        if isinstance(message, Start):
            child.send(READY)
            started.set()
        if isinstance(message, Stop):
            child.stop()

    reader = threading.Thread(target=child.read, args=(on_message,))

    def write(leg: int) -> None:
        started.wait(PATIENCE_S)
        for number in range(40):
            child.send(Audio(leg, 2, number, PCM))
            child.send(Renewed(leg, number))

    writers = [threading.Thread(target=write, args=(leg,)) for leg in (1, 2, 3)]

    async def parent() -> list[object]:
        received: list[object] = []
        done = asyncio.Event()

        def on_parent(message: FromChild | Audio) -> None:
            received.append(message)
            if len(received) == 1 + 3 * 80:
                done.set()

        pipe: AsyncPipe[FromChild] = AsyncPipe(ours, parent_link(), on_parent, print)
        pipe.send(START)
        await asyncio.wait_for(done.wait(), PATIENCE_S)
        for number in range(30):
            pipe.send(Audio(1, 0, number, PCM))
        pipe.send(Stop())
        await asyncio.to_thread(reader.join, PATIENCE_S)
        pipe.close()
        pipe.close()
        pipe.send(Stop())  # dropped
        return received

    for thread in (reader, *writers):
        thread.start()
    received = asyncio.run(parent())
    for thread in writers:
        thread.join(PATIENCE_S)
    child.close()
    for leg in (1, 2, 3):
        audio = [message.position for message in received if isinstance(message, Audio) and message.leg == leg]
        events = [message.number for message in received if isinstance(message, Renewed) and message.leg == leg]
        assert audio == events == list(range(40))
    assert commands == [START, *(Audio(1, 0, number, PCM) for number in range(30)), Stop()]


def test_the_end_of_the_child_is_reported_after_its_last_words() -> None:
    async def parent() -> tuple[list[object], PipeBroken]:
        ours, theirs = socket.socketpair()
        received: list[object] = []
        ended: asyncio.Future[PipeBroken] = asyncio.get_running_loop().create_future()
        pipe: AsyncPipe[FromChild] = AsyncPipe(ours, parent_link(), received.append, ended.set_result)
        link = child_link()
        link.send(READY)
        link.send(Alive(1))
        theirs.sendall(link.out)
        theirs.close()
        for _ in range(10):
            pipe.send(Leave(1))  # nothing raises, though no process reads it
        return received, await asyncio.wait_for(ended, PATIENCE_S)

    received, ended = asyncio.run(parent())
    assert received == [READY, Alive(1)]
    assert ended.why == "closed"


def test_a_child_that_does_not_read_is_reported_and_not_waited_for() -> None:
    async def parent() -> PipeBroken:
        ours, theirs = socket.socketpair()
        ended: asyncio.Future[PipeBroken] = asyncio.get_running_loop().create_future()
        pipe: AsyncPipe[FromChild] = AsyncPipe(ours, parent_link(), print, ended.set_result)
        for _ in range(EVENT_WINDOW + 1):
            pipe.send(Join(1, "a" * 32, "c", Secret("0" * 2_000)))
        with theirs:
            return await asyncio.wait_for(ended, PATIENCE_S)

    assert asyncio.run(parent()).why == "overflow"


def test_a_forked_process_does_not_talk_to_the_child() -> None:
    async def parent() -> int:
        ours, theirs = socket.socketpair()
        pipe: AsyncPipe[FromChild] = AsyncPipe(ours, parent_link(), print, print)
        pid = os.fork()
        if pid == 0:  # pragma: no cover - in another process
            status = 1
            try:
                pipe.send(Leave(1))
            except PipeBroken as error:
                status = 0 if error.why == "fork" else 2
            pipe.close()
            os._exit(status)
        _, status = await asyncio.to_thread(os.waitpid, pid, 0)
        theirs.setblocking(False)
        with pytest.raises(BlockingIOError):  # nothing arrived, and the connection is open
            theirs.recv(1)
        pipe.send(Leave(2))
        assert theirs.recv(4096).endswith(b'{"type":"leave","leg":2}')
        pipe.close()
        theirs.close()
        return os.waitstatus_to_exitcode(status)

    assert asyncio.run(parent()) == 0
