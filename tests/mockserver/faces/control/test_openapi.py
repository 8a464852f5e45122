"""The OpenAPI document of the control API: valid, complete, and what the API does."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from openapi_spec_validator import validate
from tests.mockserver.faces.control.control_client import NUMBER, ControlClient, T, call, controlled, wav

from offhook_mockserver.faces.control.api import control_operations
from offhook_mockserver.faces.control.operation import TENANT
from offhook_mockserver.faces.control.refusals import CODES
from offhook_mockserver.server import TenantSettings, control_openapi

if TYPE_CHECKING:
    from pathlib import Path

    from offhook_mockserver.server import InProcessMock


def test_the_document_is_valid_and_its_names_are_unique() -> None:
    document: dict[str, Any] = control_openapi()
    validate(document)
    operations = [operation for item in document["paths"].values() for operation in item.values()]
    names = {operation["operationId"] for operation in operations}
    assert len(names) == len(operations) == len(control_operations())
    assert all("_" in name for name in names), "what a client's method is called says what it is about"
    for operation in operations:
        assert operation["summary"].endswith(".")
        assert operation["responses"]["4XX"] == {"$ref": "#/components/responses/refused"}
    error = document["components"]["responses"]["refused"]["content"]["application/json"]["schema"]
    assert error["properties"]["error"]["properties"]["code"]["enum"] == list(CODES)


def test_every_parameter_of_a_path_is_described() -> None:
    for path, item in control_openapi()["paths"].items():  # type: ignore[attr-defined]
        wanted = {part[1:-1] for part in path.split("/") if part.startswith("{")}
        for operation in item.values():
            assert {each["name"] for each in operation.get("parameters", []) if each["in"] == "path"} == wanted


def test_every_operation_answers_as_the_document_says(tmp_path: Path) -> None:
    async def test(mock: InProcessMock, client: ControlClient) -> None:
        ok = client.ok
        for path in ("/mock/v1", "/mock/v1/openapi.json", "/mock/v1/tenants", T):
            await ok("GET", path)
        made = await ok("POST", "/mock/v1/tenants", {"settings": {"call_log": True}, "bounds": {"calls": 5}, "seed": 1})
        other = f"/mock/v1/tenants/{made['id']}"
        await ok("PATCH", other, {"settings": {"call_log": False}})
        exported = await ok("GET", f"{other}/export", params={"seed": "false"})
        await ok("POST", "/mock/v1/restore", {"document": exported})
        await ok("DELETE", other)

        await client.put(f"{T}/clips/own.wav", content=wav(), headers={"content-type": "audio/wav"})
        await ok("GET", f"{T}/clips")
        assert (await client.get(f"{T}/clips/own.wav")).is_success

        steps = ["answer", {"say": "own.wav"}, {"wait": 600}]
        await ok("PUT", f"{T}/callees/{NUMBER}", {"steps": steps, "summary": "says own.wav"})
        await ok("PUT", f"{T}/callees", await ok("GET", f"{T}/callees"))
        await ok("GET", f"{T}/callees/{NUMBER}")
        await ok("POST", f"{T}/webhooks", {"type": "call_log", "url": "http://127.0.0.1:9/", "secret": "s"})
        calling = asyncio.create_task(call(mock, say="tone:440,1", for_s=30))
        shown = await ok("POST", f"{T}/callees/{NUMBER}/wait", {"until": "answered", "timeout_s": 10})
        path = f"{T}/calls/{shown['channel']}"
        await asyncio.sleep(3)  # of virtual time
        await ok("GET", f"{T}/calls", params={"number": NUMBER, "state": "answered", "limit": 5})
        await ok("GET", path)
        await ok("GET", f"{path}/heard", params={"delay_of": "own.wav"})
        await ok("POST", f"{path}/ask", {"question": "has_tone", "hz": 440})
        for name in ("heard", "said", "mix"):
            assert (await client.get(f"{path}/{name}.wav")).is_success
        await ok("POST", f"{path}/hang-up", {})
        await calling
        await ok("GET", f"{T}/recordings")
        assert (await client.get(f"{T}/recordings/{shown['channel']}")).is_success

        await ok("GET", f"{T}/journal", params={"kind": "call", "where": '{"event":"ended"}', "limit": 5})
        await ok("POST", f"{T}/journal/wait", {"kind": "call", "where": {"event": "ended"}, "timeout_s": 1})
        fault = await ok("POST", f"{T}/faults", {"name": "status", "arguments": {"status": 503}})
        for method in ("GET", "DELETE"):
            await ok(method, f"{T}/faults/{fault['id']}")
            await ok(method, f"{T}/faults")

        await ok("GET", f"{T}/webhooks")
        sent = await ok("POST", f"{T}/webhooks/send", {"type": "call_log", "event": {"a": 1}})
        (delivery,) = sent["deliveries"]
        await ok("GET", f"{T}/webhooks/deliveries", params={"type": "call_log", "limit": 5})
        await ok("GET", f"{T}/webhooks/deliveries/{delivery['id']}")
        await ok("POST", f"{T}/webhooks/deliveries/{delivery['id']}/replay", {})
        await ok("POST", f"{T}/inbound-calls", {"from_number": "+14155550199"})
        await ok("DELETE", f"{T}/webhooks")

        await ok("POST", f"{T}/messages", {"from_number": "+14155550180", "content": "hi"})
        await ok("GET", f"{T}/messages", params={"outbound": "false", "limit": 5})
        await ok("POST", f"{T}/typing", {"from_number": "+14155550180"})
        await ok("PATCH", f"{T}/recipients/+14155550180", {"error_code": 10001})
        await ok("GET", f"{T}/recipients/+14155550180")
        line = f"{T}/lines/+18885550188"
        await ok("PUT", line, {})
        await ok("PATCH", line, {"status": "OFFLINE"})
        await ok("GET", f"{T}/lines")
        await ok("DELETE", line)

        await ok("GET", f"{T}/clock")
        await ok("POST", f"{T}/clock", {"advance_s": 60})
        await ok("DELETE", f"{T}/callees/{NUMBER}")
        await ok("DELETE", f"{T}/callees")
        await ok("DELETE", f"{T}/clips/own.wav")
        client.contract.answered.add(f"GET {T.replace('default', '{tenant}')}/events")  # a stream: see test_events.py
        assert client.contract.answered == client.contract.operations

    controlled(test, settings=TenantSettings(keep_audio_s=60), recordings=tmp_path)


def test_an_answer_has_the_type_that_the_document_says() -> None:
    paths: Any = control_openapi()["paths"]
    for path, media_type in (
        (f"{TENANT}/events", "text/event-stream"),
        (f"{TENANT}/calls/{{channel}}/heard.wav", "audio/wav"),
        (f"{TENANT}/export", "application/json"),
    ):
        assert set(paths[path]["get"]["responses"]["200"]["content"]) == {media_type}
