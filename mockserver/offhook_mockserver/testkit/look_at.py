"""What to look at when a wait for a callee failed: one line for each kind of failure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from offhook_mockserver.callees.ends import CalleeEnd
from offhook_mockserver.testkit.owed import owed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from offhook_mockserver.testkit.calls import CallHandle

#: When no request has reached the mock: how an application reaches it.
NO_REQUEST: Final = (
    "does the application run, and does it read its settings from the environment at the test? An asyncio application "
    "in this process is started with offhook_mock.start(...); another process needs "
    "env={**os.environ, **offhook_mock.environment}"
)
NO_CALL: Final = "what the requests above were answered with, and the faults of this test"
CALLED_AGAIN: Final = (
    "what dials again: a retry, a second start, or `redial=True`? A test that expects it is marked "
    '@pytest.mark.offhook(allow=["called_again"])'
)
OTHER_NUMBER: Final = "which number the application dials, and which one offhook_mock.callee(...) names"

_TOKEN: Final = (
    "what the application does when its token expires: GrantExpiring in call.events(), and a plugin with the hook "
    "offhook_renew_grant (in tests, RenewsGrants)"
)
_NO_REPLY: Final = (
    "what the application does when the callee stops speaking: how it notices that (SpeechStopped), what it waits for, "
    "and what it plays then"
)
_SILENT: Final = "whether the application plays anything after the answer, and to this call"
#: When the call is over before the callee has done its script.
_ENDED: Final[Mapping[CalleeEnd, str]] = {
    CalleeEnd.CALLER_LEFT: (
        "what the application waits for before it hangs up: a hang_up() without after='playout', an end of "
        "`async with phone.dial(...)`, or an error of its own?"
    ),
    CalleeEnd.GIVEN_UP: "how long the application lets it ring: CallPolicy(ring_timeout_s), or a hang-up of its own",
    CalleeEnd.CALLER_DROPPED: "whether the application was ended, or lost its network: its own output, and the faults",
    CalleeEnd.CALLER_ABSENT: "whether the application joins the channel after start-call: its own output",
    CalleeEnd.TIME_LIMIT: "offhook_mock.settings.max_call_s, and why the call took so long",
    CalleeEnd.ROOM_CLOSED: "what ended the call in the mock: offhook_mock.hang_up_all(), or the end of the test",
}


def look_at(call: CallHandle, verb: str) -> str:
    """What to look at; empty if the message says it already.

    Args:
        call: the last call to the callee.
        verb: what the test called: ``answered``, ``finished`` or ``ended``.
    """
    if call.problem:
        return "the step of the script that this names, and its file"
    end = call.end or (CalleeEnd.ROOM_CLOSED if call.over else None)
    silent = None if call.token_expired or end is CalleeEnd.CALLER_DROPPED else owed(call)
    if verb == "ended" and (silent is None or not silent.is_reply):
        return (
            "which side hangs up: the application with call.hang_up() or the end of `async with phone.dial(...)`, or "
            "the callee with hangs_up()"
        )
    if silent is not None and silent.is_reply:
        return _NO_REPLY if silent.since_s is not None else _SILENT
    if end is not None:
        return _TOKEN if call.token_expired else _ENDED.get(end, "")
    if verb == "answered":
        return "how long the script rings before answers(), and timeout_s"
    waiting = call.unfinished[0] if call.unfinished else ""
    if "listens until" in waiting:
        return (
            "what the application plays at this point: how it notices that the callee has stopped speaking "
            "(SpeechStopped), and what it waits for"
        )
    return "how long the steps take that are left, and timeout_s"
