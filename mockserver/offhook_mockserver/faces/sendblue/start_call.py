"""The mock's face to Sendblue's clients: ``POST /facetime/start-call``.

Sendblue documents the request and the answer to a good one, and the mock adds nothing to them. It documents no
refusals: their statuses and texts are what careful clients in the field expect. Each behaviour carries its grade, and
each request is noted in the journal of its tenant.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, cast

from starlette.datastructures import Headers
from starlette.routing import BaseRoute, Route

from offhook.errors import NumberRejected
from offhook.interfaces import e164
from offhook.session import Grade
from offhook_mockserver.callees.script import ScriptError
from offhook_mockserver.doors.json_answer import JsonAnswer
from offhook_mockserver.faces.faulty_answer import faulty
from offhook_mockserver.faces.flawed_grant import with_flaw
from offhook_mockserver.faces.mistakes import report_mistake
from offhook_mockserver.faces.refusals import UNKNOWN_ROUTE, ApiRefusal, RequestRefused, UnknownRoute, refuse
from offhook_mockserver.faces.sendblue.credentials import authenticate
from offhook_mockserver.faces.sendblue.request_notes import RequestNotes
from offhook_mockserver.rooms.room import RoomError
from offhook_mockserver.tenants.effects import FlawedGrant, FlawedToken, HttpEffect
from offhook_mockserver.tenants.flawed_token import mint_flawed_token
from offhook_mockserver.tenants.settings import ErrorBody
from offhook_mockserver.tenants.tenant import mint_token
from offhook_wire.strict_json import WHOLE, ProtocolError, load_object

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import Scope

    from offhook_mockserver.tenants.call import MockCall
    from offhook_mockserver.tenants.calls import Calls
    from offhook_mockserver.tenants.entry import Json
    from offhook_mockserver.tenants.tenant import Tenant, Tenants


_log: Final = logging.getLogger(__name__)

START_CALL: Final = "/facetime/start-call"

#: The grade of the answer to a good request: every field, and HTTP 200.
SUCCESS_GRADE: Final = Grade.DOCUMENTED

#: Documented routes that a client may try, so that the refusal can name the nearest. The mock answers those without a
#: note.
_DOCUMENTED: Final[Mapping[str, str]] = {
    f"POST {START_CALL}": "",
    "GET /api/lines": "documented, but not mocked yet",
    "GET /account": "documented, but not mocked yet",
    "GET /api/account/webhooks": "documented, but not mocked yet",
    "POST /api/account/webhooks": "documented, but not mocked yet",
    "POST /api/send-message": "documented, but not mocked: this is a mock of calls",
}


# Sendblue documents the rules (numbers are E.164, 911 is blocked, the from-number must be a FaceTime line of the
# account), but not its answer to a request that breaks a rule.
NOT_JSON: Final = ApiRefusal(400, Grade.ASSUMED)
BAD_FIELD: Final = ApiRefusal(400, Grade.ASSUMED)
NOT_OUR_LINE: Final = ApiRefusal(400, Grade.ASSUMED)
#: A mistake in the test. The status is one after which clients know that nothing rang.
SCRIPT_WRONG: Final = ApiRefusal(422, Grade.ASSUMED)
#: A limit of the mock's own.
TOO_MANY_CALLS: Final = ApiRefusal(503, Grade.ASSUMED)


class SendblueApi:
    """The API.

    Args:
        tenants: the key pairs that are accepted.
        calls: starts calls.
        stray: its journal notes the requests that name no tenant of this mock, and its settings shape the refusals of
            requests without a valid key pair.
    """

    def __init__(self, tenants: Tenants, calls: Calls, stray: Tenant) -> None:
        self._tenants = tenants
        self._calls = calls
        self._stray = stray
        self._notes = RequestNotes(tenants, stray)

    def routes(self) -> list[BaseRoute]:
        """The routes to mount at the root of the server. The last one answers every other request."""
        return [Route(START_CALL, self._start_call, methods=["POST"]), UnknownRoute(_DOCUMENTED, self._unexpected)]

    async def _start_call(self, request: Request) -> Response:
        noted: dict[str, Json] = {"method": request.method, "path": request.url.path}
        tenant: Tenant | None = None
        to = ""
        try:
            tenant = authenticate(self._tenants, request.headers)
            fields = _parse(await request.body())
            noted["body"] = cast("dict[str, Json]", fields)
            to, from_number = _number(fields, "phoneNumber"), _number(fields, "fromNumber")
            if from_number not in tenant.lines:
                raise RequestRefused(
                    NOT_OUR_LINE,
                    f"fromNumber {from_number} is not a FaceTime line of this account; use {' or '.join(tenant.lines)}",
                )
            if to == from_number:
                raise RequestRefused(BAD_FIELD, "phoneNumber and fromNumber are the same: a line cannot call itself")
            fault = tenant.faults.take(HttpEffect, "a start-call meets the fault", to, None)
            if fault is None:
                return self._ring(request.scope, tenant, to, from_number, noted)
            answer = self._ring(request.scope, tenant, to, from_number, noted) if fault.rings else None
            return faulty(fault, answer, ErrorBody(tenant.settings.error_body))
        except RequestRefused as refused:
            refusal, message = refused.refusal, str(refused)
            noted_in = tenant or self._notes.tenant_of(request.headers)
            self._notes.refused(noted_in, noted, (refusal.status, refusal.grade), message, to)
            return refuse(refusal, message, ErrorBody((tenant or self._stray).settings.error_body))

    def _ring(self, scope: Scope, tenant: Tenant, to: str, from_number: str, noted: Mapping[str, Json]) -> Response:
        try:
            call = self._calls.start(tenant, to, from_number)
        except RoomError as error:
            raise RequestRefused(TOO_MANY_CALLS, error.message) from None
        except ScriptError as error:
            report_mistake(scope, error)
            _log.error("%s", error.message)
            raise RequestRefused(SCRIPT_WRONG, error.message) from None
        token = self._token(tenant, call)
        self._notes.answered(tenant, noted, call.channel, to, token)
        agora: dict[str, object] = {"appId": tenant.app_id, "channelName": call.channel, "token": token, "uid": 0}
        answer: dict[str, object] = {"status": "OK", "message": "Call started"}
        flawed = tenant.faults.take(FlawedGrant, "the grant has a flaw", to, call.channel)
        return JsonAnswer({**answer, "agora": agora} if flawed is None else with_flaw(answer, agora, flawed.flaw))

    def _token(self, tenant: Tenant, call: MockCall) -> str:
        flawed = tenant.faults.take(FlawedToken, "the grant has another token", call.to, call.channel)
        return mint_token(tenant, call) if flawed is None else mint_flawed_token(tenant, call, flawed)

    def _unexpected(self, scope: Scope, message: str) -> ErrorBody:
        headers = Headers(scope=scope)
        try:
            tenant = authenticate(self._tenants, headers)
        except RequestRefused:
            tenant = self._stray
        noted_in = self._notes.tenant_of(headers)
        self._notes.unexpected(noted_in, scope["method"], scope["path"], UNKNOWN_ROUTE.status, message)
        return ErrorBody(tenant.settings.error_body)


def _parse(body: bytes) -> dict[str, object]:
    try:
        return load_object(body)
    except ProtocolError as error:
        place = "the body" if error.field == WHOLE else f"the body: {error.field}"
        raise RequestRefused(NOT_JSON, f"{place} {error.problem}") from None


def _number(fields: dict[str, object], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str):
        problem = "is missing" if name not in fields else "must be a string"
        raise RequestRefused(BAD_FIELD, f"{name} {problem}: pass an E.164 number, for example +14155550123")
    try:
        return e164(value, name)
    except NumberRejected as error:
        raise RequestRefused(BAD_FIELD, f"{name}: {error.message}") from None
