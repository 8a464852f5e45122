"""What a leg calls: foreign threads, late callbacks and malformed values are kept out, each noted once, by name."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass, fields
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from tests.core.rig import FRAME, NUMBER, RATE_HZ, Rig, frame, load, rig, run

from offhook import AudioFrame, CallState, Disposition
from offhook.call import leg_handler
from offhook.call.leg_handler import WAITING
from offhook.interfaces import AudioSource
from offhook.plugin.hookspecs import hookimpl
from offhook.session.events import AudioLost, LegClosed, LegFailed, LegJoined, MemberJoined, MemberLeft

if TYPE_CHECKING:
    from collections.abc import Callable

    from offhook.call.call import Call
    from offhook.interfaces import LegHandler
    from offhook.session.record import TimelineEntry

NAME = "plugin 'offhook.testing.linked.transport.LinkedTransport' failed in "
SEE = " (read: offhook docs interfaces#leghandler)"


class Louder(AudioFrame):
    __slots__ = ()


def spoilt(kind: type[AudioFrame] = AudioFrame, **fields: object) -> AudioFrame:
    made = kind(b"\0\0", RATE_HZ)
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def in_a_thread(action: Callable[[], object]) -> list[BaseException]:
    """Do something in another thread, to its end; what it raised."""
    raised: list[BaseException] = []

    def work() -> None:
        try:
            action()
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=work, name="acme-sdk")
    thread.start()
    thread.join()
    return raised


async def answered(r: Rig) -> tuple[Call, LegHandler]:
    r.answer()
    call = r.phone.dial(NUMBER)
    await call.__aenter__()
    assert await call.answered()
    assert r.transport.leg is not None
    return call, r.transport.leg.handler


def remarks(call: Call) -> list[str]:
    return [entry.detail for entry in call.record.timeline if entry.event == "PluginError"]


@pytest.mark.fault("F39")
def test_what_comes_from_another_thread_is_taken_over_to_the_loop_and_noted_once() -> None:
    async def main() -> None:
        r = rig()
        call, handler = await answered(r)
        stream = call.audio()
        threads: set[int] = set()

        def speak() -> None:
            for index in range(5):
                handler.on_audio(2, frame(index, index * FRAME))
            handler.on_event(MemberJoined(9))

        hear = handler._hear  # type: ignore[attr-defined]

        def noting(uid: int, item: AudioFrame) -> None:
            threads.add(threading.get_ident())
            hear(uid, item)

        handler._hear = noting  # type: ignore[attr-defined]
        assert in_a_thread(speak) == []
        await asyncio.sleep(0.1)
        assert threads == {threading.get_ident()}
        await call.hang_up()
        assert [item.pcm[0] async for item in stream] == [0, 1, 2, 3, 4], "all of it, in order"
        assert call.record.counters["leg_callbacks_from_threads"] == 6
        (remark,) = remarks(call)
        assert remark == (
            f"{NAME}on_audio: called from the thread 'acme-sdk'; offhook passes such calls to the event loop, at most "
            f"{WAITING} at once. Call it on the event loop instead, with loop.call_soon_threadsafe{SEE}"
        )
        assert (call.record.problem, call.record.disposition) == ("", Disposition.COMPLETED), "it cost nothing"
        await r.phone.aclose()

    run(main())


@pytest.mark.fault("F39")
def test_a_thread_cannot_flood_the_loop() -> None:
    async def main() -> None:
        r = rig()
        call, handler = await answered(r)
        item = frame()

        def flood() -> None:
            for _ in range(WAITING + 50):
                handler.on_audio(2, item)

        assert in_a_thread(flood) == []
        await asyncio.sleep(0.1)
        assert in_a_thread(lambda: handler.on_audio(2, item)) == [], "and there is room again"
        await call.hang_up()
        counters = call.record.counters
        assert (counters["leg_callbacks_dropped"], counters["frames_heard"]) == (50, WAITING + 1)
        await r.phone.aclose()

    run(main())


@pytest.mark.fault("F41")
def test_what_comes_after_the_leg_has_left_is_counted_and_changes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> Call:
        r = rig()
        call, handler = await answered(r)

        class Late(AudioSource):
            """Closed after the leg has left, while the call is being released: its SDK goes on calling back."""

            async def aclose(self) -> None:
                await asyncio.sleep(0.5)
                for _ in range(3):
                    handler.on_audio(2, frame())
                    handler.on_event(LegFailed("late"))

            async def read(self) -> None:
                await asyncio.Event().wait()

        call.play(Late())
        await asyncio.sleep(0.1)
        await call.hang_up()
        before = (call.record.ended_at_s, call.record.outcome, dict(call.record.counters), list(call.record.timeline))
        handler.on_event(MemberJoined(7))
        handler.on_audio(2, frame())
        assert in_a_thread(lambda: handler.on_audio(2, frame())) == []
        await asyncio.sleep(0.1)
        assert before == (call.record.ended_at_s, call.record.outcome, call.record.counters, call.record.timeline)
        assert call.state is CallState.ENDED
        await r.phone.aclose()
        return call

    call = run(main())
    assert call.record.counters["leg_callbacks_late"] == 6
    assert remarks(call) == [f"{NAME}on_audio: called after the leg had left, or was given up; it was ignored{SEE}"]
    assert call.record.problem == ""
    assert not caplog.records, "it stands in the record"


@pytest.mark.fault("F41")
def test_what_comes_first_after_the_record_is_final_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> tuple[Call, LegHandler]:
        r = rig()
        call, handler = await answered(r)
        await call.hang_up()
        handler.on_event(MemberJoined(7))
        handler.on_event(MemberJoined(8))
        await r.phone.aclose()
        return call, handler

    call, handler = run(main())
    (line,) = caplog.messages
    assert line.startswith(f"{call.record.call_id}: {NAME}on_event: called after the leg had left")
    assert remarks(call) == []
    assert in_a_thread(lambda: handler.on_event(MemberJoined(9))) == [], "not even when the loop is closed"


@pytest.mark.fault("F41")
def test_a_leg_of_a_join_that_was_given_up_says_nothing_to_anybody(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        r = rig()
        r.transport.join_gate.clear()
        handlers: list[LegHandler] = []
        join = r.transport.join

        async def keep(grant: object, handler: LegHandler) -> object:
            handlers.append(handler)
            handler.on_audio(2, frame())  # nothing is heard before the leg has joined
            return await join(grant, handler)  # type: ignore[arg-type]

        r.transport.join = keep  # type: ignore[method-assign, assignment]
        call = r.phone.dial(NUMBER)
        entering = asyncio.create_task(call.__aenter__())
        await asyncio.sleep(1)
        await call.hang_up()
        await entering
        before = list(call.record.timeline)
        handlers[0].on_event(MemberJoined(2))
        assert call.record.timeline == before
        await r.phone.aclose()

    run(main())
    assert "on_event: called after the leg had left, or was given up" in caplog.text


@pytest.mark.fault("F41")
def test_the_handler_is_closed_as_soon_as_the_leg_has_left() -> None:
    class Meddler:
        """When the leg is closed, it lets it call once more."""

        handler: LegHandler

        @hookimpl
        def offhook_call_transition(self, entry: TimelineEntry) -> None:
            if entry.event == "LegClosed":
                self.handler.on_event(MemberJoined(7))

    async def main() -> None:
        meddler = Meddler()
        r = rig(plugins=load(meddler))
        call, meddler.handler = await answered(r)
        await call.hang_up()
        assert call.record.counters["leg_callbacks_late"] == 1
        assert "MemberJoined" not in [entry.event for entry in call.record.timeline[-3:]]
        await r.phone.aclose()

    run(main())


@dataclass(frozen=True, slots=True)
class MemberMoved:
    """An event that a later version may have, with fields of types that no event has now."""

    uid: int
    after_s: float | None = None


@pytest.mark.parametrize(
    ("event", "says"),
    [
        (MemberMoved(2, 0.5), None),
        (MemberMoved(2), None),
        (MemberMoved(2, "soon"), "passed MemberMoved with str for after_s; expected float or NoneType"),  # type: ignore[arg-type]
        (MemberMoved("2"), "passed MemberMoved with str for uid; expected int"),  # type: ignore[arg-type]
    ],
)
def test_a_field_that_events_gain_is_checked_by_its_annotation(
    event: MemberMoved, says: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(leg_handler._EVENTS, MemberMoved, leg_handler.field_types(MemberMoved))
    fed: list[object] = []
    problems: list[str] = []

    async def main() -> None:
        handler = leg_handler.SafeLegHandler("acme", fed.append, lambda name, more: None, problems.append, print)
        handler.on_event(event)  # type: ignore[arg-type]

    run(main())
    assert fed == ([event] if says is None else [])
    assert [says in problem for problem in problems if says] == ([] if says is None else [True])


def test_every_event_of_a_leg_is_checked_in_every_field() -> None:
    for kind, wanted in leg_handler._EVENTS.items():
        assert wanted.keys() == {item.name for item in fields(kind)}
        assert all(isinstance(one, type) for kinds in wanted.values() for one in kinds)


@pytest.mark.fault("F39")
@pytest.mark.parametrize(
    ("event", "says"),
    [
        ("callee joined", "passed str; expected a LegEvent"),
        (None, "passed NoneType; expected a LegEvent"),
        (LegJoined(), "passed LegJoined; expected a LegEvent"),
        (MemberJoined("2"), "passed MemberJoined with str for uid; expected int"),  # type: ignore[arg-type]
        (MemberJoined(True), "passed MemberJoined with bool for uid; expected int"),
        (MemberLeft(2, "quit"), "passed MemberLeft with str for reason; expected LeaveReason"),  # type: ignore[arg-type]
        (LegClosed(OSError()), "passed LegClosed with OSError for reason; expected str"),  # type: ignore[arg-type]
        (AudioLost("heard"), "passed AudioLost with str for direction; expected Direction"),  # type: ignore[arg-type]
    ],
)
def test_a_malformed_event_is_rejected_and_noted_once(event: object, says: str) -> None:
    async def main() -> None:
        r = rig()
        call, handler = await answered(r)
        for _ in range(3):
            handler.on_event(event)  # type: ignore[arg-type]
        await call.hang_up()
        assert remarks(call) == [f"{NAME}on_event: {says}{SEE}"]
        assert call.record.problem == remarks(call)[0]
        assert call.record.counters["leg_callbacks_refused"] == 3
        assert call.record.disposition is Disposition.COMPLETED
        await r.phone.aclose()

    run(main())


@pytest.mark.fault("F39")
@pytest.mark.parametrize(
    ("uid", "given", "says"),
    [
        (2, b"\0\0", "passed bytes; expected an AudioFrame"),
        (2, SimpleNamespace(pcm=b"", rate_hz=RATE_HZ, position=0), "passed SimpleNamespace; expected an AudioFrame"),
        ("2", frame(), "passed str as uid; expected int"),
        (2, frame(rate_hz=8_000), f"passed a frame at 8000 Hz; the leg's rate_hz is {RATE_HZ}"),
        (2, spoilt(position="later"), "passed a frame with str in its fields"),
        (2, spoilt(position=None, pcm=None), "passed a frame with NoneType and NoneType in its fields"),
        (2, spoilt(pcm=bytes(3)), "passed a frame with half a sample in its fields"),
        (2, spoilt(kind=Louder, pcm=bytes(3)), "passed a frame with half a sample in its fields"),
    ],
)
def test_a_malformed_frame_is_rejected_and_noted_once(uid: int, given: AudioFrame, says: str) -> None:
    async def main() -> None:
        r = rig()
        call, handler = await answered(r)
        stream = call.audio()
        for _ in range(3):
            handler.on_audio(uid, given)
        handler.on_audio(2, frame())
        handler.on_audio(2, Louder(bytes(640), RATE_HZ))
        await call.hang_up()
        assert remarks(call) == [f"{NAME}on_audio: {says}{SEE}"]
        assert call.record.counters["leg_callbacks_refused"] == 3
        assert len([item async for item in stream]) == 2, "and what is a frame is heard"
        assert call.record.disposition is Disposition.COMPLETED
        await r.phone.aclose()

    run(main())


def test_a_mistake_of_our_own_is_not_put_on_the_leg() -> None:
    async def main() -> None:
        r = rig()
        call, handler = await answered(r)

        def broken(uid: int, item: AudioFrame) -> None:
            raise ZeroDivisionError

        handler._hear = broken  # type: ignore[attr-defined]
        for item in (frame(), Louder(bytes(640), RATE_HZ)):
            with pytest.raises(ZeroDivisionError):
                handler.on_audio(2, item)
        await call.hang_up()
        assert remarks(call) == []
        await r.phone.aclose()

    run(main())
