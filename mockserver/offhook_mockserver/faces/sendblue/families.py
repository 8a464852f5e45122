"""The shapes of refusals: Sendblue's API has no single one."""

from __future__ import annotations

from enum import Enum
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from offhook_mockserver.doors.json_answer import JsonAnswer
from offhook_mockserver.faces.refusals import refuse
from offhook_mockserver.tenants.settings import ErrorBody

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.responses import Response

    from offhook_mockserver.faces.operations.kinds import Schema
    from offhook_mockserver.faces.refusals import RequestRefused


class Family(Enum):
    """Operations whose refusals have one shape."""

    #: ``{"status": "ERROR", "message": "…"}``, or what `TenantSettings.error_body` says.
    FACETIME = "facetime"
    #: ``{"status": "ERROR", "message": "…"}``.
    API = "api"
    #: The same, with ``error_code``, ``error_message`` and ``error_key``.
    MESSAGING = "messaging"
    #: ``{"error": {"code": "…", "message": "…", "details": …}}``.
    V3 = "v3"
    #: ``{"error": "…"}``.
    PLAIN = "plain"


#: The code of a refused message, by its HTTP status; other statuses have that of a validation error.
_MESSAGE_CODES: Final[Mapping[int, int]] = {429: 4001, 500: 5000}
_VALIDATION: Final = 4000

_TEXT: Final[Schema] = {"type": "string"}
_STATUS: Final[Schema] = {"type": "string", "const": "ERROR"}


def _object(members: Mapping[str, Schema], *optional: str) -> Schema:
    required = [name for name in members if name not in optional]
    return {"type": "object", "properties": members, "required": required, "additionalProperties": False}


#: The schema of a refusal of each family.
REFUSALS: Final[Mapping[Family, Schema]] = {
    Family.FACETIME: {
        "anyOf": [
            _object({"status": _STATUS, "message": _TEXT}),
            _object({"error": _TEXT}),
            _object({"status": _STATUS, "error_code": {"type": "integer"}, "error_message": _TEXT}),
            _object({"error": _object({"code": {"type": "integer"}, "message": _TEXT})}),
        ]
    },
    Family.API: _object({"status": _STATUS, "message": _TEXT}),
    Family.MESSAGING: _object(
        {
            "status": _STATUS,
            "message": _TEXT,
            "error_code": {"type": "integer"},
            "error_message": _TEXT,
            "error_key": {"type": ["string", "null"]},
        }
    ),
    Family.V3: _object({"error": _object({"code": _TEXT, "message": _TEXT, "details": {}}, "details")}),
    Family.PLAIN: _object({"error": _TEXT}),
}


def refusal_in(family: Family, refused: RequestRefused, error_body: ErrorBody | str) -> Response:
    """A refusal in the shape of a family.

    Args:
        family: the family.
        refused: why, and with which status.
        error_body: the shape that the tenant's settings name.
    """
    status, message = refused.refusal.status, str(refused)
    body: dict[str, object]
    match family:
        case Family.FACETIME:
            response = refuse(refused.refusal, message, ErrorBody(error_body))
            response.headers.update(refused.headers)
            return response
        case Family.API:
            body = {"status": "ERROR", "message": message}
        case Family.MESSAGING:
            code = refused.error_code or _MESSAGE_CODES.get(status, _VALIDATION)
            body = {"status": "ERROR", "message": message, "error_code": code, "error_message": message}
            body["error_key"] = refused.error_key
        case Family.V3:
            error: dict[str, object] = {"code": HTTPStatus(status).name.lower(), "message": message}
            if refused.details is not None:
                error["details"] = refused.details
            body = {"error": error}
        case Family.PLAIN:
            body = {"error": message}
    return JsonAnswer(body, status, dict(refused.headers) or None)
