"""The shell: what is written before what is done, plugins that misbehave, and what comes too late."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from tests.core.rig import (
    NUMBER,
    PLAIN,
    POLICY,
    AudioKit,
    RampSource,
    frame,
    load,
    phone_with,
    rig,
    run,
)

from offhook import CallPolicy, CallState, Disposition, Phone, PlayoutEnd
from offhook.errors import OffhookError, StorageError
from offhook.interfaces import Store
from offhook.interfaces.ids import Ids
from offhook.plugin.hookspecs import hookimpl
from offhook.session.events import MemberJoined
from offhook.testing import LinkedTransport, ListSink, LoopClock, MemoryStore, ScriptedCarrier

if TYPE_CHECKING:
    from tests.core.rig import Rig

    from offhook import Call, CallRecord, PlayHandle, TimelineEntry
    from offhook.interfaces.store import Document

# ---- the journal comes first (I5)


class Witness(MemoryStore):
    """Looks, at each entry, at what has been done so far."""

    def __init__(self) -> None:
        super().__init__()
        self.rig: Rig | None = None
        self.handle: PlayHandle | None = None
        self.seen: dict[str, tuple[int, int, bool]] = {}

    def append(self, call_id: str, entry: Document) -> None:
        assert self.rig is not None
        super().append(call_id, entry)
        done = (len(self.rig.carrier.rung), self.rig.transport.joins, self.rig.transport.leg is not None)
        self.seen.setdefault(str(entry["event"]), done)
        if entry["event"] == "HangUpRequested":
            assert self.handle is not None
            assert self.handle.ended is None, "playout was stopped before it was written down"


def test_every_step_is_written_down_before_anything_is_done_about_it() -> None:
    async def main() -> None:
        store = Witness()
        r = store.rig = rig(store=store)
        r.answer()
        async with r.phone.dial(NUMBER) as call:
            await call.answered()
            store.handle = call.play(RampSource(10**6))
        assert store.handle.ended is PlayoutEnd.CALL_ENDED
        assert call.record.problem == ""
        assert store.seen["Dialed"] == (0, 0, False), "nothing had rung"
        assert store.seen["CallAccepted"] == (1, 0, False), "nothing had been joined"
        assert store.seen["HangUpRequested"] == (1, 1, True), "nothing had been left"
        assert store.seen["LegClosed"] == (1, 1, False)

    run(main())


class BadStore(Store):
    """Takes `good` entries; then it fails, in both methods or when saving only."""

    def __init__(self, error: Exception, *, only_save: bool = False, good: int = 2) -> None:
        self._error, self._only_save, self._good = error, only_save, good
        self.appended = 0

    def append(self, call_id: str, entry: Document) -> None:
        self.appended += 1
        if not self._only_save and self.appended > self._good:
            raise self._error

    def save(self, call_id: str, record: Document) -> None:
        if self.appended > self._good:
            raise self._error

    def close(self) -> None:
        pass


@pytest.mark.parametrize("error", [OffhookError("the disk is full"), OSError(28, "the disk is full"), KeyError("x")])
@pytest.mark.parametrize("only_save", [False, True])
def test_a_store_that_fails_is_noted_and_the_call_goes_on(error: Exception, only_save: bool) -> None:
    async def main() -> None:
        r = phone_with(BadStore(error, only_save=only_save, good=2))
        r.answer()
        async with r.phone.dial(NUMBER) as call:
            assert await call.answered()
        assert call.record.disposition is Disposition.COMPLETED
        assert call.record.counters["records_unsaved"] > 1
        if isinstance(error, OffhookError):
            assert call.record.problem == "the disk is full"
        else:
            where = "save" if only_save else "append"
            assert f"BadStore' failed in {where}: {type(error).__name__}" in call.record.problem

    run(main())


@pytest.mark.fault("F42")
@pytest.mark.parametrize("only_save", [False, True])
def test_nothing_rings_that_cannot_be_written_down(only_save: bool) -> None:
    """I9: no ring without a record."""

    async def main() -> None:
        r = phone_with(BadStore(OffhookError("the disk is full."), only_save=only_save, good=0))
        call = r.phone.dial(NUMBER)
        with pytest.raises(StorageError, match=r"was not dialled, because the call cannot be stored: the disk"):
            await call.__aenter__()
        assert r.carrier.rung == []
        assert (call.state, call.record.rang) == (CallState.ENDED, "no")

    run(main())


def test_a_phone_needs_no_store() -> None:
    async def main() -> None:
        r = rig()
        phone = Phone(
            carrier=r.carrier, transport=r.transport, policy=POLICY, plugins=PLAIN, clock=LoopClock(), ids=Ids(1)
        )
        r.answer()
        async with phone, phone.dial(NUMBER) as call:
            assert await call.answered()
        assert r.store.journal == []

    run(main())


class CoarseClock(LoopClock):
    """Ticks 64 times a second, as some machines' clocks do."""

    def monotonic_s(self) -> float:
        return super().monotonic_s() // 0.015625 * 0.015625


def test_a_timer_that_comes_early_is_no_event() -> None:
    async def main() -> None:
        r = rig()
        phone = Phone(
            carrier=r.carrier,
            transport=r.transport,
            policy=CallPolicy(ring_timeout_s=30.01),
            plugins=PLAIN,
            clock=CoarseClock(),
        )
        async with phone.dial(NUMBER) as call:
            await call.ended()
        assert [entry.event for entry in call.record.timeline].count("DeadlinePassed") == 1
        assert call.record.disposition is Disposition.NO_ANSWER
        assert 30 < asyncio.get_running_loop().time() < 30.1

    run(main())


# ---- observers


class Observer:
    """Keeps its calls, in order, with the rung numbers at that time."""

    def __init__(self, carrier: ScriptedCarrier) -> None:
        self._carrier = carrier
        self.called: list[tuple[str, object]] = []

    @hookimpl
    def offhook_call_created(self, call_id: str, number: str) -> None:
        assert self._carrier.rung == []
        self.called.append(("created", number))

    @hookimpl
    def offhook_call_transition(self, entry: TimelineEntry) -> None:
        assert entry.changed
        self.called.append(("transition", entry.call))

    @hookimpl
    def offhook_call_ended(self, record: CallRecord) -> None:
        self.called.append(("ended", record.disposition))


class Rude:
    """Raises whenever it is called."""

    @hookimpl
    def offhook_call_created(self) -> None:
        raise ValueError("created")

    @hookimpl
    def offhook_call_transition(self) -> None:
        raise KeyError("transition")

    @hookimpl
    def offhook_call_ended(self) -> None:
        raise RuntimeError("ended")


def test_observers_see_each_step_and_one_that_raises_does_no_harm() -> None:
    async def main() -> None:
        carrier = ScriptedCarrier()
        observer = Observer(carrier)
        r = rig(carrier=carrier, plugins=load(Rude(), observer))
        r.answer()
        async with r.phone.dial(NUMBER) as call:
            await call.answered()
        assert observer.called == [
            ("created", "+1415•••0123"),
            ("transition", CallState.DIALING),
            ("transition", CallState.DIALING),
            ("transition", CallState.RINGING),
            ("transition", CallState.ACTIVE),
            ("transition", CallState.ENDING),
            ("transition", CallState.ENDED),
            ("ended", Disposition.COMPLETED),
        ]
        assert call.record.counters["observer_errors"] == 8
        assert call.record.problem.startswith(
            "plugin 'Rude (given to the phone)' failed in offhook_call_created: ValueError: created (test_driver.py:"
        )

    run(main())


def test_no_hook_is_called_while_media_flows() -> None:
    async def main() -> None:
        called: list[float] = []

        class Counting:
            @hookimpl
            def offhook_call_transition(self) -> None:
                called.append(asyncio.get_running_loop().time())

        r = rig(plugins=load(AudioKit(), Counting()))
        r.answer(1)
        r.talk(1.5, 18)
        async with r.phone.dial(NUMBER) as call:
            await call.answered()
            before = len(called)
            call.listen(ListSink())
            stream = call.audio(rate_hz=8_000)
            call.play(RampSource(10 * 16_000))
            await asyncio.sleep(10)
            call.clear()
            await asyncio.sleep(10)
            assert len(called) == before
            assert stream.dropped > 700
        assert len(r.callee.heard) > 950
        assert len(called) == before + 2

    run(main())


def test_two_phones_share_nothing() -> None:
    async def main() -> None:
        one, two = rig(plugins=load(AudioKit())), rig()
        one.answer(1)
        two.answer(2)
        async with one.phone.dial(NUMBER) as first, two.phone.dial(NUMBER) as second:
            await first.answered()
            assert second.state is CallState.RINGING
            first.play("ramp:100")
            await second.answered()
            await first.hang_up()
            assert second.state is CallState.ACTIVE
        assert len(one.carrier.rung) == len(two.carrier.rung) == 1
        assert set(one.store.records) == {first.record.call_id}
        assert set(two.store.records) == {second.record.call_id}

    run(main())


# ---- what comes too late


def test_what_a_leg_says_after_the_end_is_ignored() -> None:
    async def main() -> None:
        r = rig()
        r.answer()
        async with r.phone.dial(NUMBER) as call:
            await call.answered()
            assert r.transport.leg is not None
            handler = r.transport.leg.handler
        entries, heard = len(call.record.timeline), call.record.counters["frames_heard"]
        handler.on_event(MemberJoined(9))
        handler.on_audio(2, frame())
        handler.on_audio(9, frame())
        assert (len(call.record.timeline), call.state) == (entries, CallState.ENDED)
        assert call.record.counters["frames_heard"] == heard
        assert len(r.store.journal) == entries

    run(main())


def test_audio_before_the_leg_is_ours_is_ignored() -> None:
    class Early(LinkedTransport):
        async def join(self, grant: Any, handler: Any) -> Any:
            handler.on_audio(2, frame())
            return await super().join(grant, handler)

    async def main() -> None:
        r = rig(transport=Early())
        async with r.phone.dial(NUMBER) as call:
            assert call.record.first_heard_at_s is None

    run(main())


def test_a_callee_who_answers_while_a_cancelled_call_is_let_go_starts_nothing() -> None:
    async def main() -> None:
        r = rig(policy=POLICY)
        r.transport.leave_gate.clear()
        r.answer(at_s=1.5)

        async def ring() -> None:
            async with r.phone.dial(NUMBER) as call:
                calls.append(call)
                await call.answered()

        calls: list[Call] = []
        task = asyncio.create_task(ring())
        await asyncio.sleep(1)
        task.cancel()  # hangs up, which takes two seconds
        await asyncio.sleep(0.1)
        task.cancel()  # abandons that
        await asyncio.wait({task})
        assert task.cancelled()
        await asyncio.sleep(60)
        assert r.callee.heard == []
        assert calls[0].record.disposition is Disposition.CANCELED

    run(main())


def test_a_loop_that_is_shut_down_while_it_rings_leaves_and_starts_nothing() -> None:
    async def main() -> None:
        r = rig(policy=POLICY)
        r.transport.leave_gate.clear()
        call = r.phone.dial(NUMBER)
        await call.__aenter__()
        (runner,) = asyncio.all_tasks() - {asyncio.current_task()}
        runner.cancel()  # as asyncio.run() does with what is left
        r.answer(at_s=1)
        await asyncio.sleep(60)
        assert runner.done()
        assert r.callee.heard == []
        assert call.record.disposition is Disposition.CANCELED
        assert len(r.store.records) == 1
        assert not await call.answered()
        await call.hang_up()

    run(main())


def test_a_hang_up_that_was_given_up_is_still_over_and_can_be_repeated() -> None:
    async def main() -> None:
        r = rig(policy=POLICY)
        r.transport.leave_gate.clear()
        r.answer()
        async with r.phone.dial(NUMBER) as call:
            await call.answered()
            began = asyncio.get_running_loop().time()
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.5):
                    await call.hang_up()
            assert call.state is CallState.ENDED
            assert asyncio.get_running_loop().time() - began == pytest.approx(2), "all attempts share a limit"
            await call.hang_up()  # is not a cancellation of ours
            await call.ended()
        assert call.record.disposition is Disposition.COMPLETED
        await r.phone.aclose()

    run(main())


def test_one_cancelled_hang_up_does_not_cancel_another() -> None:
    async def main() -> None:
        r = rig(policy=POLICY)
        r.transport.leave_gate.clear()
        r.answer()
        async with r.phone.dial(NUMBER) as call:
            await call.answered()
            first, second = (asyncio.create_task(call.hang_up()) for _ in range(2))
            await asyncio.sleep(0.5)
            first.cancel()
            await asyncio.wait({first, second})
            assert first.cancelled()
            assert second.exception() is None

    run(main())


def test_a_mistake_of_our_own_is_not_hidden() -> None:
    async def main() -> None:
        r = rig()
        call = r.phone.dial(NUMBER)

        def broken(*_: object) -> None:
            raise AssertionError("a mistake")

        call._driver.timeline.add = broken  # type: ignore[method-assign, assignment]
        with pytest.raises(AssertionError, match="a mistake"):
            async with call:
                pass
        with pytest.raises(AssertionError, match="a mistake"):
            await call.ended()  # and does not wait for an end that cannot come

    run(main())


def test_a_mistake_of_our_own_ends_the_call_in_order() -> None:
    async def main() -> None:
        r = rig()
        call = r.phone.dial(NUMBER)

        async def broken() -> None:
            raise AssertionError("a mistake")

        call._driver._leg.join = broken  # type: ignore[method-assign]
        with pytest.raises(AssertionError, match="a mistake"):
            await call.__aenter__()
        assert call.record.disposition is Disposition.FAILED
        assert "AssertionError: a mistake" in call.record.problem

    run(main())
