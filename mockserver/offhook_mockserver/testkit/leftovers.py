"""What a test left behind in its mock: calls that are up, scripts that did not end, requests that nothing answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from offhook_mockserver.callees.steps.answering import NeverAnswer
from offhook_mockserver.tenants.entry import EntryKind
from offhook_mockserver.testkit.allowances import ALLOWANCES, Leftover
from offhook_mockserver.testkit.shown_number import shown_as, shown_beside
from offhook_mockserver.testkit.webhook_search import described

if TYPE_CHECKING:
    from collections.abc import Iterator

    from offhook_mockserver.testkit.handle import MockHandle

#: How many things of one kind are listed.
_MOST: Final = 5
#: How long calls may take to end after the test, and the pause between two looks.
_PATIENCE_S: Final = 2.0
_PAUSE_S: Final = 0.02
#: An application may still run for this long after its last call, without being named because of that.
_ENDING_S: Final = 0.5


def await_calls(handle: MockHandle) -> None:
    """Let calls end that are about to: the caller of a call that its callee has ended leaves a moment later."""
    waited_s = 0.0
    while handle.tenant.calls and waited_s < _PATIENCE_S:
        handle.sleep(_PAUSE_S)
        waited_s += _PAUSE_S


def await_webhooks(handle: MockHandle) -> None:
    """Let webhooks arrive that are under way: those of a call are sent when it has ended."""
    waited_s = 0.0
    while handle.webhooks.waiting and waited_s < _PATIENCE_S:
        handle.sleep(_PAUSE_S)
        waited_s += _PAUSE_S


def leftovers(handle: MockHandle, *, settled: bool = True) -> list[Leftover]:
    """Return what the test has left behind in its mock until now. Runs on the mock's loop.

    Args:
        handle: the mock.
        settled: whether the test has passed, and calls and applications have had time to end; if not, a call whose
            callee is done does not count, and neither does what a test that has not started anything left undone.
    """
    found = [*_failed(handle), *_calls_up(handle, settled), *called_again(handle), *_unexpected(handle)]
    found += _running(handle, settled)
    if settled or has_begun(handle):
        found += _unfinished(handle)
    if settled:
        found += _unused_faults(handle)
        found += _undelivered(handle)
    shown: list[Leftover] = []
    for name in ALLOWANCES:
        kind = [leftover for leftover in found if leftover.allowance == name]
        shown += kind[:_MOST]
        if len(kind) > _MOST:
            shown.append(Leftover(name, f"and {len(kind) - _MOST} more of these"))
    return shown


def has_begun(handle: MockHandle) -> bool:
    """Whether the test has started an application, or any request has reached its mock."""
    return bool(handle.started or handle.tenant.journal.search(kind=EntryKind.REQUEST))


def _calls_up(handle: MockHandle, settled: bool) -> Iterator[Leftover]:
    known = handle.calls
    orders = {call.channel: f" (call {call.order})" for call in known} if len(known) > 1 else {}
    for call in handle.tenant.calls.values():
        if not settled and (call.end is not None or call.callee.finished):
            continue
        if call.end is not None:
            who = f"{call.end_text}, and the caller has not left the channel"
        elif call.callee.answered:
            who = "the callee has answered, and neither side has hung up"
        else:
            who = "the callee has not answered, and the caller has not hung up"
        yield Leftover(
            "calls_up",
            f"the call to {shown_as(call.to)}{orders.get(call.channel, '')} is still up: {who}. "
            "Let the application hang up before the test ends, or wait for it with callee.ended()",
        )


def _failed(handle: MockHandle) -> Iterator[Leftover]:
    for call in handle.calls:
        if call.problem:
            yield Leftover("scripts_failed", f"the script of the callee {shown_as(call.number)} failed: {call.problem}")


def _unfinished(handle: MockHandle) -> Iterator[Leftover]:
    for callee in handle.callees:
        if not callee.steps:
            continue
        if not callee.calls:
            yield Leftover(
                "scripts_unfinished",
                f"no call rang the callee {shown_as(callee.number)}, which has a script: "
                f"{_why_uncalled(handle, callee.number)}",
            )
        elif callee.calls[-1].problem or (isinstance(callee.steps[-1], NeverAnswer) and not callee.calls[-1].over):
            continue  # found by others: a script that failed, and a call that still rings
        elif callee.unfinished:
            where = f" in call {callee.calls[-1].order}" if len(handle.calls) > 1 else ""
            steps = ", then ".join(callee.unfinished[:3]) + (" and more" if len(callee.unfinished) > 3 else "")
            yield Leftover(
                "scripts_unfinished", f"the script of the callee {shown_as(callee.number)} did not end{where}: {steps}"
            )


def _why_uncalled(handle: MockHandle, number: str) -> str:
    written = {callee.number for callee in handle.callees}
    others = sorted({shown_beside(call.number, number) for call in handle.calls if call.number not in written})
    if others:
        return f"the application called {', '.join(others)}, for which the test wrote no callee"
    running = next((started for started in handle.started if not started.done), None)
    if running is not None:
        return f"the test ended before {running.name} dialled it. Wait for it, for example with callee.ended()"
    return (
        "the application did not dial this number before the test ended, or its request was refused. If it still "
        "runs, wait for it, for example with callee.ended()"
    )


def called_again(handle: MockHandle) -> Iterator[Leftover]:
    """Callees with a script, which is for one call, that were called more than once. Runs on the mock's loop."""
    for callee in handle.callees:
        if callee.steps and len(callee.calls) > 1:
            yield Leftover(
                "called_again",
                f"{shown_as(callee.number)} was called {len(callee.calls)} times, and its script is for one call. "
                "Each call rings a person: look for a retry, or a second start",
            )


def _unexpected(handle: MockHandle) -> Iterator[Leftover]:
    for entry in handle.tenant.journal.search(kind=EntryKind.UNEXPECTED):
        yield Leftover("unexpected_requests", f"{entry.text} (journal #{entry.index})")


def _undelivered(handle: MockHandle) -> Iterator[Leftover]:
    webhooks = handle.tenant.webhooks
    if webhooks.dropped:
        dropped = f"{webhooks.dropped} of the webhooks were dropped, since too many waited"
        yield Leftover("webhooks_undelivered", dropped)
    for delivery in (*webhooks.dead, *webhooks.waiting):
        yield Leftover("webhooks_undelivered", described(delivery))


def _running(handle: MockHandle, settled: bool) -> Iterator[Leftover]:
    """Applications that have not ended; what holds a call up is named with the call."""
    if (settled and handle.tenant.calls) or (not settled and _has_just_ended(handle)):
        return
    since = f"still ran {handle.ending_s:g} s after the test" if settled else "was still running"
    for started in handle.started:
        if not started.done:
            where = "; ".join((started.waits_in, *started.tasks_wait_in))
            yield Leftover("applications", f"{started.name} {since}: {where}")


def _has_just_ended(handle: MockHandle) -> bool:
    """Whether the last call has ended so recently that its application cannot be expected to have ended, too."""
    ended = handle.tenant.journal.search(kind=EntryKind.CALL, where={"event": "ended"})
    return bool(ended) and not handle.tenant.calls and handle.tenant.clock.wall_s() - ended[-1].wall_s < _ENDING_S


def _unused_faults(handle: MockHandle) -> Iterator[Leftover]:
    for fault in handle.faults.made:
        if not fault.used:
            yield Leftover(
                "faults_unused",
                f"the fault {fault} was never applied: nothing happened while it was active that it is about",
            )


def refusals(handle: MockHandle) -> list[Leftover]:
    """What virtual time refused, although the test passed: something has caught the error.

    An application that ended with the error did not catch it: the test asked for its result.
    """
    if handle.guard is None:
        return []
    raised = {id(link) for started in handle.started for link in _chain(started.error)}
    caught = [error for error in handle.guard.refused if id(error) not in raised]
    return [Leftover("refused", f"an error that was caught: {error.message}") for error in caught[:_MOST]]


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error, and what caused it."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
