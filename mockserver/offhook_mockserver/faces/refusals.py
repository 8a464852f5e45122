"""Refusals in the shapes that Sendblue's APIs use, and the answer to requests that no route takes."""

from __future__ import annotations

import difflib
import heapq
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from offhook.session import Grade
from offhook.wording import quoted
from offhook_mockserver.tenants.settings import ErrorBody

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from starlette.responses import Response

    from offhook_mockserver.tenants.entry import Json


@dataclass(frozen=True, slots=True)
class ApiRefusal:
    """Why a request is refused: the HTTP status, and how certain it is that Sendblue answers the same."""

    status: int
    grade: Grade


class RequestRefused(Exception):
    """Ends the handling of a request: the client receives `refusal` with the exception's text.

    Args:
        refusal: the status and its grade.
        message: why, and what to do.
        error_code: the code of a refused message.
        error_key: its name, for programs.
        details: more, for the APIs below ``/v3``.
        headers: further headers of the answer.
    """

    def __init__(
        self,
        refusal: ApiRefusal,
        message: str,
        *,
        error_code: int | None = None,
        error_key: str | None = None,
        details: Mapping[str, Json] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.refusal = refusal
        self.error_code = error_code
        self.error_key = error_key
        self.details = details
        self.headers: Mapping[str, str] = headers or {}


#: The mock refuses every request that it does not know; it never invents a success.
UNKNOWN_ROUTE: Final = ApiRefusal(501, Grade.ASSUMED)


#: Characters of a method and path that are compared with the known ones.
_COMPARED: Final = 100
#: Routes that are compared closely.
_COMPARED_ROUTES: Final = 6


def unknown_route(asked: str, known: Mapping[str, str]) -> str:
    """What is said about a request that no route takes.

    Args:
        asked: the request, as ``METHOD /path``.
        known: routes that the client may have meant, likewise, each with a note or "".
    """
    note = known.get(asked, "")
    if note.startswith("documented"):
        return f"the mock does not answer {quoted(asked)}, which is {note}"
    nearest = nearest_route(asked, known)
    note = f" ({known[nearest]})" if known[nearest] else ""
    return f"the mock does not answer {quoted(asked)}; the nearest documented route is {nearest}{note}"


def nearest_route(asked: str, known: Collection[str]) -> str:
    """The route that a client has likely meant.

    Any page of a browser can ask for unknown paths, and calls go on meanwhile, so this takes well below 1 ms:
    only the beginning is compared, and only routes that have most pairs of characters in common.
    """
    asked = asked[:_COMPARED]
    pairs = _pairs(asked)
    likely = heapq.nlargest(_COMPARED_ROUTES, known, key=lambda route: _likeness(pairs, _pairs(route)))
    return difflib.get_close_matches(asked, likely, n=1, cutoff=0.0)[0]


def _pairs(text: str) -> set[str]:
    return {text[at : at + 2] for at in range(len(text) - 1)}


def _likeness(some: set[str], others: set[str]) -> float:
    return len(some & others) / (len(some) + len(others) + 1)


def refuse(refusal: ApiRefusal, message: str, shape: ErrorBody = ErrorBody.STATUS_MESSAGE) -> Response:
    """A refusal; by default in the shape that Sendblue's clients look for first. Assumed for ``/facetime``."""
    from offhook_mockserver.doors.json_answer import JsonAnswer  # a mock listens before it imports starlette

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
