"""Why a wait for a callee failed: which step it waits in, what it heard so far, and what to look at."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from offhook.errors import OffhookError, WaitTimeout
from offhook.wording import describe
from offhook_mockserver.callees.ends import CalleeEnd
from offhook_mockserver.testkit.look_at import CALLED_AGAIN, NO_CALL, NO_REQUEST, OTHER_NUMBER, look_at
from offhook_mockserver.testkit.owed import owed
from offhook_mockserver.testkit.shown_number import shown_as, shown_beside

if TYPE_CHECKING:
    from collections.abc import Iterator

    from offhook_mockserver.testkit.calls import CallHandle
    from offhook_mockserver.testkit.owed import Owed
    from offhook_mockserver.testkit.scene import Scene


#: How many of the last moments, and of the last entries of the journal, a message shows.
_MOST_SHOWN: Final = 8


class NotFinished(WaitTimeout):
    """A callee did not do in time what a test waited for, or cannot do it any more.

    Attributes:
        about_time: whether a busy machine could have caused it; not if the script failed, or if an application raised
            an error other than a timeout.
        idle_s: for how long nothing had happened in the mock when the wait gave up, in seconds.
        over: how the call had ended, and the step in which the callee waited, without figures: an application that does
            the same again ends in the same. Empty if the call was not over.
    """

    __module__ = "offhook_mockserver.testkit"  # where it is imported from, for messages
    code: ClassVar[str] = "not_finished"

    def __init__(self, message: str, *, about_time: bool = True, idle_s: float = 0.0, over: str = "") -> None:
        super().__init__(message)
        self.over: str = over
        self.idle_s: float = idle_s
        self.about_time: bool = about_time


class ScriptFailed(NotFinished):
    """A callee's script raised an error while it was played, for example because it says a file that cannot be read."""

    __module__ = "offhook_mockserver.testkit"  # where it is imported from, for messages
    code: ClassVar[str] = "script_failed"


def why_not(
    scene: Scene,
    number: str,
    calls: tuple[CallHandle, ...],
    others: tuple[CallHandle, ...],
    verb: str,
    limit_s: float,
) -> str:
    """The message of a wait that failed; called on the thread of the test.

    Args:
        scene: the test.
        number: the number of the callee.
        calls: its calls.
        others: all calls of the test.
        verb: what the test called.
        limit_s: how long it would have waited.
    """
    lines = [
        *(_stuck(scene, calls, others, verb, limit_s) if calls else _uncalled(scene, others, number, verb, limit_s))
    ]
    lines += _applications(scene)
    if not scene.applications.failed():  # else its error is what to look at
        again = len(calls) > 1 and "called_again" not in scene.allowed
        hint = CALLED_AGAIN if again else look_at(calls[-1], verb) if calls else _uncalled_hint(scene, others)
        lines.append(f"  look at: {hint}")
    return "\n".join(lines)


def how_over(call: CallHandle) -> str:
    """How a call was over and in which step its callee waited, without figures; empty while it goes on."""
    if not call.how_ended:
        return ""
    end = call.end or CalleeEnd.ROOM_CLOSED
    left = call.unfinished
    return f"{end.value} in {left[0].partition(':')[0]} of the script" if left else end.value


def _uncalled(scene: Scene, others: tuple[CallHandle, ...], number: str, verb: str, limit_s: float) -> Iterator[str]:
    """Nothing has rung the callee's number."""
    yield f"{verb}(): {shown_as(number)} was not called within {limit_s:g} s"
    if others:
        yield f"  rung instead: {', '.join(sorted({shown_beside(call.number, number) for call in others}))}"
        return
    entries = scene.bridge.call(lambda: scene.tenant.journal.entries)[-_MOST_SHOWN:]
    if entries:
        yield "  the last entries of the journal:"
        yield from (f"    {entry}" for entry in entries)
    else:
        yield "  no request has reached the mock with the keys of this test"


def _uncalled_hint(scene: Scene, others: tuple[CallHandle, ...]) -> str:
    if others:
        return OTHER_NUMBER
    return NO_CALL if scene.bridge.call(lambda: scene.tenant.journal.entries) else NO_REQUEST


def _stuck(
    scene: Scene, calls: tuple[CallHandle, ...], others: tuple[CallHandle, ...], verb: str, limit_s: float
) -> Iterator[str]:
    """The callee has been called."""
    call, number = calls[-1], shown_as(calls[-1].number)
    who = f"{number} (call {call.order})" if len(others) > 1 else number
    how, silent, left = call.how_ended, owed(call), call.unfinished
    what = _what_happened(call, who, verb, limit_s, silent)
    if len(calls) > 1 and "called_again" not in scene.allowed:
        what = f"{number} was called {len(calls)} times, and its script is for one call. In the last one, {what}"
    yield f"{verb}(): {what}"
    if not how and silent is not None and silent.is_reply:
        yield f"  {silent.text('')}"
    if len(calls) > 1:
        yield f"  what follows is about the last one, call {call.order} of the timeline"
    yield from (
        f"  {'not done' if index else 'it waited in' if how else 'it waits in'}: {step}"
        for index, step in enumerate(left[:_MOST_SHOWN])
    )
    yield "  what happened to it (seconds since it answered):"
    for moment in call.history[-_MOST_SHOWN:]:
        at = "before" if moment.at_s is None else f"{moment.at_s:.2f}"
        yield f"    {at:>7}  {moment.text}"
    yield f"  {_heard(call)}"


def _what_happened(call: CallHandle, who: str, verb: str, limit_s: float, silent: Owed | None) -> str:
    """Why the wait failed, in one clause."""
    how = call.how_ended
    if call.problem:
        return f"the script of the callee {who} failed: {call.problem}"
    if verb == "ended":
        return f"the call to {who} still goes on after {limit_s:g} s"
    if not how:
        todo = "answer" if verb == "answered" else "finish its script"
        return f"{who} did not {todo} within {limit_s:g} s"
    if not call.answered:
        return f"the call to {who} is over: {how}"
    if verb == "finished" and silent is not None and silent.is_reply:
        return f"the application did not reply to {who}: {silent.text(how)}"
    soon = f", {silent.for_s:.2f} s after the callee had stopped speaking" if silent and silent.since_s else ""
    return f"{how}{soon}, before {who} had done its script"


def _heard(call: CallHandle) -> str:
    if not call.answered:
        return "it heard nothing, because it did not answer"
    if not call.counters()["frames_heard"]:
        return "it received no audio: look at whether the application plays anything after the answer"
    try:
        heard = call.heard
        spans = ", ".join(f"{span.from_s:.2f}-{span.to_s:.2f}" for span in heard.speech[-_MOST_SHOWN:])
    except OffhookError as error:  # no numpy, for example
        return f"what it heard cannot be measured: {error.message}"
    return f"it heard speech at {spans} s" if spans else "it received audio, but only silence"


def _applications(scene: Scene) -> Iterator[str]:
    for started in scene.applications.started:
        if started.error is not None:
            yield f"  {started.name} raised {describe(started.error)}"
        elif started.done:
            yield f"  {started.name} has ended"
        elif started.waits_in:
            yield f"  {started.name} still runs; {started.waits_in}"
            yield from (f"    {line}" for line in started.tasks_wait_in)
