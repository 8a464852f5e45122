"""The assumed `call_log` event: in the journal, and posted once to a receiver on this machine."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from tests.mockserver.tenants.scene import NUMBER, call, join, mock_with, on

from offhook.session import Grade
from offhook_mockserver.callees.script import Answer, Decline, HangUp, Ring, Wait
from offhook_mockserver.server import InProcessMock, TenantSettings
from offhook_mockserver.tenants import call_log

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from offhook_mockserver.server import Entry


class Receiver:
    """A receiver of events on the test's loop."""

    def __init__(self, answer: bytes | None) -> None:
        self._answer = answer
        self.requests: list[bytes] = []
        self.url = ""

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[Receiver]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        async with server:
            self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/events"
            yield self

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
        self.requests.append(head + await reader.readexactly(length))
        if self._answer is not None:
            writer.write(self._answer)
        else:
            await reader.read()  # until the other end gives up
        writer.close()


OK = b"HTTP/1.1 204 No Content\r\n\r\n"


async def logged(mock: InProcessMock, *, answered: bool = True) -> Entry:
    """Make one call, and return its event."""
    started = call(mock)
    if answered:
        join(started)
    return await mock.tenant.journal.wait_for(kind="call_log", channel=started.channel, timeout_s=100)


SCRIPT = (Ring(1), Answer(), Wait(4), HangUp())


@pytest.mark.parametrize("wanted", [True, False])
def test_the_event_is_written_if_the_settings_say_so(wanted: bool) -> None:
    async def test(mock: InProcessMock) -> None:
        caller = join(call(mock))
        await asyncio.sleep(5.5)
        caller.leave()
        await asyncio.sleep(1)
        assert len(mock.tenant.ended) == 1
        entries = mock.tenant.journal.search(kind="call_log")
        assert len(entries) == wanted
        for entry in entries:
            assert entry.grade is Grade.ASSUMED
            assert entry.text == "call_log: connected"
            assert {name: entry.fields[name] for name in ("direction", "disposition", "duration", "to_number")} == {
                "direction": "outbound",
                "disposition": "connected",
                "duration": 4,
                "to_number": "+1415•••0123",
            }
            assert entry.fields["call_id"] == entry.channel

    on(lambda: mock_with(*SCRIPT, settings=TenantSettings(call_log=wanted)), test)


def test_a_call_that_was_not_answered_is_logged_as_such() -> None:
    async def test(mock: InProcessMock) -> None:
        entry = await logged(mock, answered=False)
        assert (entry.fields["disposition"], entry.fields["date_answered"]) == ("not_answered", None)
        assert entry.fields["duration"] == 0

    settings = TenantSettings(call_log=True, join_window_s=1)
    on(lambda: mock_with(Ring(0.5), Decline(), settings=settings), test)


async def posted(mock: InProcessMock, receiver: Receiver) -> Entry:
    async with receiver.running():
        mock.tenant.settings.webhook_url = receiver.url
        started = call(mock)
        caller = join(started)
        await asyncio.sleep(5.5)
        caller.leave()
        return await mock.tenant.journal.wait_for(kind="call_log", timeout_s=20)


def test_the_event_is_posted_once_with_the_numbers_in_full() -> None:
    async def test(mock: InProcessMock) -> None:
        receiver = Receiver(OK)
        entry = await posted(mock, receiver)
        (request,) = receiver.requests
        head, _, body = request.partition(b"\r\n\r\n")
        assert head.startswith(b"POST /events HTTP/1.1\r\n")
        event = json.loads(body)
        assert (event["event_type"], event["to_number"]) == ("call_log", NUMBER)
        assert event["call_id"] == entry.channel
        assert entry.text == f"call_log: connected; posted to {receiver.url}, which answered 204"

    on(lambda: mock_with(*SCRIPT, settings=TenantSettings(call_log=True)), test)


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (b"HTTP/1.1 500 Broken\r\n\r\n", "which answered 500"),
        (b"HTTP/1.1 302 Away\r\nlocation: http://example.org/\r\n\r\n", "which answered 302"),
        (b"nonsense\r\n\r\n", "call_log was not posted to"),
        (b"", "call_log was not posted to"),
        (None, "did not answer within 5 s"),
    ],
)
def test_a_receiver_that_fails_holds_up_nothing_and_is_asked_once(answer: bytes | None, text: str) -> None:
    async def test(mock: InProcessMock) -> None:
        receiver = Receiver(answer)
        entry = await posted(mock, receiver)
        assert text in entry.text
        assert len(receiver.requests) == 1
        assert mock.tenant.calls == {}

    on(lambda: mock_with(*SCRIPT, settings=TenantSettings(call_log=True)), test)


def test_a_receiver_that_is_not_there_is_named() -> None:
    async def test(mock: InProcessMock) -> None:
        entry = await logged(mock, answered=False)
        assert entry.text.startswith("call_log was not posted to http://127.0.0.1:9/: ConnectError")

    settings = TenantSettings(call_log=True, join_window_s=1, webhook_url="http://127.0.0.1:9/")
    on(lambda: mock_with(Ring(0.5), Decline(), settings=settings), test)


def test_posts_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(call_log, "MOST_POSTS", 2)

    async def test(mock: InProcessMock) -> None:
        async with Receiver(None).running() as receiver:
            mock.tenant.settings.webhook_url = receiver.url
            for _ in range(3):
                call(mock)
            entry = await mock.tenant.journal.wait_for(kind="call_log", timeout_s=20)
            assert entry.text == "call_log was not posted: 2 posts are under way, which is the limit"

    on(lambda: mock_with(Decline(), settings=TenantSettings(call_log=True, join_window_s=1)), test)


def test_a_removed_tenant_logs_nothing_more() -> None:
    async def test(mock: InProcessMock) -> None:
        tenant = mock.tenants.create(settings=TenantSettings(call_log=True))
        mock.calls.start(tenant, NUMBER, tenant.lines[0])
        await mock.tenants.remove(tenant)
        assert tenant.journal.search(kind="call_log") == ()

    on(mock_with, test)
