"""Callees and their scripts over the control API, and waits for a callee."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from tests.mockserver.faces.control.control_client import NUMBER, OTHER_NUMBER, ControlClient, T, call, controlled, wav

from offhook_mockserver.callees.toml import load_scripts
from offhook_mockserver.faces.control import callees
from offhook_mockserver.server import TenantSettings

if TYPE_CHECKING:
    from pathlib import Path

    from offhook_mockserver.server import InProcessMock

CALLEES = f"{T}/callees"
ONE = f"{CALLEES}/{NUMBER}"
KEPT = TenantSettings(keep_audio_s=60)

STEPS: list[Any] = [
    {"ring": {"duration_s": 1}},
    {"answer": 0.5},
    {"say": {"what": "hello.wav", "duration_s": 1.5}},
    {"say": "tone:440,0.5"},
    {"listen": {"until": "tone:700", "within_s": 2}},
    {"if_heard": {"what": "reply.wav", "then": ["mute", {"wait": 1}], "otherwise": ["unmute"], "at_least": 0.5}},
    {"repeat": {"times": 2, "steps": [{"wait": 0.1}, {"noise": -50}]}},
    {"barge_in": {"what": "marker:", "after_s": 0.2}},
    "second_device",
    {"hang_up": {"after_s": 1}},
]


def test_a_script_is_the_same_as_json_and_as_toml(tmp_path: Path) -> None:
    file = tmp_path / "callees.toml"
    file.write_text(
        f"""
        [[callee]]
        number = "{NUMBER}"
        summary = "says much"
        steps = [
            {{ring = {{duration_s = 1}}}}, {{answer = 0.5}}, {{say = {{what = "hello.wav", duration_s = 1.5}}}},
            {{say = "tone:440,0.5"}}, {{listen = {{until = "tone:700", within_s = 2}}}},
            {{if_heard = {{what = "reply.wav", then = [
                "mute", {{wait = 1}}], otherwise = ["unmute"], at_least = 0.5}}}},
            {{repeat = {{times = 2, steps = [{{wait = 0.1}}, {{noise = -50}}]}}}},
            {{barge_in = {{what = "marker:", after_s = 0.2}}}}, "second_device", {{hang_up = {{after_s = 1}}}},
        ]
        """,
        encoding="utf-8",
    )

    async def test(mock: InProcessMock, client: ControlClient) -> None:
        made = await client.ok("PUT", ONE, {"summary": "says much", "steps": STEPS})
        assert mock.tenant.scripts == load_scripts(file)
        assert (made["number"], made["summary"]) == (NUMBER, "says much")
        assert "/" not in str(made["steps"])
        scripts = dict(mock.tenant.scripts)
        listed = await client.ok("GET", CALLEES)
        assert listed == {"callee": [made]}
        await client.ok("DELETE", ONE)
        assert mock.tenant.scripts == {}
        await client.ok("PUT", CALLEES, listed)  # what is listed can be sent again
        assert mock.tenant.scripts == scripts
        assert await client.ok("GET", ONE) == made

    controlled(test)


def test_callees_are_put_shown_and_deleted() -> None:
    async def test(mock: InProcessMock, client: ControlClient) -> None:
        for path in (ONE, f"{CALLEES}/%2B14155550156"):
            await client.ok("PUT", path, {"steps": ["busy"]})
        assert list(mock.tenant.scripts) == [NUMBER, OTHER_NUMBER]
        assert (await client.ok("DELETE", ONE))["steps"] == ["busy"]
        for method in ("GET", "DELETE"):
            assert (await client.refused(method, ONE))[:2] == (404, "no_such_callee")
        assert len((await client.ok("DELETE", CALLEES))["callee"]) == 1
        assert mock.tenant.scripts == {}

    controlled(test)


@pytest.mark.parametrize(
    ("steps", "problem"),
    [
        (["answer", {"say": "hello.wav"}, {"sya": 1}], "unknown verb 'sya'; did you mean say? (callee {who}, step 3)"),
        (["answer", {"wait": "long"}], "(callee {who}, step 2)"),
        (["answer", {"wait": -1}], "duration_s of wait must be"),
        ([{"say": "hello.wav"}], "cannot come before answer (callee {who}, step 1)"),
        (["answer", "hang_up", "mute"], "step 3 of the script, mute, is never reached"),
        (["answer", {"if_heard": {"what": "speech", "then": [{"wiat": 1}]}}], "(callee {who}, step 2)"),
        (["answer", {"say": {}}], "the verb say needs what (callee {who}, step 2)"),
        (["answer", {"say": {"what": "hello.wav", "loud": True}}], "unknown argument 'loud' of say"),
        (["answer", {"say": "a", "wait": 1}], "a step must be one verb"),
        (["answer", {"say": "tone:0"}], "(callee {who}, step 2)"),
        (["answer", {"say": "tone:x"}], "(callee {who}, step 2)"),
        (["answer", {"say": "http://127.0.0.1/x.wav"}], "may not use the source 'http'"),
        (["answer", {"say": "recorder:x"}], "may not use the source 'recorder'"),
        (["answer", {"say": "greetings.wav"}], "is not the name of a clip; did you mean greeting.wav?"),
        (["answer", {"repeat": {"times": 10**6, "steps": ["mute"]}}], "(callee {who}, step 2)"),
        (["answer", *({"repeat": {"times": 1000, "steps": [{"wait": 0}] * 11}},)], "(callee {who}, step 2)"),
        (["answer", {"wait": 1e308}], "(callee {who}, step 2)"),
        (["answer", {"wait": 10**400}], "(callee {who}, step 2)"),
    ],
)
def test_a_mistake_names_the_callee_and_the_step(steps: list[Any], problem: str) -> None:
    async def test(mock: InProcessMock, client: ControlClient) -> None:
        status, code, message = await client.refused("PUT", ONE, {"steps": steps})
        assert (status, code) == (422, "script")
        assert problem.format(who="+1415•••0155") in message
        assert mock.tenant.scripts == {}

    controlled(test)


@pytest.mark.fault("F55")
@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd",
        "/etc/passwd",
        "/dev/zero",
        "~root/x.wav",
        "$HOME/x.wav",
        "wav:/dev/zero",
        "wav:../x.wav",
        "./hello.wav/..",
        "",
        "\0",
        "x" * 5_000,
        "own.wav",
        "pipe:ls",
        "file:///etc/passwd",
    ],
)
def test_a_script_names_no_file_of_the_machine(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own.wav").write_bytes(wav())
    monkeypatch.chdir(tmp_path)

    async def test(mock: InProcessMock, client: ControlClient) -> None:
        for step in (
            {"say": name},
            {"barge_in": {"what": name}},
            {"if_heard": {"what": name, "then": ["mute"]}},
        ):
            refused = await client.refused("PUT", ONE, {"steps": ["answer", step]})
            assert refused[:2] == (422, "script"), step
            assert "root:" not in refused[2]
        refused = await client.refused("PUT", ONE, {"steps": [{"voicemail": {"greeting": name}}]})
        assert refused[:2] == (422, "script")
        assert mock.tenant.scripts == {}

    controlled(test)


@pytest.mark.fault("F55")
@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"steps": "hang_up"}, 400),
        ({"steps": [1]}, 400),
        ({"steps": [None]}, 400),
        ({"steps": ["answer"] * 10_001}, 400),
        ({"steps": [["answer"]]}, 400),
        ({"steps": ["answer"], "number": NUMBER}, 400),
        ({"steps": ["answer"], "summary": 5}, 400),
        ({"steps": ["answer"], "sumary": "x"}, 400),
        ({"steps": [{"answer": {"after_s": None}}]}, 422),
        ({"steps": [{}]}, 422),
    ],
)
def test_a_body_that_is_not_a_script_is_refused(body: object, status: int) -> None:
    async def test(mock: InProcessMock, client: ControlClient) -> None:
        assert (await client.refused("PUT", ONE, body))[0] == status

    controlled(test)


@pytest.mark.fault("F55")
def test_a_script_may_be_as_large_as_a_toml_file_and_no_larger() -> None:
    async def test(mock: InProcessMock, client: ControlClient) -> None:
        steps = ["answer", *[{"wait": 0.001}] * 9_990]
        await client.ok("PUT", ONE, {"steps": steps})
        assert (await client.refused("PUT", ONE, {"steps": ["answer"] + [{"wait": {"duration_s": 1.0001}}] * 9_999}))[
            0
        ] == 413
        deep: Any = ["mute"]
        for _ in range(20):
            deep = [{"repeat": {"times": 1, "steps": deep}}]
        assert "deep" in (await client.refused("PUT", ONE, {"steps": ["answer", *deep]}))[2]

    controlled(test)


@pytest.mark.fault("F45")
def test_the_callees_of_a_tenant_have_a_limited_number_of_steps_together() -> None:
    async def test(mock: InProcessMock, client: ControlClient) -> None:
        many = {"steps": ["answer", *({"wait": 1},) * 5_000, "hang_up"]}
        await client.ok("PUT", f"{T}/callees/{NUMBER}", many)
        await client.ok("PUT", f"{T}/callees/{NUMBER}", many)  # instead of itself
        refused = await client.refused("PUT", f"{T}/callees/{OTHER_NUMBER}", many)
        assert refused[:2] == (409, "state")
        assert "may have 10,000 steps together, and the others have 5,002" in refused[2]
        await client.ok("PUT", f"{T}/callees/{OTHER_NUMBER}", {"steps": ["decline"]})
        exported = await client.ok("GET", f"{T}/export")
        await client.ok("POST", "/mock/v1/restore", {"document": exported})

    controlled(test)


@pytest.mark.parametrize(
    "number", ["5550155", "+1 415 555 0155", "+911", "+112", "+14155550155\n", "+١٤١٥٥٥٥٠١٥٥", "x"]
)
def test_a_number_that_is_not_one_is_refused(number: str) -> None:
    async def test(mock: InProcessMock, client: ControlClient) -> None:
        path = f"{CALLEES}/{''.join(f'%{byte:02X}' for byte in number.encode())}"
        refused = await client.refused("PUT", path, {"steps": ["busy"]})
        assert refused[0] in {400, 422}
        document = {"callee": [{"number": number, "steps": ["busy"]}]}
        assert (await client.refused("PUT", CALLEES, document))[:2] == (422, "script")

    controlled(test)


def test_replacing_all_callees_is_all_or_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(callees, "_MOST_CALLEES", 2)

    async def test(mock: InProcessMock, client: ControlClient) -> None:
        await client.ok("PUT", ONE, {"steps": ["busy"]})
        before = dict(mock.tenant.scripts)
        good = {"number": OTHER_NUMBER, "steps": ["decline"]}
        for document, problem in (
            ({"callee": [good, {"number": NUMBER, "steps": ["answer", "x"]}]}, "(callee +1415•••0155, step 2)"),
            ({"callee": [good, good]}, "has a callee already"),
            ({"callee": [good, {"steps": []}]}, "(callee 2)"),
            ({"callee": [5]}, "a callee must be"),
            ({"callee": []}, "it has no callee"),
        ):
            assert problem in (await client.refused("PUT", CALLEES, document))[2]
            assert mock.tenant.scripts == before
        await client.ok("PUT", f"{CALLEES}/{OTHER_NUMBER}", {"steps": ["busy"]})
        refused = await client.refused("PUT", f"{CALLEES}/+14155550157", {"steps": ["busy"]})
        assert refused[:2] == (409, "state")
        assert "which is the limit" in refused[2]
        await client.ok("PUT", CALLEES, {"callee": [good]})
        assert list(mock.tenant.scripts) == [OTHER_NUMBER]

    controlled(test)


# Waits


def test_a_wait_ends_when_the_callee_has_done_its_script() -> None:
    async def test(mock: InProcessMock, client: ControlClient) -> None:
        await client.ok("PUT", ONE, {"steps": [{"answer": 1}, {"say": "tone:440,1"}, {"hang_up": 1}]})
        calling = asyncio.create_task(call(mock, for_s=30))
        for until, states in (
            ("called", {"ringing"}),
            ("answered", {"answered"}),
            ("finished", {"callee_left", "ended"}),  # a phone hangs up at once when its callee does
        ):
            shown = await client.ok("POST", f"{ONE}/wait", {"until": until, "timeout_s": 20})
            assert shown["number"] == NUMBER
            assert shown["state"] in states
        assert (shown["end"], shown["callee"]["finished"]) == ("hung_up", True)
        shown = await client.ok("POST", f"{ONE}/wait", {"until": "ended", "timeout_s": 60})
        assert shown["state"] == "ended"
        await calling
        for until in ("called", "answered", "finished", "ended"):  # it has all happened
            await client.ok("POST", f"{ONE}/wait", {"until": until, "timeout_s": 0})

    controlled(test, settings=KEPT)


def test_a_declining_callee_is_finished_before_the_caller_has_left() -> None:
    async def test(mock: InProcessMock, client: ControlClient) -> None:
        await client.ok("PUT", ONE, {"steps": [{"decline": 1}]})
        calling = asyncio.create_task(call(mock))
        shown = await client.ok("POST", f"{ONE}/wait", {"timeout_s": 10})
        assert (shown["end"], shown["state"]) == ("declined", "callee_left")
        calling.cancel()
        await asyncio.wait((calling,))

    controlled(test)


def test_a_wait_that_fails_says_why() -> None:
    async def test(mock: InProcessMock, client: ControlClient) -> None:
        refused = await client.refused("POST", f"{ONE}/wait", {"timeout_s": 0.5})
        assert refused[:2] == (404, "not_finished")
        assert "finished: +1415•••0155 was not called within 0.5 s" in refused[2]
        assert "no request has reached the mock" in refused[2]
        await client.ok("PUT", ONE, {"steps": ["answer", {"listen": "marker"}, "hang_up"]})
        calling = asyncio.create_task(call(mock, for_s=10))
        message = (await client.refused("POST", f"{ONE}/wait", {"timeout_s": 5}))[2]
        assert "it did not happen within 5 s in the call to +1415•••0155" in message
        assert "it waits in: step 2: listens until the caller sends the marker" in message
        assert "not done: step 3: hangs up" in message
        assert "0.00  answered" in message
        await calling
        message = (await client.refused("POST", f"{ONE}/wait", {"timeout_s": 0}))[2]
        assert "the call to +1415•••0155 is over: the caller hung up 10.00 s after the answer" in message
        assert "it waited in: step 2" in message
        message = (await client.refused("POST", f"{CALLEES}/{OTHER_NUMBER}/wait", {"timeout_s": 0}))[2]
        assert "the last entries of the journal:" in message

    controlled(test, settings=KEPT)


def test_a_wait_for_what_cannot_happen_any_more_ends_soon_after_the_call() -> None:
    async def test(mock: InProcessMock, client: ControlClient) -> None:
        await client.ok("PUT", ONE, {"steps": ["answer", {"listen": "marker"}]})
        waiting = asyncio.create_task(client.refused("POST", f"{ONE}/wait", {"timeout_s": 60}))
        await call(mock, for_s=5)
        hung_up_s = asyncio.get_running_loop().time()
        assert "the call to +1415•••0155 is over: the caller hung up 5.00 s after the answer" in (await waiting)[2]
        assert asyncio.get_running_loop().time() - hung_up_s <= 0.5
        await client.ok("PUT", ONE, {"steps": [{"decline": 1}]})
        calling = asyncio.create_task(call(mock, for_s=30))  # the caller hears nothing of it
        await client.ok("POST", f"{ONE}/wait", {"until": "finished", "timeout_s": 60})
        refused = await client.refused("POST", f"{ONE}/wait", {"until": "answered", "timeout_s": 60})
        assert "the call to +1415•••0155 is over: the callee declined" in refused[2]
        assert asyncio.get_running_loop().time() - hung_up_s < 10
        calling.cancel()
        await asyncio.wait((calling,))

    controlled(test, settings=KEPT)


def test_a_wait_goes_on_if_the_application_calls_again_at_once() -> None:
    async def test(mock: InProcessMock, client: ControlClient) -> None:
        await client.ok("PUT", ONE, {"steps": ["answer", {"wait": 3}]})
        waiting = asyncio.create_task(client.ok("POST", f"{ONE}/wait", {"timeout_s": 60}))
        await call(mock, for_s=1)
        await asyncio.sleep(0.3)  # of virtual time
        await call(mock, for_s=10)
        assert (await waiting)["callee"]["finished"]

    controlled(test, settings=KEPT)


def test_without_audio_a_callee_is_known_while_its_call_goes_on() -> None:
    async def test(mock: InProcessMock, client: ControlClient) -> None:
        await client.ok("PUT", ONE, {"steps": [{"answer": 0.5}, {"hang_up": 1}]})
        waiting = asyncio.create_task(client.ok("POST", f"{ONE}/wait", {"until": "ended", "timeout_s": 30}))
        finishing = asyncio.create_task(client.ok("POST", f"{ONE}/wait", {"timeout_s": 30}))
        await call(mock)
        assert (await waiting)["callee"]["finished"]
        assert (await finishing)["end"] == "hung_up"
        assert (await client.ok("POST", f"{ONE}/wait", {"until": "ended", "timeout_s": 0}))["callee"] is None
        refused = await client.refused("POST", f"{ONE}/wait", {"timeout_s": 0.5})
        assert refused[:2] == (409, "not_kept")
        assert "set keep_audio_s above 0" in refused[2]

    controlled(test)


def test_a_wait_ends_with_its_tenant() -> None:
    async def test(mock: InProcessMock, client: ControlClient) -> None:
        made = await client.ok("POST", "/mock/v1/tenants", {})
        path = f"/mock/v1/tenants/{made['id']}"
        waiting = asyncio.create_task(client.refused("POST", f"{path}/callees/{NUMBER}/wait", {"timeout_s": 60}))
        await asyncio.sleep(1)  # of virtual time
        await client.ok("DELETE", path)
        assert "the tenant was removed" in (await waiting)[2]
        assert asyncio.get_running_loop().time() < 60

    controlled(test)


@pytest.mark.parametrize("timeout_s", [-1, 61, 1e9, 10**400, "5", None, True])
def test_a_wait_has_a_limit(timeout_s: object) -> None:
    async def test(mock: InProcessMock, client: ControlClient) -> None:
        refused = await client.refused("POST", f"{ONE}/wait", {"timeout_s": timeout_s})
        assert refused[:2] == (400, "malformed")
        assert "timeout_s must be a number" in refused[2]

    controlled(test)
