"""Calls of a tenant, those that go on and those that have ended: states, ends, counters, and what the callee did."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias, cast

from offhook.interfaces import iso_8601
from offhook.wording import quoted
from offhook_mockserver.faces.control.operation import TENANT, ControlOperation
from offhook_mockserver.faces.control.refusals import ControlRefused
from offhook_mockserver.faces.operations.fields import Field, Fields
from offhook_mockserver.faces.operations.kinds import e164_number, one_of, text, whole
from offhook_mockserver.faces.operations.shapes import (
    FLAG,
    NUMBER,
    TEXT,
    TIME,
    WHOLE,
    a_list,
    a_map,
    about,
    an_object,
    choice,
    named,
    nullable,
)
from offhook_mockserver.tenants.call import EndedCall, MockCall

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from offhook_mockserver.callees.callee import Callee
    from offhook_mockserver.faces.control.operation import Asked
    from offhook_mockserver.faces.operations.kinds import Schema
    from offhook_mockserver.tenants.tenant import Tenant

Call: TypeAlias = MockCall | EndedCall

STATES: Final = ("ringing", "answered", "callee_left", "ended")
CHANNEL: Final = Fields(Field("channel", text(least=1, most=100), required=True, summary="The channel of the call."))
_PATH: Final = f"{TENANT}/calls/{{channel}}"
_MOST_SHOWN: Final = 1_000

_SHORT: Final[Mapping[str, Schema]] = {
    "channel": about(TEXT, "Its channel, which names it."),
    "number": about(TEXT, "The number that it rings."),
    "from_number": about(TEXT, "The line that it is from."),
    "state": about(
        choice(*STATES), "`callee_left`: the callee's part has ended, and the caller is still there or expected."
    ),
    "end": about(nullable(TEXT), "How the callee's part ended, as a code; null before that."),
    "end_text": about(TEXT, "The same, for people."),
}
_CALLEE: Final[Schema] = named(
    "CalleeInCall",
    an_object(
        {
            "summary": about(TEXT, "What its script does."),
            "answered": FLAG,
            "finished": about(FLAG, "Whether it has done every step of its script."),
            "unfinished": about(a_list(TEXT), "The steps that it has not done, for people."),
            "spoke_at_s": about(nullable(NUMBER), "When it last began to speak, in seconds since it answered."),
            "stopped_speaking_at_s": about(nullable(NUMBER), "When it last stopped speaking, likewise."),
            "history": about(
                a_list(an_object({"at_s": nullable(NUMBER), "code": TEXT, "text": TEXT})),
                "What happened to it, in order.",
            ),
            "history_dropped": about(WHOLE, "Moments that are not in `history`, since there were too many."),
            "keeps_audio": about(FLAG, "Whether what it hears and says is kept."),
        }
    ),
)
CALL: Final[Schema] = named(
    "Call",
    an_object(
        {
            **_SHORT,
            "started": about(nullable(TIME), "When it started, by the clock of the tenant; null if that was not kept."),
            "answered": about(nullable(TIME), "When the callee answered, likewise."),
            "problem": about(TEXT, "Why the callee's script failed; empty if it has not."),
            "events": about(a_list(TEXT), "What happened, for people; of an ended call the last 20 events."),
            "counters": about(a_map(WHOLE), "The counters of the room and of the callee."),
            "losses": about(a_map(WHOLE), "Those that stay zero in a healthy call, and are above zero in this one."),
            "members": about(
                a_list(an_object({"uid": WHOLE, "who": choice("caller", "callee"), "publishing": FLAG})),
                "Who is in the channel now.",
            ),
            "callee": about(
                nullable(_CALLEE), "What the callee did; null for a call that has ended if its callee was not kept."
            ),
        }
    ),
)


def operations() -> tuple[ControlOperation, ...]:
    """The operations on calls."""
    return (
        ControlOperation(
            method="GET",
            path=f"{TENANT}/calls",
            summary="List the calls that go on, oldest first, after those that have ended.",
            query=Fields(
                Field("number", e164_number, summary="Only calls that ring this number."),
                Field("state", one_of(*STATES), summary="Only calls in this state."),
                Field("limit", whole(least=1, most=_MOST_SHOWN), default=100, summary="The latest calls, at most."),
                extra=False,
            ),
            answer=an_object({"calls": a_list(named("CallInList", an_object(_SHORT)))}),
            handle=_list,
        ),
        ControlOperation(
            method="GET",
            path=_PATH,
            summary="Show a call.",
            parameters=CHANNEL,
            answer=CALL,
            handle=lambda asked: shown_call(asked.tenant, call_of(asked)),
        ),
        ControlOperation(
            method="POST",
            path=f"{_PATH}/hang-up",
            summary="Let the callee hang up, or decline while it rings; a callee whose part has ended stays as it is.",
            parameters=CHANNEL,
            body=Fields(extra=False),
            answer=CALL,
            handle=_hang_up,
        ),
    )


def call_of(asked: Asked) -> Call:
    """The call in the path of a request; with its callee, if that is known.

    Raises:
        ControlRefused: the tenant has no such call; the text is the same for another tenant's call as for one that
            never was.
    """
    channel = asked.text("channel")
    for call in _all(asked.tenant):
        if call.channel == channel:
            return call
    raise ControlRefused("no_such_call", f"this tenant has no call with the channel {quoted(channel)}")


def shown_call(tenant: Tenant, call: Call) -> dict[str, object]:
    """A call, for programs."""
    document: dict[str, object] = {
        **_short(tenant, call),
        "started": None,
        "answered": None,
        "problem": "",
        "events": list(call.events),
        "counters": call.counters(),
        "losses": call.losses(),
        "members": [],
        "callee": None,
    }
    if isinstance(call, MockCall):
        callee = call.callee
        document["started"] = iso_8601(call.started_wall_s)
        document["answered"] = None if call.answered_wall_s is None else iso_8601(call.answered_wall_s)
        document["problem"] = call.problem
        document["callee"] = _callee(callee)
        document["members"] = [
            {
                "uid": member.uid,
                "who": "callee" if callee.has_uid(member.uid) else "caller",
                "publishing": member.published,
            }
            for member in call.room.members
        ]
    return document


def _list(asked: Asked) -> object:
    tenant, query = asked.tenant, asked.query
    number, state = query.get("number"), query.get("state")
    found = [
        _short(tenant, call)
        for call in _all(tenant)
        if number in {None, call.to} and state in {None, _state(tenant, call)}
    ]
    return {"calls": found[-cast("int", query["limit"]) :]}


def _hang_up(asked: Asked) -> object:
    call = call_of(asked)
    if isinstance(call, MockCall):
        call.callee.hang_up()
    return shown_call(asked.tenant, call)


def _all(tenant: Tenant) -> Iterator[Call]:
    """Every call that is known of a tenant, those that have ended first; each with its callee if that was kept."""
    kept = {call.channel: call for call in tenant.kept}
    for ended in tenant.ended:
        yield kept.get(ended.channel, ended)
    yield from tuple(tenant.calls.values())


def _short(tenant: Tenant, call: Call) -> dict[str, object]:
    return {
        "channel": call.channel,
        "number": call.to,
        "from_number": call.from_number,
        "state": _state(tenant, call),
        "end": None if call.end is None else call.end.value,
        "end_text": "" if call.end is None else call.end.text,
    }


def _state(tenant: Tenant, call: Call) -> str:
    if call.channel not in tenant.calls or isinstance(call, EndedCall):
        return "ended"
    if call.callee.leaving:
        return "callee_left"
    return "answered" if call.callee.answered else "ringing"


def _callee(callee: Callee) -> dict[str, object]:
    return {
        "summary": callee.script.summary,
        "answered": callee.answered,
        "finished": callee.finished,
        "unfinished": list(callee.unfinished),
        "spoke_at_s": callee.spoke_at_s,
        "stopped_speaking_at_s": callee.stopped_speaking_at_s,
        "history": [{"at_s": moment.at_s, "code": moment.code.value, "text": moment.text} for moment in callee.history],
        "history_dropped": callee.moments_dropped,
        "keeps_audio": callee.keeps_audio,
    }
