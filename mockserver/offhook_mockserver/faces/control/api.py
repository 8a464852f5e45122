"""The control API, below ``/mock/v1``: finds the operation of a request, checks who asks and what, and answers.

A request needs the token of the mock, which the mock prints and keeps in a private file. Requests with keys of
Sendblue's API are refused, because a program that has those must not find out that it calls a mock; so are requests of
browsers, whatever page they come from.
"""

from __future__ import annotations

import difflib
from collections.abc import Awaitable
from functools import partial
from typing import TYPE_CHECKING, Final, cast

from starlette.responses import Response

from offhook.errors import CallStateError, MissingExtraError, OffhookError, StorageError
from offhook.wording import printable
from offhook_mockserver.callees.script import ScriptError
from offhook_mockserver.doors.json_answer import JsonAnswer
from offhook_mockserver.faces.control import (
    about,
    audio,
    callees,
    calls,
    clips,
    clock,
    events,
    faults,
    journal,
    lines,
    messages,
    questions,
    recordings,
    tenants,
    webhooks,
)
from offhook_mockserver.faces.control.access import check_access
from offhook_mockserver.faces.control.large_json import LARGE_BYTES
from offhook_mockserver.faces.control.openapi import document_of
from offhook_mockserver.faces.control.operation import TENANT, TENANT_FIELD, Asked, ControlOperation
from offhook_mockserver.faces.control.refusals import ControlRefused, control_refusal
from offhook_mockserver.faces.operations.fields import NO_FIELDS, query_pairs
from offhook_mockserver.faces.operations.kinds import WrongValue
from offhook_mockserver.faces.operations.request import body_of, headers_of
from offhook_mockserver.faces.operations.routes import Routes
from offhook_mockserver.faces.refusals import nearest_route
from offhook_wire.strict_json import WHOLE, ProtocolError, load_object

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import Receive, Scope, Send

    from offhook.secret import Secret
    from offhook_mockserver.faces.control.operation import Controlled


#: Where a path has what comes after ``/mock/v1``, among what is between the slashes.
_TOP: Final = 3
#: How much of that is compared with what there is, and how alike a misspelt name is.
_COMPARED: Final = 30
_ALIKE: Final = 0.8
#: The modules with the operations.
_OPERATIONS: Final = (
    about,
    tenants,
    callees,
    clips,
    faults,
    journal,
    events,
    calls,
    audio,
    questions,
    recordings,
    lines,
    messages,
    webhooks,
    clock,
)


def control_operations() -> tuple[ControlOperation, ...]:
    """Every operation of the control API."""
    return tuple(operation for module in _OPERATIONS for operation in module.operations())


def control_openapi() -> dict[str, object]:
    """The OpenAPI document of the mock's control API, as an object of JSON."""
    return document_of(control_operations())


class ControlApi:
    """The API, as an ASGI application for the paths that begin with ``/mock/v1``.

    Args:
        mock: what it controls.
        token: what a request must prove to have.
    """

    def __init__(self, mock: Controlled, token: Secret) -> None:
        self._mock = mock
        self._token = token
        self._routes: Routes[ControlOperation] = Routes(control_operations())

    def larger_body(self, scope: Scope) -> ControlOperation | None:
        """The operation whose body is of another type, or larger, than those of other requests; None for all others.

        It is asked before the body is read, and so checks the token of such a request.

        Raises:
            ControlRefused: the request may not use that operation.
        """
        found = self._routes.find(scope["method"], scope["path"])
        if found is None or not (found[0].upload or found[0].most_bytes):
            return None
        check_access(headers_of(scope), self._token)
        return found[0]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        failure: Exception | None = None
        try:
            response = await self._answer(scope, receive)
        except ControlRefused as refused:
            response = control_refusal(refused)
        except Exception as error:
            failure = error
            response = control_refusal(
                ControlRefused("failed", "the mock failed; its log shows why. Please report this")
            )
        await response(scope, receive, send)
        if failure is not None:
            raise failure  # for the log of the server

    def close(self) -> None:
        """End the requests that wait, since the mock stops. Idempotent."""
        self._mock.waits.close()

    async def _answer(self, scope: Scope, receive: Receive) -> Response:
        method, path = cast("str", scope["method"]), cast("str", scope["path"])
        found = self._routes.find("GET" if method == "HEAD" else method, path)
        check_access(headers_of(scope), self._token, is_open=found is not None and found[0].is_open)
        if found is None:
            raise self._unknown(method, path)
        operation, parameters = found
        try:
            result = operation.handle(await self._asked(operation, parameters, scope, receive))
            if isinstance(result, Awaitable):
                result = await cast("Awaitable[object]", result)
        except WrongValue as error:
            raise ControlRefused("malformed", str(error)) from None
        except OffhookError as error:
            raise ControlRefused(_code(error), error.message) from None
        return result if isinstance(result, Response) else JsonAnswer(result)

    async def _asked(
        self, operation: ControlOperation, parameters: Mapping[str, str], scope: Scope, receive: Receive
    ) -> Asked:
        content = await body_of(receive) if operation.body is not None or operation.upload else b""
        asked = Asked(
            mock=self._mock,
            parameters=(TENANT_FIELD if TENANT in operation.path else NO_FIELDS).read_texts(parameters)
            | operation.parameters.read_texts(parameters),
            query=operation.query.read_pairs(query_pairs(scope.get("query_string", b""))),
            body=NO_FIELDS.read({}),
            content=content,
            receive=receive,
            headers=headers_of(scope),
            is_large=operation.body is not None and len(content) > LARGE_BYTES,
        )
        if operation.body is not None:
            parse = partial(_parse, content, empty=not operation.body.any_required)
            asked.body = operation.body.read(await asked.aside(parse) if asked.is_large else parse())
        return asked

    def _unknown(self, method: str, path: str) -> ControlRefused:
        allowed = self._routes.methods_of(path)
        if allowed:
            message = f"{printable(path)} is answered to {' and '.join(allowed)}, not to {method}"
            return ControlRefused("method", message, headers={"allow": ", ".join(allowed)})
        known = self._routes.names()
        parts = path.split("/")
        tops = {name.split("/")[_TOP] for name in known if name.count("/") >= _TOP}
        if len(parts) > _TOP and parts[_TOP] not in tops:
            meant = difflib.get_close_matches(parts[_TOP][:_COMPARED], tops, 1, _ALIKE)
            # Misspelt; or the client has left out of which tenant it asks.
            parts[_TOP : _TOP + len(meant)] = meant or ["tenants", "{tenant}"]
        if len(parts) > _TOP + 1 and parts[_TOP] == "tenants":
            parts[_TOP + 1] = "{tenant}"
        asked = f"{method} {'/'.join(parts)}"
        nearest = nearest_route(asked, known)
        return ControlRefused("no_such_route", f"this API has no such path; the nearest is {nearest}")


def _code(error: OffhookError) -> str:
    if isinstance(error, ScriptError):
        return "script"
    if isinstance(error, CallStateError):
        return "state"
    if isinstance(error, MissingExtraError | StorageError):
        return "unavailable"
    return "invalid"


def _parse(body: bytes, *, empty: bool) -> dict[str, object]:
    if not body and empty:
        return {}
    try:
        return load_object(body)
    except ProtocolError as error:
        place = "the body" if error.field == WHOLE else f"the body: {error.field}"
        raise ControlRefused("malformed", f"{place} {error.problem}") from None
