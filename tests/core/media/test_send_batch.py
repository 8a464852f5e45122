"""What several pacers send in one turn is sent at its end; all else at once."""

from __future__ import annotations

import asyncio
import gc
import weakref
from typing import TYPE_CHECKING, cast

import pytest
from tests.core.media.test_pacer import HandLoop

from offhook.media import Pacer, SendBatch

if TYPE_CHECKING:
    from collections.abc import Callable


class Senders:
    """Pacers whose ticks send one packet each, and what happened in which order."""

    def __init__(self) -> None:
        self.hand = HandLoop()
        self.loop = cast("asyncio.AbstractEventLoop", self.hand)
        self.batch = SendBatch.of_loop(self.loop)
        self.done: list[str] = []

    def sent(self, data: bytes) -> None:
        self.done.append(f"sent {data.decode()}")

    def start(self, name: str, then: Callable[[int], None] = lambda index: None) -> None:
        def tick(index: int) -> None:
            self.done.append(f"made {name}{index}")
            self.batch.send(self.sent, f"{name}{index}".encode())
            then(index)

        Pacer(self.loop, tick).start()


def test_frames_that_are_due_together_are_sent_when_all_are_made() -> None:
    senders = Senders()
    for name in "abc":
        senders.start(name)
    senders.hand.turn(1000.01)
    assert senders.done == ["made a0", "made b0", "made c0", "sent a0", "sent b0", "sent c0"]
    senders.done.clear()
    senders.hand.turn(1000.025)
    assert senders.done == ["made a1", "made b1", "made c1", "sent a1", "sent b1", "sent c1"]


def test_a_frame_that_is_due_alone_is_sent_at_once() -> None:
    senders = Senders()
    senders.start("a", lambda index: senders.done.append("went on"))
    senders.hand.turn(1000.01)
    assert senders.done == ["made a0", "sent a0", "went on"]


def test_what_is_sent_outside_of_such_a_turn_is_sent_at_once() -> None:
    senders = Senders()
    for name in "ab":
        senders.start(name)
    senders.hand.turn(1000.01)
    senders.done.clear()
    senders.batch.send(senders.sent, b"now")
    assert senders.done == ["sent now"]


def test_none_waits_for_more_than_seven_others() -> None:
    senders = Senders()
    for number in range(20):
        senders.start(f"{number}-")
    senders.hand.turn(1000.01)
    kinds = [line.split()[0] for line in senders.done]
    assert kinds == (["made"] * 8 + ["sent"] * 8) * 2 + ["made"] * 4 + ["sent"] * 4
    sent = [line for line in senders.done if line.startswith("sent")]
    assert sent == [f"sent {number}-0" for number in range(20)]


def test_what_was_made_before_a_tick_that_raises_is_sent() -> None:
    senders = Senders()

    def fail(index: int) -> None:
        raise ZeroDivisionError

    senders.start("a")
    senders.start("bad", fail)
    senders.start("c")
    with pytest.raises(ZeroDivisionError):
        senders.hand.turn(1000.01)
    senders.hand.turn(1000.015)
    assert senders.done == ["made a0", "made bad0", "sent a0", "sent bad0", "made c0", "sent c0"]


def test_a_loop_that_is_gone_is_not_kept() -> None:
    loop = asyncio.new_event_loop()
    batch = SendBatch.of_loop(loop)
    assert SendBatch.of_loop(loop) is batch
    gone = weakref.ref(loop)
    loop.close()
    del loop, batch
    gc.collect()
    assert gone() is None
