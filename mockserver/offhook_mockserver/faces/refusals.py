"""Refusals in the shapes that Sendblue's APIs use, and the answer to requests that no route takes."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from starlette.routing import BaseRoute, Match

from offhook.session import Grade
from offhook.wording import quoted
from offhook_mockserver.doors.json_answer import JsonAnswer
from offhook_mockserver.tenants.settings import ErrorBody

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.responses import Response
    from starlette.types import Receive, Scope, Send

    from offhook_mockserver.tenants.entry import Json


@dataclass(frozen=True, slots=True)
class ApiRefusal:
    """Why a request is refused: the HTTP status, and how certain it is that Sendblue answers the same."""

    status: int
    grade: Grade


class RequestRefused(Exception):
    """Ends the handling of a request: the client receives `refusal` with the exception's text."""

    def __init__(self, refusal: ApiRefusal, message: str) -> None:
        super().__init__(message)
        self.refusal = refusal


#: The mock refuses every request that it does not know; it never invents a success.
UNKNOWN_ROUTE: Final = ApiRefusal(501, Grade.ASSUMED)


#: Characters of a method and path that are compared with the known ones.
_COMPARED: Final = 100


class UnknownRoute(BaseRoute):
    """The answer to every other path and method; the last of a router's routes.

    Args:
        known: routes that the client may have meant, as ``METHOD /path``, each with a note or "".
        shape_of: called with the scope of the request and the text of the answer; notes the request, and returns the
            shape of the answer.
    """

    def __init__(
        self,
        known: Mapping[str, str],
        shape_of: Callable[[Scope, str], ErrorBody] = lambda scope, message: ErrorBody.STATUS_MESSAGE,
    ) -> None:
        self._known = known
        self._shape_of = shape_of

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        return (Match.FULL if scope["type"] == "http" else Match.NONE), {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = f"{scope['method']} {scope['path']}"
        note = self._known.get(asked, "")
        if note.startswith("documented"):
            message = f"the mock does not answer {quoted(asked)}, which is {note}"
        else:
            # Only the beginning is compared: with 16 KiB it would take 20 ms.
            nearest = difflib.get_close_matches(asked[:_COMPARED], self._known, n=1, cutoff=0.0)[0]
            note = f" ({self._known[nearest]})" if self._known[nearest] else ""
            message = f"the mock does not answer {quoted(asked)}; the nearest documented route is {nearest}{note}"
        await refuse(UNKNOWN_ROUTE, message, self._shape_of(scope, message))(scope, receive, send)


def refuse(refusal: ApiRefusal, message: str, shape: ErrorBody = ErrorBody.STATUS_MESSAGE) -> Response:
    """A refusal; by default in the shape that Sendblue's clients look for first. Assumed for ``/facetime``."""
    return JsonAnswer(_body(refusal.status, message, shape), refusal.status)


def _body(status: int, message: str, shape: ErrorBody) -> dict[str, Json]:
    match shape:
        case ErrorBody.STATUS_MESSAGE:
            return {"status": "ERROR", "message": message}
        case ErrorBody.ERROR:
            return {"error": message}
        case ErrorBody.ERROR_MESSAGE:
            return {"status": "ERROR", "error_code": status, "error_message": message}
        case ErrorBody.NESTED:
            return {"error": {"code": status, "message": message}}
