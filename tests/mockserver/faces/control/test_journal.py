"""The journal over the control API: searched and waited for."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.mockserver.faces.control.control_client import NUMBER, ControlClient, T, call, controlled

from offhook_mockserver.faces.control import waits
from offhook_mockserver.server import EntryKind

if TYPE_CHECKING:
    from offhook_mockserver.server import InProcessMock

JOURNAL = f"{T}/journal"
WAIT = f"{JOURNAL}/wait"


def test_entries_are_searched_by_every_criterion() -> None:
    async def test(mock: InProcessMock, client: ControlClient) -> None:
        channel = await call(mock, "+14155550101")
        everything = await client.ok("GET", JOURNAL)
        assert everything["entries"] == json.loads(
            json.dumps([entry.to_json() for entry in mock.tenant.journal.entries])
        )
        assert (everything["more"], everything["dropped"]) == (False, 0)
        for query in (
            {"kind": "call"},
            {"channel": channel},
            {"number": "+14155550101"},
            {"text": "ANSWERED"},
            {"since": "3"},
            {"where": '{"event": "ended"}'},
            {"kind": "call", "where": '{"event": "started"}', "channel": channel},
        ):
            criteria: dict[str, Any] = dict(query)
            if "where" in criteria:
                criteria["where"] = json.loads(criteria["where"])
            if "since" in criteria:
                criteria["since"] = int(criteria["since"])
            found = (await client.ok("GET", JOURNAL, params=query))["entries"]
            assert [entry["index"] for entry in found] == [
                entry.index for entry in mock.tenant.journal.search(**criteria)
            ]
            assert found

    controlled(test)


def test_a_long_journal_is_read_page_by_page() -> None:
    async def test(mock: InProcessMock, client: ControlClient) -> None:
        for number in range(25):
            mock.tenant.journal.add(EntryKind.NOTE, f"note {number}")
        read: list[int] = []
        since, more = -1, True
        while more:
            page = await client.ok("GET", JOURNAL, params={"since": since, "limit": 10})
            read += [entry["index"] for entry in page["entries"]]
            since, more = read[-1], page["more"]
        assert read == list(range(25))

    controlled(test)


@pytest.mark.parametrize(
    "query",
    [
        {"kind": "cal"},
        {"since": "x"},
        {"since": "1e3"},
        {"limit": "0"},
        {"limit": "1001"},
        {"where": "[]"},
        {"where": "{"},
        {"where": "[" * 3_000},
        {"what": "x"},
        {"text": "x" * 1_001},
        {"limit": "9" * 30},
    ],
)
def test_a_search_that_cannot_be_is_refused(query: dict[str, str]) -> None:
    async def test(mock: InProcessMock, client: ControlClient) -> None:
        assert (await client.refused("GET", JOURNAL, params=query))[:2] == (400, "malformed")

    controlled(test)


def test_a_criterion_that_is_given_twice_is_refused() -> None:
    async def test(mock: InProcessMock, client: ControlClient) -> None:
        assert "kind is given twice" in (await client.refused("GET", f"{JOURNAL}?kind=call&kind=note"))[2]

    controlled(test)


def test_a_wait_ends_with_the_entry() -> None:
    async def test(mock: InProcessMock, client: ControlClient) -> None:
        body = {"kind": "call", "number": "+14155550101", "where": {"event": "ended"}, "timeout_s": 60}
        waiting = asyncio.create_task(client.ok("POST", WAIT, body))
        second = asyncio.create_task(client.ok("POST", WAIT, {**body, "count": 2}))
        await call(mock, "+14155550101")
        entry = (await waiting)["entry"]
        assert entry["fields"]["event"] == "ended"
        assert not second.done()
        await call(mock, "+14155550101")
        assert (await second)["entry"]["index"] > entry["index"]
        again = await client.ok("POST", WAIT, {**body, "timeout_s": 0})  # entries that are there count
        assert again["entry"] == entry

    controlled(test)


def test_a_wait_that_fails_says_which_entries_were_near() -> None:
    async def test(mock: InProcessMock, client: ControlClient) -> None:
        await call(mock, "+14155550101")
        before_s = asyncio.get_running_loop().time()
        status, code, message = await client.refused(
            "POST", WAIT, {"kind": "call", "where": {"event": "endet"}, "timeout_s": 2.5}
        )
        assert (status, code) == (404, "not_seen")
        assert "the journal did not get an entry with kind='call', where event='endet' within 2.5 s" in message
        assert "but its field event is 'ended'" in message
        assert asyncio.get_running_loop().time() - before_s == pytest.approx(2.5)

    controlled(test)


def test_a_wait_ends_with_its_tenant_and_with_the_mock() -> None:
    async def test(mock: InProcessMock, client: ControlClient) -> None:
        made = await client.ok("POST", "/mock/v1/tenants", {})
        path = f"/mock/v1/tenants/{made['id']}"
        waiting = asyncio.create_task(client.refused("POST", f"{path}/journal/wait", {"timeout_s": 60}))
        await asyncio.sleep(1)  # of virtual time
        await client.ok("DELETE", path)
        assert "before the tenant was removed" in (await waiting)[2]
        waits_of_all = [
            asyncio.create_task(client.refused("POST", WAIT, {"timeout_s": 60})),
            asyncio.create_task(client.refused("POST", f"{T}/callees/{NUMBER}/wait", {"timeout_s": 60})),
        ]
        await asyncio.sleep(1)  # of virtual time
        await mock.aclose()
        for each in waits_of_all:
            assert (await each)[:2] == (503, "stopping")
        assert (await client.refused("POST", WAIT, {"timeout_s": 60}))[:2] == (503, "stopping")
        assert asyncio.get_running_loop().time() < 10

    controlled(test)


@pytest.mark.fault("F45")
def test_waits_are_bounded_in_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waits, "MOST_WAITS", 2)

    async def test(mock: InProcessMock, client: ControlClient) -> None:
        waiting = [asyncio.create_task(client.refused("POST", WAIT, {"timeout_s": 10})) for _ in range(2)]
        await asyncio.sleep(1)  # of virtual time
        assert (await client.refused("POST", WAIT, {"timeout_s": 10}))[:2] == (503, "busy")
        for each in waiting:
            assert (await each)[1] == "not_seen"
        assert (await client.refused("POST", WAIT, {"timeout_s": 0}))[1] == "not_seen"

    controlled(test)


def test_a_client_that_has_gone_waits_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waits, "MOST_WAITS", 1)

    async def test(mock: InProcessMock, client: ControlClient) -> None:
        gone = asyncio.create_task(client.post(WAIT, json={"timeout_s": 60}))
        await asyncio.sleep(1)  # of virtual time
        gone.cancel()
        await asyncio.wait((gone,))
        await asyncio.sleep(0.1)  # of virtual time
        assert (await client.refused("POST", WAIT, {"timeout_s": 0}))[1] == "not_seen"  # and not busy

    controlled(test)


@pytest.mark.fault("F56")
def test_nothing_in_the_journal_is_secret() -> None:
    async def test(mock: InProcessMock, client: ControlClient) -> None:
        made = await client.ok("POST", "/mock/v1/tenants", {})
        tenant = mock.tenants.named(made["id"])
        assert tenant is not None
        await call(mock, "+14155550101", tenant=tenant)
        mock.tenant.journal.add(EntryKind.NOTE, f"{made['api_secret']} {mock.control_token.reveal()}")
        for path in (T, f"/mock/v1/tenants/{made['id']}"):
            for rest in ("", "/journal", "/calls", "/export", "/faults", "/callees"):
                text = (await client.get(path + rest)).text
                for secret in (made["api_secret"], mock.control_token.reveal(), tenant.certificate.reveal()):
                    assert secret not in text

    controlled(test)
