"""A mock whose loop is late refuses further calls, and rings nothing."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from tests.core.interfaces.test_loop_load import blocker

from offhook.errors import ConfigError, Overloaded, RateLimited
from offhook.interfaces import Ids
from offhook.testing import LoopClock, run_virtual
from offhook_mockserver.server import InProcessMock, MockSettings
from offhook_mockserver.tenants.own_load import OwnLoad

RINGS = "+14155550102"
ANSWERS = "+14155550123"


async def start(client: httpx.AsyncClient, mock: InProcessMock) -> httpx.Response:
    body = {"phoneNumber": RINGS, "fromNumber": mock.from_number}
    return await client.post(f"{mock.url}/facetime/start-call", json=body, headers=headers(mock))


def headers(mock: InProcessMock) -> dict[str, str]:
    tenant = mock.tenant
    return {"sb-api-key-id": tenant.api_key.reveal(), "sb-api-secret-key": tenant.api_secret.reveal()}


def test_a_late_mock_refuses_a_further_call_and_the_caller_knows_that_nothing_rang() -> None:
    async def main() -> None:
        async with (
            InProcessMock(clock=LoopClock(), ids=Ids(1), late_limit_ms=50) as mock,
            httpx.AsyncClient(transport=mock.http()) as client,
        ):
            for index in range(8):
                assert (await start(client, mock)).status_code == 200
                mock.own_load.joined(f"call_{index}")
            stop = blocker(0.3, 0.001)
            await asyncio.sleep(4)
            answer = await start(client, mock)
            assert answer.status_code == 429
            assert answer.json()["status"] == "ERROR"
            assert "late_limit_ms is 50: nothing was rung" in answer.json()["message"]
            async with mock.phone() as phone:
                call = phone.dial(RINGS)
                with pytest.raises(RateLimited, match="late_limit_ms is 50"):
                    await call.__aenter__()
                assert call.record.rang == "no"
            assert mock.own_load.load.late_ms > 50
            assert mock.calls.up == 8
            stop()
            await asyncio.sleep(3)
            assert (await start(client, mock)).status_code == 200

    run_virtual(main())


def test_few_calls_are_rung_whatever_the_load_is_and_without_a_limit_nothing_is_measured() -> None:
    async def main() -> None:
        load, free = OwnLoad(LoopClock(), 20), OwnLoad(LoopClock(), None)
        load.check()
        stop = blocker(0.3, 0.001)
        for index in range(8):
            load.check()
            load.joined(f"call_{index}")
            free.joined(f"call_{index}")
        await asyncio.sleep(4)
        with pytest.raises(Overloaded, match=r"late by \d+ ms with 8 calls that are up"):
            load.check()
        load.over("call_7")
        load.check()
        free.check()
        assert free.load.late_ms == 0
        load.none_left()
        free.none_left()
        stop()
        load.joined("call_7")
        load.check()  # measured anew
        load.none_left()

    run_virtual(main())


def test_calls_that_somebody_joins_are_known_and_forgotten() -> None:
    async def main() -> None:
        async with InProcessMock(clock=LoopClock(), ids=Ids(1), late_limit_ms=50) as mock, mock.phone() as phone:
            seen: list[str] = []
            gone: list[str] = []

            def joined(channel: str) -> None:
                seen.append(channel)

            def over(channel: str) -> None:
                gone.append(channel)

            mock.own_load.joined, mock.own_load.over = joined, over  # type: ignore[method-assign]
            async with phone.dial(ANSWERS) as call:
                assert await call.answered()
            await mock.calls.aclose()
            assert set(seen) == {call.record.channel}
            assert gone[-1] == call.record.channel

    run_virtual(main())


def test_a_wrong_limit_is_refused() -> None:
    with pytest.raises(ConfigError, match="late_limit_ms must be between 1 and 10,000 milliseconds, got 0"):
        MockSettings(late_limit_ms=0)
    with pytest.raises(ConfigError, match="late_limit_ms"):
        InProcessMock(clock=LoopClock(), ids=Ids(1), late_limit_ms="50")  # type: ignore[arg-type]
