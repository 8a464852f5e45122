"""Dialling safely: the limit, the plugins' say, the double-dial guard, and the dry run (F12, F36, I9)."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

import pytest
from tests.core.rig import NUMBER, NUMBERS, PLAIN, POLICY, StuckSink, frame, load, now, rig, run

from offhook import CallPolicy, CallState, Phone, hookimpl
from offhook.call.admission import AMBIGUOUS_HOLD_S, Admission, MemoryGuard
from offhook.cli.stopping import DRAIN_S
from offhook.errors import (
    CallStateError,
    CarrierUnavailable,
    ConfigError,
    DialForbidden,
    DoubleDial,
    NumberRejected,
    PluginError,
    StartAmbiguous,
    TooManyCalls,
)
from offhook.interfaces import DialGuard, DialRequest
from offhook.interfaces.ids import Ids
from offhook.session.record import record_document
from offhook.testing import LinkedTransport, LoopClock, MemoryStore, ScriptedCarrier

if TYPE_CHECKING:
    from offhook import Call

REQUEST = DialRequest("call_1", NUMBER)


def phone(carrier: ScriptedCarrier, **settings: object) -> Phone:
    """A phone made of doubles; each call joins a channel of its own."""
    return Phone(
        carrier=carrier,
        transport=LinkedTransport(),
        policy=POLICY,
        clock=LoopClock(),
        ids=Ids(1),
        **{"plugins": PLAIN, **settings},  # type: ignore[arg-type]
    )


@pytest.mark.fault("F12")
async def unchecked() -> None:
    """Every call would work."""


def test_two_calls_to_one_number_at_once_ring_once() -> None:
    async def main() -> None:
        carrier = ScriptedCarrier()
        carrier.gate.clear()
        async with phone(carrier) as p:
            first, second = p.dial(NUMBER), p.dial(NUMBER)
            results = asyncio.gather(first.__aenter__(), second.__aenter__(), return_exceptions=True)
            await asyncio.sleep(1)
            carrier.gate.set()
            outcomes = await results
        assert carrier.rung == [NUMBER]
        refused = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
        assert len(refused) == 1
        with pytest.raises(
            DoubleDial, match=r"\+1415•••0123 was not dialled: the call call_\w+ is calling that number"
        ):
            raise refused[0]

    run(main())


@pytest.mark.fault("F12")
@pytest.mark.parametrize(
    ("endpoint", "window_s", "held_s"),
    [(None, None, 30), ("http://127.0.0.1:9", None, 0), ("http://127.0.0.1:9", 7.5, 7.5), (None, 0, 0)],
)
def test_a_callee_is_guarded_for_a_while_after_the_call(
    endpoint: str | None, window_s: float | None, held_s: float
) -> None:
    async def main() -> None:
        carrier = ScriptedCarrier(endpoint=endpoint)
        async with phone(carrier, redial_window_s=window_s) as p:
            async with p.dial(NUMBER):
                pass
            start = now()
            if held_s:
                await asyncio.sleep(held_s - 0.001)
                with pytest.raises(DoubleDial):
                    await p.dial(NUMBER).__aenter__()
            async with p.dial(NUMBERS[1]):
                pass
            await asyncio.sleep(start + held_s - now())
            async with p.dial(NUMBER):
                pass
        assert carrier.rung == [NUMBER, NUMBERS[1], NUMBER]

    run(main())


def test_a_second_ring_can_be_asked_for() -> None:
    async def main() -> None:
        carrier = ScriptedCarrier(endpoint=None)
        async with phone(carrier) as p, p.dial(NUMBER), p.dial(NUMBER, redial=True):
            with pytest.raises(DoubleDial):
                await p.dial(NUMBER).__aenter__()
        assert carrier.rung == [NUMBER, NUMBER]

    run(main())


@pytest.mark.fault("F2")
def test_after_a_lost_answer_the_callee_is_not_rung_again_by_mistake() -> None:
    async def main() -> None:
        carrier = ScriptedCarrier(StartAmbiguous("lost"))  # on this machine, where the window is 0
        async with phone(carrier) as p:
            with pytest.raises(StartAmbiguous):
                await p.dial(NUMBER).__aenter__()
            await asyncio.sleep(AMBIGUOUS_HOLD_S - 1)
            with pytest.raises(DoubleDial):
                await p.dial(NUMBER).__aenter__()
            await asyncio.sleep(1)
            with pytest.raises(StartAmbiguous):
                await p.dial(NUMBER).__aenter__()
        assert carrier.rung == [NUMBER, NUMBER]

    run(main())


def test_whom_nothing_rang_can_be_dialled_at_once() -> None:
    async def main() -> None:
        carrier = ScriptedCarrier(CarrierUnavailable("not there"), endpoint=None)
        async with phone(carrier) as p:
            for _ in range(2):
                with pytest.raises(CarrierUnavailable):
                    await p.dial(NUMBER).__aenter__()
        assert len(carrier.rung) == 2

    run(main())


@pytest.mark.fault("F36")
def test_one_call_more_than_the_limit_is_refused_and_the_others_go_on() -> None:
    async def main() -> None:
        carrier = ScriptedCarrier()
        async with phone(carrier, call_limit=3) as p:
            calls = [p.dial(number) for number in NUMBERS[:3]]
            for call in calls:
                await call.__aenter__()
            with pytest.raises(TooManyCalls, match=r"3 calls are up, which is this phone's limit"):
                await p.dial(NUMBERS[3]).__aenter__()
            with pytest.raises(TooManyCalls, match="would not be dialled"):
                await p.dry_run(NUMBERS[3])
            assert [call.state for call in calls] == [CallState.RINGING] * 3
            await calls[0].hang_up()
            await p.dial(NUMBERS[3]).__aenter__()
        assert len(carrier.rung) == 4

    run(main())


class Rules:
    """Asks for time, or refuses, and remembers what it was asked."""

    def __init__(self, reason: str | None = None, after_s: float = 0.0) -> None:
        self._reason, self._after_s = reason, after_s
        self.requests: list[DialRequest] = []

    @hookimpl
    async def offhook_before_dial(self, request: DialRequest) -> str | None:
        self.requests.append(request)
        await asyncio.sleep(self._after_s)
        return self._reason


def test_a_plugin_that_refuses_keeps_the_call_from_being_dialled() -> None:
    async def main() -> None:
        carrier, rules = ScriptedCarrier(), Rules("not on the list")
        async with phone(carrier, plugins=[rules]) as p:
            call = p.dial(NUMBER)
            with pytest.raises(DialForbidden, match="says 'not on the list'"):
                await call.__aenter__()
            assert call.over
            with pytest.raises(DialForbidden):
                await p.dry_run(NUMBER)
        assert carrier.rung == []
        dial, dry = rules.requests
        assert (dial.call_id, dial.number, dial.dry_run) == (call.record.call_id, NUMBER, False)
        assert dial.wall_s == LoopClock().wall_s()
        assert dry.dry_run

    run(main())


def test_the_place_is_taken_while_plugins_are_asked_and_given_back_when_that_is_cancelled() -> None:
    async def main() -> None:
        carrier = ScriptedCarrier()
        async with phone(carrier, plugins=[Rules(after_s=5)], call_limit=1) as p:
            first = asyncio.create_task(p.dial(NUMBER).__aenter__())
            await asyncio.sleep(1)
            with pytest.raises(TooManyCalls):
                await p.dial(NUMBERS[1]).__aenter__()
            first.cancel()
            await asyncio.wait({first})
            await p.dial(NUMBERS[1]).__aenter__()
        assert carrier.rung == [NUMBERS[1]]

    run(main())


def test_a_call_that_is_hung_up_while_plugins_are_asked_is_not_dialled() -> None:
    async def main() -> None:
        carrier = ScriptedCarrier()
        async with phone(carrier, plugins=[Rules(after_s=5)]) as p:
            call = p.dial(NUMBER)
            dialling = asyncio.create_task(call.__aenter__())
            await asyncio.sleep(1)
            await call.hang_up()
            with pytest.raises(CallStateError, match="hung up before it was dialled"):
                await dialling
            async with p.dial(NUMBER):  # neither place nor guard was kept
                pass
        assert carrier.rung == [NUMBER]

    run(main())


def test_a_dry_run_does_not_ring_and_takes_nothing() -> None:
    async def main() -> None:
        r = rig(policy=POLICY)
        await r.phone.dry_run(NUMBER)
        await r.phone.dry_run(NUMBER)
        with pytest.raises(NumberRejected):
            await r.phone.dry_run("911")
        async with r.phone.dial(NUMBER):
            with pytest.raises(DoubleDial):
                await r.phone.dry_run(NUMBER)
        assert r.carrier.rung == [NUMBER]
        await r.phone.aclose()
        with pytest.raises(CallStateError, match="this phone was closed"):
            await r.phone.dry_run(NUMBER)
        refusing = rig(transport=LinkedTransport(refuse_check=ConfigError("no relay")))
        with pytest.raises(ConfigError, match="no relay"):
            await refusing.phone.dry_run(NUMBER)

    run(main())


class BrokenGuard(MemoryStore, DialGuard):
    """Fails in one of its methods."""

    def __init__(self, method: str) -> None:
        super().__init__()
        self._method = method

    async def claim(self, key: str, call_id: str, now_s: float, if_killed_s: float = 0.0) -> str | None:
        if self._method == "claim":
            raise OSError("gone")
        return None

    async def release(self, key: str, call_id: str, now_s: float, hold_s: float) -> None:
        raise OSError("gone")


def test_a_guard_that_fails_to_claim_refuses_and_one_that_fails_to_release_is_noted() -> None:
    async def main() -> None:
        carrier = ScriptedCarrier()
        async with phone(carrier, store=BrokenGuard("claim")) as p:
            with pytest.raises(PluginError, match="BrokenGuard' failed in claim: OSError: gone"):
                await p.dial(NUMBER).__aenter__()
        assert carrier.rung == []
        async with phone(carrier, store=BrokenGuard("release")) as p, p.dial(NUMBER) as call:
            pass
        assert "BrokenGuard' failed in release: OSError: gone" in call.record.problem

    run(main())


class SlowGuard(MemoryStore, DialGuard):
    """A guard on a network: it takes its time, and what was asked of it happens even if we stop waiting."""

    def __init__(self, *, claim_s: float = 0.0, release_s: float = 0.0) -> None:
        super().__init__()
        self._claim_s, self._release_s = claim_s, release_s
        self.keys = MemoryGuard()
        self.released: list[str] = []

    async def claim(self, key: str, call_id: str, now_s: float, if_killed_s: float = 0.0) -> str | None:
        holder = await self.keys.claim(key, call_id, now_s, if_killed_s)
        await asyncio.sleep(self._claim_s)
        return holder

    async def release(self, key: str, call_id: str, now_s: float, hold_s: float) -> None:
        await asyncio.sleep(self._release_s)
        await self.keys.release(key, call_id, now_s, hold_s)
        self.released.append(call_id)


def test_a_guard_may_take_its_time_and_the_loop_goes_on() -> None:
    async def main() -> None:
        carrier, guard = ScriptedCarrier(), SlowGuard(claim_s=3, release_s=1)
        async with phone(carrier, store=guard) as p:
            async with p.dial(NUMBER) as call:
                assert now() == 3
            assert now() == 4
            assert call.record.ended_at_s == 0, "the call itself was over before"
            async with p.dial(NUMBER):
                pass
        assert carrier.rung == [NUMBER, NUMBER]

    run(main())


def test_where_everything_hangs_the_record_is_whole_before_a_signal_ends_the_process() -> None:
    async def main() -> None:
        guard, sink = SlowGuard(release_s=1000), StuckSink()
        transport = LinkedTransport()
        callee = transport.member()
        async with Phone(
            carrier=ScriptedCarrier(), transport=transport, store=guard, policy=POLICY, plugins=PLAIN, clock=LoopClock()
        ) as p:
            call = await p.dial(NUMBER).__aenter__()
            callee.join()
            callee.publish()
            assert await call.answered()
            call.listen(sink)
            callee.say(frame())
            transport.leave_gate.clear()
            ending = asyncio.create_task(call.hang_up())
            await asyncio.sleep(DRAIN_S)
            assert not ending.done(), "the guard hangs"
            saved = guard.records[call.record.call_id]
            assert saved == record_document(call.record)
            assert "a source or a sink was not done" in str(saved["timeline"])
            await ending

    run(main())


def test_a_guard_that_does_not_answer_refuses_the_call() -> None:
    async def main() -> None:
        carrier = ScriptedCarrier()
        async with phone(carrier, store=SlowGuard(claim_s=1000, release_s=1000)) as p:
            with pytest.raises(PluginError, match="SlowGuard' failed in claim: no answer within 10 s"):
                await p.dial(NUMBER).__aenter__()
            assert now() == 12, "it was asked to release what it may have claimed"
        assert carrier.rung == []

    run(main())


@pytest.mark.parametrize("at_s", [0.5, 1.5])
def test_a_call_that_is_cancelled_while_the_guard_is_asked_keeps_no_key(at_s: float) -> None:
    async def main() -> None:
        carrier, guard = ScriptedCarrier(), SlowGuard(claim_s=1, release_s=1)
        async with phone(carrier, store=guard) as p:
            call = p.dial(NUMBER)
            dialling = asyncio.create_task(call.__aenter__())
            await asyncio.sleep(0.5)
            dialling.cancel()
            await asyncio.sleep(at_s - 0.5)
            dialling.cancel()
            with pytest.raises(asyncio.CancelledError):
                await dialling
            assert guard.released == [call.record.call_id]
            async with p.dial(NUMBER):
                pass
        assert carrier.rung == [NUMBER]

    run(main())


def test_a_call_that_is_cancelled_while_its_key_is_released_keeps_no_key() -> None:
    async def main() -> None:
        guard = SlowGuard(release_s=1)
        async with phone(ScriptedCarrier(), store=guard) as p:
            call = await p.dial(NUMBER).__aenter__()
            ending = asyncio.create_task(call.hang_up())
            await asyncio.sleep(0.5)
            ending.cancel()
            with pytest.raises(asyncio.CancelledError):
                await ending
            assert guard.released == [call.record.call_id]
            assert call.record.ended_at_s is not None
            async with p.dial(NUMBER):
                pass

    run(main())


def test_a_cancellation_is_not_lost_when_the_guard_fails_to_release() -> None:
    class Failing(SlowGuard):
        async def release(self, key: str, call_id: str, now_s: float, hold_s: float) -> None:
            await asyncio.sleep(1)
            raise OSError("gone")

    async def main() -> None:
        admission = Admission(ScriptedCarrier(), PLAIN.hooks, Failing(), LoopClock())
        await admission.admit(REQUEST, unchecked)
        releasing = asyncio.create_task(admission.release(REQUEST.call_id, "no"))
        await asyncio.sleep(0.5)
        releasing.cancel()
        await asyncio.wait({releasing})
        assert releasing.cancelled()

    run(main())


@pytest.mark.parametrize("dry_first", [True, False])
def test_a_dry_run_does_not_count_against_a_call_of_the_same_phone(dry_first: bool) -> None:
    async def main() -> None:
        carrier, guard = ScriptedCarrier(), SlowGuard(claim_s=1, release_s=1)
        async with phone(carrier, store=guard) as p:
            both = [p.dry_run(NUMBER), p.dry_run(NUMBER)]
            call = p.dial(NUMBER)
            both.insert(len(both) * dry_first, enter(call))
            results = await asyncio.gather(*both, return_exceptions=True)
            assert carrier.rung == [NUMBER]
            refused = [result for result in results if result is not None]
            assert [type(error) for error in refused] == ([] if dry_first else [DoubleDial] * 2)
            assert all(call.record.call_id in str(error) for error in refused), "the call itself, not another dry run"
        assert not p._parts.admission._locks, "none is kept for longer than it is used"

    async def enter(call: Call) -> None:
        await call.__aenter__()

    run(main())


def test_a_dry_run_claims_nothing_for_after_the_death_of_its_process() -> None:
    class Noting(MemoryGuard):
        if_killed_s: float | None = None

        async def claim(self, key: str, call_id: str, now_s: float, if_killed_s: float = 0.0) -> str | None:
            self.if_killed_s = if_killed_s
            return await super().claim(key, call_id, now_s, if_killed_s)

    async def main() -> None:
        guard = Noting()
        await Admission(ScriptedCarrier(endpoint=None), PLAIN.hooks, guard, LoopClock()).try_out(REQUEST)
        assert guard.if_killed_s == 0

    run(main())


def test_a_guard_of_the_last_version_is_refused_when_the_phone_is_made() -> None:
    class Old(MemoryStore, DialGuard):
        def claim(self, key: str, call_id: str, now_s: float, if_killed_s: float = 0.0) -> str | None:  # type: ignore[override]
            return None

        def release(self, key: str, call_id: str, now_s: float, hold_s: float) -> None:  # type: ignore[override]
            pass

    with pytest.raises(PluginError, match=r"Old has plain methods that must be async: claim, release"):
        phone(ScriptedCarrier(), store=Old())


def test_the_request_travels_from_dial_to_the_carrier() -> None:
    class Asked:
        requests: list[DialRequest]

        def __init__(self) -> None:
            self.requests = []

        @hookimpl
        def offhook_before_dial(self, request: DialRequest) -> None:
            self.requests.append(request)

    async def main() -> None:
        carrier, asked = ScriptedCarrier(line="our line"), Asked()
        policy = CallPolicy(ring_timeout_s=7)
        async with phone(carrier, plugins=load(asked)) as p:
            async with p.dial(NUMBER, policy=policy, redial=True) as call:
                pass
            await p.dry_run(NUMBER, from_number=NUMBERS[0])
        dialled, dry = asked.requests
        assert carrier.requests == [dialled]
        assert (dialled.call_id, dialled.number, dialled.line) == (call.record.call_id, NUMBER, "our line")
        assert (dialled.policy, dialled.redial, dialled.from_number, dialled.dry_run) == (policy, True, None, False)
        assert dialled.wall_s == LoopClock().wall_s()
        assert (dry.from_number, dry.line, dry.dry_run, dry.policy) == (NUMBERS[0], NUMBERS[0], True, p.policy)

    run(main())


def test_the_same_callee_can_be_rung_from_two_lines_and_not_twice_from_one() -> None:
    async def main() -> None:
        carrier = ScriptedCarrier()
        async with phone(carrier) as p, p.dial(NUMBER), p.dial(NUMBER, from_number=NUMBERS[0]):
            with pytest.raises(DoubleDial):
                await p.dial(NUMBER, from_number=NUMBERS[0]).__aenter__()
            async with p.dial(NUMBER, from_number=NUMBERS[1]):
                pass
        assert [request.from_number for request in carrier.requests] == [None, NUMBERS[0], NUMBERS[1]]

    run(main())


def test_a_carrier_that_cannot_say_its_line_is_named() -> None:
    class Lost(ScriptedCarrier):
        async def line_id(self, from_number: str | None = None) -> str:
            raise KeyError("line")

    async def main() -> None:
        with pytest.raises(PluginError, match=re.escape("Lost' failed in line_id: KeyError: 'line'")):
            await phone(Lost()).dial(NUMBER).__aenter__()

    run(main())


@pytest.mark.parametrize(
    ("endpoint", "window_s", "if_killed_s"),
    [(None, None, AMBIGUOUS_HOLD_S), (None, 90, 90), ("http://127.0.0.1:9", None, 0), (None, 0, 0)],
)
def test_a_claim_says_how_long_it_holds_should_the_process_die(
    endpoint: str | None, window_s: float | None, if_killed_s: float
) -> None:
    class Noting(MemoryGuard):
        if_killed_s: float | None = None

        async def claim(self, key: str, call_id: str, now_s: float, if_killed_s: float = 0.0) -> str | None:
            self.if_killed_s = if_killed_s
            return await super().claim(key, call_id, now_s, if_killed_s)

    async def main() -> None:
        guard = Noting()
        carrier = ScriptedCarrier(endpoint=endpoint)
        await Admission(carrier, PLAIN.hooks, guard, LoopClock(), redial_window_s=window_s).admit(REQUEST, unchecked)
        assert guard.if_killed_s == if_killed_s

    run(main())


def test_giving_back_is_idempotent() -> None:
    async def main() -> None:
        admission = Admission(ScriptedCarrier(), PLAIN.hooks, MemoryGuard(), LoopClock())
        await admission.release("call_1", "no")
        await admission.admit(REQUEST, unchecked)
        await admission.release("call_1", "assumed")
        await admission.release("call_1", "assumed")
        await admission.admit(DialRequest("call_2", NUMBER), unchecked)

    run(main())


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"call_limit": 0}, "call_limit must be at least 1, got 0"),
        ({"redial_window_s": -1}, "redial_window_s must be a finite number of seconds, 0 or more, got -1"),
        ({"redial_window_s": float("inf")}, "redial_window_s must be a finite number of seconds, 0 or more, got inf"),
        ({"redial_window_s": float("nan")}, "redial_window_s must be a finite number of seconds, 0 or more, got nan"),
    ],
)
def test_limits_that_limit_nothing_are_refused(settings: dict[str, object], problem: str) -> None:
    async def main() -> None:
        with pytest.raises(ConfigError, match=problem):
            phone(ScriptedCarrier(), plugins=load(), **settings)

    run(main())
