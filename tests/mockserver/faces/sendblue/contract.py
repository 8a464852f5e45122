"""A client of the mock's API whose every request and answer is compared with the OpenAPI document.

::

    async def test(mock: InProcessMock, client: ContractClient) -> None:
        answer = await client.get("/api/lines")

    against(test)

A request that is answered with success must be one that the document allows, and every answer must be one that it
describes. Paths below ``/mock/`` are not Sendblue's and are left alone. Other tests can add `Contract().seen` to the
hooks of their own `httpx.AsyncClient`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl

import httpx
from openapi_schema_validator import OAS31Validator

from offhook.interfaces import Ids
from offhook.testing import LoopClock, run_virtual
from offhook_mockserver.server import InProcessMock, TenantSettings, sendblue_openapi

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from offhook_mockserver.server import Tenant

#: The methods of an OpenAPI document.
_METHODS: Final = ("get", "put", "post", "delete", "patch")


class Contract:
    """The document, and which of its operations were answered with success.

    Args:
        lenient: whether requests may have placeholders.

    Attributes:
        document: the document.
        answered: ``METHOD /path`` of each operation that was answered with success.
    """

    def __init__(self, *, lenient: bool = False) -> None:
        self.document: Mapping[str, Any] = sendblue_openapi()
        self.answered: set[str] = set()
        self._lenient = lenient

    @property
    def operations(self) -> set[str]:
        """``METHOD /path`` of each operation."""
        return {
            f"{method.upper()} {path}"
            for path, item in self.document["paths"].items()
            for method in item
            if method in _METHODS
        }

    async def seen(self, response: httpx.Response) -> None:
        """A hook of httpx: check an exchange. An answer that streams is not read."""
        if not response.headers.get("content-type", "").startswith("text/event-stream"):
            await response.aread()
        self.check(response)

    def check(self, response: httpx.Response) -> None:
        """Check an exchange.

        Raises:
            AssertionError: the document does not describe it.
        """
        request = response.request
        if request.url.path.startswith("/mock/"):
            return
        found = self._find(request.method, request.url.path)
        if found is None:
            assert response.status_code in {405, 501}, f"{request.method} {request.url.path} is not in the document"
            return
        path, operation, parameters = found
        where = f"{request.method} {path}: {response.status_code}"
        if response.is_success:
            self.answered.add(f"{operation['method']} {path}")
            if not self._lenient:
                self._check_request(operation, parameters, request, where)
        described = self._described(operation, response.status_code)
        assert described is not None, f"{where} is not in the document"
        content = described.get("content", {})
        if request.method == "HEAD":
            return
        if not content:
            assert response.content == b"", f"{where} should have no body"
            return
        media_type = response.headers["content-type"].partition(";")[0]
        assert media_type in content, f"{where} has the type {media_type}"
        if media_type == "application/json":
            _validate(response.json(), content[media_type]["schema"], where)

    def _check_request(
        self, operation: Mapping[str, Any], parameters: Mapping[str, str], request: httpx.Request, where: str
    ) -> None:
        query = dict(parse_qsl(request.url.query.decode(), keep_blank_values=True))
        for parameter in operation.get("parameters", []):
            given = parameters if parameter["in"] == "path" else query
            name = parameter["name"]
            if name in given:
                _validate(_parsed(given[name], parameter["schema"]), parameter["schema"], f"{where}, {name}")
            else:
                assert not parameter["required"], f"{where} was answered without {name}"
        body = operation.get("requestBody")
        if body is None:
            return
        if not request.content:
            assert not body["required"], f"{where} was answered without a body"
            return
        _validate(json.loads(request.content), body["content"]["application/json"]["schema"], f"{where}, the body")

    def _described(self, operation: Mapping[str, Any], status: int) -> Mapping[str, Any] | None:
        responses = operation["responses"]
        found: Mapping[str, Any] | None = responses.get(str(status)) or responses.get(f"{status // 100}XX")
        if found is not None and "$ref" in found:
            found = self.document["components"]["responses"][found["$ref"].rpartition("/")[2]]
        return found

    def _find(self, method: str, path: str) -> tuple[str, dict[str, Any], dict[str, str]] | None:
        # Paths with fewer parameters first, as OpenAPI says.
        for template in sorted(self.document["paths"], key=lambda each: each.count("{")):
            parameters = _match(template, path)
            name = "get" if method == "HEAD" else method.lower()
            if parameters is not None and name in self.document["paths"][template]:
                operation = {**self.document["paths"][template][name], "method": name.upper()}
                return template, operation, parameters
        return None


class ContractClient(httpx.AsyncClient):
    """A client with the keys of a tenant, whose exchanges are checked.

    Args:
        mock: the mock.
        tenant: whose keys it sends; None for none.
        lenient: whether requests may have placeholders.

    Attributes:
        contract: what checks them.
    """

    def __init__(self, mock: InProcessMock, tenant: Tenant | None, *, lenient: bool = False) -> None:
        self.contract = Contract(lenient=lenient)
        keys = {} if tenant is None else keys_of(tenant)
        hooks = {"response": [self.contract.seen]}
        super().__init__(transport=mock.http(), base_url=mock.url, headers=keys, event_hooks=hooks)


def keys_of(tenant: Tenant) -> dict[str, str]:
    """The key headers of a tenant."""
    return {"sb-api-key-id": tenant.api_key.reveal(), "sb-api-secret-key": tenant.api_secret.reveal()}


def against(
    test: Callable[[InProcessMock, ContractClient], Awaitable[None]],
    *,
    settings: TenantSettings | None = None,
    mock: Callable[[], InProcessMock] | None = None,
) -> ContractClient:
    """Run a test against a mock in virtual time, with a client that has the keys of its first tenant; returns it."""

    async def main() -> ContractClient:
        made = InProcessMock(clock=LoopClock(), ids=Ids(1), tenant=settings) if mock is None else mock()
        lenient = made.tenant.settings.lenient
        async with made as running, ContractClient(running, running.tenant, lenient=lenient) as client:
            await test(running, client)
            return client

    return run_virtual(main())


def _match(template: str, path: str) -> dict[str, str] | None:
    wanted, given = template.split("/"), path.split("/")
    if len(wanted) != len(given):
        return None
    parameters: dict[str, str] = {}
    for part, value in zip(wanted, given, strict=True):
        if part.startswith("{") and value:
            parameters[part[1:-1]] = value
        elif part != value:
            return None
    return parameters


def _parsed(text: str, schema: Mapping[str, Any]) -> object:
    kind = schema.get("type")
    if kind in {"integer", "number", "boolean"}:
        return json.loads(text)
    if kind == "array":
        return [_parsed(each, schema["items"]) for each in text.split(",")] if text else []
    return text


def _validate(value: object, schema: Mapping[str, Any], where: str) -> None:
    validator = OAS31Validator(dict(schema), format_checker=OAS31Validator.FORMAT_CHECKER)
    problems = [f"{where}{error.json_path[1:]}: {error.message}" for error in validator.iter_errors(value)]
    assert not problems, "\n".join(problems)
