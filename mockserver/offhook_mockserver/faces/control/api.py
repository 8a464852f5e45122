"""The control API, below ``/mock/v1``: faults of tenants.

A request needs the token of the mock, which the mock prints and keeps in a private file. Requests with keys of
Sendblue's API are refused, because a program that has those must not find out that it calls a mock; so are requests of
browsers, whatever page they come from.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from starlette.routing import Route

from offhook.errors import ConfigError
from offhook.wording import quoted
from offhook_mockserver.doors.json_answer import JsonAnswer
from offhook_mockserver.faces.sendblue.credentials import KEY_HEADERS, SECRET_HEADERS
from offhook_mockserver.tenants.http_faults import HttpFaults
from offhook_wire.strict_json import ProtocolError, load_object

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from offhook.secret import Secret
    from offhook_mockserver.tenants.fault import Fault
    from offhook_mockserver.tenants.tenant import Tenant, Tenants

PREFIX: Final = "/mock/v1"
FAULTS: Final = f"{PREFIX}/faults"
_BEARER: Final = "Bearer "
#: Headers that browsers add to every request, or to some, and other programs do not.
_BROWSER_HEADERS: Final = ("origin", "sec-fetch-site", "sec-fetch-mode")


class ControlRefused(Exception):
    """Ends the handling of a request.

    Attributes:
        status: the HTTP status.
        code: the reason, for programs.
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class ControlApi:
    """The API.

    Args:
        tenants: the tenants; the first one is meant where a request names none.
        token: what a request must prove to have.
    """

    def __init__(self, tenants: Tenants, token: Secret) -> None:
        self._tenants = tenants
        self._token = token

    def routes(self) -> list[BaseRoute]:
        """The routes to mount at the root of the server."""
        return [
            Route(FAULTS, self._checked(self._list), methods=["GET"]),
            Route(FAULTS, self._checked(self._add), methods=["POST"]),
            Route(FAULTS, self._checked(self._clear), methods=["DELETE"]),
            Route(f"{FAULTS}/{{id}}", self._checked(self._remove), methods=["DELETE"]),
        ]

    async def _list(self, request: Request) -> Response:
        faults = self._tenant(request.query_params.get("tenant")).faults
        return JsonAnswer({"faults": [document_of(fault) for fault in (*faults.used_up, *faults.active)]})

    async def _add(self, request: Request) -> Response:
        try:
            fields = load_object(await request.body())
        except ProtocolError as error:
            raise ControlRefused(400, "malformed", str(error)) from None
        name, arguments, tenant = fields.get("name"), fields.get("arguments", {}), fields.get("tenant")
        if not isinstance(name, str) or not isinstance(arguments, dict) or not isinstance(tenant, str | None):
            wanted = "the body needs a name (text), and may have arguments (an object) and a tenant (a key id)"
            raise ControlRefused(400, "malformed", wanted)
        if name == HttpFaults.refused.__name__:
            problem = "nothing could undo this fault, since that needs a connection: stop the mock instead"
            raise ControlRefused(422, "not_undone", problem)
        try:
            fault = self._tenant(tenant).faults.make(name, cast("dict[str, object]", arguments))
        except ConfigError as error:
            raise ControlRefused(422, error.code, error.message) from None
        return JsonAnswer(document_of(fault), 201)

    async def _remove(self, request: Request) -> Response:
        id = cast("str", request.path_params["id"])
        fault = self._tenant(request.query_params.get("tenant")).faults.find(id)
        if fault is None:
            raise ControlRefused(404, "no_such_fault", f"no active fault has the id {quoted(id)}")
        fault.end()
        return JsonAnswer(document_of(fault))

    async def _clear(self, request: Request) -> Response:
        faults = self._tenant(request.query_params.get("tenant")).faults
        before = faults.active
        faults.end_all()
        return JsonAnswer({"faults": [document_of(fault) for fault in before]})

    def _tenant(self, key_id: str | None) -> Tenant:
        tenant = next(iter(self._tenants.all()), None) if key_id is None else self._tenants.named(key_id)
        if tenant is None:
            problem = "this mock has no tenant" + ("" if key_id is None else " with that key id")
            raise ControlRefused(404, "no_such_tenant", problem)
        return tenant

    def _checked(self, handle: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        async def checked(request: Request) -> Response:
            try:
                self._check(request)
                return await handle(request)
            except ControlRefused as refused:
                return JsonAnswer({"error": {"code": refused.code, "message": str(refused)}}, refused.status)

        return checked

    def _check(self, request: Request) -> None:
        headers = request.headers
        if any(name in headers for name in _BROWSER_HEADERS):
            raise ControlRefused(403, "browser", "web pages may not control a mock")
        if any(name in headers for name in (*KEY_HEADERS, *SECRET_HEADERS)):
            problem = "keys of Sendblue's API do not control a mock: leave them out, and send the mock's control token"
            raise ControlRefused(403, "foreign_keys", problem)
        given = headers.get("authorization", "")
        if not given.startswith(_BEARER) or not self._token.matches(given.removeprefix(_BEARER)):
            problem = "the header Authorization must be: Bearer and the control token that this mock printed"
            raise ControlRefused(401, "token", problem)


def document_of(fault: Fault) -> dict[str, object]:
    """A fault, for programs."""
    return {
        "id": fault.id,
        "name": fault.name,
        "what": fault.what,
        "text": str(fault),
        "times": fault.times,
        "channel": fault.channel,
        "count": fault.count,
        "active": fault.active,
        "used_up": fault.spent and not fault.active,
    }
