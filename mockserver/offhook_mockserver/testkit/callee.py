"""A callee of a test: its verbs say what it will do, and when it is called, it answers what happened.

::

    callee = offhook_mock.callee().answers(after_s=1.0).listens(until="speech").waits(0.5).says("interrupt.wav")
    ...
    callee.finished(timeout_s=20)
    assert callee.heard.silence_after(callee.spoke_at_s, within_ms=200)
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final, Self

from offhook.arguments import check_instance, check_seconds, check_text, corrects_arguments, wrong
from offhook.errors import CallStateError
from offhook.wording import nearest_name
from offhook_mockserver.callees.builder import CalleeScript
from offhook_mockserver.callees.moments import MomentCode
from offhook_mockserver.callees.script import Script
from offhook_mockserver.callees.specs import check_spec
from offhook_mockserver.testkit.not_finished import NotFinished, ScriptFailed, how_over, why_not
from offhook_mockserver.testkit.shown_number import shown_as
from offhook_mockserver.testkit.timeouts import idle_s, is_timeout

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from offhook.testing.audio import Clip, Heard, ResponseTimes
    from offhook_mockserver.callees.ends import CalleeEnd
    from offhook_mockserver.callees.kept_audio import CallAudio
    from offhook_mockserver.callees.moments import Moment
    from offhook_mockserver.callees.step import Step
    from offhook_mockserver.testkit.calls import CallHandle, CallList
    from offhook_mockserver.testkit.scene import Scene


#: pytest shows the line of the test, and none of ours.
__tracebackhide__ = True

#: How long an application has, after the end of its call, to end itself, to write down how the call ended, or to dial
#: again, before a wait gives up that only another call could fulfil.
_AFTER_CALL_S: Final = 0.5


@corrects_arguments()
class CalleeHandle(CalleeScript):
    """One callee of a test. Times are in seconds since it answered. Its questions are about its latest call.

    Attributes:
        number: its number.
    """

    def __init__(self, scene: Scene, calls: CallList, number: str) -> None:
        super().__init__(scene.folder)
        self._scene = scene
        self._check_spec = lambda spec: check_spec(scene.plugins, spec)
        self._calls = calls
        self.number: str = number

    def __repr__(self) -> str:
        return f"<CalleeHandle {self.number}, {len(self.steps)} steps>"

    def follows(self, script: Script) -> Self:
        """Do what a script says, in place of the steps so far.

        Args:
            script: the script; `MockHandle.load` reads scripts from a file.

        Raises:
            ConfigError: it is not a script.
        """
        check_instance(script, "script", Script, "a Script")
        self._restart(script.steps)
        self._publish(script)
        return self

    def _add(self, verb: str, make: Callable[[], Sequence[Step]]) -> Self:
        super()._add(verb, make)
        self._publish(self.script())
        return self

    def _publish(self, script: Script) -> None:
        """Play a script in calls that begin from now on; a call may come after any verb."""
        scripts = self._scene.tenant.scripts
        self._scene.bridge.call(lambda: scripts.__setitem__(self.number, script))

    # Waiting

    def answered(self, timeout_s: float | None = None) -> Self:
        """Wait until it has answered a call; as `finished`, it does not wait for another one.

        Args:
            timeout_s: how long to wait, in seconds; None for the limit of `MockOptions`.

        Raises:
            NotFinished: it did not answer in time, or cannot any more; `ScriptFailed` if its script raised an error.
            CallStateError: an event loop runs on this thread; use `aanswered`.
        """
        return self._wait("answered", timeout_s, _has_answered)

    async def aanswered(self, timeout_s: float | None = None) -> Self:
        """As `answered`, for coroutines."""
        return await self._await("answered", timeout_s, _has_answered)

    def finished(self, timeout_s: float | None = None) -> Self:
        """Wait until it has done every step of its script.

        A script is for one call. If the call is over and steps are left, the wait ends half a second later, unless the
        application has dialled again by then. With ``allow=["called_again"]`` in the marker ``offhook`` it waits for
        another call, for the whole of `timeout_s`.

        Args:
            timeout_s: how long to wait, in seconds; None for the limit of `MockOptions`.

        Raises:
            NotFinished: it did not finish in time, or cannot any more; the message says in which step it waits, what
                it heard, and what to look at.
            ScriptFailed: its script raised an error; the message holds it.
            CallStateError: an event loop runs on this thread; use `afinished`.
        """
        return self._wait("finished", timeout_s, _has_finished)

    async def afinished(self, timeout_s: float | None = None) -> Self:
        """As `finished`, for coroutines."""
        return await self._await("finished", timeout_s, _has_finished)

    def ended(self, timeout_s: float | None = None) -> Self:
        """Wait until its call is over: caller and callee have left.

        Args:
            timeout_s: how long to wait, in seconds; None for the limit of `MockOptions`.

        Raises:
            NotFinished: the call goes on, or there was none.
            CallStateError: an event loop runs on this thread; use `aended`.
        """
        return self._wait("ended", timeout_s, _is_over)

    async def aended(self, timeout_s: float | None = None) -> Self:
        """As `ended`, for coroutines."""
        return await self._await("ended", timeout_s, _is_over)

    # What happened

    @property
    def calls(self) -> tuple[CallHandle, ...]:
        """Every call that it has received, in order; two if the application dialled twice."""
        return self._scene.bridge.call(lambda: self._calls.to(self.number))

    @property
    def heard(self) -> Heard:
        """What it heard until now, to be questioned: ``callee.heard.starts_with("greeting.wav")``.

        Raises:
            CallStateError: it has not been called, or has not answered.
        """
        return self._call("heard").heard

    @property
    def said(self) -> Clip:
        """What it said until now.

        Raises:
            CallStateError: it has not been called, or has not answered.
        """
        return self._call("said").said

    @property
    def spoke_at_s(self) -> float | None:
        """When it began to speak, the last time; None if it has not spoken.

        Raises:
            CallStateError: it has not been called.
        """
        return self._call("spoke_at_s").spoke_at_s

    @property
    def stopped_speaking_at_s(self) -> float | None:
        """When it stopped speaking, the last time; None if it has not.

        Raises:
            CallStateError: it has not been called.
        """
        return self._call("stopped_speaking_at_s").stopped_speaking_at_s

    @property
    def end(self) -> CalleeEnd | None:
        """How its part ended; None while it goes on.

        Raises:
            CallStateError: it has not been called.
        """
        return self._call("end").end

    @property
    def history(self) -> tuple[Moment, ...]:
        """What happened to it, in order; nothing before its call."""
        calls = self.calls
        return calls[-1].history if calls else ()

    def at_s(self, code: str | MomentCode) -> float | None:
        """When something happened to it, the last time: ``callee.at_s("heard_speech")``.

        Args:
            code: what happened, as `Moment.code` in `history` has it.

        Returns:
            Seconds since it answered; None if it did not happen, or before the answer.

        Raises:
            ConfigError: it is not a code of a moment.
        """
        wanted = code if isinstance(code, MomentCode) else _code(code)
        return next((moment.at_s for moment in reversed(self.history) if moment.code is wanted), None)

    @property
    def unfinished(self) -> tuple[str, ...]:
        """The steps that it has not done, for people; all of them before its call."""
        calls = self.calls
        return calls[-1].unfinished if calls else tuple(step.text for step in self.steps)

    @property
    def talk_over_s(self) -> float:
        """How long both sides spoke at the same time."""
        return self._call("talk_over_s").heard.talk_over_s

    @property
    def response_times_s(self) -> ResponseTimes:
        """How long each side took to speak after the other had stopped."""
        return self._call("response_times_s").heard.response_times_s

    def audio(self) -> CallAudio | None:
        """What it heard and said until now; None before it answered."""
        calls = self.calls
        return calls[-1].audio() if calls else None

    # Inside

    def _call(self, question: str) -> CallHandle:
        calls = self.calls
        if not calls:
            raise CallStateError(
                f"callee.{question} is about a call, and {shown_as(self.number)} has not been called: wait for the "
                "call, with callee.finished() or callee.answered()"
            )
        return calls[-1]

    def _wait(self, verb: str, timeout_s: float | None, true: Callable[[CallHandle], bool]) -> Self:
        limit_s = self._limit_s(verb, timeout_s)
        if not self._scene.bridge.wait(f"callee.{verb}", lambda: self._until(limit_s, true)):
            raise self._failure(verb, limit_s)
        return self

    async def _await(self, verb: str, timeout_s: float | None, true: Callable[[CallHandle], bool]) -> Self:
        limit_s = self._limit_s(verb, timeout_s)
        if not await self._scene.bridge.awaited(lambda: self._until(limit_s, true)):
            raise self._failure(verb, limit_s)
        return self

    def _limit_s(self, verb: str, timeout_s: float | None) -> float:
        if timeout_s is None:
            return self._scene.options.timeout_s
        return check_seconds(timeout_s, f"{verb}(timeout_s)", zero=True)

    async def _until(self, limit_s: float, true: Callable[[CallHandle], bool]) -> bool:
        """Wait on the mock's loop; returns False if it did not happen in time, or cannot happen any more."""
        applications, changes = self._scene.applications, self._scene.changes

        def known() -> bool | None:
            calls = self._calls.to(self.number)
            if calls and true(calls[-1]):
                return True
            # The last application may end in the same turn as its call: only when both have, nothing can follow.
            return False if applications.over and all(_is_over(call) for call in calls) else None

        def is_left_over() -> bool:
            """Whether only another call could make it true: the last one is over for the callee, or altogether."""
            calls = self._calls.to(self.number)
            return bool(calls) and (calls[-1].over or (true is not _is_over and calls[-1].end is not None))

        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                while known() is None:
                    await changes.until(lambda: known() is not None or (is_left_over() and not self._rings_again))
                    async with asyncio.timeout(_AFTER_CALL_S):
                        await changes.until(lambda: known() is not None or not is_left_over())
        return known() is True

    @property
    def _rings_again(self) -> bool:
        """Whether the test expects another call after one that is over."""
        return "called_again" in self._scene.allowed

    def _failure(self, verb: str, limit_s: float) -> NotFinished:
        failed = next((started.error for started in self._scene.applications.failed()), None)
        calls, others = self._scene.bridge.call(lambda: (self._calls.to(self.number), self._calls.to()))
        message = why_not(self._scene, self.number, calls, others, verb, limit_s)
        script_failed = bool(calls) and bool(calls[-1].problem)
        kind = ScriptFailed if script_failed else NotFinished
        about_time = not script_failed and (failed is None or is_timeout(failed))
        over = how_over(calls[-1]) if calls else ""
        error = kind(message, about_time=about_time, idle_s=idle_s(self._scene.tenant), over=over)
        error.__cause__ = failed
        return error


def _code(name: str) -> MomentCode:
    codes = [code.value for code in MomentCode]
    if check_text(name, "code", "answered") not in codes:
        raise wrong("code", "one of " + ", ".join(codes), name, nearest_name(name, codes).replace("; d", "D"))
    return MomentCode(name)


def _has_answered(call: CallHandle) -> bool:
    return call.answered


def _has_finished(call: CallHandle) -> bool:
    return call.finished


def _is_over(call: CallHandle) -> bool:
    return call.over
