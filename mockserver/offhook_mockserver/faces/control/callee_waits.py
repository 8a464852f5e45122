"""Waits until a callee has been called, has answered, has done its script, or its call is over."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final, TypeAlias

from offhook.interfaces import mask
from offhook_mockserver.faces.control.refusals import ControlRefused
from offhook_mockserver.tenants.call import EndedCall, MockCall

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from offhook_mockserver.tenants.tenant import Tenant

Call: TypeAlias = MockCall | EndedCall

#: How many of the last moments, and of the last entries of the journal, a message shows.
_MOST_SHOWN: Final = 8
#: How long an application may take to call again after a call, when only another call could end the wait.
_AFTER_CALL_S: Final = 0.5


def _answered(tenant: Tenant, call: MockCall) -> bool:
    return call.callee.answered


def _finished(tenant: Tenant, call: MockCall) -> bool:
    return call.callee.finished and (call.end is not None or not call.callee.leaving)


def _ended(tenant: Tenant, call: MockCall) -> bool:
    return call.channel not in tenant.calls


#: What can be waited for, and when it has happened.
UNTIL: Final[Mapping[str, Callable[[Tenant, MockCall], bool]]] = {
    "called": lambda tenant, call: True,
    "answered": _answered,
    "finished": _finished,
    "ended": _ended,
}


async def wait_for_callee(tenant: Tenant, number: str, until: str, timeout_s: float) -> Call:
    """Wait for a callee, and return its latest call.

    Args:
        tenant: the tenant.
        number: the number of the callee.
        until: a key of `UNTIL`.
        timeout_s: how long to wait.

    Raises:
        ControlRefused: it did not happen in time, or cannot happen any more, or is not known.
    """
    latest: MockCall | None = _latest(tenant, number)
    before = _ended_before(tenant, number) if latest is None else None
    if before is not None and until in {"called", "ended"}:
        return before

    def happened() -> bool:
        nonlocal latest
        latest = _latest(tenant, number) or latest
        return latest is not None and UNTIL[until](tenant, latest)

    def is_known() -> bool:
        return happened() or tenant.removed

    def is_left_over() -> bool:
        return latest is not None and until != "ended" and _is_over(tenant, latest)

    stop = tenant.journal.watch(lambda entry: tenant.changes.note())
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while not is_known():
                    await tenant.changes.until(lambda: is_known() or is_left_over())
                    async with asyncio.timeout(_AFTER_CALL_S):
                        await tenant.changes.until(lambda: is_known() or not is_left_over())
    finally:
        stop()
    if latest is not None and UNTIL[until](tenant, latest):
        return latest
    if latest is None and before is not None:
        problem = (
            f"{until}: {mask(number)} was not called within {timeout_s:g} s. Its call {before.channel} was earlier, "
            "and was not kept: set keep_audio_s above 0, or ask before a call ends"
        )
        raise ControlRefused("not_kept", problem)
    raise ControlRefused("not_finished", _why_not(tenant, number, latest, until, timeout_s))


def _is_over(tenant: Tenant, call: MockCall) -> bool:
    """Whether the callee does nothing more in this call."""
    return call.end is not None or call.channel not in tenant.calls


def _latest(tenant: Tenant, number: str) -> MockCall | None:
    """The latest call to a number whose callee is known."""
    known = (call for call in (*tenant.kept, *tenant.calls.values()) if call.to == number)
    return max(known, key=lambda call: call.started_wall_s, default=None)


def _ended_before(tenant: Tenant, number: str) -> EndedCall | None:
    return next((call for call in reversed(tenant.ended) if call.to == number), None)


def _why_not(tenant: Tenant, number: str, call: MockCall | None, until: str, timeout_s: float) -> str:
    who = mask(number)
    if tenant.removed:
        return f"{until}: the tenant was removed"
    if call is None:
        lines = [f"{until}: {who} was not called within {timeout_s:g} s"]
        entries = tenant.journal.entries[-_MOST_SHOWN:]
        if entries:
            lines += ["  the last entries of the journal:", *(f"    {entry}" for entry in entries)]
        else:
            lines.append("  no request has reached the mock with the keys of this tenant")
        return "\n".join(lines)
    over = _is_over(tenant, call)
    if call.problem:
        lines = [f"{until}: the script of the callee {who} failed: {call.problem}"]
    elif call.end is not None:
        lines = [f"{until}: the call to {who} is over: {call.how_ended()}"]
    else:
        lines = [f"{until}: it did not happen within {timeout_s:g} s in the call to {who}"]
    lines += [
        f"  {'not done' if index else 'it waited in' if over else 'it waits in'}: {step}"
        for index, step in enumerate(call.callee.unfinished[:_MOST_SHOWN])
    ]
    lines.append("  what happened to it (seconds since it answered):")
    for moment in call.callee.history[-_MOST_SHOWN:]:
        at = "before" if moment.at_s is None else f"{moment.at_s:.2f}"
        lines.append(f"    {at:>7}  {moment.text}")
    if not call.callee.answered:
        lines.append("  it heard nothing, because it did not answer")
    elif not call.counters()["frames_heard"]:
        lines.append("  it received no audio: look at whether the application plays anything after the answer")
    return "\n".join(lines)
