"""The mock's face to Sendblue's clients: ``POST /facetime/start-call``.

Sendblue documents the request and the answer to a good one, and the mock adds nothing to them. It documents no
refusals: their statuses and texts are what careful clients in the field expect. Each behaviour carries its grade.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from starlette.routing import BaseRoute, Route

from offhook.errors import NumberRejected
from offhook.interfaces import e164
from offhook.session import Grade
from offhook_mockserver.callees.script import ScriptError
from offhook_mockserver.doors.json_answer import JsonAnswer
from offhook_mockserver.faces.faulty_answer import BrokenAnswer, replaced
from offhook_mockserver.faces.flawed_grant import with_flaw
from offhook_mockserver.faces.mistakes import report_mistake
from offhook_mockserver.faces.refusals import ApiRefusal, RequestRefused, UnknownRoute, refuse
from offhook_mockserver.rooms.room import RoomError
from offhook_mockserver.tenants.effects import BrokenExchange, FlawedGrant, FlawedToken, HttpEffect, ReplacedAnswer
from offhook_mockserver.tenants.flawed_token import mint_flawed_token
from offhook_mockserver.tenants.tenant import mint_token
from offhook_wire.strict_json import WHOLE, ProtocolError, load_object

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request
    from starlette.responses import Response

    from offhook.interfaces import Clock, Ids
    from offhook_mockserver.tenants.calls import Calls
    from offhook_mockserver.tenants.tenant import Tenant, Tenants


_log: Final = logging.getLogger(__name__)

START_CALL: Final = "/facetime/start-call"

#: The grade of the answer to a good request: every field, and HTTP 200.
SUCCESS_GRADE: Final = Grade.DOCUMENTED

#: Documented under two names: those of the credentials page, then those of the security page.
_KEY_HEADERS: Final = ("sb-api-key-id", "x-sb-api-key-id")
_SECRET_HEADERS: Final = ("sb-api-secret-key", "x-sb-api-secret-key")

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


# Sendblue documents the rules (both keys are required, numbers are E.164, 911 is blocked, the from-number must be a
# FaceTime line of the account), but not its answer to a request that breaks a rule.
KEYS_MISSING: Final = ApiRefusal(401, Grade.ASSUMED)
KEYS_WRONG: Final = ApiRefusal(401, Grade.ASSUMED)
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
        clock: the time at which tokens are issued.
        ids: salts of tokens.
    """

    def __init__(self, tenants: Tenants, calls: Calls, clock: Clock, ids: Ids) -> None:
        self._tenants = tenants
        self._calls = calls
        self._clock = clock
        self._ids = ids

    def routes(self) -> list[BaseRoute]:
        """The routes to mount at the root of the server. The last one answers every other request."""
        return [Route(START_CALL, self._start_call, methods=["POST"]), UnknownRoute(_DOCUMENTED)]

    async def _start_call(self, request: Request) -> Response:
        try:
            tenant = self._authenticate(request)
            fields = _parse(await request.body())
            to, from_number = _number(fields, "phoneNumber"), _number(fields, "fromNumber")
            if from_number not in tenant.lines:
                raise RequestRefused(
                    NOT_OUR_LINE,
                    f"fromNumber {from_number} is not a FaceTime line of this account; use {' or '.join(tenant.lines)}",
                )
            if to == from_number:
                raise RequestRefused(BAD_FIELD, "phoneNumber and fromNumber are the same: a line cannot call itself")
            fault = tenant.faults.take(HttpEffect, "a start-call meets the fault", to, None)
            if fault is None or fault.rings:
                answer = self._ring(request, tenant, to, from_number)
            else:
                answer = JsonAnswer({"status": "ERROR", "message": "a fault of the test"}, 500)
            if isinstance(fault, ReplacedAnswer):
                return replaced(fault)
            return BrokenAnswer(answer, fault) if isinstance(fault, BrokenExchange) else answer
        except RequestRefused as refused:
            return refuse(refused.refusal, str(refused))

    def _ring(self, request: Request, tenant: Tenant, to: str, from_number: str) -> Response:
        try:
            call = self._calls.start(tenant, to, from_number)
        except RoomError as error:
            raise RequestRefused(TOO_MANY_CALLS, error.message) from None
        except ScriptError as error:
            report_mistake(request.scope, error)
            _log.error("%s", error.message)
            raise RequestRefused(SCRIPT_WRONG, error.message) from None
        token = self._token(tenant, to, call.channel)
        agora: dict[str, object] = {"appId": tenant.app_id, "channelName": call.channel, "token": token, "uid": 0}
        answer: dict[str, object] = {"status": "OK", "message": "Call started"}
        flawed = tenant.faults.take(FlawedGrant, "the grant has a flaw", to, call.channel)
        return JsonAnswer({**answer, "agora": agora} if flawed is None else with_flaw(answer, agora, flawed.flaw))

    def _token(self, tenant: Tenant, to: str, channel: str) -> str:
        flawed = tenant.faults.take(FlawedToken, "the grant has another token", to, channel)
        if flawed is None:
            return mint_token(tenant, channel, clock=self._clock, ids=self._ids)
        return mint_flawed_token(tenant, channel, flawed, clock=self._clock, ids=self._ids)

    def _authenticate(self, request: Request) -> Tenant:
        key, secret = _header(request, _KEY_HEADERS), _header(request, _SECRET_HEADERS)
        if not key or not secret:
            missing = " and ".join(
                names[0] for names, value in ((_KEY_HEADERS, key), (_SECRET_HEADERS, secret)) if not value
            )
            raise RequestRefused(KEYS_MISSING, f"missing or empty header: {missing}")
        tenant = self._tenants.find(key, secret)
        if tenant is None:
            raise RequestRefused(
                KEYS_WRONG,
                "sb-api-key-id and sb-api-secret-key are not a key pair of this mock: use the pair that it printed",
            )
        return tenant


def _header(request: Request, names: tuple[str, ...]) -> str:
    return next((value for name in names if (value := request.headers.get(name))), "")


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
