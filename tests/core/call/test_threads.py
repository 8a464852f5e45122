"""Threads: everything but a `ThreadsafeCall` is refused outside its event loop, before anything is done."""

from __future__ import annotations

import asyncio
import inspect
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import pytest
from tests.core.rig import NUMBER, RampSource, frame, load, rig, run

import offhook
from offhook import (
    AudioStream,
    BoundedStream,
    Call,
    CallState,
    Disposition,
    Phone,
    PlayHandle,
    PlayoutEnd,
    PushSource,
    ThreadsafeCall,
)
from offhook.call import threadsafe
from offhook.errors import CallStateError, ConfigError, SourceClosed, SpecError, WaitTimeout
from offhook.testing import LinkedTransport, ListSink, LoopClock, ScriptedCarrier

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

_T = TypeVar("_T")

#: The classes whose objects live on an event loop; every public method of theirs is called below.
LIVE_ON_A_LOOP = {AudioStream, BoundedStream, Call, Phone, PlayHandle, PushSource}
#: Classes that other threads may use: values, errors, interfaces of parts, and what is made for threads.
FREE = {
    "AnswerPolicy AudioFilter AudioFrame AudioSink AudioSource CallPolicy CallRecord CallState Cause Disposition "
    "EndedBy Evidence Gap Grade LegState LoadPolicy Outcome PhoneLoad PlayMode PlayoutEnd Secret SpeechDetector "
    "SpeechStarted SpeechStopped ThreadsafeCall TimelineEntry"
}
#: Methods that say something of an object, or of a class, and touch no loop.
HARMLESS = {"__init__", "__reduce__", "__repr__", "__class_getitem__", "from_env"}


@dataclass
class Stage:
    """A loop on a thread of its own, and a call that was answered there."""

    loop: asyncio.AbstractEventLoop
    thread: threading.Thread
    phone: Phone
    transport: LinkedTransport
    call: Call
    handle: PlayHandle
    source: PushSource
    audio: AudioStream
    events: BoundedStream[offhook.TimelineEntry]

    def on_loop(self, work: Coroutine[object, object, _T]) -> _T:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(10)

    def of(self, kind: type) -> object:
        held = (self.phone, self.call, self.handle, self.source, self.audio, self.events)
        return next(item for item in held if type(item) is kind)


@pytest.fixture
def stage() -> Iterator[Stage]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    transport = LinkedTransport()
    phone = Phone(carrier=ScriptedCarrier(), transport=transport, plugins=load())
    call = phone.dial(NUMBER)

    async def begin() -> Stage:
        await call.__aenter__()
        callee = transport.member()
        callee.join()
        callee.publish()
        assert await call.answered()
        source = PushSource()
        return Stage(loop, thread, phone, transport, call, call.play(source), source, call.audio(), call.events())

    made = asyncio.run_coroutine_threadsafe(begin(), loop).result(10)
    yield made
    if not loop.is_closed():
        made.on_loop(phone.aclose())
        made.on_loop(loop.shutdown_default_executor())
        loop.call_soon_threadsafe(loop.stop)
        made.thread.join(10)
        loop.close()


def methods(kind: type) -> list[str]:
    """Every public method of a class and its bases, and each property that can be set."""
    found: dict[str, object] = {}
    for base in reversed(kind.__mro__):
        if base.__module__.startswith("offhook"):
            found.update(vars(base))
    return sorted(
        name
        for name, value in found.items()
        if name not in HARMLESS
        and (not name.startswith("_") or name.startswith("__"))
        and (inspect.isfunction(value) or (isinstance(value, property) and value.fset is not None))
    )


def use(target: object, name: str) -> object:
    """Call a method with nonsense, or set a property: what is refused first is the thread."""
    if isinstance(inspect.getattr_static(type(target), name), property):
        setattr(target, name, object())
        return None
    method = getattr(target, name)
    required = [
        item
        for item in inspect.signature(method).parameters.values()
        if item.default is item.empty and item.kind is item.POSITIONAL_OR_KEYWORD
    ]
    nonsense = None if name == "__aexit__" else object()
    return method(*(nonsense for _ in required))


def in_a_plain_thread(target: object, name: str) -> None:
    with ThreadPoolExecutor(1) as pool:
        pool.submit(in_this_thread, target, name).result(10)


def in_this_thread(target: object, name: str) -> None:
    begun = use(target, name)
    if inspect.iscoroutine(begun):
        try:
            begun.send(None)
        finally:
            begun.close()


def on_another_loop(target: object, name: str) -> None:
    async def main() -> None:
        begun = use(target, name)
        if inspect.iscoroutine(begun):
            await begun

    asyncio.run(main())


KINDS: list[type] = sorted(LIVE_ON_A_LOOP, key=repr)
CASES = [(kind, name) for kind in KINDS for name in methods(kind)]


def test_every_class_of_the_face_is_known_to_live_on_a_loop_or_not_to() -> None:
    classes = {
        value
        for name in offhook.__all__
        if inspect.isclass(value := getattr(offhook, name)) and not issubclass(value, BaseException)
    }
    free = {name for names in FREE for name in names.split()}
    assert {kind.__name__ for kind in classes} == {kind.__name__ for kind in LIVE_ON_A_LOOP} | free
    assert len(CASES) > 40


@pytest.mark.parametrize("way", [in_a_plain_thread, in_this_thread, on_another_loop])
@pytest.mark.parametrize("kind", KINDS)
def test_a_public_method_called_elsewhere_raises_before_it_does_anything(
    stage: Stage, kind: type, way: Callable[[object, str], None]
) -> None:
    async def look() -> tuple[object, ...]:
        return (
            stage.call.state,
            stage.call.muted,
            stage.call.gain_db,
            stage.handle.ended,
            stage.source.queued_ms,
            stage.source._refusal,
            len(stage.call.record.timeline),
            len(stage.phone._drivers),
            stage.phone._closed,
            stage.audio._closed,
            stage.events._closed,
            stage.transport.closed,
        )

    before = stage.on_loop(look())
    for name in methods(kind):
        with pytest.raises(
            CallStateError, match=r"used on another event loop, which is still open|no loop runs on this"
        ):
            way(stage.of(kind), name)
        assert stage.on_loop(look()) == before, name


def test_an_error_of_the_body_leaves_on_the_wrong_loop_as_well(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    async def leave(block: Call | Phone) -> None:
        assert await block.__aexit__(ValueError, ValueError("theirs"), None) is None  # type: ignore[func-returns-value]

    for block in (stage.call, stage.phone):
        caplog.clear()
        asyncio.run(leave(block))
        (warned,) = [record for record in caplog.records if record.levelname == "WARNING"]
        assert "used on another event loop" in warned.getMessage()
    assert not stage.call.over


def test_properties_can_be_read_anywhere(stage: Stage) -> None:
    call = stage.call
    assert (call.state, call.over, call.muted, call.gain_db) == (CallState.ACTIVE, False, False, 0)
    assert call.loop is stage.loop
    assert (stage.handle.ended, stage.handle.position_ms, stage.source.queued_ms) == (None, 0, 0)


def test_what_was_made_before_a_loop_ran_is_used_on_one_after_the_other() -> None:
    source = PushSource()

    async def once() -> None:
        await source.write(frame(samples=1))

    asyncio.run(once())
    asyncio.run(once())
    source.end()
    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(source.read())
        source.end()  # the loop does not run now
        with pytest.raises(CallStateError, match="this PushSource is used on another event loop"):
            asyncio.run(once())
    finally:
        loop.close()


# ---- the object for threads


def test_a_thread_speaks_listens_to_the_state_and_hangs_up(stage: Stage) -> None:
    call = ThreadsafeCall(stage.call)
    assert call.answered()
    assert (call.state, call.over) == (CallState.ACTIVE, False)
    assert call.cancel(stage.handle) == 0
    handle = call.play(RampSource(640), gain_db=-6)
    assert call.wait(handle, timeout_s=10) is PlayoutEnd.COMPLETED
    source = PushSource()
    fed = call.play(source)
    for _ in range(20):
        call.feed(source, frame())
    call.end(source)
    assert call.wait(fed) is PlayoutEnd.COMPLETED
    assert fed.position_ms == 400
    call.mute()
    assert stage.call.muted
    call.unmute()
    assert call.clear() == 0
    last = call.play(RampSource(320))
    call.hang_up(after="playout", timeout_s=10)
    assert last.ended is PlayoutEnd.COMPLETED
    call.ended()
    assert (call.over, call.record.disposition) == (True, Disposition.COMPLETED)
    assert not call.record.problem


def test_what_the_call_raises_reaches_the_thread(stage: Stage) -> None:
    call = ThreadsafeCall(stage.call)
    with pytest.raises(SpecError):
        call.play("nothing:1")
    with pytest.raises(ConfigError, match=r"wait\(timeout_s\) must be"):
        call.wait(stage.handle, timeout_s=-1)
    with pytest.raises(WaitTimeout, match=r"done\(\) waited 0.05 s"):
        call.wait(stage.handle, timeout_s=0.05)
    for _ in range(2):  # one is read ahead, and the other one waits
        call.feed(stage.source, frame(samples=16_000))
    with pytest.raises(WaitTimeout, match=r"feed\(\) waited 0 s"):
        call.feed(stage.source, frame(), timeout_s=0)
    call.clear()
    with pytest.raises(SourceClosed):
        call.feed(stage.source, frame(), timeout_s=10)
    call.hang_up()
    assert call.wait(call.play(RampSource(320))) is PlayoutEnd.CALL_ENDED
    with pytest.raises(CallStateError, match="cannot be sent to another process"):
        pickle.dumps(call)


def test_the_loops_own_thread_would_block_itself(stage: Stage) -> None:
    call = ThreadsafeCall(stage.call)

    async def on_the_loop() -> None:
        call.clear()

    with pytest.raises(CallStateError, match=r"clear\(\) of a ThreadsafeCall would block the call's own event loop"):
        stage.on_loop(on_the_loop())


def test_a_loop_that_is_blocked_withdraws_what_it_was_asked(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threadsafe, "PROMPT_S", 0.2)
    monkeypatch.setattr(threadsafe, "LOOK_S", 0.05)
    call, release = ThreadsafeCall(stage.call), threading.Event()
    stage.loop.call_soon_threadsafe(release.wait, 30)
    with pytest.raises(WaitTimeout, match=r"mute\(\) was not begun within 0.2 s and was withdrawn: is the event loop"):
        call.mute()
    with pytest.raises(WaitTimeout, match=r"hang_up\(\) was not begun"):
        call.hang_up()
    release.set()
    call.clear()
    assert (stage.call.muted, call.over) == (False, False)


def test_a_wait_that_the_loop_does_not_end_in_time_is_withdrawn(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threadsafe, "PROMPT_S", 0.2)
    monkeypatch.setattr(threadsafe, "LOOK_S", 0.05)
    call, release, waiting = ThreadsafeCall(stage.call), threading.Event(), threading.Event()

    async def block() -> None:
        while not stage.handle.waiters:
            await asyncio.sleep(0)
        waiting.set()
        release.wait(30)

    asyncio.run_coroutine_threadsafe(block(), stage.loop)
    with pytest.raises(WaitTimeout, match=r"wait\(\) was not done within 0.3 s and was withdrawn$"):
        call.wait(stage.handle, timeout_s=0.1)
    assert waiting.is_set()
    release.set()


@pytest.mark.parametrize("how", ["cancelled", "stopped", "closed"])
def test_a_loop_that_ends_ends_the_waits(stage: Stage, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    monkeypatch.setattr(threadsafe, "PROMPT_S", 0.2)
    monkeypatch.setattr(threadsafe, "LOOK_S", 0.05)
    call = ThreadsafeCall(stage.call)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(call.wait, stage.handle)

        async def until_it_waits() -> None:
            while not stage.handle.waiters:
                await asyncio.sleep(0)
            if how == "cancelled":
                for task in asyncio.all_tasks():
                    if task is not asyncio.current_task() and "on_loop" in repr(task.get_coro()):
                        task.cancel()

        stage.on_loop(until_it_waits())
        if how == "closed":
            stage.on_loop(stage.phone.aclose())
            assert waiting.result(10) is PlayoutEnd.CALL_ENDED
            stage.on_loop(stage.loop.shutdown_default_executor())
        if how != "cancelled":
            stage.loop.call_soon_threadsafe(stage.loop.stop)
            stage.thread.join(10)
        if how == "closed":
            stage.loop.close()
            for verb in (call.clear, call.hang_up, call.ended):
                with pytest.raises(CallStateError, match="needs the event loop of the call, which has stopped"):
                    verb()
            return
        with pytest.raises(CallStateError, match=r"wait\(\) needs the event loop of the call, which has stopped"):
            waiting.result(10)
    if how == "stopped":
        stage.thread = threading.Thread(target=stage.loop.run_forever, daemon=True)
        stage.thread.start()


def test_it_needs_a_call_that_was_entered() -> None:
    phone = Phone(carrier=ScriptedCarrier(), transport=LinkedTransport(), plugins=load(), clock=LoopClock())
    with pytest.raises(CallStateError, match="ThreadsafeCall needs a call that was entered"):
        ThreadsafeCall(phone.dial(NUMBER))


def test_a_thread_in_virtual_time() -> None:
    async def main() -> None:
        made = rig()
        made.answer()
        async with made.phone.dial(NUMBER) as call:
            assert await call.answered()
            threads = ThreadsafeCall(call)
            handle = await asyncio.to_thread(threads.play, RampSource(320))
            assert await handle.done() is PlayoutEnd.COMPLETED
            await asyncio.to_thread(threads.mute)
            assert call.muted

    run(main())


def test_what_needs_a_loop_is_refused_when_none_runs_any_more() -> None:
    async def main() -> Call:
        r = rig()
        r.answer()
        async with r.phone.dial(NUMBER) as call:
            await call.answered()
        return call

    call = run(main())
    for verb in (lambda: call.play(frame()), lambda: call.listen(ListSink())):
        with pytest.raises(CallStateError, match="must be used on its event loop, and no loop runs on this thread"):
            verb()
    call.mute()
