"""Lines over HTTP: their health, their capacity, who is known on them, and where their calls are forwarded to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.mockserver.faces.sendblue.contract import ContractClient, against
from tests.mockserver.faces.sendblue.test_auth_tokens import bearer, minted

from offhook.interfaces import iso_8601
from offhook_mockserver.tenants.account.activity import next_reset_s

if TYPE_CHECKING:
    from offhook_mockserver.server import InProcessMock

LINES = ("+18885550199", "+18885550198")
NUMBER = "+14155550123"
FORWARDING = f"/api/lines/{LINES[0]}/call-forwarding"


def test_the_state_follows_what_a_test_does_to_lines() -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        mock.tenant.lines = LINES
        before = (await client.get("/api/v2/lines/state")).json()
        assert [line["sendblue_number"] for line in before["data"]] == list(LINES)
        assert [(line["status"], line["assignment"]) for line in before["data"]] == [("ONLINE", "assigned")] * 2
        assert len({line["worker_id"] for line in before["data"]}) == 2
        assert before["data"][0]["status_changed_at"] is None
        mock.tenant.account.lines.set_status(LINES[1], "DEGRADED")
        mock.tenant.account.lines.set_assignment(LINES[1], "grace_period", until_s=2_000_000_000)
        after = (await client.get("/api/v2/lines/state")).json()
        assert after["data"][0] == before["data"][0]
        assert after["data"][1] == {
            **before["data"][1],
            "status": "DEGRADED",
            "assignment": "grace_period",
            "degraded_since": after["snapshot_at"],
            "status_changed_at": after["snapshot_at"],
            "effective_until": "2033-05-18T03:33:20.000Z",
        }
        mock.tenant.account.lines.unassign(LINES[0])
        assert len((await client.get("/api/v2/lines/state")).json()["data"]) == 1

    against(test)


def test_usage_counts_new_contacts_whether_limits_are_enforced_or_not() -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        clock, messages = mock.tenant.clock, mock.tenant.account.messages
        (before,) = (await client.get("/api/v2/lines/usage")).json()["lines"]
        assert (before["hourly"]["used"], before["hourly"]["remaining"], before["state"]) == (0, 15, "available")
        assert (before["daily"]["limit"], before["hourly"]["nextSlotAt"], before["availableAt"]) == (50, None, None)
        first_s = clock.wall_s()
        for index in range(16):
            messages.send(f"+1415555{index:04}", "hello", LINES[0])
            clock.advance(1)
        (usage,) = (await client.get("/api/v2/lines/usage")).json()["lines"]
        assert usage["state"] == "limited"
        assert (usage["hourly"]["used"], usage["hourly"]["remaining"]) == (16, 0)
        assert usage["hourly"]["nextSlotAt"] == iso_8601(first_s + 3600)
        assert usage["availableAt"] == iso_8601(first_s + 1 + 3600), "two must leave before there is room for one"
        assert usage["daily"]["resetsAt"] == usage["daily"]["nextSlotAt"] == iso_8601(next_reset_s(clock.wall_s()))
        clock.advance(3600 - 14.5)
        (usage,) = (await client.get("/api/v2/lines/usage")).json()["lines"]
        assert (usage["state"], usage["hourly"]["used"], usage["daily"]["remaining"]) == ("available", 14, 34)
        refused = await client.get("/api/v2/lines/usage?line=1")
        assert refused.status_code == 400
        assert "line" in refused.json()["message"]

    against(test)


def test_a_day_is_limited_until_it_is_over() -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        clock = mock.tenant.clock
        clock.advance(next_reset_s(clock.wall_s()) - clock.wall_s())
        for index in range(50):
            mock.tenant.account.messages.send(f"+1415555{index:04}", "hello", LINES[0])
            clock.advance(600)
        (usage,) = (await client.get("/api/v2/lines/usage")).json()["lines"]
        assert (usage["state"], usage["daily"]["remaining"]) == ("limited", 0)
        assert usage["availableAt"] == usage["daily"]["resetsAt"]

    against(test)


def test_a_contact_is_new_until_a_message_is_exchanged() -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        mock.tenant.lines = LINES
        query = {"number": "(415) 555-0123", "sendblue_number": LINES[0]}
        new = (await client.get("/api/v2/lines/contact-status", params=query)).json()
        assert (new["number"], new["classification"], new["known_contact"]) == (NUMBER, "new", False)
        mock.tenant.account.messages.receive(NUMBER, "hi")
        known = (await client.get("/api/v2/lines/contact-status", params=query)).json()
        assert (known["classification"], known["known_contact"]) == ("known", True)
        other = await client.get("/api/v2/lines/contact-status", params={**query, "sendblue_number": LINES[1]})
        assert other.json()["classification"] == "new"

    against(test)


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ({"sendblue_number": LINES[0]}, "number is missing"),
        ({"number": NUMBER}, "sendblue_number is missing"),
        ({"number": "ann@example.com", "sendblue_number": LINES[0]}, "must be a telephone number"),
        ({"number": NUMBER, "sendblue_number": "+12125550101"}, "is not a line of this account; use"),
        ({"number": NUMBER, "sendblue_number": LINES[0], "days": "1"}, "is not a field of this request"),
    ],
)
def test_a_wrong_question_about_a_contact(query: dict[str, str], problem: str) -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        refused = await client.get("/api/v2/lines/contact-status", params=query)
        assert refused.status_code == 400
        assert problem in refused.json()["message"]

    against(test)


def test_calls_are_forwarded_until_they_are_not() -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        mock.tenant.lines = LINES
        nothing = {"sendblue_number": LINES[0], "forwarding_number": None}
        assert (await client.get(FORWARDING)).json() == nothing
        assert (await client.delete(FORWARDING)).json() == nothing, "idempotent"
        put = await client.put(FORWARDING, json={"forwarding_number": "(212) 555-0199"})
        assert put.json() == (await client.get(FORWARDING)).json() == {**nothing, "forwarding_number": "+12125550199"}
        other = await client.get(f"/api/lines/{LINES[1]}/call-forwarding")
        assert other.json()["forwarding_number"] is None
        assert (await client.delete(FORWARDING)).json() == nothing
        assert (await client.get(FORWARDING)).json() == nothing
        unknown = await client.get("/api/lines/+12125550101/call-forwarding")
        assert unknown.status_code == 404
        for body in ({}, {"forwarding_number": "12"}, {"forwarding_number": None}):
            refused = await client.put(FORWARDING, json=body)
            assert refused.status_code == 400
            assert "forwarding_number" in refused.json()["message"]

    against(test)


def test_a_token_of_one_line_sees_that_line_alone() -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        mock.tenant.lines = LINES
        token = await minted(client, phone_number=LINES[1])
        async with bearer(mock, token["token"]) as limited:
            state = (await limited.get("/api/v2/lines/state")).json()
            assert [line["sendblue_number"] for line in state["data"]] == [LINES[1]]
            assert (await limited.get(FORWARDING)).status_code == 404
            assert (await limited.get(f"/api/lines/{LINES[1]}/call-forwarding")).status_code == 200
            assert (await limited.get("/api/v2/lines/usage")).status_code == 403, "it is about the whole account"
            query = {"number": NUMBER, "sendblue_number": LINES[0]}
            assert (await limited.get("/api/v2/lines/contact-status", params=query)).status_code == 400

    against(test)
