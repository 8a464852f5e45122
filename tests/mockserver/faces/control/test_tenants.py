"""Tenants over the control API."""

from __future__ import annotations

import asyncio
import json
import threading
from dataclasses import fields
from typing import TYPE_CHECKING, Any, NoReturn

import httpx
import pytest
from tests.mockserver.faces.control.control_client import NUMBER, ControlClient, T, call, controlled, wav
from tests.mockserver.faces.streams import streaming

from offhook_mockserver.callees.script_reader import ScriptReader
from offhook_mockserver.doors.json_answer import encode
from offhook_mockserver.faces.control import api, tenants
from offhook_mockserver.faces.control.large_json import encoded
from offhook_mockserver.server import EntryKind, TenantSettings
from offhook_mockserver.tenants.journal import Journal
from offhook_mockserver.tenants.snapshot import TenantSnapshot

if TYPE_CHECKING:
    from offhook_mockserver.server import InProcessMock

TENANTS = "/mock/v1/tenants"


def test_a_tenant_is_made_used_and_removed() -> None:
    async def test(mock: InProcessMock, client: ControlClient) -> None:
        answer = await client.post(TENANTS, json={"lines": ["+18885550177"], "seed": 7})
        assert answer.status_code == 201
        made = answer.json()
        tenant = mock.tenants.named(made["id"])
        assert tenant is not None
        assert made["api_secret"] == tenant.api_secret.reveal()
        assert made["environment"] == mock.environment_of(tenant)
        assert made["environment"]["OFFHOOK_STORE"] == "none", "its calls would be among those of a person"
        assert made["settings"]["keep_audio_s"] == 300
        assert (made["lines"], tenant.lines) == (["+18885550177"], ("+18885550177",))
        path = f"{TENANTS}/{made['id']}"
        shown = await client.ok("GET", path)
        listed = (await client.ok("GET", TENANTS))["tenants"]
        assert listed == [await client.ok("GET", T), shown]
        assert tenant.api_secret.reveal() not in json.dumps(listed)
        await call(mock, "+14155550101", tenant=tenant)
        assert (await client.ok("GET", path))["calls_started"] == 1
        assert (await client.ok("DELETE", path))["id"] == made["id"]
        assert tenant.removed
        again = await client.ok("POST", TENANTS, {"seed": 7})
        assert (again["id"], again["api_secret"]) == (made["id"], made["api_secret"])

    controlled(test)


def test_settings_and_bounds_are_given_and_changed() -> None:
    async def test(mock: InProcessMock, client: ControlClient) -> None:
        made = await client.ok(
            "POST",
            TENANTS,
            {"settings": {"keep_audio_s": 0, "bridge_joins": "ringing", "max_call_s": 5}, "bounds": {"calls": 1}},
        )
        tenant = mock.tenants.named(made["id"])
        assert tenant is not None
        assert (tenant.settings.keep_audio_s, tenant.settings.max_call_s, tenant.bounds.calls) == (0, 5, 1)
        settings = tenant.settings
        path = f"{TENANTS}/{made['id']}"
        changed = await client.ok("PATCH", path, {"settings": {"token_life_s": 60}, "lines": ["+18885550178"]})
        assert (changed["settings"]["token_life_s"], changed["settings"]["max_call_s"]) == (60, 5)
        assert tenant.settings is settings  # a program that holds them sees the change
        assert tenant.lines == ("+18885550178",)
        for body, status in (
            ({"settings": {"token_life": 60}}, 400),
            ({"settings": {"token_life_s": 0}}, 422),
            ({"settings": {"bridge_joins": "never"}}, 422),
            ({"settings": {"keep_audio_s": 1e9}}, 422),
            ({"settings": {"webhook_url": "http://evil.test/"}}, 422),
            ({"settings": {"lenient": "yes"}}, 400),
            ({"lines": []}, 400),
            ({"lines": ["911"]}, 400),
            ({"lines": ["+911"], "settings": {"token_life_s": 61}}, 400),
            ({"bounds": {"calls": 5}}, 400),
        ):
            refused = await client.refused("PATCH", path, body)
            assert refused[0] == status, (body, refused)
        assert tenant.settings.token_life_s == 60  # nothing is half changed

    controlled(test)


def test_every_setting_can_be_read_and_set() -> None:
    async def test(mock: InProcessMock, client: ControlClient) -> None:
        settings = (await client.ok("GET", T))["settings"]
        assert set(settings) == {item.name for item in fields(TenantSettings)}
        assert (await client.ok("PATCH", T, {"settings": settings}))["settings"] == settings

    controlled(test)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"seed": 1.5}, 400),
        ({"seed": None}, 400),
        ({"bounds": {"calls": 0}}, 422),
        ({"bounds": {"calls": 10**400}}, 400),
        ({"settings": {"webhook_url": "x" * 5000}}, 400),
        ({"settings": []}, 400),
        ({"lines": ["+18885550177"] * 101}, 400),
        ({"line": "+18885550177"}, 400),
    ],
)
def test_a_tenant_that_cannot_be_is_refused(body: object, status: int) -> None:
    async def test(mock: InProcessMock, client: ControlClient) -> None:
        assert (await client.post(TENANTS, json=body)).status_code == status

    controlled(test)


def test_there_is_a_limit_and_a_seed_is_used_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tenants, "MOST_TENANTS", 2)

    async def test(mock: InProcessMock, client: ControlClient) -> None:
        made = await client.ok("POST", TENANTS, {"seed": "a"})
        assert "which is the limit: remove some" in (await client.refused("POST", TENANTS, {}))[2]
        exported = await client.ok("GET", f"{TENANTS}/{made['id']}/export")
        assert (await client.refused("POST", "/mock/v1/restore", {"document": exported}))[:2] == (409, "state")
        monkeypatch.setattr(tenants, "MOST_TENANTS", 3)
        assert "has the same seed" in (await client.refused("POST", TENANTS, {"seed": "a"}))[2]

    controlled(test)


def test_the_first_tenant_stays() -> None:
    async def test(mock: InProcessMock, client: ControlClient) -> None:
        for path in (T, f"{TENANTS}/{mock.tenant.api_key.reveal()}"):
            assert (await client.refused("DELETE", path))[:2] == (409, "state")
        assert not mock.tenant.removed

    controlled(test)


def test_a_tenant_is_exported_and_restored() -> None:
    async def test(mock: InProcessMock, client: ControlClient) -> None:
        made = await client.ok("POST", TENANTS, {"lines": ["+18885550177"], "seed": "s"})
        path = f"{TENANTS}/{made['id']}"
        await client.ok("PUT", f"{path}/callees/{NUMBER}", {"steps": ["answer", {"say": "hello.wav"}, "hang_up"]})
        await client.ok("POST", f"{path}/clock", {"advance_s": 3600})
        exported = await client.ok("GET", f"{path}/export")
        assert exported["seed"] is None
        assert "hello.wav" in exported["scripts"]
        answer = await client.post("/mock/v1/restore", json={"document": exported})
        restored = answer.json()
        assert answer.status_code == 201
        assert restored["id"] != made["id"]
        for name in ("lines", "settings", "bounds", "callees", "journal_entries"):
            assert restored[name] == (await client.ok("GET", path))[name]
        assert (await client.ok("GET", f"{TENANTS}/{restored['id']}/clock"))["ahead_s"] == 3600
        with_seed = await client.ok("GET", f"{path}/export", params={"seed": "true"})
        assert "has the same seed" in (await client.refused("POST", "/mock/v1/restore", {"document": with_seed}))[2]
        await client.ok("DELETE", path)
        same = await client.ok("POST", "/mock/v1/restore", {"document": with_seed})
        assert same["api_secret"] == made["api_secret"]

    controlled(test)


@pytest.mark.fault("F55")
def test_a_restored_tenant_names_no_files() -> None:
    async def test(mock: InProcessMock, client: ControlClient) -> None:
        await client.put(f"{T}/clips/own.wav", content=wav(), headers={"content-type": "audio/wav"})
        await client.ok("PUT", f"{T}/callees/{NUMBER}", {"steps": ["answer", {"say": "own.wav"}]})
        exported = await client.ok("GET", f"{T}/export")
        assert "own.wav" in exported["scripts"]
        assert "/" not in exported["scripts"]
        status, code, message = await client.refused("POST", "/mock/v1/restore", {"document": exported})
        assert (status, code) == (422, "script")
        assert "'own.wav' is not the name of a clip" in message
        assert "upload the clip to the new tenant" in message
        for name in ("/etc/passwd", "../secret.wav", "pipe:1", "wav:/dev/zero"):
            scripts = exported["scripts"].replace("own.wav", name)
            document = {**exported, "scripts": scripts}
            assert (await client.refused("POST", "/mock/v1/restore", {"document": document}))[:2] == (422, "script")
        good = {**exported, "scripts": ""}
        for document in ({}, {**good, "version": 9}, {**good, "seed": 5}, {**good, "journal": "x"}):
            assert (await client.refused("POST", "/mock/v1/restore", {"document": document}))[:2] == (422, "invalid")
        assert len(mock.tenants.all()) == 1

    controlled(test)


def test_a_tenant_with_a_call_is_removed_with_it() -> None:
    async def test(mock: InProcessMock, client: ControlClient) -> None:
        made = await client.ok("POST", TENANTS, {})
        tenant = mock.tenants.named(made["id"])
        assert tenant is not None
        await client.ok("PUT", f"{TENANTS}/{made['id']}/callees/{NUMBER}", {"steps": ["answer"]})
        calling = asyncio.create_task(call(mock, NUMBER, tenant=tenant, for_s=60))
        await tenant.journal.wait_for(timeout_s=5, where={"code": "answered"})
        await client.ok("DELETE", f"{TENANTS}/{made['id']}")
        assert not tenant.calls
        await calling

    controlled(test)


class Threads:
    """Records in which threads functions are called."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._patch = patch
        self.seen: dict[str, bool] = {}

    def watch(self, owner: Any, name: str) -> None:
        """Record whether a function is called beside the loop of the test."""
        called = getattr(owner, name)

        def watched(*arguments: Any, **more: Any) -> Any:
            self.seen[name] = threading.current_thread() is not threading.main_thread()
            return called(*arguments, **more)

        self._patch.setattr(owner, name, watched)


@pytest.mark.fault("F45")
def test_large_documents_are_read_and_written_beside_the_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    threads = Threads(monkeypatch)
    for owner, name in (
        (TenantSnapshot, "to_json"),
        (TenantSnapshot, "from_json"),
        (Journal, "restore"),
        (ScriptReader, "scripts"),
        (api, "_parse"),
    ):
        threads.watch(owner, name)

    async def test(mock: InProcessMock, client: ControlClient) -> None:
        small = {"steps": ["answer", "hang_up"]}
        await client.ok("PUT", f"{T}/callees/{NUMBER}", small)
        assert threads.seen == {"_parse": False, "scripts": False}
        large = {"steps": ["answer", *({"wait": 1 + step / 1_000} for step in range(5_000)), "hang_up"]}
        await client.ok("PUT", f"{T}/callees/{NUMBER}", large)
        assert threads.seen == {"_parse": True, "scripts": True}
        for count in range(100):
            mock.tenant.journal.add(EntryKind.NOTE, "x" * 1_000, fields={"count": count})
        exported = await client.ok("GET", f"{T}/export")
        made = await client.ok("POST", "/mock/v1/restore", {"document": exported})
        assert set(threads.seen.values()) == {True}
        assert len(threads.seen) == 5
        again = await client.ok("GET", f"/mock/v1/tenants/{made['id']}/export")
        assert again == exported

    controlled(test)


def test_nobody_uses_a_tenant_that_is_not_restored_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(mock: InProcessMock, client: ControlClient) -> None:
        exported = await client.ok("GET", f"{T}/export")
        document = {**exported, "seed": "same", "account": {"messages": {"made": 1, "items": ["wrong"]}}}
        assert (await client.refused("POST", "/mock/v1/restore", {"document": document}))[:2] == (422, "invalid")
        assert len(mock.tenants.all()) == 1
        document["account"] = {}
        both = await asyncio.gather(
            *(client.post("/mock/v1/restore", json={"document": document}) for _ in range(2)),
        )
        assert sorted(answer.status_code for answer in both) == [201, 422]
        assert len(mock.tenants.all()) == 2

    controlled(test)


@pytest.mark.parametrize(
    "document",
    [{}, {"a": [], "b": {}, "c": [{}, [], 1, None, "\ud800"], "d": {"e": {"f": [{"g": [[1, 2], {"h": 3}]}]}}}],
)
def test_a_document_is_encoded_in_parts_as_it_is_whole(document: dict[str, object]) -> None:
    assert encoded(document) == encode(document).encode()


@pytest.mark.fault("F46")
def test_a_tenant_is_removed_in_the_middle_of_everything() -> None:
    async def test(mock: InProcessMock, client: ControlClient) -> None:
        async def never(url: str, headers: object, body: bytes) -> NoReturn:
            await asyncio.Event().wait()
            raise AssertionError("it is cut off before")

        mock.dispatcher.post = never
        made = await client.ok("POST", TENANTS, {})
        path = f"{TENANTS}/{made['id']}"
        tenant = mock.tenants.named(made["id"])
        assert tenant is not None
        await client.put(f"{path}/clips/own.wav", content=wav(), headers={"content-type": "audio/wav"})
        steps = ["answer", {"say": "own.wav"}, {"wait": 60}]
        await client.ok("PUT", f"{path}/callees/{NUMBER}", {"steps": steps})
        await client.ok("POST", f"{path}/webhooks", {"type": "inbound_call", "url": "http://127.0.0.1:1/hook"})
        await client.ok("POST", f"{path}/inbound-calls", {"from_number": NUMBER})
        keys = {"sb-api-key-id": made["api_key"], "sb-api-secret-key": made["api_secret"]}
        app = mock.http()
        async with (
            mock.phone(environment=made["environment"]) as phone,
            httpx.AsyncClient(transport=app, base_url=mock.url, headers=keys, timeout=None) as account,
            phone.dial(NUMBER) as up,
            streaming(client, f"{path}/events") as control_events,
            streaming(account, "/api/v2/events") as account_events,
        ):
            assert await up.answered()
            await asyncio.sleep(0.2)  # of virtual time
            calls = f"{path}/calls/{up.record.channel}"
            requests = [
                asyncio.create_task(client.request(method, f"{path}/{name}", json=body))
                for method, name, body in (
                    ("POST", "journal/wait", {"text": "never", "timeout_s": 50}),
                    ("POST", f"callees/{NUMBER}/wait", {"timeout_s": 50}),
                    ("GET", calls.removeprefix(f"{path}/") + "/heard", None),
                    ("GET", "export", None),
                )
            ]
            await asyncio.sleep(0)
            assert len(tenant.webhooks.waiting) == 1
            await client.ok("DELETE", path)
            answers = [answer.json() for answer in await asyncio.gather(*requests)]
            assert [answer.get("error", {}).get("code") for answer in answers[:2]] == ["not_seen", "not_finished"]
            for stream in (control_events, account_events):
                assert (await stream.rest())[-1].data == "the end: the tenant was removed"
            await up.ended()
        assert (len(tenant.streams), len(tenant.calls), tenant.members) == (0, 0, 0)
        assert not mock.dispatcher._tasks
        assert not tenant.clips.all
        assert (await client.refused("GET", path))[:2] == (404, "no_such_tenant")

    controlled(test)
