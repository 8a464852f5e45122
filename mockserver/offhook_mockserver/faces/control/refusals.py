"""Refusals of the control API: a stable code for programs, a sentence for people, and one shape for both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from offhook.session import Grade
from offhook_mockserver.faces.refusals import ApiRefusal, RequestRefused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.responses import Response


@dataclass(frozen=True, slots=True)
class Code:
    """A code of refusals.

    Attributes:
        status: the HTTP status that goes with it.
        meaning: what it means, for the documentation.
    """

    status: int
    meaning: str


#: Every code. Waits that fail have 404: some HTTP clients repeat a request by themselves after 408.
CODES: Final[Mapping[str, Code]] = {
    "malformed": Code(400, "The path, the query or the body is not as this document describes it."),
    "headers": Code(400, "A header is there twice, or both lengths are given."),
    "token": Code(401, "The header Authorization does not hold the control token of this mock."),
    "browser": Code(403, "The request is from a web page."),
    "foreign_keys": Code(403, "The request has keys of Sendblue's API, which do not control a mock."),
    "foreign_origin": Code(403, "The request is from a page of another origin."),
    "no_such_route": Code(404, "The path is unknown."),
    "no_such_tenant": Code(404, "The tenant is unknown, or was removed."),
    "no_such_callee": Code(404, "The tenant has no script for this number."),
    "no_such_clip": Code(404, "The tenant has no such clip."),
    "no_such_fault": Code(404, "The tenant has made no such fault, or it is not active any more."),
    "no_such_call": Code(404, "The tenant has no such call."),
    "no_such_line": Code(404, "The tenant has no such line."),
    "no_such_webhook": Code(404, "The tenant has no such webhook."),
    "no_such_delivery": Code(404, "The tenant has no such delivery of a webhook, or it is not kept any more."),
    "no_such_recording": Code(404, "The tenant has no recording of such a call."),
    "not_seen": Code(404, "What was waited for was not in the journal in time."),
    "not_finished": Code(404, "The callee did not do in time what was waited for, or cannot do it any more."),
    "method": Code(405, "The path is there, and not with this method; the header Allow lists the others."),
    "too_slow": Code(408, "The body did not arrive in time."),
    "state": Code(409, "It cannot be done now; the message says what to do first."),
    "not_kept": Code(409, "The audio, or the callee, of this call was not kept."),
    "not_answered": Code(409, "The callee has not answered, so that it has neither heard nor said anything."),
    "too_large": Code(413, "The body is too large."),
    "wrong_type": Code(415, "The body has another type than this operation wants."),
    "foreign_host": Code(421, "The header Host does not name this mock."),
    "invalid": Code(422, "A value has the right form, and cannot be used."),
    "script": Code(422, "A script cannot be played; the message names the callee and the step."),
    "not_undone": Code(422, "The fault could not be undone over HTTP."),
    "too_many_headers": Code(431, "There are too many headers, or they are too long."),
    "too_many_streams": Code(429, "Too many streams of events are open for this tenant."),
    "failed": Code(500, "The mock failed; its log shows why."),
    "stopping": Code(503, "The mock is stopping, so that nothing more will happen."),
    "busy": Code(503, "Too many requests wait already."),
    "unavailable": Code(503, "Something that the mock needs is not installed, or cannot be used."),
}
#: The codes of refusals that do not come from this API: those of the guard, which knows no operations.
_BY_STATUS: Final[Mapping[int, str]] = {
    400: "headers",
    403: "foreign_origin",
    408: "too_slow",
    413: "too_large",
    415: "wrong_type",
    421: "foreign_host",
    431: "too_many_headers",
}


class ControlRefused(RequestRefused):
    """Ends the handling of a request.

    Args:
        code: the reason, for programs; a key of `CODES`.
        message: the reason, for people, and what to do.
        headers: further headers of the answer.
    """

    def __init__(self, code: str, message: str, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(ApiRefusal(CODES[code].status, Grade.OBSERVED), message, headers=headers)
        self.code: str = code


def unread_code(status: int) -> str:
    """The code of a refusal with this status of a request that cannot be read to its end."""
    return "malformed" if status == CODES["malformed"].status else _BY_STATUS[status]


def control_refusal(refused: RequestRefused) -> Response:
    """A refusal as an answer."""
    from offhook_mockserver.doors.json_answer import JsonAnswer  # a mock listens before it imports starlette

    status = refused.refusal.status
    code = refused.code if isinstance(refused, ControlRefused) else _BY_STATUS.get(status, "malformed")
    answer = JsonAnswer({"error": {"code": code, "message": str(refused)}}, status)
    answer.headers.update(refused.headers)
    return answer
