"""Each request is an entry in the journal of its tenant, and refusals have the shape of its settings."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import httpx
import pytest
from tests.mockserver.tenants.scene import NUMBER, mock_with, on

from offhook.errors import RequestRejected
from offhook.session import Grade
from offhook_mockserver.server import ErrorBody, InProcessMock, TenantBounds, TenantSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from offhook_mockserver.server import Entry, Tenant

START = "/facetime/start-call"
GOOD = {"phoneNumber": NUMBER, "fromNumber": "+18885550199"}


def keys(tenant: Tenant) -> dict[str, str]:
    return {"sb-api-key-id": tenant.api_key.reveal(), "sb-api-secret-key": tenant.api_secret.reveal()}


async def ask(
    mock: InProcessMock, body: object = GOOD, *, path: str = START, headers: Mapping[str, str] | None = None
) -> httpx.Response:
    headers = keys(mock.tenant) if headers is None else headers
    async with httpx.AsyncClient(transport=mock.http(), base_url=mock.url) as http:
        return await http.post(path, json=body, headers=headers)


def only(tenant: Tenant, kind: str) -> Entry:
    (entry,) = tenant.journal.search(kind=kind)
    return entry


def test_a_good_request_is_noted_with_its_call_and_without_its_token() -> None:
    async def test(mock: InProcessMock) -> None:
        answer = (await ask(mock, {**GOOD, "note": mock.tenant.api_secret.reveal()})).json()
        entry = only(mock.tenant, "request")
        token, channel = answer["agora"]["token"], answer["agora"]["channelName"]
        assert (entry.channel, entry.number, entry.grade) == (channel, "+1415•••0123", Grade.DOCUMENTED)
        assert entry.text == "POST /facetime/start-call: 200 Call started"
        assert entry.fields == {
            "method": "POST",
            "path": START,
            "body": {"phoneNumber": "+1415•••0123", "fromNumber": "+1888•••0199", "note": "[secret]"},
            "status": 200,
            "token_hash": entry.fields["token_hash"],
        }
        assert re.fullmatch("[0-9a-f]{8}", str(entry.fields["token_hash"]))
        assert token not in repr(mock.tenant.journal.entries)
        assert mock.tenant.api_secret.reveal() not in repr(mock.tenant.journal.entries)

    on(mock_with, test)


@pytest.mark.parametrize(
    ("body", "status", "number"),
    [
        ({}, 400, ""),
        ({"phoneNumber": "911", "fromNumber": "+18885550199"}, 400, ""),
        ({**GOOD, "fromNumber": "+18885550198"}, 400, "+1415•••0123"),
        ([], 400, ""),
    ],
)
def test_a_refusal_is_noted_with_its_grade(body: object, status: int, number: str) -> None:
    async def test(mock: InProcessMock) -> None:
        answer = await ask(mock, body)
        entry = only(mock.tenant, "refusal")
        assert answer.status_code == entry.fields["status"] == status
        assert (entry.number, entry.channel, entry.grade) == (number, "", Grade.ASSUMED)
        assert entry.text.startswith(f"POST {START}: {status} ")
        assert not mock.tenant.journal.search(kind="request")

    on(mock_with, test)


def test_a_request_belongs_to_the_tenant_that_its_key_id_names_and_else_to_the_first() -> None:
    async def test(mock: InProcessMock) -> None:
        other = mock.tenants.create()
        wrong = {**keys(other), "sb-api-secret-key": "a wrong one"}
        named = await ask(mock, headers=wrong)
        assert only(other, "refusal").fields["status"] == 401
        assert not mock.tenant.journal.entries
        unnamed = await ask(mock, headers={**wrong, "sb-api-key-id": "unknown"})
        assert only(mock.tenant, "refusal").fields["status"] == 401
        assert named.json() == unnamed.json(), "a client cannot find out which key ids exist"
        assert (await ask(mock, headers={})).status_code == 401
        assert len(mock.tenant.journal) == 2

    on(mock_with, test)


def test_a_request_that_no_route_answers_is_unexpected() -> None:
    async def test(mock: InProcessMock) -> None:
        other = mock.tenants.create()
        answer = await ask(mock, path="/api/send-mesage", headers=keys(other))
        entry = only(other, "unexpected")
        assert answer.status_code == 501
        assert entry.fields == {"method": "POST", "path": "/api/send-mesage", "status": 501}
        assert entry.text.startswith("POST /api/send-mesage: 501 the mock does not answer")
        assert (await ask(mock, path="/%0d%0a\u202e", headers={})).status_code == 501
        assert only(mock.tenant, "unexpected").text.isprintable()

    on(mock_with, test)


SHAPES: Mapping[ErrorBody, Mapping[str, object]] = {
    ErrorBody.STATUS_MESSAGE: {"status": "ERROR", "message": "TEXT"},
    ErrorBody.ERROR: {"error": "TEXT"},
    ErrorBody.ERROR_MESSAGE: {"status": "ERROR", "error_code": 400, "error_message": "TEXT"},
    ErrorBody.NESTED: {"error": {"code": 400, "message": "TEXT"}},
}
TEXT = "phoneNumber is missing: pass an E.164 number, for example +14155550123"


@pytest.mark.parametrize("shape", ErrorBody)
def test_a_refusal_has_the_shape_that_the_settings_name(shape: ErrorBody) -> None:
    async def test(mock: InProcessMock) -> None:
        other = mock.tenants.create()
        answer = await ask(mock, {})
        assert answer.json() == json.loads(json.dumps(SHAPES[shape]).replace("TEXT", TEXT))
        unexpected = (await ask(mock, path="/nothing")).json()
        assert set(unexpected) == set(SHAPES[shape])
        assert set((await ask(mock, headers={})).json()) == set(SHAPES[shape]), "the first tenant's"
        assert set((await ask(mock, {}, headers=keys(other))).json()) == {"status", "message"}

    on(lambda: mock_with(settings=TenantSettings(error_body=shape)), test)


@pytest.mark.fault("F4")
@pytest.mark.parametrize("shape", ErrorBody)
def test_a_phone_understands_each_shape(shape: ErrorBody) -> None:
    async def test(mock: InProcessMock) -> None:
        async with mock.phone(environment={"OFFHOOK_FROM_NUMBER": "+18885550190"}) as phone:
            with pytest.raises(RequestRejected, match="is not a FaceTime line of this account"):
                async with phone.dial(NUMBER):
                    pass

    on(lambda: mock_with(settings=TenantSettings(error_body=shape)), test)


@pytest.mark.fault("F45")
def test_a_flood_of_requests_leaves_the_journal_within_its_bounds() -> None:
    async def test(mock: InProcessMock) -> None:
        tenant = mock.tenants.create(bounds=TenantBounds(journal_bytes=20_000))
        async with httpx.AsyncClient(transport=mock.http(), base_url=mock.url, headers=keys(tenant)) as http:
            for index in range(200):
                await http.post(START, json={"phoneNumber": "x" * 1000, str(index): ["y" * 500] * 20})
        assert tenant.journal.bytes <= 20_000
        assert tenant.journal.dropped == 200 - len(tenant.journal)

    on(mock_with, test)
