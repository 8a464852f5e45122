"""Bearer tokens over HTTP: made, used, limited to lines, expired, revoked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest
from tests.mockserver.faces.sendblue.contract import Contract, ContractClient, against, keys_of

from offhook_mockserver.tenants.account.access_tokens import MOST_TOKENS

if TYPE_CHECKING:
    from offhook_mockserver.server import InProcessMock

LINES = ("+18885550199", "+18885550198")
CALL = {"phoneNumber": "+14155550102", "fromNumber": LINES[0]}
TOKENS = "/v3/auth/tokens"


async def minted(client: ContractClient, **body: object) -> dict[str, Any]:
    answer = await client.post(TOKENS, json=body)
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    return document


def bearer(mock: InProcessMock, token: str) -> httpx.AsyncClient:
    """A client that has a bearer token alone."""
    hooks = {"response": [Contract().seen]}
    headers = {"authorization": f"Bearer {token}"}
    return httpx.AsyncClient(transport=mock.http(), base_url=mock.url, headers=headers, event_hooks=hooks)


def test_a_token_of_the_account_does_what_its_keys_do_but_for_tokens() -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        made = await minted(client)
        assert (made["token_type"], made["phone_numbers"]) == ("Bearer", [])
        async with bearer(mock, made["token"]) as other:
            assert (await other.get("/account")).json() == (await client.get("/account")).json()
            assert (await other.get("/api/lines")).json()["numbers"] == list(mock.tenant.lines)
            assert (await other.post("/facetime/start-call", json=CALL)).status_code == 200
            for refused in (
                await other.post(TOKENS, json={}),
                await other.delete(f"{TOKENS}/{made['token_id']}"),
            ):
                assert refused.status_code == 403
                assert "a bearer token may not do this" in refused.json()["error"]["message"]
        assert client.contract.answered == {f"POST {TOKENS}", "GET /account"}

    against(test)


def test_a_token_of_some_lines_sees_these_alone() -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        mock.tenant.lines = LINES
        made = await minted(client, phone_number=LINES[1])
        assert made["phone_numbers"] == [LINES[1]]
        async with bearer(mock, made["token"]) as other:
            assert (await other.get("/api/lines")).json()["numbers"] == [LINES[1]]
            refused = await other.get("/account")
            assert refused.status_code == 403
            assert "is for some lines only" in refused.json()["message"]
            refused = await other.post("/facetime/start-call", json=CALL)
            assert refused.status_code == 400
            assert refused.json()["message"].endswith(f"use {LINES[1]}")
            good = await other.post("/facetime/start-call", json={**CALL, "fromNumber": LINES[1]})
            assert good.status_code == 200
        both = await minted(client, phone_numbers=list(LINES))
        assert both["phone_numbers"] == list(LINES)

    against(test)


def test_a_token_expires_by_the_clock_of_its_tenant() -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        by_default, short = await minted(client), await minted(client, expires_in_seconds=60)
        async with bearer(mock, by_default["token"]) as first, bearer(mock, short["token"]) as second:
            mock.tenant.clock.advance(59)
            assert (await second.get("/api/lines")).status_code == 200
            mock.tenant.clock.advance(1)
            assert (await second.get("/api/lines")).status_code == 401
            mock.tenant.clock.advance(839)
            assert (await first.get("/api/lines")).status_code == 200
            mock.tenant.clock.advance(1)
            refused = await first.get("/api/lines")
            assert refused.status_code == 401
            assert refused.json()["message"] == "the bearer token is unknown, has expired or was revoked"
        assert short["expires_at"] < by_default["expires_at"]

    against(test)


def test_a_revoked_token_is_refused_and_is_not_there_any_more() -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        made = await minted(client)
        stranger = mock.tenants.create()
        of_another = await client.delete(f"{TOKENS}/{made['token_id']}", headers=keys_of(stranger))
        revoked = await client.delete(f"{TOKENS}/{made['token_id']}")
        again = await client.delete(f"{TOKENS}/{made['token_id']}")
        assert (revoked.status_code, revoked.content) == (204, b"")
        assert of_another.status_code == again.status_code == 404
        assert of_another.json() == again.json(), "a client cannot find out which tokens others have"
        async with bearer(mock, made["token"]) as other:
            assert (await other.get("/api/lines")).status_code == 401

    against(test)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"expires_in_seconds": 0}, "expires_in_seconds must be a number from 1 to 86400, got 0"),
        ({"expires_in_seconds": "900"}, "expires_in_seconds must be a whole number"),
        ({"phone_number": "8885550199"}, "phone_number has the wrong form"),
        ({"phone_number": "+18885550197"}, "+18885550197 is not a line of this account; use +18885550199"),
        ({"phone_numbers": ["+18885550199", "+18885550197"]}, "+18885550197 is not a line of this account"),
        ({"phone_number": LINES[0], "phone_numbers": []}, "pass phone_number or phone_numbers, not both"),
    ],
)
def test_a_wrong_request_for_a_token_is_refused(body: dict[str, object], says: str) -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        answer = await client.post(TOKENS, json=body)
        assert answer.status_code == 400
        assert answer.json()["error"]["code"] == "bad_request"
        assert answer.json()["error"]["message"].startswith(says)

    against(test)


def test_a_request_for_a_token_needs_no_body() -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        assert (await client.post(TOKENS)).status_code == 200

    against(test)


@pytest.mark.fault("F45")
def test_an_account_has_a_bounded_number_of_tokens() -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        for _ in range(MOST_TOKENS):
            mock.tenant.account.access_tokens.mint()
        answer = await client.post(TOKENS, json={})
        assert answer.status_code == 429
        assert "tokens are valid, which is the limit" in answer.json()["error"]["message"]
        mock.tenant.clock.advance(901)
        assert (await client.post(TOKENS, json={})).status_code == 200
        assert len(mock.tenant.account.access_tokens) == 1

    against(test)


@pytest.mark.fault("F47")
@pytest.mark.fault("F56")
def test_no_token_is_in_a_journal_and_tokens_do_not_open_other_doors() -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        made = await minted(client)
        async with bearer(mock, made["token"]) as other:
            await other.get("/api/lines")
            await other.get(f"/api/{made['token']}")
            assert (await other.get("/mock/v1/faults")).status_code == 401
        async with bearer(mock, mock.control_token.reveal()) as control:
            assert (await control.get("/api/lines")).status_code == 401
        for header in ("", "Bearer", "Bearer ", "Basic x", "bearer unknown", f"Token {made['token']}"):
            async with httpx.AsyncClient(transport=mock.http(), base_url=mock.url) as bare:
                assert (await bare.get("/api/lines", headers={"authorization": header})).status_code == 401
        journal = repr(mock.tenant.journal.entries)
        assert mock.control_token.reveal() not in journal
        assert made["token"] not in journal

    against(test)


def test_a_key_pair_counts_where_a_request_has_both() -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        stranger = mock.tenants.create(lines=("+18885550190",))
        made = await minted(client)
        headers = {**keys_of(stranger), "authorization": f"Bearer {made['token']}"}
        async with httpx.AsyncClient(transport=mock.http(), base_url=mock.url, headers=headers) as both:
            assert (await both.get("/api/lines")).json()["numbers"] == ["+18885550190"]
            half = await both.get("/api/lines", headers={"sb-api-secret-key": ""})
            assert half.status_code == 401

    against(test)


def test_a_token_follows_from_the_seed() -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        one, other = mock.tenants.create(seed="a"), mock.tenants.create(seed="b")
        first, second = await minted_by(client, keys_of(one)), await minted_by(client, keys_of(other))
        await mock.tenants.remove(one)
        assert await minted_by(client, keys_of(mock.tenants.create(seed="a"))) == first
        assert second != first

    async def minted_by(client: ContractClient, keys: dict[str, str]) -> str:
        answer = await client.post(TOKENS, json={}, headers=keys)
        return str(answer.json()["token"])

    against(test)
