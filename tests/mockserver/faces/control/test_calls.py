"""Calls over the control API: those that go on and those that have ended, and the callee's side of them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from tests.mockserver.faces.control.control_client import NUMBER, OTHER_NUMBER, ControlClient, T, call, controlled

from offhook_mockserver.server import TenantSettings

if TYPE_CHECKING:
    from offhook_mockserver.server import InProcessMock

CALLS = f"{T}/calls"
KEPT = TenantSettings(keep_audio_s=60)


async def until(client: ControlClient, what: str, number: str = NUMBER) -> str:
    """Wait for a callee; returns the channel of its call."""
    shown = await client.ok("POST", f"{T}/callees/{number}/wait", {"until": what, "timeout_s": 60})
    return str(shown["channel"])


def test_a_call_is_shown_from_ringing_to_its_end() -> None:
    async def test(mock: InProcessMock, client: ControlClient) -> None:
        steps = [{"ring": 2}, {"answer": 0}, {"say": "tone:440,1"}, {"wait": 600}]
        await client.ok("PUT", f"{T}/callees/{NUMBER}", {"steps": steps})
        calling = asyncio.create_task(call(mock, for_s=5))
        channel = await until(client, "called")
        path = f"{CALLS}/{channel}"
        ringing = await client.ok("GET", path)
        assert (ringing["state"], ringing["end"], ringing["answered"]) == ("ringing", None, None)
        assert (ringing["number"], ringing["from_number"]) == (NUMBER, mock.from_number)
        await until(client, "answered")
        await asyncio.sleep(2)  # of virtual time
        up = await client.ok("GET", path)
        assert up["state"] == "answered"
        assert up["started"] < up["answered"]
        assert {member["who"] for member in up["members"]} == {"caller", "callee"}
        callee = up["callee"]
        assert (callee["answered"], callee["finished"], callee["keeps_audio"]) == (True, False, True)
        assert callee["spoke_at_s"] == 0
        assert callee["stopped_speaking_at_s"] == pytest.approx(1, abs=0.05)
        assert callee["unfinished"][0].startswith("step 4: waits 600 s")
        assert [moment["code"] for moment in callee["history"]] == ["ringing", "answered", "speaks", "stopped_speaking"]
        assert up["counters"]["frames_spoken"] == 50
        assert await calling == channel
        over = await client.ok("GET", path)
        assert (over["state"], over["end"], over["end_text"]) == ("ended", "caller_left", "caller hung up")
        assert (over["members"], over["losses"], over["callee"]["finished"]) == ([], {}, False)

    controlled(test, settings=KEPT)


def test_calls_are_listed_oldest_first_and_filtered() -> None:
    async def test(mock: InProcessMock, client: ControlClient) -> None:
        for number in (NUMBER, OTHER_NUMBER):
            await client.ok("PUT", f"{T}/callees/{number}", {"steps": ["answer", {"wait": 600}]})
        ended = [await call(mock), await call(mock, OTHER_NUMBER)]
        calling = asyncio.create_task(call(mock, for_s=30))
        await until(client, "answered")
        (up,) = mock.tenant.calls

        async def channels(**query: object) -> list[str]:
            listed = (await client.ok("GET", CALLS, params={name: str(value) for name, value in query.items()}))[
                "calls"
            ]
            return [each["channel"] for each in listed]

        assert await channels() == [*ended, up]
        assert await channels(number=NUMBER) == [ended[0], up]
        assert await channels(state="ended") == ended
        assert await channels(state="answered") == [up]
        assert await channels(limit=2) == [ended[1], up]
        for query in ({"state": "gone"}, {"limit": "0"}, {"number": "x"}):
            assert (await client.refused("GET", CALLS, params=query))[0] == 400
        await calling

    controlled(test)


def test_without_audio_an_ended_call_has_its_end_and_its_counters() -> None:
    async def test(mock: InProcessMock, client: ControlClient) -> None:
        channel = await call(mock, "+14155550101")
        shown = await client.ok("GET", f"{CALLS}/{channel}")
        assert (shown["state"], shown["end"], shown["callee"], shown["started"]) == ("ended", "caller_left", None, None)
        assert shown["counters"]["frames_heard"] >= 0
        assert shown["events"]

    controlled(test)


@pytest.mark.parametrize("ended_by_callee", [True, False])
def test_the_callee_hangs_up(ended_by_callee: bool) -> None:
    async def test(mock: InProcessMock, client: ControlClient) -> None:
        steps = ["answer", {"wait": 600}] if ended_by_callee else [{"ring": 50}, "never_answer"]
        await client.ok("PUT", f"{T}/callees/{NUMBER}", {"steps": steps})
        calling = asyncio.create_task(call(mock, for_s=30))
        channel = await until(client, "answered" if ended_by_callee else "called")
        shown = await client.ok("POST", f"{CALLS}/{channel}/hang-up", {})
        assert shown["state"] == "callee_left"
        end = "hung_up" if ended_by_callee else "declined"
        for _ in range(2):  # idempotent, with and without a body
            await client.ok("POST", f"{CALLS}/{channel}/hang-up")
        if ended_by_callee:
            assert await calling == channel
            assert (await client.ok("POST", f"{CALLS}/{channel}/hang-up", {}))["state"] == "ended"
        else:
            calling.cancel()
            await asyncio.wait((calling,))
        shown = await client.ok("GET", f"{CALLS}/{channel}")
        assert shown["end"] == end
        codes = [entry.fields.get("code") for entry in mock.tenant.journal.search(channel=channel, kind="callee")]
        assert codes.count(end) == 1  # one hang-up is one line

    controlled(test, settings=KEPT)


@pytest.mark.fault("F46")
def test_a_call_of_another_tenant_is_like_one_that_never_was() -> None:
    async def test(mock: InProcessMock, client: ControlClient) -> None:
        made = await client.ok("POST", "/mock/v1/tenants", {})
        other = mock.tenants.named(made["id"])
        theirs = await call(mock, "+14155550101", tenant=other)
        for rest, method, body in (
            ("", "GET", None),
            ("/hang-up", "POST", {}),
            ("/heard.wav", "GET", None),
            ("/said.wav", "GET", None),
            ("/mix.wav", "GET", None),
            ("/heard", "GET", None),
            ("/ask", "POST", {"question": "is_silent"}),
        ):
            refused = await client.refused(method, f"{CALLS}/{theirs}{rest}", body)
            never = await client.refused(method, f"{CALLS}/ft_call_{'0' * 16}{rest}", body)
            assert refused[:2] == (404, "no_such_call")
            assert refused[2].replace(theirs, "") == never[2].replace(f"ft_call_{'0' * 16}", "")

    controlled(test)


@pytest.mark.fault("F43", "F51")
@pytest.mark.parametrize("channel", ["..%2F..%2Fetc%2Fpasswd", "%00", "x" * 101, "<script>", "%1b[31m", "a%0d%0ab:c"])
def test_a_channel_that_is_not_one_is_refused_and_shown_escaped(channel: str) -> None:
    async def test(mock: InProcessMock, client: ControlClient) -> None:
        for rest in ("", "/heard.wav"):
            status, code, message = await client.refused("GET", f"{CALLS}/{channel}{rest}")
            assert (status, code) in {(404, "no_such_call"), (404, "no_such_route"), (400, "malformed")}
            assert message.isprintable()

    controlled(test)


def test_a_script_that_fails_is_named() -> None:
    async def test(mock: InProcessMock, client: ControlClient) -> None:
        from tests.mockserver.faces.control.control_client import wav

        await client.put(f"{T}/clips/a.wav", content=wav(), headers={"content-type": "audio/wav"})
        await client.ok("PUT", f"{T}/callees/{NUMBER}", {"steps": ["answer", {"say": "a.wav"}]})
        mock.tenant.clips.all[0].file.write_bytes(b"not audio any more")
        calling = asyncio.create_task(call(mock))
        channel = await until(client, "called")
        refused = await client.refused("POST", f"{T}/callees/{NUMBER}/wait", {"timeout_s": 3})
        assert "the script of the callee +1415•••0155 failed: " in refused[2]
        shown = await client.ok("GET", f"{CALLS}/{channel}")
        assert shown["end"] == "failed"
        assert "a.wav" in shown["problem"]
        calling.cancel()
        await asyncio.wait((calling,))

    controlled(test, settings=KEPT)
