"""The lines of an account: ``GET /api/lines``, and their states where Sendblue says them.

The list is documented by Sendblue's own clients alone, and holds numbers and nothing else: it does not say which lines
can place FaceTime calls. States are from ``GET /api/v2/lines/state``, which not every account may ask for.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final, cast

from offhook.errors import (
    CarrierError,
    CarrierProtocolError,
    CarrierUnavailable,
    CredentialsRejected,
    NumberRejected,
    RateLimited,
    RequestRejected,
)
from offhook.interfaces import e164
from offhook_sendblue.answer import message_suffix, read_object, retry_after_s
from offhook_sendblue.auth import KEY_HEADER, SECRET_HEADER

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from offhook_sendblue.exchange import HttpAnswer

LINES: Final = "/api/lines"
LINES_STATE: Final = "/api/v2/lines/state"
#: Statuses after which the states of lines are taken as unknown: the account may not ask, or the route does not exist.
NO_STATES: Final = (403, 404, 501)
#: How many lines are read.
MOST_LINES: Final = 1000
#: The longest text that is kept of a line.
_MOST_TEXT: Final = 64


class LineStatus(StrEnum):
    """The state of a line; the values are Sendblue's."""

    ONLINE = "ONLINE"
    OFFLINE = "OFFLINE"
    DEGRADED = "DEGRADED"
    #: Sendblue says so, says a state that this version does not know, or says nothing of this line.
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the account.

    Attributes:
        number: its number, E.164.
        status: its state.
        assignment: how it is assigned, as Sendblue writes it (``assigned``, ``shared``, ``grace_period``); empty if
            that is unknown.
        status_changed_at: when its state changed, as Sendblue writes it; empty if that is unknown.
        effective_until: until when it is assigned, likewise.
    """

    number: str = field(repr=False)
    status: LineStatus = LineStatus.UNKNOWN
    assignment: str = ""
    status_changed_at: str = ""
    effective_until: str = ""


def lines_of(numbers: Mapping[str, object], states: Mapping[str, object] | None) -> tuple[Line, ...]:
    """Return the lines that two answers describe, in the order of the first.

    Args:
        numbers: the answer of `LINES`. What is not an E.164 number in it is left out.
        states: the answer of `LINES_STATE`; None if it is not known.

    Raises:
        CarrierProtocolError: `numbers` has no list of numbers.
    """
    given = numbers.get("numbers")
    if not isinstance(given, list):
        raise CarrierProtocolError(
            f"the carrier's answer to {LINES} is not the known one: numbers is missing or is not a list"
        )
    known = {} if states is None else dict(_states_of(states))
    found = dict.fromkeys(number for number in cast("list[object]", given)[:MOST_LINES] if _is_number(number))
    return tuple(known.get(number, Line(number)) for number in cast("dict[str, None]", found))


def object_of(answer: HttpAnswer, path: str, *, now_s: float, keys_from: str) -> dict[str, object]:
    """Return the JSON object of a complete answer.

    Args:
        answer: the answer.
        path: what was asked, for messages.
        now_s: seconds since 1970, for a Retry-After that is a date.
        keys_from: where the keys of the request came from, for messages.

    Raises:
        CarrierError: it is not a success, or holds no object.
    """
    status = answer.status
    if not 200 <= status < 300:
        raise _refusal(answer, path, now_s, keys_from)
    if answer.oversized:
        raise CarrierProtocolError(f"the answer to {path} is too large for a list of lines")
    body = read_object(answer.body)
    if isinstance(body, str):
        raise CarrierProtocolError(f"the answer to {path} (HTTP {status}) {body}. Is the base URL Sendblue's?")
    return body


def _refusal(answer: HttpAnswer, path: str, now_s: float, keys_from: str) -> CarrierError:
    status, suffix = answer.status, message_suffix(answer)
    if status < 400:
        return CarrierProtocolError(
            f"the carrier answered {path} with HTTP {status}, which is a redirect or not a final answer. It is not "
            "followed, because the keys are only for the configured host: check SENDBLUE_API_BASE_URL"
        )
    if status in {401, 403}:
        return CredentialsRejected(
            f"the carrier does not accept the keys for {path} (HTTP {status}){suffix}: check the headers {KEY_HEADER} "
            f"and {SECRET_HEADER}, from {keys_from}"
        )
    if status == 429:
        wait_s = retry_after_s(answer.headers.get("retry-after"), now_s)
        return RateLimited(f"the carrier asks for fewer requests (HTTP 429 for {path}){suffix}", wait_s)
    if status >= 500:
        return CarrierUnavailable(f"the carrier failed (HTTP {status} for {path}){suffix}")
    return RequestRejected(f"the carrier refused {path} (HTTP {status}){suffix}. Is SENDBLUE_API_BASE_URL right?")


def _states_of(body: Mapping[str, object]) -> Iterator[tuple[str, Line]]:
    """Yield each line of which the states say something; other things in the answer are left out."""
    data = body.get("data")
    for item in cast("list[object]", data)[:MOST_LINES] if isinstance(data, list) else ():
        if isinstance(item, dict):
            entry = cast("dict[str, object]", item)
            number, status = entry.get("sendblue_number"), _text(entry, "status").upper()
            if _is_number(number):
                line = Line(
                    cast("str", number),
                    LineStatus(status) if status in LineStatus.__members__ else LineStatus.UNKNOWN,
                    _text(entry, "assignment"),
                    _text(entry, "status_changed_at") or _text(entry, "degraded_since"),
                    _text(entry, "effective_until"),
                )
                yield line.number, line


def _text(entry: Mapping[str, object], name: str) -> str:
    value = entry.get(name)
    return value[:_MOST_TEXT] if isinstance(value, str) and value.isprintable() else ""


def _is_number(value: object) -> bool:
    try:
        return isinstance(value, str) and bool(e164(value))
    except NumberRejected:
        return False
