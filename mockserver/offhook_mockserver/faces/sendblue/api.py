"""The mock's face to Sendblue's clients: finds the operation of a request, checks who asks and what, and answers.

Each operation is data, see `operation.py`. A module with operations is listed in `OPERATIONS`.
"""

from __future__ import annotations

from inspect import isawaitable
from typing import TYPE_CHECKING, Final, cast

from starlette.responses import Response

from offhook.session import Grade
from offhook.wording import printable, quoted
from offhook_mockserver.doors.json_answer import JsonAnswer
from offhook_mockserver.faces.faulty_answer import faulty
from offhook_mockserver.faces.operations.fields import query_pairs
from offhook_mockserver.faces.operations.kinds import WrongValue
from offhook_mockserver.faces.operations.request import body_of, headers_of
from offhook_mockserver.faces.operations.routes import Routes
from offhook_mockserver.faces.refusals import UNKNOWN_ROUTE, ApiRefusal, RequestRefused, nearest_route, unknown_route
from offhook_mockserver.faces.sendblue import (
    account,
    auth_tokens,
    call_forwarding,
    contacts,
    evaluate_service,
    events,
    lines,
    media_objects,
    messages,
    seats,
    send_message,
    start_call,
    totp,
    typing_indicators,
    verified_contacts,
    webhooks,
)
from offhook_mockserver.faces.sendblue.credentials import authenticate, check_scope
from offhook_mockserver.faces.sendblue.families import Family, refusal_in
from offhook_mockserver.faces.sendblue.lenient import groups, location, verify
from offhook_mockserver.faces.sendblue.lenient import messages as lenient_messages
from offhook_mockserver.faces.sendblue.operation import Answer, Asked
from offhook_mockserver.faces.sendblue.request_notes import RequestNotes
from offhook_mockserver.tenants.effects import HttpEffect
from offhook_mockserver.tenants.fault_register import START_CALL
from offhook_wire.strict_json import WHOLE, ProtocolError, load_object

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import Receive, Scope, Send

    from offhook_mockserver.faces.sendblue.operation import Note, Operation
    from offhook_mockserver.tenants.calls import Calls
    from offhook_mockserver.tenants.entry import Json
    from offhook_mockserver.tenants.tenant import Tenant, Tenants


#: Every operation. Those that only a lenient mock answers are marked.
OPERATIONS: Final[tuple[Operation, ...]] = (
    *start_call.operations(),
    *account.operations(),
    *auth_tokens.operations(),
    *call_forwarding.operations(),
    *contacts.operations(),
    *evaluate_service.operations(),
    *events.operations(),
    *groups.operations(),
    *lenient_messages.operations(),
    *lines.operations(),
    *location.operations(),
    *media_objects.operations(),
    *messages.operations(),
    *seats.operations(),
    *send_message.operations(),
    *totp.operations(),
    *typing_indicators.operations(),
    *verified_contacts.operations(),
    *verify.operations(),
    *webhooks.operations(),
)

#: Documented routes without an operation, so that the refusal can name them.
_NOT_MOCKED: Final[Mapping[str, str]] = {
    "POST /account/lines/add-line": "documented, but not mocked: tests assign lines",
}

#: What is said of an operation that needs a lenient mock.
_LENIENT: Final = "`offhook mock --lenient`, or TenantSettings(lenient=True), answers it, without state"
#: Where people look for a description of an API.
_FRONT_DOORS: Final = frozenset({"/", "/docs", "/mock", "/mock/", "/openapi.json", "/swagger", "/redoc", "/help"})
#: The paths under which operations are answered, each with the one under which it is declared.
DECLARED_PATHS: Final[Mapping[str, str]] = {
    path: operation.path for operation in OPERATIONS for path in operation.paths
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

    def __init__(self, tenants: Tenants, calls: Calls, stray: Tenant, routes: Routes[Operation] = ROUTES) -> None:
        self._tenants = tenants
        self._calls = calls
        self._stray = stray
        self._notes = RequestNotes(tenants, stray)
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        method, path = cast("str", scope["method"]), cast("str", scope["path"])
        headers = headers_of(scope)
        found = self._routes.find("GET" if method == "HEAD" else method, path)
        failure: Exception | None = None
        try:
            if found is None or (found[0].lenient and not self._shape_of(headers).settings.lenient):
                response = self._unexpected(method, path, headers)
            else:
                response = await self._answer(found[0], found[1], scope, receive)
        except Exception as error:
            response, failure = internal_error(), error
        await response(scope, receive, send)
        if failure is not None:
            raise failure  # for the log of the server

    async def _answer(
        self, operation: Operation, parameters: Mapping[str, str], scope: Scope, receive: Receive
    ) -> Response:
        headers = headers_of(scope)
        noted: dict[str, Json] = {"method": scope["method"], "path": scope["path"]}
        tenant: Tenant | None = None
        number = ""
        try:
            tenant, token = authenticate(self._tenants, headers)
            check_scope(operation.scoped, token)
            asked = Asked(tenant=tenant, token=token, headers=headers, scope=scope, calls=self._calls)
            body = None if operation.body is None else await body_of(receive)
            if parameters or body is not None or operation.query or scope["query_string"]:
                _read(operation, asked, parameters, body, noted)
            number = str(asked.body.get(operation.number, ""))
            if operation.check is not None:
                operation.check(asked)
            effect = self._fault(operation, tenant, number)
            if effect is None:
                return await self._carry_out(operation, asked, noted, number)
            answer = await self._carry_out(operation, asked, noted, number) if effect.rings else None
            error_body = tenant.settings.error_body
            return faulty(effect, answer, lambda refused: refusal_in(operation.family, refused, error_body))
        except RequestRefused as refused:
            self._notes.refused(tenant or self._notes.tenant_of(headers), noted, refused, number)
            return refusal_in(operation.family, refused, (tenant or self._stray).settings.error_body)

    def _fault(self, operation: Operation, tenant: Tenant, number: str) -> HttpEffect | None:
        path = None if operation.path == START_CALL else operation.path
        what = "a start-call meets the fault" if path is None else f"{operation.method} {path} meets the fault"
        return tenant.faults.take(HttpEffect, what, number or None, None, path=path)

    async def _carry_out(self, operation: Operation, asked: Asked, noted: dict[str, Json], number: str) -> Response:
        result = operation.handle(asked)
        if not isinstance(result, dict) and isawaitable(result):
            result = await result
        note: Note | None = None
        if isinstance(result, Answer):
            response, note = _response(result), result.note
        else:
            response = result if isinstance(result, Response) else JsonAnswer(result)
        self._notes.answered(asked.tenant, noted, response.status_code, note, operation.grade, number)
        return response

    def _unexpected(self, method: str, path: str, headers: Mapping[str, str]) -> Response:
        tenant = self._shape_of(headers)

        def answered(operation: Operation) -> bool:
            return tenant.settings.lenient or not operation.lenient

        found = self._routes.find(method, path)
        is_lenient = found is not None and found[0].lenient
        lenient = f" ({_LENIENT})" if is_lenient else ""
        allowed = self._routes.methods_of(path, answered)
        if allowed:
            message = f"{printable(path)} is answered to {' and '.join(allowed)}, not to {method}{lenient}"
            refused = RequestRefused(OTHER_METHOD, message, headers={"allow": ", ".join(allowed)})
            family = next(iter(self._routes.at(path).values())).family
        elif is_lenient:
            nearest = nearest_route(f"{method} {path}", {**self._routes.names(answered), **_NOT_MOCKED})
            message = (
                f"the mock does not answer {quoted(f'{method} {path}')}: {_LENIENT}. The nearest of its own: {nearest}"
            )
            refused, family = RequestRefused(UNKNOWN_ROUTE, message), Family.FACETIME
        elif path in _FRONT_DOORS:
            message = f"the mock does not answer {quoted(f'{method} {path}')}: GET /mock/docs shows what it answers"
            refused, family = RequestRefused(UNKNOWN_ROUTE, message), Family.FACETIME
        else:
            message = unknown_route(f"{method} {path}", {**self._routes.names(answered), **_NOT_MOCKED})
            refused, family = RequestRefused(UNKNOWN_ROUTE, message), Family.FACETIME
        noted_in = tenant if tenant is not self._stray else self._notes.tenant_of(headers)
        self._notes.unexpected(noted_in, method, path, refused.refusal.status, message)
        return refusal_in(family, refused, tenant.settings.error_body)

    def _shape_of(self, headers: Mapping[str, str]) -> Tenant:
        """The tenant whose settings shape the answer to a request that no operation takes."""
        try:
            return authenticate(self._tenants, headers)[0]
        except RequestRefused:
            return self._stray


def _read(
    operation: Operation, asked: Asked, parameters: Mapping[str, str], body: bytes | None, noted: dict[str, Json]
) -> None:
    """Read the fields of a request that has any, and note them."""
    lenient = asked.lenient
    if parameters:
        noted["operation"] = operation.path
    try:
        asked.parameters = operation.parameters.read_texts(parameters, lenient=lenient)
        pairs = query_pairs(asked.scope["query_string"])
        if pairs:
            noted["query"] = operation.query.noted(dict(pairs))
        asked.query = operation.query.read_pairs(pairs, lenient=lenient)
        if body is not None and operation.body is not None:
            given = _parse(body, empty=not operation.body.any_required)
            noted["body"] = operation.body.noted(given)
            asked.body = operation.body.read(given, lenient=lenient)
    except WrongValue as wrong:
        raise RequestRefused(BAD_FIELD, str(wrong)) from None


def internal_error() -> Response:
    """The answer to a request with which the mock itself failed."""
    message = "the mock failed; its log shows why. Please report this"
    return JsonAnswer({"status": "ERROR", "message": message}, 500)


def _response(answer: Answer) -> Response:
    response = JsonAnswer(answer.body, answer.status) if answer.status != 204 else Response(status_code=204)
    for name, value in answer.headers.items():
        response.headers[name] = value
    return response


def _parse(body: bytes, *, empty: bool) -> dict[str, object]:
    if not body and empty:
        return {}
    try:
        return load_object(body)
    except ProtocolError as error:
        place = "the body" if error.field == WHOLE else f"the body: {error.field}"
        raise RequestRefused(NOT_JSON, f"{place} {error.problem}") from None
