"""Seats and verified contacts over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.mockserver.faces.sendblue.contract import ContractClient, against

from offhook.errors import ConfigError

if TYPE_CHECKING:
    from offhook_mockserver.server import InProcessMock

LINES = ("+18885550199", "+18885550198")
NUMBER = "+14155550123"
SEATS = "/api/v2/seats"
CONTACTS = "/v3/verified-contacts"


def test_an_account_has_one_seat_and_those_that_a_test_adds() -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        account = mock.tenant.account
        (owner,) = (await client.get(SEATS)).json()
        assert (owner["email"], owner["account"]) == (account.email, account.email)
        added = account.seats.add("ann@example.com", first_name="Ann", forwarding_number="+12125550199")
        assert (await client.get(f"{SEATS}/count")).json() == {"count": 2}
        for id in (added.id, added.subject):
            found = (await client.get(f"{SEATS}/{id}")).json()
            assert (found["status"], found["seat"]["seat_id"]) == ("OK", added.id)
            assert (found["seat"]["first_name"], found["seat"]["forwarding_number"]) == ("Ann", "+12125550199")
        assert account.seats.remove(added.id)
        assert not account.seats.remove(added.id)
        assert (await client.get(f"{SEATS}/{added.id}")).status_code == 404
        with pytest.raises(ConfigError, match="email must be an e-mail address"):
            account.seats.add("ann")

    against(test)


def test_seats_are_filtered_and_paged() -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        for name in "abca":
            mock.tenant.account.seats.add(f"{name}@example.com")

        async def names(**query: object) -> str:
            answer = await client.get(SEATS, params=query)  # type: ignore[arg-type]
            return "".join(seat["email"][:1] for seat in answer.json()[-4:])

        assert len((await client.get(SEATS)).json()) == 5
        assert await names(offset=1) == "abca"
        assert await names(offset=1, limit=2) == "ab"
        assert await names(offset=5) == ""
        assert await names(limit=0) == ""
        assert await names(email="a@example.com") == "aa"
        assert await names(email="a@example.com", offset=1) == "a"
        assert (await client.get(f"{SEATS}/count", params={"email": "a@example.com"})).json() == {"count": 2}
        assert (await client.get(SEATS, params={"limit": -1})).status_code == 400

    against(test)


def test_a_contact_of_the_shared_line_is_verified_by_its_message() -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        mock.tenant.lines = LINES
        account = mock.tenant.account
        account.lines.set_assignment(LINES[1], "shared")
        made = (await client.post(CONTACTS, json={"phone_number": "(415) 555-0123"})).json()["data"]
        assert (made["contact"]["phone_number"], made["contact"]["verification_status"]) == (NUMBER, "pending")
        assert made["line"] == {"phone_number": LINES[1], "type": "shared"}
        assert made["verification_instructions"] == f"Send a message from {NUMBER} to {LINES[1]}"
        account.messages.receive(NUMBER, "hi", line=LINES[0])
        account.messages.receive("+14155550124", "hi", line=LINES[1])
        path = f"{CONTACTS}/{NUMBER}"
        assert (await client.get(path)).json()["data"]["contact"] == made["contact"], "that was another line"
        mock.tenant.clock.advance(10)
        account.messages.receive(NUMBER, "hi", line=LINES[1])
        found = (await client.get(path)).json()["data"]["contact"]
        assert (found["verified"], found["verification_status"]) == (True, "verified")
        assert found["created_at"] == made["contact"]["created_at"] < found["updated_at"]
        again = (await client.post(CONTACTS, json={"phone_number": NUMBER})).json()["data"]
        assert (again["contact"], again["verification_instructions"]) == (found, None)
        assert (await client.get(CONTACTS)).json()["data"]["contacts"] == [found]

    against(test)


def test_refusals_have_the_shape_of_v3() -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        unknown = await client.get(f"{CONTACTS}/{NUMBER}")
        assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "not_found")
        for body in ({}, {"phone_number": "x"}):
            refused = await client.post(CONTACTS, json=body)
            assert refused.status_code == 400
            assert "phone_number" in refused.json()["error"]["message"]

    against(test)
