"""Events that are impossible in a state, as tables.

If such an event is reported, the shell or a transport has a bug.
Late and repeated news are possible: they change nothing, and the tables in `states.py` see to that. An event is
impossible when it presupposes something that has not happened yet or that has been ruled out: a leg that was not asked
to join has not joined, and a request that was accepted is not refused as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from offhook.session.events import (
    AudioHeard,
    AudioLost,
    AudioReturned,
    CallAccepted,
    CallRefused,
    DeadlinePassed,
    GrantExpiring,
    GrantRenewed,
    LegClosed,
    LegDisconnected,
    LegJoined,
    LegReconnected,
    MemberJoined,
    MemberLeft,
    MemberPublished,
    MemberUnpublished,
    RenewalFailed,
    StartLost,
    WebhookReported,
)
from offhook.session.states import CallState, LegState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from offhook.session.events import Event


#: The carrier has not been asked to ring.
_BEFORE_THE_REQUEST: Final = frozenset[type]({CallAccepted, CallRefused, StartLost, WebhookReported, DeadlinePassed})
#: Our leg has not been asked to join.
_BEFORE_THE_JOIN: Final = frozenset[type](
    {
        LegJoined,
        LegClosed,
        MemberJoined,
        MemberPublished,
        MemberUnpublished,
        MemberLeft,
        AudioHeard,
        GrantExpiring,
    }
)
#: Our leg has no connection yet that could break, carry audio or need another token.
_BEFORE_THE_CONNECTION: Final = frozenset[type](
    {LegDisconnected, LegReconnected, AudioLost, AudioReturned, GrantRenewed, RenewalFailed}
)
#: The carrier has accepted the call: a request has one answer.
_AFTER_THE_GRANT: Final = frozenset[type]({CallRefused, StartLost})

#: State of the call → impossible events. `Dialed` is in no table: a second one raises `CallStateError` in any mode.
IMPOSSIBLE_IN_CALL: Final[Mapping[CallState, frozenset[type]]] = {
    CallState.IDLE: _BEFORE_THE_REQUEST,
    CallState.DIALING: frozenset(),
    CallState.RINGING: frozenset(),
    CallState.ACTIVE: frozenset(),
    CallState.ENDING: frozenset(),
    CallState.ENDED: frozenset(),
}

#: State of the leg → impossible events. `LegFailed` is in no row: it may be reported in any state.
IMPOSSIBLE_IN_LEG: Final[Mapping[LegState, frozenset[type]]] = {
    LegState.NEW: _BEFORE_THE_JOIN | _BEFORE_THE_CONNECTION,
    LegState.CONNECTING: _BEFORE_THE_CONNECTION | _AFTER_THE_GRANT,
    LegState.CONNECTED: _AFTER_THE_GRANT,
    LegState.DISCONNECTED: _AFTER_THE_GRANT,
    LegState.FAILED: _AFTER_THE_GRANT,
    LegState.CLOSED: _AFTER_THE_GRANT,
}


def is_impossible(event: Event, call: CallState, leg: LegState) -> bool:
    """Whether the event cannot happen in these states."""
    return type(event) in IMPOSSIBLE_IN_CALL[call] or type(event) in IMPOSSIBLE_IN_LEG[leg]
