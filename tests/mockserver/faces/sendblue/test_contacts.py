"""Contacts over HTTP: created, changed, listed, deleted, one by one and in bulk."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from tests.mockserver.faces.sendblue.contract import ContractClient, against

from offhook.interfaces import Ids
from offhook.testing import LoopClock
from offhook_mockserver.server import InProcessMock, TenantBounds

LINE = "+18885550199"
ANN, BOB, CAT = "+14155550123", "+14155550124", "+14155550125"
CONTACTS = "/api/v2/contacts"

if TYPE_CHECKING:
    import httpx


async def create(client: ContractClient, **body: object) -> dict[str, Any]:
    answer = await client.post(CONTACTS, json=body)
    assert answer.status_code == 200, answer.text
    contact: dict[str, Any] = answer.json()["contact"]
    return contact


async def phones(client: ContractClient, **query: object) -> list[str]:
    answer = await client.get(CONTACTS, params=query)  # type: ignore[arg-type]
    assert answer.status_code == 200, answer.text
    return [contact["phone"] for contact in answer.json()]


def small() -> InProcessMock:
    return InProcessMock(clock=LoopClock(), ids=Ids(1), bounds=TenantBounds(account_items=2))


def problem(answer: httpx.Response, status: int) -> str:
    assert answer.status_code == status, answer.text
    message: str = answer.json()["message"]
    return message


def test_what_is_created_is_listed_and_what_is_deleted_is_gone() -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        made = await create(
            client,
            number=ANN,
            first_name="Ann",
            last_name="Lee",
            company_name="Acme",
            assigned_to_email="bea@example.com",
            sendblue_number=LINE,
            tags=["a", "b"],
            custom_variables={"colour": "red"},
        )
        assert (made["phone"], made["first_name"], made["tags"], made["verified"]) == (ANN, "Ann", ["a", "b"], False)
        assert (await client.get(f"{CONTACTS}/{ANN}")).json() == {"status": "OK", "contact": made}
        assert (await client.get(CONTACTS)).json() == [made], "a bare list"
        assert (await client.get(f"{CONTACTS}/count")).json() == {"count": 1}
        assert (await client.delete(f"{CONTACTS}/{ANN}")).json() == {"status": "OK"}
        assert (await client.get(CONTACTS)).json() == []
        assert (await client.get(f"{CONTACTS}/count")).json() == {"count": 0}
        for answer in (
            await client.get(f"{CONTACTS}/{ANN}"),
            await client.delete(f"{CONTACTS}/{ANN}"),
            await client.put(f"{CONTACTS}/{ANN}", json={}),
            await client.post(f"{CONTACTS}/verify", json={"number": ANN}),
        ):
            assert "is not a contact of this account" in problem(answer, 404)
        again = await create(client, number=ANN)
        assert again["contact_id"] != made["contact_id"]

    against(test)


def test_older_names_are_accepted_and_newer_ones_win() -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        old = await create(
            client, phoneNumber=ANN, firstName="Ann", lastName="Lee", assignedToEmail="b@c.de", sendblueNumber=LINE
        )
        assert (old["phone"], old["first_name"], old["last_name"]) == (ANN, "Ann", "Lee")
        assert (old["assigned_to_email"], old["sendblue_number"]) == ("b@c.de", LINE)
        both = await create(client, number=BOB, phone_number=CAT, phoneNumber=CAT, first_name="new", firstName="old")
        assert (both["phone"], both["first_name"]) == (BOB, "new")
        changed = await client.put(f"{CONTACTS}/{ANN}", json={"companyName": "Acme", "optOut": True})
        assert (changed.json()["contact"]["company_name"], changed.json()["contact"]["opt_out"]) == ("Acme", True)

    against(test)


def test_a_contact_that_exists_is_updated_on_request_alone() -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        made = await create(client, number=ANN, first_name="Ann", last_name="Lee")
        refused = await client.post(CONTACTS, json={"number": ANN, "first_name": "Bea"})
        assert "pass update_if_exists" in problem(refused, 400)
        updated = await create(client, number=ANN, first_name="Bea", update_if_exists=True)
        assert updated == {**made, "first_name": "Bea"}

    against(test)


def test_an_update_changes_what_it_names() -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        made = await create(client, number=ANN, first_name="Ann", tags=["a"], custom_variables={"a": "1", "b": "2"})
        path = f"{CONTACTS}/{ANN}"
        assert (await client.put(path, json={})).json()["contact"] == made
        changes = {"last_name": "Lee", "tags": [], "custom_variables": {"b": "3", "c": "4"}, "opt_out": True}
        changed = (await client.put(path, json=changes)).json()["contact"]
        variables = {"a": "1", "b": "3", "c": "4"}
        assert changed == {**made, "last_name": "Lee", "tags": [], "custom_variables": variables, "opt_out": True}
        assert (await client.put(path, json={"first_name": "", "opt_out": False})).json()["contact"]["first_name"] == ""

    against(test)


def test_custom_variables_are_merged_up_to_a_limit() -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        await create(client, number=ANN)
        for step in range(10):
            variables = {f"{step}.{index}": "" for index in range(100)}
            assert (await client.put(f"{CONTACTS}/{ANN}", json={"custom_variables": variables})).status_code == 200
        refused = await client.put(f"{CONTACTS}/{ANN}", json={"custom_variables": {"more": ""}, "last_name": "Lee"})
        assert "may have 1000 custom variables" in problem(refused, 429)
        contact = (await client.get(f"{CONTACTS}/{ANN}")).json()["contact"]
        assert (len(contact["custom_variables"]), contact["last_name"]) == (1_000, "")

    against(test)


def test_lists_are_ordered_filtered_and_paged() -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        made = []
        for phone, name in ((ANN, "c"), (BOB, "a"), (CAT, "b")):
            made.append(await create(client, number=phone, first_name=name))
            await asyncio.sleep(1)
        assert await phones(client) == [CAT, BOB, ANN]
        assert await phones(client, order_direction="asc") == [ANN, BOB, CAT]
        assert await phones(client, order_by="first_name", order_direction="asc") == [BOB, CAT, ANN]
        assert await phones(client, order_by="phone_number") == [CAT, BOB, ANN]
        assert await phones(client, phone_number=BOB) == [BOB]
        assert await phones(client, cid=made[2]["contact_id"]) == [CAT]
        assert await phones(client, cid="unknown") == []
        assert await phones(client, created_at_gte=made[1]["created_at"]) == [CAT, BOB]
        assert await phones(client, limit=2) == [CAT, BOB]
        assert await phones(client, limit=2, offset=2) == [ANN]
        assert await phones(client, limit=0) == []
        assert await phones(client, limit=10**6, offset=3) == []
        for wrong in ({"order_by": "age"}, {"order_direction": "up"}, {"limit": -1}, {"created_at_gte": "today"}):
            assert next(iter(wrong)) in problem(await client.get(CONTACTS, params=wrong), 400)

    against(test)


def test_limits_are_cut_as_documented() -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        for index in range(1_200):
            mock.tenant.account.contacts.create(f"+1415{index:07}")
        assert len(await phones(client)) == 100
        assert len(await phones(client, limit=5_000)) == 1_000
        assert len(await phones(client, offset=1_150)) == 50

    against(test)


def test_several_are_created_and_deleted() -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        await create(client, number=ANN, first_name="Ann")
        body = {"contacts": [{"phone": ANN, "last_name": "Lee"}, {"phone": BOB, "tags": ["t"]}, {"phone": CAT}]}
        made = (await client.post(f"{CONTACTS}/bulk", json=body)).json()["contacts"]
        assert [(contact["phone"], contact["first_name"], contact["last_name"]) for contact in made] == [
            (ANN, "Ann", "Lee"),
            (BOB, "", ""),
            (CAT, "", ""),
        ]
        ids = [ANN, made[1]["contact_id"], "+14155550199", ANN]
        gone = await client.request("DELETE", CONTACTS, json={"contact_ids": ids})
        assert gone.json() == {"status": "OK", "amount": 2}
        assert await phones(client) == [CAT]
        assert "contacts[0].phone is missing" in problem(
            await client.post(f"{CONTACTS}/bulk", json={"contacts": [{}]}), 400
        )
        assert (await client.post(f"{CONTACTS}/bulk", json={"contacts": []})).json()["contacts"] == []

    against(test)


def test_a_number_opts_out_whether_it_is_a_contact_or_not() -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        out = await client.post(f"{CONTACTS}/opt-out", json={"number": ANN})
        assert out.json() == {"status": "OK", "number": ANN, "opted_out": True}
        assert (await create(client, number=ANN))["opt_out"] is True
        send = {"number": ANN, "content": "hello"}
        assert (await client.post("/api/send-message", json=send)).status_code == 400
        back = await client.post(f"{CONTACTS}/opt-out", json={"number": ANN, "opted_out": False})
        assert back.json()["opted_out"] is False
        assert (await client.post("/api/send-message", json=send)).status_code == 200

    against(test)


def test_a_contact_is_verified_by_its_answer() -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        await create(client, number=ANN)
        assert (await client.post(f"{CONTACTS}/verify", json={"number": ANN})).json() == {"status": "OK"}
        (message,) = mock.tenant.account.messages
        assert (message.number, message.line) == (ANN, LINE)
        assert (await client.get(f"{CONTACTS}/{ANN}")).json()["contact"]["verified"] is False
        mock.tenant.account.messages.receive(ANN, "yes")
        assert (await client.get(f"{CONTACTS}/{ANN}")).json()["contact"]["verified"] is True

    against(test)


def test_the_first_message_makes_a_contact() -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        await client.post("/api/send-message", json={"number": "ann@example.com", "content": "hello"})
        (contact,) = (await client.get(CONTACTS)).json()
        assert (contact["phone"], contact["sendblue_number"], contact["verified"]) == ("ann@example.com", LINE, False)
        assert (await client.get(f"{CONTACTS}/ann@example.com")).status_code == 200
        assert (await client.delete(f"{CONTACTS}/ann@example.com")).status_code == 200

    against(test)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "number is missing: pass number or phone_number or phoneNumber"),
        ({"number": "415"}, "number has the wrong form"),
        ({"number": ANN, "tags": "a"}, "tags must be a list"),
        ({"number": ANN, "tags": ["x"] * 101}, "tags must have 0 to 100 items"),
        ({"number": ANN, "custom_variables": {"a": 1}}, "each name and value of custom_variables"),
        ({"number": ANN, "custom_variables": {"x" * 1_001: "1"}}, "each name and value of custom_variables"),
        ({"number": ANN, "custom_variables": []}, "custom_variables must be an object"),
        ({"number": ANN, "custom_variables": {f"{index}": "" for index in range(101)}}, "at most 100 members"),
        ({"number": ANN, "first_name": "x" * 1_001}, "first_name must have 0 to 1000 characters"),
        ({"number": ANN, "assigned_to_email": "ann"}, "assigned_to_email has the wrong form"),
        ({"number": ANN, "sendblue_number": "+12125550101"}, "is not a line of this account; use"),
    ],
)
def test_what_is_wrong_is_named(body: dict[str, object], field: str) -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        assert field in problem(await client.post(CONTACTS, json=body), 400)
        assert len(mock.tenant.account.contacts) == 0

    against(test)


def test_there_is_an_end_to_contacts() -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        for phone in (ANN, BOB):
            await create(client, number=phone)
        assert "2 contacts, and this one would be too much" in problem(
            await client.post(CONTACTS, json={"number": CAT}), 429
        )
        assert problem(await client.post(f"{CONTACTS}/bulk", json={"contacts": [{"phone": CAT}]}), 429)
        sent = await client.post("/api/send-message", json={"number": CAT, "content": "hello"})
        assert sent.status_code == 200, "a message needs no contact"
        assert (await client.put(f"{CONTACTS}/{ANN}", json={"first_name": "Ann"})).status_code == 200
        await client.delete(f"{CONTACTS}/{ANN}")
        await create(client, number=CAT)

    against(test, mock=small)
