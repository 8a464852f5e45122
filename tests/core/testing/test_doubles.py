"""The doubles of the small interfaces."""

from __future__ import annotations

import asyncio

import pytest
from tests.core.rig import NUMBER, frame, run

from offhook.errors import RateLimited
from offhook.interfaces import DialRequest
from offhook.testing import FixedAuth, ListSink, MemoryStore, ScriptedCarrier

REQUEST = DialRequest("call_1", NUMBER)


def test_fixed_auth_returns_secrets() -> None:
    headers = run(FixedAuth(sb_api_key_id="abc-123").headers("api.sendblue.co"))
    assert list(headers) == ["sb-api-key-id"]
    assert headers["sb-api-key-id"].reveal() == "abc-123"
    assert "abc-123" not in repr(headers)


def test_a_scripted_carrier_returns_a_new_grant_for_each_call() -> None:
    async def main() -> None:
        carrier = ScriptedCarrier(endpoint="http://127.0.0.1:7")
        await carrier.check()
        one, two = await carrier.start_call(REQUEST), await carrier.start_call(REQUEST)
        assert one.channel != two.channel
        assert not one.token.matches(two.token.reveal())
        assert one.endpoint == "http://127.0.0.1:7"
        assert carrier.rung == [NUMBER, NUMBER]
        await carrier.aclose()
        assert carrier.closed

    run(main())


def test_a_scripted_carrier_holds_back_its_answer_and_raises() -> None:
    async def main() -> None:
        carrier = ScriptedCarrier(RateLimited("slower"), refuse_check=RateLimited("slower"))
        with pytest.raises(RateLimited):
            await carrier.check()
        assert carrier.rung == []
        carrier.gate.clear()
        starting = asyncio.create_task(carrier.start_call(REQUEST))
        await asyncio.sleep(60)
        assert carrier.rung == [NUMBER], "it rings before it answers"
        carrier.gate.set()
        with pytest.raises(RateLimited):
            await starting

    run(main())


def test_sinks_and_stores_keep_what_they_receive() -> None:
    async def main() -> None:
        sink, given = ListSink(), frame()
        await sink.write(given)
        await sink.aclose()
        assert (sink.frames, sink.closed) == ([given], True)
        store = MemoryStore()
        store.append("call_1", {"a": 1})
        store.save("call_1", {"b": 1})
        store.save("call_1", {"b": 2})
        store.close()
        assert (store.journal, store.records, store.closed) == ([{"a": 1}], {"call_1": {"b": 2}}, True)

    run(main())
