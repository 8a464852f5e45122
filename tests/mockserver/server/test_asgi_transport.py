"""HTTP to an application on the same loop, with network faults; and the real carrier on it."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import httpx
import pytest

from offhook.errors import CarrierUnavailable, StartAmbiguous
from offhook.interfaces.ids import Ids
from offhook.testing import LoopClock, MemoryStore, run_virtual
from offhook_mockserver.server.asgi_transport import MAX_REQUEST_BYTES, AsgiTransport, NetworkFault
from offhook_mockserver.server.in_process import InProcessMock

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.types import Message, Receive, Scope, Send

    from offhook import Phone

NUMBER = "+14155550102"
OK: Message = {"type": "http.response.start", "status": 200, "headers": [(b"x-a", b"1"), (b"x-a", b"2")]}


def body(data: bytes, *, more: bool = False) -> Message:
    return {"type": "http.response.body", "body": data, "more_body": more}


class App:
    """An application that follows a script and keeps what it received."""

    def __init__(self, *messages: Message | float, error: Exception | None = None) -> None:
        self.messages = messages
        self.error = error
        self.scopes: list[Scope] = []
        self.bodies: list[bytes] = []
        self.sent = 0
        self.saw_disconnect = False
        self.over = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scopes.append(scope)
        self.bodies.append((await receive())["body"])
        for message in self.messages:
            if isinstance(message, float):
                await asyncio.sleep(message)
            else:
                await send(message)
                self.sent += 1
        if self.error is not None:
            raise self.error
        self.saw_disconnect = (await receive())["type"] == "http.disconnect"
        self.over = True


async def ask(app: App, fault: NetworkFault | None = None, **more: object) -> tuple[httpx.Response, list[str]]:
    transport, steps = AsgiTransport(app), list[str]()

    async def trace(event: str, info: object) -> None:
        steps.append(event)

    async with httpx.AsyncClient(transport=transport, timeout=5) as client:
        with transport.fault(fault or NetworkFault()):
            answer = await client.post("http://127.0.0.1:9/a%20b?c=d", content=b"question", extensions={"trace": trace})
    return answer, steps


def test_a_request_arrives_as_from_a_server_and_its_answer_is_complete() -> None:
    async def main() -> None:
        app = App(OK, body(b"one", more=True), body(b"two"))
        answer, steps = await ask(app)
        assert (answer.status_code, answer.content) == (200, b"onetwo")
        assert answer.headers.get_list("x-a") == ["1", "2"]
        (scope,) = app.scopes
        assert (scope["method"], scope["path"], scope["query_string"]) == ("POST", "/a b", b"c=d")
        assert dict(scope["headers"])[b"host"] == b"127.0.0.1:9"
        assert app.bodies == [b"question"]
        assert app.saw_disconnect
        assert [step.rpartition(".")[0].rpartition(".")[2] for step in steps if step.endswith("started")] == [
            "connect_tcp",
            "send_request_headers",
        ]

    run_virtual(main())


def test_the_answer_streams_and_the_application_waits_for_its_reader() -> None:
    async def main() -> None:
        app = App(OK, *(body(b"x", more=True) for _ in range(100)), body(b""))
        async with (
            httpx.AsyncClient(transport=AsgiTransport(app)) as client,
            client.stream("GET", "http://127.0.0.1:9/") as answer,
        ):
            parts = answer.aiter_raw()
            assert await anext(parts) == b"x"
            await asyncio.sleep(1)
            assert app.sent < 5
            assert len([part async for part in parts]) == 99

    run_virtual(main())


def test_the_application_sees_a_reader_that_stops() -> None:
    async def main() -> None:
        app = App(OK, *(body(b"x", more=True) for _ in range(10)))
        async with httpx.AsyncClient(transport=AsgiTransport(app)) as client:
            async with client.stream("GET", "http://127.0.0.1:9/") as answer:
                await anext(answer.aiter_raw())
            await asyncio.sleep(1)
            assert app.saw_disconnect
            assert app.over

    run_virtual(main())


def test_a_cancelled_request_runs_on_in_the_application() -> None:
    async def main() -> None:
        app = App(3.0, OK, body(b"late"))
        async with httpx.AsyncClient(transport=AsgiTransport(app)) as client:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(1):
                    await client.get("http://127.0.0.1:9/")
            await asyncio.sleep(5)
        assert app.over

    run_virtual(main())


def test_applications_that_still_run_at_close_are_cancelled() -> None:
    async def main() -> None:
        app = App(1000.0, OK, body(b""))
        transport = AsgiTransport(app)
        async with httpx.AsyncClient(transport=transport, timeout=httpx.Timeout(2)) as client:
            with pytest.raises(httpx.ReadTimeout):
                await client.get("http://127.0.0.1:9/")
        assert asyncio.get_running_loop().time() == 3
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run_virtual(main())


@pytest.mark.parametrize(
    ("app", "raises"),
    [
        (App(OK, body(b"half", more=True), error=ValueError("ours")), httpx.RemoteProtocolError),
        (App(OK, 60.0, body(b"late")), httpx.ReadTimeout),
        (App(OK, {"type": "http.response.trailers"}), httpx.RemoteProtocolError),
    ],
)
def test_an_incomplete_answer_is_an_error(app: App, raises: type[Exception], caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.CRITICAL), pytest.raises(raises):
        run_virtual(ask(app))


def test_an_application_that_fails_before_its_answer_is_a_500() -> None:
    answer, _ = run_virtual(ask(App(error=ValueError("ours"))))
    assert answer.status_code == 500


def test_a_body_without_end_is_not_sent() -> None:
    async def main() -> None:
        app = App(OK, body(b""))
        async with httpx.AsyncClient(transport=AsgiTransport(app)) as client:
            with pytest.raises(httpx.WriteError):
                await client.post("http://127.0.0.1:9/", content=bytes(MAX_REQUEST_BYTES + 1))
        assert app.scopes == []

    run_virtual(main())


def test_a_fault_ends_with_its_with_block() -> None:
    async def main() -> None:
        transport = AsgiTransport(App(OK, body(b"fine")))
        async with httpx.AsyncClient(transport=transport) as client:
            with transport.fault(NetworkFault(refuse=True)), pytest.raises(httpx.ConnectError):
                await client.get("http://127.0.0.1:9/")
            assert (await client.get("http://127.0.0.1:9/")).text == "fine"

    run_virtual(main())


def test_a_dribble_takes_its_time_and_a_reset_comes_after_its_number_of_bytes() -> None:
    async def main() -> None:
        answer, _ = await ask(App(OK, body(b"slow")), NetworkFault(dribble_s=0.5))
        assert answer.content == b"slow"
        assert asyncio.get_running_loop().time() == 2
        with pytest.raises(httpx.ReadError, match="in the middle"):
            await ask(App(OK, body(b"four")), NetworkFault(reset_after=3))

    run_virtual(main())


# The carrier


def dialling(test: Callable[[InProcessMock, AsgiTransport, Phone, MemoryStore], Awaitable[None]]) -> None:
    async def main() -> None:
        async with InProcessMock(clock=LoopClock(), ids=Ids(1)) as mock:
            http, store = mock.http(), MemoryStore()
            async with mock.phone(http=http, store=store) as phone:
                await test(mock, http, phone, store)

    run_virtual(main())


@pytest.mark.fault("F1")
@pytest.mark.parametrize("fault", [NetworkFault(refuse=True)])
def test_the_carrier_says_that_nothing_rang_when_it_could_not_connect(fault: NetworkFault) -> None:
    async def test(mock: InProcessMock, http: AsgiTransport, phone: Phone, store: MemoryStore) -> None:
        with http.fault(fault), pytest.raises(CarrierUnavailable, match="so no phone rang"):
            async with phone.dial(NUMBER):
                pass
        (record,) = store.records.values()
        assert record["rang"] == "no"
        assert mock.tenant.calls == {}

    dialling(test)


def test_the_seed_decides_the_waits_between_attempts_to_connect() -> None:
    async def main(seed: int) -> float:
        async with InProcessMock(clock=LoopClock(), ids=Ids(seed)) as mock:
            http = mock.http()
            async with mock.phone(http=http) as phone:
                with http.fault(NetworkFault(refuse=True)), pytest.raises(CarrierUnavailable):
                    async with phone.dial(NUMBER):
                        pass
                return asyncio.get_running_loop().time()

    assert run_virtual(main(1)) == run_virtual(main(1)) != run_virtual(main(2))


@pytest.mark.fault("F2")
@pytest.mark.parametrize(
    ("fault", "rung"),
    [
        (NetworkFault(lose_answer=True), 1),
        (NetworkFault(lose_request=True), 0),
        (NetworkFault(reset_after=100), 1),
        (NetworkFault(dribble_s=1.0), 1),
    ],
)
def test_a_lost_answer_is_ambiguous_and_the_request_is_not_repeated(fault: NetworkFault, rung: int) -> None:
    async def test(mock: InProcessMock, http: AsgiTransport, phone: Phone, store: MemoryStore) -> None:
        with http.fault(fault), pytest.raises(StartAmbiguous):
            async with phone.dial(NUMBER):
                pass
        assert http.requests == len(mock.tenant.calls) == rung
        (record,) = store.records.values()
        assert record["rang"] == "unknown"

    dialling(test)
