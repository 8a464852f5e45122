"""What passes the gate to a handler, and when."""

from __future__ import annotations

import logging

import pytest

from offhook.interfaces import AudioFrame, LegDisconnected, LegEvent, LegHandler, LegReconnected
from offhook_wire.handler_gate import HandlerGate

FRAME = AudioFrame(bytes(640), 16_000, 0)


class Handler(LegHandler):
    """Notes its calls; raises in each if `broken`."""

    def __init__(self, *, broken: bool = False) -> None:
        self.calls: list[object] = []
        self._broken = broken

    def on_event(self, event: LegEvent) -> None:
        self._note(event)

    def on_audio(self, uid: int, frame: AudioFrame) -> None:
        self._note((uid, frame))

    def _note(self, call: object) -> None:
        self.calls.append(call)
        if self._broken:
            raise RuntimeError("a bug")


def test_calls_wait_in_order_until_it_opens() -> None:
    handler = Handler()
    gate = HandlerGate(handler)
    gate.event(LegDisconnected())
    gate.audio(7, FRAME)
    assert handler.calls == []
    gate.open()
    gate.event(LegReconnected())
    assert handler.calls == [LegDisconnected(), (7, FRAME), LegReconnected()]


@pytest.mark.parametrize("open_first", [True, False])
def test_a_closed_gate_passes_nothing(open_first: bool) -> None:
    handler = Handler()
    gate = HandlerGate(handler)
    if open_first:
        gate.open()
    else:
        gate.event(LegDisconnected())
    gate.close()
    gate.close()
    gate.open()
    gate.event(LegReconnected())
    gate.audio(7, FRAME)
    assert handler.calls == []


def test_a_handler_that_raises_is_logged_and_called_again(caplog: pytest.LogCaptureFixture) -> None:
    handler = Handler(broken=True)
    gate = HandlerGate(handler)
    gate.uid = 7
    gate.open()
    with caplog.at_level(logging.ERROR):
        gate.event(LegDisconnected())
        gate.audio(9, FRAME)
        gate.audio(9, FRAME)
    assert len(handler.calls) == 3
    assert [record.getMessage() for record in caplog.records] == [
        "the handler of leg 7 failed on LegDisconnected(reason='')",
        "the handler of leg 7 failed on audio; later failures are not logged",
    ]
