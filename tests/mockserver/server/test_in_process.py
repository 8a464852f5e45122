"""The mock on a test's own loop: the same mock, without a socket or a thread."""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import TYPE_CHECKING

import httpx
import pytest

from offhook import Phone
from offhook.errors import ConfigError, PluginError, StorageError
from offhook.interfaces.ids import Ids
from offhook.plugin.hookspecs import hookimpl
from offhook.plugin.manager import Plugins
from offhook.testing import LoopClock, run_virtual
from offhook_mockserver.callees.callee import CalleeEnd
from offhook_mockserver.doors.memory.transport import MemoryTransport
from offhook_mockserver.far_ends import RenewsGrants
from offhook_mockserver.rooms.room_error import RoomError
from offhook_mockserver.server.in_process import InProcessMock
from offhook_mockserver.server.socket_server import MockServer

if TYPE_CHECKING:
    from pathlib import Path

    from offhook.session.record import CallRecord

NUMBER = "+14155550101"
CALL = {"phoneNumber": NUMBER, "fromNumber": "+18885550199"}


def mocked(seed: int = 1, **more: object) -> InProcessMock:
    return InProcessMock(clock=LoopClock(), ids=Ids(seed), **more)  # type: ignore[arg-type]


def test_a_phone_calls_through_it_without_socket_or_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> CallRecord:
        async with mocked() as mock, mock.phone() as phone:
            monkeypatch.setattr(socket.socket, "connect", None)
            monkeypatch.setattr(socket.socket, "bind", None)
            threads = threading.active_count()
            async with phone.dial(NUMBER) as call:
                assert await call.answered()
                await call.ended()
            assert threading.active_count() == threads
            (live,) = mock.tenant.ended
            assert live.end is CalleeEnd.HUNG_UP
            return call.record

    record = run_virtual(main())
    assert record.answered_at_s == 1.0
    assert record.disposition == "completed"


def test_it_has_the_guard_but_no_relay() -> None:
    async def main() -> None:
        async with mocked() as mock, httpx.AsyncClient(transport=mock.http(), base_url=mock.url) as client:
            assert (await client.get("/", headers={"host": "evil.example"})).status_code == 421
            assert (await client.post("/facetime/start-call", content=b"x")).status_code == 415
            assert (await client.post("/facetime/start-call", json=CALL)).status_code == 401
            answer = await client.get("/relay/v1/health")
            assert answer.status_code == 503
            assert "join its rooms with the transport memory" in answer.text
            foreign = {"origin": "https://evil.example"}
            assert (await client.post("/facetime/start-call", json=CALL, headers=foreign)).status_code == 403

    run_virtual(main())


def test_clock_and_ids_of_the_phone_are_those_of_the_mock() -> None:
    async def main(seed: int) -> tuple[str, str, float]:
        async with mocked(seed) as mock, mock.phone() as phone:
            async with phone.dial(NUMBER) as call:
                pass
            return call.record.call_id, call.record.channel, asyncio.get_running_loop().time()

    assert run_virtual(main(1)) == run_virtual(main(1))
    assert run_virtual(main(1)) != run_virtual(main(2))


def test_any_mock_is_a_plugin_that_registers_the_transport_into_its_own_rooms() -> None:
    async def main() -> None:
        for mock in (mocked(), MockServer(plugins=Plugins())):
            plugins = Plugins.load([mock])
            made = Phone(plugins=plugins, transport="memory", environment=mock.environment)
            assert isinstance(made._parts.transport, MemoryTransport)
            await made.aclose()
        with pytest.raises(PluginError, match="'memory' is taken by plugin 'InProcessMock"):
            Phone(plugins=[mocked(), mocked()])

    run_virtual(main())


def test_only_live_calls_get_a_fresh_grant() -> None:
    async def main() -> None:
        async with mocked() as mock:
            with pytest.raises(RoomError, match="has no live call"):
                mock.renew("ft_call_none")
            call = mock.calls.start(mock.tenant, NUMBER, mock.from_number)
            grant = mock.renew(call.channel)
            assert (grant.channel, grant.app_id, grant.uid, grant.endpoint) == (
                call.channel,
                call.room.app_id,
                0,
                mock.url,
            )
            assert grant.expires_at_s == call.room.verify(grant.token, 5).expires_at_s
            plugin = RenewsGrants(mock)
            assert plugin.offhook_renew_grant("call_1", grant).token.fingerprint != grant.token.fingerprint
            assert plugin.renewed == 1

    run_virtual(main())


def test_recordings_that_cannot_be_written_are_refused_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    async def main() -> None:
        async with mocked(recordings=tmp_path / "file"):
            pass

    with pytest.raises(StorageError, match="is a file and not a folder"):
        run_virtual(main())


def test_closing_the_mock_ends_its_live_calls() -> None:
    async def main() -> None:
        async with mocked() as mock:
            call = mock.calls.start(mock.tenant, "+14155550102", mock.from_number)
            await asyncio.sleep(1)
        assert call.room.closed
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run_virtual(main())


def test_more_plugins_and_settings_reach_the_phone() -> None:
    class Witness:
        called = 0

        @hookimpl
        def offhook_call_created(self, call_id: str) -> None:
            self.called += 1

    async def main() -> None:
        async with mocked() as mock:
            witness = Witness()
            async with mock.phone(plugins=[witness], environment={"OFFHOOK_FROM_NUMBER": ""}) as phone:
                with pytest.raises(ConfigError, match="no number to call from"):
                    async with phone.dial(NUMBER):
                        pass
            async with mock.phone(plugins=[witness]) as phone, phone.dial(NUMBER):
                assert witness.called == 1

    run_virtual(main())
