"""The mock's face to Sendblue's clients: finds the operation of a request, checks who asks and what, and answers.

Each operation is data, see `operation.py`. A module with operations is listed in `OPERATIONS`.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Final, cast

from starlette.responses import Response

from offhook.session import Grade
from offhook_mockserver.doors.json_answer import JsonAnswer
from offhook_mockserver.faces.faulty_answer import faulty
from offhook_mockserver.faces.refusals import UNKNOWN_ROUTE, ApiRefusal, RequestRefused, unknown_route
from offhook_mockserver.faces.sendblue import account, auth_tokens, start_call
from offhook_mockserver.faces.sendblue.credentials import authenticate, check_scope
from offhook_mockserver.faces.sendblue.families import Family, refusal_in
from offhook_mockserver.faces.sendblue.fields import NO_FIELDS
from offhook_mockserver.faces.sendblue.kinds import WrongValue
from offhook_mockserver.faces.sendblue.lenient import groups, location, verify
from offhook_mockserver.faces.sendblue.lenient import messages as lenient_messages
from offhook_mockserver.faces.sendblue.operation import Answer, Asked
from offhook_mockserver.faces.sendblue.request_notes import RequestNotes
from offhook_mockserver.faces.sendblue.routes import Routes
from offhook_mockserver.tenants.effects import HttpEffect
from offhook_mockserver.tenants.fault_register import START_CALL
from offhook_wire.strict_json import WHOLE, ProtocolError, load_object

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import Receive, Scope, Send

    from offhook_mockserver.faces.sendblue.operation import Operation
    from offhook_mockserver.tenants.account.access_tokens import AccessToken
    from offhook_mockserver.tenants.calls import Calls
    from offhook_mockserver.tenants.entry import Json
    from offhook_mockserver.tenants.tenant import Tenant, Tenants


_log: Final = logging.getLogger(__name__)

#: Every operation. Those that only a lenient mock answers are marked.
OPERATIONS: Final[tuple[Operation, ...]] = (
    *start_call.operations(),
    *account.operations(),
    *auth_tokens.operations(),
    *groups.operations(),
    *lenient_messages.operations(),
    *location.operations(),
    *verify.operations(),
)

#: Documented routes without an operation, so that the refusal can name the nearest.
_NOT_MOCKED: Final[Mapping[str, str]] = {
    "GET /api/account/webhooks": "documented, but not mocked yet",
    "POST /api/account/webhooks": "documented, but not mocked yet",
    "POST /api/send-message": "documented, but not mocked: this is a mock of calls",
}

#: All of them, by their paths.
ROUTES: Final = Routes(OPERATIONS)

# Sendblue documents none of these.
NOT_JSON: Final = ApiRefusal(400, Grade.ASSUMED)
BAD_FIELD: Final = ApiRefusal(400, Grade.ASSUMED)
OTHER_METHOD: Final = ApiRefusal(405, Grade.ASSUMED)


class SendblueApi:
    """The API, as an ASGI application; it answers every path.

    Args:
        tenants: the key pairs that are accepted.
        calls: starts calls.
        stray: its journal notes the requests that name no tenant of this mock, and its settings shape the refusals of
            requests without valid credentials.
        routes: the operations.
    """

    def __init__(self, tenants: Tenants, calls: Calls, stray: Tenant, routes: Routes = ROUTES) -> None:
        self._tenants = tenants
        self._calls = calls
        self._stray = stray
        self._notes = RequestNotes(tenants, stray)
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        method, path = cast("str", scope["method"]), cast("str", scope["path"])
        headers = _headers(scope)
        found = self._routes.find("GET" if method == "HEAD" else method, path)
        failure: Exception | None = None
        try:
            if found is None or (found[0].lenient and not self._shape_of(headers).settings.lenient):
                response = self._unexpected(method, path, headers)
            else:
                operation, parameters = found
                response = await self._answer(operation, parameters, headers, scope, receive)
        except Exception as error:
            response, failure = internal_error(), error
        await response(scope, receive, send)
        if failure is not None:
            raise failure  # for the log of the server

    async def _answer(
        self,
        operation: Operation,
        parameters: Mapping[str, str],
        headers: Mapping[str, str],
        scope: Scope,
        receive: Receive,
    ) -> Response:
        noted: dict[str, Json] = {"method": scope["method"], "path": scope["path"]}
        if parameters:
            noted["operation"] = operation.path
        tenant: Tenant | None = None
        number = ""
        try:
            tenant, token = authenticate(self._tenants, headers)
            check_scope(operation.scoped, token)
            asked = await self._asked(operation, parameters, headers, scope, receive, tenant, token, noted)
            number = str(asked.body.get(operation.number, ""))
            if operation.check is not None:
                operation.check(asked)
            path = None if operation.path == START_CALL else operation.path
            what = "a start-call meets the fault" if path is None else f"{operation.method} {path} meets the fault"
            effect = tenant.faults.take(HttpEffect, what, number or None, None, path=path)
            if effect is None:
                return await self._carry_out(operation, asked, noted, number)
            answer = await self._carry_out(operation, asked, noted, number) if effect.rings else None
            error_body = tenant.settings.error_body
            return faulty(effect, answer, lambda refused: refusal_in(operation.family, refused, error_body))
        except RequestRefused as refused:
            self._notes.refused(tenant or self._notes.tenant_of(headers), noted, refused, number)
            response = refusal_in(operation.family, refused, (tenant or self._stray).settings.error_body)
            response.headers.update(refused.headers)
            return response

    async def _asked(
        self,
        operation: Operation,
        parameters: Mapping[str, str],
        headers: Mapping[str, str],
        scope: Scope,
        receive: Receive,
        tenant: Tenant,
        token: AccessToken | None,
        noted: dict[str, Json],
    ) -> Asked:
        query: bytes = scope.get("query_string", b"")
        if query:
            noted["query"] = query.decode("ascii", "backslashreplace")
        given: dict[str, object] = {}
        if operation.body is not None:
            given = _parse(await _body(receive), empty=not operation.body.any_required)
            noted["body"] = operation.body.noted(given)
        lenient = tenant.settings.lenient
        try:
            return Asked(
                tenant=tenant,
                token=token,
                parameters=operation.parameters.read_texts(parameters, lenient=lenient) if parameters else {},
                query=operation.query.read_query(query, lenient=lenient),
                body=(operation.body or NO_FIELDS).read(given, lenient=lenient),
                headers=headers,
                scope=scope,
                calls=self._calls,
            )
        except WrongValue as wrong:
            raise RequestRefused(BAD_FIELD, str(wrong)) from None

    async def _carry_out(self, operation: Operation, asked: Asked, noted: dict[str, Json], number: str) -> Response:
        result = operation.handle(asked)
        if isinstance(result, Awaitable):
            result = await cast("Awaitable[object]", result)
        if isinstance(result, Response):
            response, answer = result, Answer(status=result.status_code)
        else:
            answer = result if isinstance(result, Answer) else Answer(body=result)
            response = _response(answer)
        self._notes.answered(asked.tenant, noted, answer.status, answer.note, operation.grade, number)
        return response

    def _unexpected(self, method: str, path: str, headers: Mapping[str, str]) -> Response:
        tenant = self._shape_of(headers)
        allowed = self._routes.methods_of(path, lenient=tenant.settings.lenient)
        if allowed:
            message = f"{path} is answered to {' and '.join(allowed)}, not to {method}"
            refused = RequestRefused(OTHER_METHOD, message, headers={"allow": ", ".join(allowed)})
            family = self._routes.family_of(path)
        else:
            message = unknown_route(
                f"{method} {path}", {**self._routes.names(lenient=tenant.settings.lenient), **_NOT_MOCKED}
            )
            refused, family = RequestRefused(UNKNOWN_ROUTE, message), Family.FACETIME
        noted_in = self._notes.tenant_of(headers)
        self._notes.unexpected(noted_in, method, path, refused.refusal.status, message)
        response = refusal_in(family, refused, tenant.settings.error_body)
        response.headers.update(refused.headers)
        return response

    def _shape_of(self, headers: Mapping[str, str]) -> Tenant:
        """The tenant whose settings shape the answer to a request that no operation takes."""
        try:
            return authenticate(self._tenants, headers)[0]
        except RequestRefused:
            return self._stray


def internal_error() -> Response:
    """The answer to a request with which the mock itself failed."""
    message = "the mock failed; its log shows why. Please report this"
    return JsonAnswer({"status": "ERROR", "message": message}, 500)


def _response(answer: Answer) -> Response:
    response = JsonAnswer(answer.body, answer.status) if answer.status != 204 else Response(status_code=204)
    for name, value in answer.headers.items():
        response.headers[name] = value
    return response


def _headers(scope: Scope) -> dict[str, str]:
    """The headers of a request; of a repeated one, the first."""
    raw = cast("list[tuple[bytes, bytes]]", scope["headers"])
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in reversed(raw)}


async def _body(receive: Receive) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body", False):
            return bytes(body)


def _parse(body: bytes, *, empty: bool) -> dict[str, object]:
    if not body and empty:
        return {}
    try:
        return load_object(body)
    except ProtocolError as error:
        place = "the body" if error.field == WHOLE else f"the body: {error.field}"
        raise RequestRefused(NOT_JSON, f"{place} {error.problem}") from None
