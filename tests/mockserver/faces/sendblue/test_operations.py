"""What every operation has in common: how it is found, who may use it, what is noted, and how it is refused."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import httpx
import pytest
from openapi_schema_validator import OAS31Validator
from starlette.responses import PlainTextResponse
from tests.mockserver.faces.sendblue.contract import ContractClient, against, keys_of

from offhook.errors import ConfigError
from offhook.interfaces import Ids
from offhook.plugin import Plugins
from offhook.session import Grade
from offhook.testing import LoopClock, run_virtual
from offhook_mockserver.faces.operations.fields import Field, Fields
from offhook_mockserver.faces.operations.kinds import text, whole
from offhook_mockserver.faces.operations.routes import Routes
from offhook_mockserver.faces.refusals import ApiRefusal, RequestRefused
from offhook_mockserver.faces.sendblue.api import OPERATIONS, SendblueApi
from offhook_mockserver.faces.sendblue.families import REFUSALS, Family
from offhook_mockserver.faces.sendblue.operation import Answer, Operation
from offhook_mockserver.server import InProcessMock, MockServer, TenantSettings
from offhook_mockserver.server.asgi_transport import AsgiTransport

if TYPE_CHECKING:
    from offhook_mockserver.faces.sendblue.operation import Asked

LINES = ("+18885550199", "+18885550198")
CALL = {"phoneNumber": "+14155550102", "fromNumber": LINES[0]}


def operation(method: str, path: str, *, lenient: bool = False, aliases: tuple[str, ...] = ()) -> Operation:
    names = [part[1:-1] for part in path.split("/") if part.startswith("{")]
    return Operation(
        method=method,
        path=path,
        aliases=aliases,
        summary="For a test.",
        grade=Grade.ASSUMED,
        source="assumed",
        parameters=Fields(*(Field(name, text(), required=True) for name in names)),
        lenient=lenient,
        handle=lambda asked: {},
    )


def test_an_operation_is_found_by_its_method_and_path() -> None:
    made = [
        operation("GET", "/x", aliases=("/old/x",)),
        operation("GET", "/x/{id}"),
        operation("GET", "/x/count"),
        operation("PUT", "/x/{id}/y/{other}"),
        operation("DELETE", "/x/{name}"),
    ]
    routes = Routes(made)
    assert routes.find("GET", "/x") == (made[0], {})
    assert routes.find("GET", "/old/x") == (made[0], {})
    assert routes.find("GET", "/x/+1%2") == (made[1], {"id": "+1%2"})
    assert routes.find("GET", "/x/count") == (made[2], {})
    assert routes.find("PUT", "/x/1/y/2") == (made[3], {"id": "1", "other": "2"})
    for method, path in (("GET", "/"), ("GET", "/x/"), ("GET", "/x/1/y"), ("PUT", "/x/1/y/"), ("POST", "/x/1")):
        assert routes.find(method, path) is None
    assert routes.methods_of("/x/7") == ("DELETE", "GET", "HEAD")
    assert routes.methods_of("/y") == ()


def test_lenient_operations_are_not_named_to_others() -> None:
    routes = Routes([operation("GET", "/x"), operation("POST", "/x", lenient=True)])
    assert routes.methods_of("/x", lambda operation: not operation.lenient) == ("GET", "HEAD")
    assert routes.methods_of("/x") == ("GET", "HEAD", "POST")
    assert set(routes.names(lambda operation: not operation.lenient)) == {"GET /x"}
    assert set(routes.names()) == {"GET /x", "POST /x"}


def test_every_operation_says_what_it_rests_on() -> None:
    for each in OPERATIONS:
        assert each.summary.endswith("."), each.path
        assert each.source, each.path
        named = {part[1:-1] for part in each.path.split("/") if part.startswith("{")}
        assert named == {field.name for field in each.parameters.fields}, each.path
        assert all(field.required for field in each.parameters.fields), each.path


def test_the_lines_and_the_account_are_answered() -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        mock.tenant.lines = LINES
        assert (await client.get("/api/lines")).json() == {"status": "OK", "numbers": list(LINES)}
        answer = (await client.get("/account")).json()
        assert answer == {"status": "OK", "email": mock.tenant.account.email, "plan": "dedicated"}
        assert answer["email"].endswith("@example.com")
        other = mock.tenants.create(lines=("+18885550197",))
        answer = await client.get("/api/lines", headers=keys_of(other))
        assert answer.json()["numbers"] == ["+18885550197"]

    against(test)


def test_a_request_without_fields_is_noted_each_time() -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        await client.get("/api/lines")
        mock.tenant.clock.advance(3)
        await client.get("/api/lines")
        await client.get("/account")
        first, moved, second, other = mock.tenant.journal.entries
        assert moved.kind.value == "clock"
        assert (first.text, other.text) == ("GET /api/lines: 200", "GET /account: 200")
        assert first.fields == {"method": "GET", "path": "/api/lines", "status": 200}
        assert (second.text, second.fields, second.grade) == (first.text, first.fields, first.grade)
        assert (second.index, second.wall_s - first.wall_s) == (2, 3)
        assert mock.tenant.journal.bytes > 3 * 600

    against(test)


def test_a_request_is_noted_without_a_body() -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        await client.get("/api/lines", params={"x": "1 2"})
        (entry,) = mock.tenant.journal.entries
        assert (entry.kind.value, entry.text, entry.grade) == ("request", "GET /api/lines: 200", Grade.OBSERVED)
        assert entry.fields == {"method": "GET", "path": "/api/lines", "query": {"x": "1 2"}, "status": 200}
        await client.delete("/v3/auth/tokens/none")
        refusal = mock.tenant.journal.entries[-1]
        assert refusal.kind.value == "refusal"
        assert refusal.fields["operation"] == "/v3/auth/tokens/{token_id}"
        assert refusal.fields["status"] == 404

    against(test)


@pytest.mark.parametrize(
    ("method", "path", "allowed", "body"),
    [
        ("GET", "/facetime/start-call", "POST", {"status", "message"}),
        ("POST", "/api/lines", "GET, HEAD", {"status", "message"}),
        ("OPTIONS", "/api/lines", "GET, HEAD", {"status", "message"}),
        ("PATCH", "/v3/auth/tokens/1", "DELETE", {"error"}),
    ],
)
def test_a_known_path_with_another_method_is_405(method: str, path: str, allowed: str, body: set[str]) -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        answer = await client.request(method, path)
        assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
        assert answer.json().keys() == body
        (entry,) = mock.tenant.journal.entries
        assert (entry.kind.value, entry.fields["status"]) == ("unexpected", 405)

    against(test)


def test_a_head_request_has_the_headers_of_the_answer() -> None:
    async def main() -> None:
        async with (
            MockServer(plugins=Plugins()) as mock,
            httpx.AsyncClient(base_url=mock.url, headers=keys_of(mock.tenant), trust_env=False) as client,
        ):
            got, head = await client.get("/api/lines"), await client.head("/api/lines")
            assert (head.status_code, head.content) == (200, b"")
            assert head.headers["content-length"] == got.headers["content-length"]

    asyncio.run(main())


def test_refusals_have_the_shape_of_their_family() -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        wrong = {"sb-api-secret-key": "wrong"}
        lines = (await client.get("/api/lines", headers=wrong)).json()
        assert lines.keys() == {"status", "message"}, "the setting is for start-call alone"
        tokens = (await client.post("/v3/auth/tokens", headers=wrong, json={})).json()
        assert tokens == {"error": {"code": "unauthorized", "message": lines["message"]}}
        call = (await client.post("/facetime/start-call", headers=wrong, json=CALL)).json()
        assert call == {"error": lines["message"]}

    against(test, settings=TenantSettings(error_body="error"))


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        (b"%ff", "must be text in UTF-8"),
        (b"&".join(b"x%d=" % index for index in range(101)), "at most 100 fields"),
    ],
)
def test_a_query_that_cannot_be_read_is_refused(query: bytes, problem: str) -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        answer = await client.get(httpx.URL(mock.url, path="/api/lines", query=query))
        assert answer.status_code == 400
        assert problem in answer.json()["message"]

    against(test)


def test_a_fault_happens_to_start_call_unless_it_names_another_path() -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        faults = mock.tenant.faults
        with faults.status(503):
            assert (await client.get("/api/lines")).status_code == 200
            assert (await client.post("/facetime/start-call", json=CALL)).status_code == 503
        with faults.status(502, path="/api/lines") as fault:
            assert (await client.get("/api/lines")).status_code == 502
            assert (await client.get("/account")).status_code == 200
            assert (await client.post("/facetime/start-call", json=CALL)).status_code == 200
        assert str(fault).endswith("at /api/lines")
        (entry,) = mock.tenant.journal.search(kind="fault", where={"id": fault.id})
        assert "GET /api/lines meets the fault" in entry.text
        with faults.status(500, path="*"):
            assert (await client.get("/account")).status_code == 500
            assert (await client.post("/facetime/start-call", json=CALL)).status_code == 500
            refused = await client.post("/v3/auth/tokens", json={})
            assert refused.json() == {"error": {"code": "internal_server_error", "message": "a fault of the test"}}
            assert len(mock.tenant.account.access_tokens) == 0
        with faults.status(500, path="/v3/auth/tokens", rings=True):
            await client.post("/v3/auth/tokens", json={})
            assert len(mock.tenant.account.access_tokens) == 1

    against(test)


def test_a_fault_for_a_path_that_no_operation_has_is_refused() -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        nearest = {"/api/line": "/api/lines", "/api/v2/contacts/+14155550123": "/api/v2/contacts/{phone_number}"}
        for path, near in nearest.items():
            with pytest.raises(ConfigError, match=re.escape(f"'{path}'") + ".*did you mean " + re.escape(near)):
                mock.tenant.faults.status(500, path=path)
        with pytest.raises(ConfigError, match="for example /api/lines"):
            mock.tenant.faults.delay(1, path="/nothing/like/it/at/all")
        assert not mock.tenant.faults.active
        old = "/api/v2/account/webhooks"
        with mock.tenant.faults.status(500, path=old):
            assert (await client.get(old)).status_code == 500

    against(test)


def ask(test_operation: Operation, method: str = "GET") -> httpx.Response:
    """The answer of an API that has this operation alone."""

    async def main() -> httpx.Response:
        async with InProcessMock(clock=LoopClock(), ids=Ids(1)) as mock:
            api = SendblueApi(mock.tenants, mock.calls, mock.tenant, Routes([test_operation]))
            async with httpx.AsyncClient(transport=AsgiTransport(api), base_url=mock.url) as client:
                return await client.request(method, test_operation.path, headers=keys_of(mock.tenant))

    return run_virtual(main())


def test_a_failure_of_the_mock_is_answered_and_raised_for_the_log(caplog: pytest.LogCaptureFixture) -> None:
    def fail(asked: Asked) -> object:
        raise ZeroDivisionError("ours")

    answer = ask(replace(operation("GET", "/x"), handle=fail))
    assert (answer.status_code, answer.json()["status"]) == (500, "ERROR")
    assert "the mock failed" in answer.json()["message"]
    assert "ZeroDivisionError: ours" in caplog.text


def test_an_answer_may_have_a_status_and_headers_and_be_awaited() -> None:
    async def handle(asked: Asked) -> object:
        return Answer(status=202, body=[asked.headers["sb-api-key-id"]], headers={"x-more": "1"})

    answer = ask(replace(operation("GET", "/x"), handle=handle))
    assert (answer.status_code, answer.headers["x-more"], len(answer.json())) == (202, "1", 1)


def test_an_answer_may_be_a_response_of_starlette() -> None:
    answer = ask(replace(operation("GET", "/x"), handle=lambda asked: PlainTextResponse("as it is")))
    assert (answer.status_code, answer.text) == (200, "as it is")


@pytest.mark.parametrize(
    ("family", "body"),
    [
        (Family.API, {"status": "ERROR", "message": "no"}),
        (
            Family.MESSAGING,
            {"status": "ERROR", "message": "no", "error_code": 4001, "error_message": "no", "error_key": "KEY"},
        ),
        (Family.V3, {"error": {"code": "too_many_requests", "message": "no", "details": {"field": "x"}}}),
        (Family.PLAIN, {"error": "no"}),
    ],
)
def test_a_refusal_has_what_its_family_shows(family: Family, body: object) -> None:
    def refuse(asked: Asked) -> object:
        refusal = ApiRefusal(429, Grade.ASSUMED)
        raise RequestRefused(refusal, "no", error_key="KEY", details={"field": "x"}, headers={"retry-after": "7"})

    answer = ask(replace(operation("GET", "/x"), handle=refuse, family=family))
    assert (answer.status_code, answer.json(), answer.headers["retry-after"]) == (429, body, "7")
    OAS31Validator(dict(REFUSALS[family])).validate(answer.json())


def test_a_query_is_read_where_a_request_has_none() -> None:
    query = Fields(Field("limit", whole(), default=5))
    made = replace(operation("GET", "/x"), query=query, handle=lambda asked: dict(asked.query))
    assert ask(made).json() == {"limit": 5}
    refused = ask(replace(operation("GET", "/x"), query=Fields(Field("number", whole(), required=True))))
    assert (refused.status_code, refused.json()["message"]) == (400, "number is missing: pass a whole number")


def test_a_lenient_operation_is_unknown_to_others() -> None:
    answer = ask(operation("GET", "/x", lenient=True))
    assert answer.status_code == 501
    assert "'GET /x': `offhook mock --lenient`" in answer.json()["message"]


def test_any_keys_get_a_tenant_of_an_open_mock() -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        mock.tenant.lines = LINES
        keys = {"sb-api-key-id": "any key", "sb-api-secret-key": "any secret"}
        assert (await client.get("/api/lines", headers=keys)).json()["numbers"] == list(LINES)
        other = {**keys, "sb-api-secret-key": "another"}
        assert (await client.get("/api/lines", headers=other)).json()["numbers"] == list(LINES)
        assert [tenant.id for tenant in mock.tenants.all()][1:] == ["any key", "any key-2"]
        printed = {**keys_of(mock.tenant), "sb-api-secret-key": "another"}
        assert "with another secret" in (await client.get("/api/lines", headers=printed)).json()["message"]
        tenant = mock.tenants.all()[1]
        assert [entry.kind.value for entry in tenant.journal.entries] == ["request"]
        assert [entry.kind.value for entry in mock.tenant.journal.entries] == ["refusal"]
        call = await client.post("/facetime/start-call", json=CALL, headers=keys)
        assert call.json()["agora"]["appId"] == tenant.app_id

    against(test, mock=lambda: InProcessMock(clock=LoopClock(), ids=Ids(1), open_to_any_keys=True))


def test_placeholders_are_accepted_where_the_settings_are_lenient() -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        body = {"phone_number": "string", "phone_numbers": ["other"]}
        made = await client.post("/v3/auth/tokens", json=body)
        assert made.json()["phone_numbers"] == ["string", "other"]
        assert (await client.delete("/v3/auth/tokens/token_id")).status_code == 204
        strict = mock.tenants.create()
        assert (await client.post("/v3/auth/tokens", json=body, headers=keys_of(strict))).status_code == 400

    against(test, settings=TenantSettings(lenient=True))
