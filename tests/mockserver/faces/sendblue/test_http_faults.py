"""Faults of exchanges, over a socket and in process: what the mock does, and what a phone makes of it."""

from __future__ import annotations

import asyncio
import json
import zlib
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from offhook.errors import (
    CarrierError,
    CarrierProtocolError,
    CarrierUnavailable,
    CredentialsRejected,
    RateLimited,
    RequestRejected,
    StartAmbiguous,
)
from offhook.interfaces import DialRequest, Ids
from offhook.plugin import Plugins
from offhook.testing import LoopClock, run_virtual
from offhook_mockserver.server import InProcessMock, MockServer
from offhook_mockserver.tenants.effects import GrantFlaw
from offhook_mockserver.tenants.entry import EntryKind
from offhook_sendblue import KeyAuth, SendblueCarrier

if TYPE_CHECKING:
    from collections.abc import Callable

    from offhook_mockserver.server.mock import Mock
    from offhook_mockserver.tenants.fault import Fault
    from offhook_mockserver.tenants.faults import Faults

NUMBER = "+14155550101"

#: By row of the catalogue: the fault, the error that a phone raises, part of its text, and whether the phone rings.
EXCHANGES: list[tuple[str, Callable[[Faults], Fault], type[CarrierError], str, bool]] = [
    ("F1", lambda f: f.refused(), CarrierUnavailable, "nothing answers at", False),
    ("F2", lambda f: f.lost_answer(), StartAmbiguous, "the answer to start-call was lost", True),
    ("F2", lambda f: f.lost_request(), StartAmbiguous, "the answer to start-call was lost", False),
    ("F2", lambda f: f.delay(30), StartAmbiguous, "the answer to start-call was lost", True),
    ("F3", lambda f: f.status(401), CredentialsRejected, "HTTP 401", False),
    ("F3", lambda f: f.status(403), CredentialsRejected, "HTTP 403", False),
    ("F4", lambda f: f.status(400), RequestRejected, "saying 'a fault of the test'", False),
    ("F4", lambda f: f.status(422, body='{"error": {"message": "no"}}'), RequestRejected, "saying 'no'", False),
    ("F4", lambda f: f.html(status=404), RequestRejected, "502 Bad Gateway", False),
    ("F4", lambda f: f.html(status=200), CarrierProtocolError, "is not a JSON object", False),
    ("F5", lambda f: f.retry_after(7), RateLimited, "dial again in 7 s", False),
    ("F5", lambda f: f.retry_after(-5), RateLimited, "dial again", False),
    ("F5", lambda f: f.retry_after("1" + "0" * 9), RateLimited, "dial again in 3600 s", False),
    ("F5", lambda f: f.retry_after("soon"), RateLimited, "dial again later", False),
    ("F5", lambda f: f.retry_after(None), RateLimited, "dial again later", False),
    ("F6", lambda f: f.status(500), CarrierUnavailable, "HTTP 500", False),
    ("F6", lambda f: f.status(502), CarrierUnavailable, "HTTP 502", False),
    ("F6", lambda f: f.status(503, rings=True), CarrierUnavailable, "may have rung", True),
    ("F8", lambda f: f.error_in_200("no such line"), RequestRejected, "no such line", False),
    ("F9", lambda f: f.truncated(), StartAmbiguous, "the answer to start-call was lost", True),
    ("F9", lambda f: f.reset(after_bytes=20), StartAmbiguous, "the answer to start-call was lost", True),
    ("F9", lambda f: f.dribble(pause_s=0.5), StartAmbiguous, "the answer to start-call was lost", True),
    ("F9", lambda f: f.garbage(), CarrierProtocolError, "is not a JSON object", True),
    ("F9", lambda f: f.huge(), CarrierProtocolError, "is too large", False),
    ("F9", lambda f: f.gzip_bomb(), CarrierProtocolError, "is too large", False),
    ("F10", lambda f: f.redirect("https://evil.example/"), CarrierProtocolError, "redirect", False),
]
CASES = [
    pytest.param(*case, marks=pytest.mark.fault(case[0]), id=f"{case[0]}-{at}") for at, case in enumerate(EXCHANGES)
]


@pytest.mark.parametrize(("row", "make", "error", "text", "rings"), CASES)
def test_a_phone_in_this_process_meets_the_fault(
    row: str, make: Callable[[Faults], Fault], error: type[CarrierError], text: str, rings: bool
) -> None:
    async def main() -> None:
        async with InProcessMock(clock=LoopClock(), ids=Ids(1)) as mock, mock.phone() as phone:
            with make(mock.tenant.faults) as fault, pytest.raises(error, match=text):
                async with phone.dial(NUMBER):
                    pass
            assert fault.count == 1
            check_notes(mock, fault)
            assert mock.tenant.calls_started == rings
            async with phone.dial(NUMBER, redial=True) as call:
                assert await call.answered()

    run_virtual(main())


@pytest.mark.parametrize(("row", "make", "error", "text", "rings"), CASES)
def test_a_carrier_over_a_socket_meets_the_fault(
    row: str, make: Callable[[Faults], Fault], error: type[CarrierError], text: str, rings: bool
) -> None:
    async def main() -> None:
        async with MockServer(plugins=Plugins()) as mock:
            fault = make(mock.tenant.faults)
            # A fault that takes time must outlast the limit, and the others must not.
            carrier = carrier_of(mock, timeout_s=0.3 if fault.name in {"dribble", "delay"} else 20)
            try:
                with pytest.raises(error, match=text):
                    await carrier.start_call(DialRequest("call_1", NUMBER))
                assert fault.count == 1
                check_notes(mock, fault)
                assert mock.tenant.calls_started == rings
                fault.undo()
                carrier_2 = carrier_of(mock, timeout_s=20)
                await carrier_2.start_call(DialRequest("call_2", NUMBER))
                await carrier_2.aclose()
            finally:
                await carrier.aclose()

    asyncio.run(main())


def carrier_of(mock: Mock, timeout_s: float) -> SendblueCarrier:
    auth = KeyAuth(mock.tenant.api_key, mock.tenant.api_secret)
    return SendblueCarrier(auth, from_number=mock.from_number, base_url=mock.url, timeout_s=timeout_s)


def check_notes(mock: Mock, fault: Fault) -> None:
    (entry,) = mock.tenant.journal.search(kind=EntryKind.FAULT)
    assert entry.fields == {"fault": fault.name, "id": fault.id, "count": 1}


@pytest.mark.fault("F1")
def test_connecting_is_tried_again_until_the_mock_accepts_connections() -> None:
    async def main() -> None:
        async with MockServer(plugins=Plugins()) as mock:
            carrier = carrier_of(mock, timeout_s=20)
            fault = mock.tenant.faults.refused()
            starting = asyncio.create_task(carrier.start_call(DialRequest("call_1", NUMBER)))
            await asyncio.sleep(0.02)  # the first attempt is over; two more follow, 50 ms apart or more
            fault.undo()
            assert (await starting).channel in mock.tenant.calls
            await carrier.aclose()

    asyncio.run(main())


@pytest.mark.fault("F1")
def test_a_refusal_of_connections_is_for_all_tenants_and_closes_idle_connections() -> None:
    async def main() -> None:
        async with (
            MockServer(plugins=Plugins()) as mock,
            httpx.AsyncClient(base_url=mock.url, trust_env=False) as client,
        ):
            assert (await client.get("/x")).status_code == 501
            other = mock.tenants.create()
            other.faults.refused()
            fault = mock.tenant.faults.refused()
            await asyncio.sleep(0.01)  # the client notices that its connection was closed
            with pytest.raises(httpx.ConnectError):
                await client.get("/x")
            other.faults.clear()
            with pytest.raises(httpx.ConnectError):
                await client.get("/x")
            fault.undo()
            assert (await client.get("/x")).status_code == 501

    asyncio.run(main())


@pytest.mark.fault("F1")
def test_a_mock_may_be_closed_while_it_refuses_connections() -> None:
    async def main() -> None:
        async with MockServer(plugins=Plugins()) as mock:
            mock.tenant.faults.refused()

    asyncio.run(main())


@pytest.mark.fault("F7")
@pytest.mark.parametrize("flaw", list(GrantFlaw))
def test_a_grant_with_a_flaw(flaw: GrantFlaw) -> None:
    async def main() -> None:
        async with InProcessMock(clock=LoopClock(), ids=Ids(1)) as mock, mock.phone() as phone:
            with mock.tenant.faults.malformed_grant(flaw) as fault:
                if flaw is GrantFlaw.EXTRA_FIELDS:
                    async with phone.dial(NUMBER) as call:
                        assert await call.answered()
                else:
                    with pytest.raises(CarrierProtocolError, match="agora"):
                        async with phone.dial(NUMBER):
                            pass
            assert (fault.count, mock.tenant.calls_started) == (1, 1)

    run_virtual(main())


def keys(mock: Mock) -> dict[str, str]:
    tenant = mock.tenant
    return {"sb-api-key-id": tenant.api_key.reveal(), "sb-api-secret-key": tenant.api_secret.reveal()}


async def read(mock: InProcessMock) -> tuple[httpx.Response, bytes]:
    body = {"phoneNumber": NUMBER, "fromNumber": mock.from_number}
    async with (
        httpx.AsyncClient(transport=mock.http(), base_url=mock.url, headers=keys(mock)) as client,
        client.stream("POST", "/facetime/start-call", json=body) as answer,
    ):
        return answer, b"".join([part async for part in answer.aiter_raw()])


def test_long_answers_are_as_long_as_they_say() -> None:
    async def main() -> None:
        async with InProcessMock(clock=LoopClock(), ids=Ids(1)) as mock:
            with mock.tenant.faults.huge(megabytes=3):
                _, body = await read(mock)
                assert len(body) == 3 * 2**20
            with mock.tenant.faults.gzip_bomb(megabytes=8):
                answer, body = await read(mock)
                assert answer.headers["content-encoding"] == "gzip"
                assert len(body) < 16 * 1024
                assert len(zlib.decompress(body, 31)) == 8 * 2**20

    run_virtual(main())


def test_an_answer_that_dribbles_or_is_late_is_right_in_the_end() -> None:
    async def main() -> None:
        async with InProcessMock(clock=LoopClock(), ids=Ids(1)) as mock:
            loop = asyncio.get_running_loop()
            for fault in (mock.tenant.faults.dribble(pause_s=0.001, times=1), mock.tenant.faults.delay(2.5)):
                start_s = loop.time()
                _, body = await read(mock)
                answer: dict[str, Any] = json.loads(body)
                assert answer["status"] == "OK"
                took_s = loop.time() - start_s
                assert took_s == pytest.approx(2.5 if fault.name == "delay" else len(body) * 0.001)

    run_virtual(main())


def test_a_bad_request_is_refused_as_ever_and_does_not_count() -> None:
    async def main() -> None:
        async with (
            InProcessMock(clock=LoopClock(), ids=Ids(1)) as mock,
            httpx.AsyncClient(transport=mock.http(), base_url=mock.url) as client,
        ):
            fault = mock.tenant.faults.status(500)
            answer = await client.post("/facetime/start-call", json={})
            assert (answer.status_code, fault.count) == (401, 0)
            answer = await client.post("/facetime/start-call", json={}, headers=keys(mock))
            assert (answer.status_code, fault.count) == (400, 0)

    run_virtual(main())


def test_the_faults_of_a_tenant_are_undone_when_it_is_removed_and_never_apply_to_others() -> None:
    async def main() -> None:
        async with InProcessMock(clock=LoopClock(), ids=Ids(1)) as mock:
            other = mock.tenants.create()
            fault, refused = other.faults.status(500), other.faults.refused()
            assert mock.entrance.refusing
            with pytest.raises(httpx.ConnectError):
                await read(mock)
            await mock.tenants.remove(other)
            assert (fault.active, refused.active, mock.entrance.refusing) == (False, False, False)
            answer, _ = await read(mock)
            assert answer.status_code == 200

    run_virtual(main())


def test_a_fault_may_be_undone_after_its_mock_was_closed() -> None:
    async def main() -> None:
        async with MockServer(plugins=Plugins()) as mock:
            before = mock.tenant.faults.refused()
        before.undo()
        mock.tenant.faults.refused().undo()

    asyncio.run(main())
