"""Parts that misbehave in every way: nothing of it leaves ``async with``, and each failure is noted and logged once."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, NoReturn

import pytest
from tests.core.rig import NUMBER, RampSource, load, now, rig, run

from offhook import Disposition, PlayoutEnd
from offhook.errors import OffhookError, PluginError, SourceError, StorageError
from offhook.interfaces import AudioFilter, AudioSource, DialGuard
from offhook.plugin.hookspecs import hookimpl
from offhook.records.timeline import CALLS_LOGGER
from offhook.testing import LinkedTransport, ListSink, MemoryStore, ScriptedCarrier, VirtualLoop

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from tests.core.rig import Rig

    from offhook import AudioFrame, Call


class BodyError(Exception):
    """Of the program's own."""


class Panic(BaseException):
    """As native code raises."""


class Unreadable(OffhookError):
    """An error whose message cannot be read."""

    def __init__(self) -> None:
        pass


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise SystemExit(1)


#: What parts raise by themselves.
ERRORS: list[Callable[[], BaseException]] = [
    lambda: OSError("no"),
    lambda: asyncio.CancelledError(),
    lambda: GeneratorExit(),
    lambda: SystemExit(1),
    lambda: StopAsyncIteration(),
    lambda: Panic("no"),
    lambda: ExceptionGroup("several", [OSError("no")]),
    lambda: BaseExceptionGroup("several", [Panic("no"), asyncio.CancelledError()]),
    lambda: StorageErrorOfTheirs("no"),
    Unreadable,
    Unspeakable,
]


class StorageErrorOfTheirs(OffhookError):
    """An error of a plugin's own, of our kind."""


async def hang(*_: object) -> NoReturn:
    await asyncio.Event().wait()
    raise AssertionError


async def ignore_cancellation(*_: object) -> None:
    """Ends when its third cancellation comes."""
    for _attempt in range(2):
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            continue


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def broken(kind: type, method: str, how: object) -> type:
    """A class like `kind` whose `method` is `how`: a function, or the property or value that stands for it."""
    return type(f"Broken{kind.__name__}", (kind,), {method: how, "__module__": __name__})


def raising(error: Callable[[], BaseException], *, is_async: bool = True) -> object:
    async def fails(self: object, *_: object) -> NoReturn:
        raise error()

    def fails_at_once(self: object, *_: object) -> NoReturn:
        raise error()

    return fails if is_async else fails_at_once


@property  # type: ignore[misc]
def unavailable(self: object) -> NoReturn:
    raise AttributeError("there is no such method here")


#: Ways in which a method that should be async is broken.
WAYS: list[object] = [
    *(raising(error) for error in ERRORS),
    raising(ERRORS[0], is_async=False),
    raising(ERRORS[3], is_async=False),
    unavailable,
    None,
    7,
    lambda self, *_: None,
    lambda self, *_: 7,
    lambda self, *_: [],
]


async def a_call(r: Rig, during: Callable[[Call], object] = lambda call: None) -> Call:
    """A whole call whose body raises; the error leaves both blocks unchanged."""
    r.answer()
    r.talk(1.2, 1)
    with pytest.raises(BodyError):  # noqa: PT012 - the two blocks are what is tested
        async with r.phone, r.phone.dial(NUMBER) as call:
            assert await call.answered()
            during(call)
            await asyncio.sleep(1)
            assert not call.over
            raise BodyError
    return call


def noted(call: Call) -> str:
    return "\n".join(entry.detail for entry in call.record.timeline)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("method", ["write", "aclose"])
def test_a_broken_sink(method: str, way: object, caplog: pytest.LogCaptureFixture) -> None:
    sink = ListSink()

    def during(call: Call) -> None:
        call.listen(sink)
        sink.__class__ = broken(ListSink, method, way)  # what is broken in its class is refused by listen()

    call = run(a_call(rig(), during))
    assert call.record.disposition is Disposition.COMPLETED
    (warned,) = warnings(caplog)
    assert f"{call.record.call_id}: listening with {__name__}.BrokenListSink failed: " in warned
    assert f"listening with {__name__}.BrokenListSink failed: " in noted(call)


def test_a_sink_that_fails_in_both_ways_is_reported_for_both(caplog: pytest.LogCaptureFixture) -> None:
    class Bad(ListSink):
        async def write(self, frame: AudioFrame) -> None:
            raise OSError("no room")

        async def aclose(self) -> None:
            raise OSError("no file")

    run(a_call(rig(), lambda call: call.listen(Bad())))
    first, second = warnings(caplog)
    assert "failed in write: OSError: no room" in first
    assert "failed in aclose: OSError: no file" in second


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("method", ["read", "aclose"])
def test_a_broken_source(method: str, way: object, caplog: pytest.LogCaptureFixture) -> None:
    source: AudioSource = broken(RampSource, "aclose", way)(320) if method == "aclose" else None  # type: ignore[assignment]
    if method == "read":
        source = RampSource(320)
        source.__class__ = broken(RampSource, "read", way)
    handles = []

    def during(call: Call) -> None:
        # What is broken in its class is refused by play(): here it breaks afterwards.
        media = call._driver.media
        assert media is not None
        handles.append(media.playout.add(source))

    call = run(a_call(rig(), during))
    (warned,) = warnings(caplog)
    doing = "playing" if method == "read" else "closing"
    assert f"{call.record.call_id}: {doing} BrokenRampSource failed: " in warned
    assert f"{doing} BrokenRampSource failed: " in noted(call)
    assert handles[0].ended is (PlayoutEnd.FAILED if method == "read" else PlayoutEnd.COMPLETED)


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("method", ["apply", "close"])
def test_a_broken_filter(method: str, error: Callable[[], BaseException], caplog: pytest.LogCaptureFixture) -> None:
    class Same(AudioFilter):
        def apply(self, frame: AudioFrame) -> AudioFrame:
            return frame

    made: AudioFilter = broken(Same, method, raising(error, is_async=False))()
    call = run(a_call(rig(), lambda call: call.add_filter(made)))
    (warned,) = warnings(caplog)
    assert "BrokenSame was removed: " in warned or "closing the filter" in warned
    assert "BrokenSame" in noted(call)


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("method", ["append", "save", "close"])
def test_a_broken_store(method: str, error: Callable[[], BaseException], caplog: pytest.LogCaptureFixture) -> None:
    class Later(MemoryStore):
        armed = False

    def fails(self: Later, *arguments: object) -> object:
        if self.armed:
            raise error()
        return getattr(MemoryStore, method)(self, *arguments)

    store = broken(Later, method, fails)()
    call = run(a_call(rig(store=store), lambda call: setattr(store, "armed", True)))
    (warned,) = warnings(caplog)
    assert f"BrokenLater' failed in {method}: " in warned or isinstance(error(), StorageErrorOfTheirs)
    assert call.record.disposition is Disposition.COMPLETED


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("part", ["carrier", "transport"])
def test_a_part_of_the_phone_that_cannot_be_closed(part: str, way: object, caplog: pytest.LogCaptureFixture) -> None:
    kind: type = ScriptedCarrier if part == "carrier" else LinkedTransport
    made = kind()
    r = rig(**{part: made})
    made.__class__ = broken(kind, "aclose", way)  # what is broken in its class is refused by Phone()
    call = run(a_call(r))
    assert not call.record.problem
    (warned,) = warnings(caplog)
    assert warned.startswith("on closing a phone: ")
    assert r.store.closed


def test_closing_a_phone_by_hand_still_raises_and_the_other_errors_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    r = rig()
    for part in (r.carrier, r.transport):
        part.__class__ = broken(type(part), "aclose", raising(ERRORS[0]))
    with pytest.raises(PluginError, match="LinkedTransport' failed in aclose: OSError: no"):
        run(r.phone.aclose())
    (warned,) = warnings(caplog)
    assert "BrokenScriptedCarrier' failed in aclose: OSError: no" in warned


@pytest.mark.parametrize(
    ("method", "way"),
    [
        *(("leave", way) for way in WAYS),
        *(("counters", raising(error, is_async=False)) for error in ERRORS),
        *(("counters", way) for way in (unavailable, None, 7)),
    ],
)
def test_a_leg_that_cannot_be_left(method: str, way: object, caplog: pytest.LogCaptureFixture) -> None:
    r = rig()

    def during(call: Call) -> None:
        assert r.transport.leg is not None
        r.transport.leg.__class__ = broken(type(r.transport.leg), method, way)

    call = run(a_call(r, during))
    assert call.record.disposition is Disposition.COMPLETED
    assert len(warnings(caplog)) == 1
    assert call.record.problem in warnings(caplog)[0]


@pytest.mark.parametrize("way", [*WAYS[:13], unavailable])
def test_a_guard_that_does_not_release(way: object, caplog: pytest.LogCaptureFixture) -> None:
    class Guarding(MemoryStore, DialGuard):
        async def claim(self, key: str, call_id: str, now_s: float, if_killed_s: float = 0.0) -> str | None:
            return None

        async def release(self, key: str, call_id: str, now_s: float, hold_s: float) -> None: ...

    store = Guarding()
    r = rig(store=store)
    store.__class__ = broken(Guarding, "release", way)
    call = run(a_call(r))
    assert len(warnings(caplog)) == 1
    assert call.record.problem in warnings(caplog)[0]


def test_a_store_that_is_also_the_guard_fails_once_for_one_reason(caplog: pytest.LogCaptureFixture) -> None:
    class Full(MemoryStore, DialGuard):
        armed = False

        def save(self, call_id: str, record: Mapping[str, object]) -> None:
            if self.armed:
                raise StorageError("the disk is full")
            super().save(call_id, record)

        async def claim(self, key: str, call_id: str, now_s: float, if_killed_s: float = 0.0) -> str | None:
            return None

        async def release(self, key: str, call_id: str, now_s: float, hold_s: float) -> None:
            raise StorageError("the disk is full")

    store = Full()
    call = run(a_call(rig(store=store), lambda call: setattr(store, "armed", True)))
    assert [entry.detail for entry in call.record.timeline].count("the disk is full") == 1
    assert warnings(caplog) == [f"{call.record.call_id}: the disk is full"]


@pytest.mark.parametrize("error", ERRORS)
def test_an_observer_that_always_fails_is_logged_once(
    error: Callable[[], BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    class Bad:
        @hookimpl
        def offhook_call_transition(self, call_id: str) -> None:
            raise error()

    call = run(a_call(rig(plugins=load(Bad()))))
    assert call.record.counters["observer_errors"] > 2
    assert len(warnings(caplog)) == 1


@pytest.mark.parametrize("hangs", [hang, ignore_cancellation])
def test_parts_that_hang_delay_the_end_by_a_known_time(
    hangs: Callable[..., object], caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        r = rig()
        sink, source = broken(ListSink, "aclose", hangs)(), RampSource(320)
        source.__class__ = broken(RampSource, "aclose", hangs)
        r.carrier.__class__ = broken(ScriptedCarrier, "aclose", hangs)
        r.transport.__class__ = broken(LinkedTransport, "aclose", hangs)

        def during(call: Call) -> None:
            assert call._driver.media is not None
            call.listen(sink)
            call._driver.media.playout.add(source)

        await a_call(r, during)
        assert now() < 2 + 15
        await asyncio.sleep(1)
        for task in asyncio.all_tasks() - {asyncio.current_task()}:  # those that ignore their cancellation
            task.cancel()
        await asyncio.sleep(0)

    run(main())
    assert 3 <= len(warnings(caplog)) <= 5


def test_a_cancellation_from_outside_is_not_swallowed() -> None:
    async def main() -> None:
        r = rig()
        r.answer()
        r.transport.leave_gate.clear()

        async def program() -> None:
            async with r.phone.dial(NUMBER) as call:
                await call.answered()
                raise BodyError

        task = asyncio.create_task(program())
        await asyncio.sleep(2)
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled()
        await r.phone.aclose()

    run(main())


def test_a_bug_of_ours_is_logged_once_and_the_body_s_error_leaves(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        r = rig()

        def during(call: Call) -> None:
            async def bug() -> None:
                raise AssertionError(f"a bug with {NUMBER}")

            call._driver.spawn(bug(), name="a bug")

        r.answer()
        with pytest.raises(BodyError):  # noqa: PT012
            async with r.phone, r.phone.dial(NUMBER) as call:
                assert await call.answered()
                during(call)
                await asyncio.sleep(1)
                assert call.over
                raise BodyError
        with pytest.raises(AssertionError, match="a bug"):
            await call.ended()

    run(main())
    (bug,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert "a bug in offhook" in bug.getMessage()
    assert "AssertionError: a bug with +1415•••0123" in bug.getMessage()


# ---- playouts that fail


async def chunks_of_bytes() -> AsyncIterator[object]:
    yield object()


def test_a_failed_playout_is_a_warning_with_the_item_and_the_cause(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> Call:
        r = rig()
        r.answer()
        async with r.phone.dial(NUMBER) as call:
            await call.answered()
            handle = call.play(chunks_of_bytes())  # type: ignore[arg-type]
            assert await handle.done() is PlayoutEnd.FAILED
        assert isinstance(handle.problem, SourceError)
        return call

    call = run(main())
    (warned,) = caplog.records
    assert (warned.name, warned.levelname) == (CALLS_LOGGER, "WARNING")
    assert warned.getMessage() == f"{call.record.call_id}: {call.record.problem}"
    assert call.record.problem.startswith("playing async_generator chunks_of_bytes failed: ")
    assert "object" in call.record.problem


def test_what_is_noted_after_the_end_is_logged_all_the_same(caplog: pytest.LogCaptureFixture) -> None:
    call = run(a_call(rig()))
    call._driver.note(PluginError("acme", "aclose", "late"))
    assert warnings(caplog) == [f"{call.record.call_id}: plugin 'acme' failed in aclose: late"]
    assert not call.record.problem


def test_a_leg_that_breaks_in_the_middle_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> Call:
        r = rig()
        r.answer()
        async with r.phone.dial(NUMBER) as call:
            await call.answered()
            assert r.transport.leg is not None
            r.transport.leg.__class__ = broken(type(r.transport.leg), "send", raising(ERRORS[0], is_async=False))
            await call.ended()
        return call

    call = run(main())
    assert call.record.disposition is Disposition.FAILED
    assert len(warnings(caplog)) == 1
    assert "failed in send: OSError: no" in warnings(caplog)[0]


# ---- before the call is up


def test_a_leg_whose_attributes_raise_is_a_failed_join() -> None:
    class Leg:
        @property
        def leave(self) -> object:
            raise OSError("released")

    class Joins(LinkedTransport):
        async def join(self, *_: object) -> Leg:  # type: ignore[override]
            return Leg()

    async def main() -> None:
        with pytest.raises(PluginError, match="Joins' failed in join: OSError: released"):
            await rig(transport=Joins()).phone.dial(NUMBER).__aenter__()

    run(main())


def test_a_carrier_whose_endpoint_raises_is_named_before_anything_rings() -> None:
    async def main() -> None:
        r = rig()
        r.carrier.__class__ = type("Moved", (ScriptedCarrier,), {"endpoint": unavailable})
        with pytest.raises(PluginError, match="failed in endpoint: AttributeError: there is no such method here"):
            await r.phone.dial(NUMBER).__aenter__()
        assert not r.carrier.rung

    run(main())


def test_a_loop_that_is_closed_under_a_call_is_not_a_mistake_of_its_parts(caplog: pytest.LogCaptureFixture) -> None:
    """Python closes the coroutines that wait, and each of them sees a GeneratorExit."""

    class Waiting(RampSource):
        async def read(self) -> AudioFrame | None:
            await asyncio.Event().wait()
            return None

    class WaitingSink(ListSink):
        async def write(self, frame: AudioFrame) -> None:
            await asyncio.Event().wait()

    async def main() -> Call:
        r = rig()
        r.answer()
        call = await r.phone.dial(NUMBER).__aenter__()
        assert await call.answered()
        call.play(Waiting(1))
        call.listen(WaitingSink())
        await asyncio.sleep(1)
        return call

    loop = VirtualLoop()
    call = loop.run_until_complete(main())
    works = [task.get_coro() for task in asyncio.all_tasks(loop)]
    for task in asyncio.all_tasks(loop):
        task._log_destroy_pending = False  # type: ignore[attr-defined]
    for work in works:
        assert work is not None
        work.close()
    loop.close()
    assert not warnings(caplog)
    assert not call.record.problem
