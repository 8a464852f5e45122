"""The health of an account's lines, how many new contacts they may still send to, and who is known on them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from offhook.interfaces import iso_8601
from offhook.session import Grade
from offhook_mockserver.faces.operations.fields import Field, Fields
from offhook_mockserver.faces.operations.kinds import phone_number
from offhook_mockserver.faces.operations.shapes import (
    FLAG,
    NUMBER,
    OK,
    TEXT,
    TIME,
    WHOLE,
    a_list,
    about,
    an_object,
    choice,
    nullable,
)
from offhook_mockserver.faces.sendblue.operation import Operation, Scoped
from offhook_mockserver.faces.sendblue.own_lines import check_own_line
from offhook_mockserver.tenants.account.activity import (
    DAILY_LIMIT,
    HOUR_S,
    HOURLY_LIMIT,
    LOOKBACK_DAYS,
    next_reset_s,
)
from offhook_mockserver.tenants.account.lines import Assignment, LineStatus
from offhook_mockserver.tenants.account.owner import now_s

if TYPE_CHECKING:
    from collections.abc import Mapping

    from offhook_mockserver.faces.operations.kinds import Schema
    from offhook_mockserver.faces.sendblue.operation import Asked


_SDK: Final = "Python SDK 1.33.0"
_STATE: Final[Schema] = an_object(
    {
        "worker_id": about(TEXT, "The id of what serves the line."),
        "assignment": choice(*Assignment),
        "status": choice(*LineStatus),
        "sendblue_number": TEXT,
        "degraded_since": nullable(TIME),
        "effective_until": about(nullable(TIME), "When the assignment ends."),
        "status_changed_at": nullable(TIME),
    }
)
_WINDOW: Final[Mapping[str, Schema]] = {
    "limit": NUMBER,
    "nextSlotAt": about(nullable(TIME), "When the oldest of those that count leaves the window."),
    "remaining": WHOLE,
    "used": about(WHOLE, "How many new contacts the line has sent to."),
}
_USAGE: Final[Schema] = an_object(
    {
        "phone": TEXT,
        "sampledAt": TIME,
        "state": choice("available", "limited"),
        "availableAt": about(nullable(TIME), "When a limited line can send to a new contact again."),
        "hourly": an_object(_WINDOW),
        "daily": an_object({**_WINDOW, "resetsAt": about(TIME, "The next 3 AM in New York.")}),
        "newContactLookbackDays": NUMBER,
    }
)


def operations() -> tuple[Operation, ...]:
    """The operations on lines, but for the forwarding of their calls."""
    return (
        Operation(
            method="GET",
            path="/api/v2/lines/state",
            summary="The health of the account's lines.",
            grade=Grade.OBSERVED,
            source=_SDK,
            answer=an_object({"status": OK, "snapshot_at": TIME, "data": a_list(_STATE)}),
            scoped=Scoped.LINES,
            handle=_state,
        ),
        Operation(
            method="GET",
            path="/api/v2/lines/usage",
            summary="How many new contacts each line has sent to, and how many it may.",
            grade=Grade.OBSERVED,
            source=f"{_SDK}; the limits are those of Sendblue's limits page",
            query=Fields(extra=False),
            answer=an_object({"status": OK, "enabled": FLAG, "lines": a_list(_USAGE)}),
            handle=_usage,
        ),
        Operation(
            method="GET",
            path="/api/v2/lines/contact-status",
            summary="Whether a contact is known on a line: a message was exchanged in the last 30 days.",
            grade=Grade.OBSERVED,
            source=f"{_SDK}; that it is 30 days is assumed",
            query=Fields(
                Field("number", phone_number, required=True, summary="The contact. E-mail addresses are refused."),
                Field("sendblue_number", phone_number, required=True, summary="A line of the account."),
                extra=False,
            ),
            answer=an_object(
                {
                    "status": OK,
                    "number": TEXT,
                    "sendblue_number": TEXT,
                    "classification": choice("known", "new"),
                    "known_contact": FLAG,
                    "new_contact_lookback_days": NUMBER,
                    "sampled_at": TIME,
                }
            ),
            scoped=Scoped.LINES,
            check=lambda asked: check_own_line(asked, cast("str", asked.query["sendblue_number"]), "sendblue_number"),
            handle=_contact_status,
        ),
    )


def _state(asked: Asked) -> object:
    lines = asked.tenant.account.lines
    return {
        "status": "OK",
        "snapshot_at": iso_8601(now_s(asked.tenant)),
        "data": [
            {
                "worker_id": lines.worker_id(state.line),
                "assignment": state.assignment,
                "status": state.status,
                "sendblue_number": state.line,
                "degraded_since": _time(state.degraded_s),
                "effective_until": _time(state.until_s),
                "status_changed_at": _time(state.changed_s),
            }
            for state in map(lines.of, asked.lines)
        ],
    }


def _usage(asked: Asked) -> object:
    return {"status": "OK", "enabled": True, "lines": [_usage_of(asked, line) for line in asked.lines]}


def _usage_of(asked: Asked, line: str) -> object:
    activity, at_s = asked.tenant.account.activity, now_s(asked.tenant)
    hour, day, reset_s = activity.in_last_hour(line), activity.today(line), next_reset_s(at_s)
    slot_s = hour[0] + HOUR_S if hour else None
    # Both windows must have room again: the hour's when enough of its contacts have left it.
    waits = [hour[-HOURLY_LIMIT] + HOUR_S] if len(hour) >= HOURLY_LIMIT else []
    waits += [reset_s] if len(day) >= DAILY_LIMIT else []
    return {
        "phone": line,
        "sampledAt": iso_8601(at_s),
        "state": "limited" if waits else "available",
        "availableAt": _time(max(waits, default=None)),
        "hourly": _window(HOURLY_LIMIT, len(hour), slot_s),
        "daily": {**_window(DAILY_LIMIT, len(day), reset_s if day else None), "resetsAt": iso_8601(reset_s)},
        "newContactLookbackDays": LOOKBACK_DAYS,
    }


def _window(limit: int, used: int, slot_s: float | None) -> dict[str, object]:
    return {"limit": limit, "nextSlotAt": _time(slot_s), "remaining": max(0, limit - used), "used": used}


def _contact_status(asked: Asked) -> object:
    number, line = cast("str", asked.query["number"]), cast("str", asked.query["sendblue_number"])
    known = asked.tenant.account.activity.is_known(line, number)
    return {
        "status": "OK",
        "number": number,
        "sendblue_number": line,
        "classification": "known" if known else "new",
        "known_contact": known,
        "new_contact_lookback_days": LOOKBACK_DAYS,
        "sampled_at": iso_8601(now_s(asked.tenant)),
    }


def _time(at_s: float | None) -> str | None:
    return None if at_s is None else iso_8601(at_s)
