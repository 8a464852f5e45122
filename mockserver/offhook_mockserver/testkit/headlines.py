"""What the report of a failed test says first: calls that did not end normally, and numbers that were called again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from offhook.session import Disposition
from offhook_mockserver.callees.ends import CalleeEnd
from offhook_mockserver.tenants.entry import EntryKind
from offhook_mockserver.testkit.leftovers import called_again

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from offhook_mockserver.tenants.call import MockCall
    from offhook_mockserver.testkit.callers import CallerCall
    from offhook_mockserver.testkit.handle import MockHandle

#: Ends that no step of a script and no hang-up explains.
_ABNORMAL: Final = frozenset(
    {
        CalleeEnd.CALLER_DROPPED,
        CalleeEnd.CALLER_ABSENT,
        CalleeEnd.TIME_LIMIT,
        CalleeEnd.FAILED,
        CalleeEnd.ROOM_CLOSED,
    }
)
#: How many of them are shown of each kind.
_MOST: Final = 5


def headlines(handle: MockHandle, calls: Sequence[MockCall], callers: Sequence[CallerCall]) -> list[str]:
    """Return what stands above everything else, one line each; used on the mock's loop.

    Args:
        handle: the mock of the test.
        calls: its calls, in the order in which they rang.
        callers: the calls, as the application's phones wrote them down.
    """
    again = [leftover.what for leftover in called_again(handle)] if "called_again" not in handle.allowed else []
    return [*again[:_MOST], *list(_ends(handle, calls, callers))[:_MOST]]


def _ends(handle: MockHandle, calls: Sequence[MockCall], callers: Sequence[CallerCall]) -> Iterator[str]:
    phones = {caller.channel: caller for caller in callers}
    for number, call in enumerate(calls, 1):
        over = call.channel not in handle.tenant.calls
        how, phone = _abnormal(handle, call, over), _failure(phones.get(call.channel))
        if how or phone:
            name = f"call {number}" if len(calls) > 1 else "the call"
            yield f"{name} did not end normally: {'; '.join(text for text in (how, phone) if text)}"
    for caller in callers:
        if not caller.channel and (phone := _failure(caller)):
            yield f"a call to {caller.record.get('number')} did not begin: {phone}"


def _abnormal(handle: MockHandle, call: MockCall, over: bool) -> str:
    """How a call ended, if that is not normal; empty if it is, or if the call goes on."""
    removed = handle.tenant.journal.search(
        kind=EntryKind.MEMBER, channel=call.channel, where={"event": "removed", "who": "caller"}
    )
    how = call.how_ended(over=over)
    if removed and how:
        return f"{removed[-1].text}; {how}"
    end = call.end or (CalleeEnd.ROOM_CLOSED if over else None)
    return how if end in _ABNORMAL or call.why_caller_left else ""


def _failure(caller: CallerCall | None) -> str:
    """What the application's phone says of a call that failed; empty for any other."""
    if caller is None or caller.record.get("disposition") != Disposition.FAILED.value:
        return ""
    return f"its phone says: failed, ended by the {caller.record.get('ended_by')}; {caller.record.get('problem')}"
